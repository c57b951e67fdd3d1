// SPDX-License-Identifier: GPL-2.0-only
// Who has not ended when nothing can happen any more, and why: what the checks of an end judge (deadlock.h, livelock.h).
#pragma once

#include "kernel_model/arch/machine.h"

namespace uringsim::sim {

/// Why a task is not running.
enum class Blocked : u8 { no, sleeping, lock, join, polling, not_woken };

/// A task that is left when nothing can happen any more.
struct LeftOver {
  u32 task = 0;
  Blocked why = Blocked::no;
  const char* name = "";
  const char* scope = nullptr;  ///< kernel function it stands in, or null
  arch::Site site;              ///< where it waits
  u64 object = 0;               ///< lock: its arena offset; join: the task's id
  u32 holder = ~u32{0};         ///< lock: who holds it
};

}  // namespace uringsim::sim
