// SPDX-License-Identifier: GPL-2.0-only
// System calls of the model by their x86-64 numbers, as a program makes them.
#pragma once

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

/// Makes system call `number` as the current task: entry, the model's function, and the way back with signals and task work.
/// -ENOSYS for one that the model does not have.
s64 model_call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) noexcept;

}  // namespace uringsim::sim
