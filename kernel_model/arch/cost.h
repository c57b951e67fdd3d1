// SPDX-License-Identifier: GPL-2.0-only
// What things cost in virtual time. Free where time is real.
#pragma once

#include "kernel_model/arch/machine.h"

namespace uringsim::arch {

/// Adds what `units` of `what` cost to the current task's clock, in the timed engine only.
inline void charge(Cost what, u64 units) noexcept {
  Task* const task = current_task();
  if (task->access == Access::counted) task->machine->charge(what, units);
}

}  // namespace uringsim::arch
