// SPDX-License-Identifier: GPL-2.0-only
// The id of the one barrier that stands below the seam: wake() looks at the sleeper's state behind a full barrier.
//
//     waker                                   sleeper
//     stores the condition                    set_current_state(TASK_INTERRUPTIBLE)   (store, full barrier)
//     wake(): full barrier, then the state    looks at the condition
//
// Linux has it in try_to_wake_up() (5.4: smp_mb__after_spinlock()). An engine that was told to leave it out does.
#pragma once

namespace uringsim::arch {

inline constexpr const char* kWakeBarrier = "try_to_wake_up";

}  // namespace uringsim::arch
