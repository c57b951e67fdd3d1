// SPDX-License-Identifier: GPL-2.0-only
// What process.cc and exit.cc share.
#pragma once

#include "kernel_model/core/process.h"

namespace uringsim::kernel {

/// Joins and frees what lies in Kernel::dead. May sleep.
void reap_dead_tasks() noexcept;
/// Frees a task that was never published, with whatever parts it has got.
void abandon_task(task_struct* task) noexcept;

}  // namespace uringsim::kernel
