// SPDX-License-Identifier: GPL-2.0-only
// High-resolution timers. Models include/linux/hrtimer.h and kernel/time/hrtimer.c (5.4) over the machine's timers.
// Ordering: what stands before hrtimer_start() is seen by the function (the timer base's lock); nothing of it runs after cancel.
// The function runs in interrupt context. It may free the timer if it returns HRTIMER_NORESTART.
#pragma once

#include <ctime>

#include "kernel_model/core/jiffies.h"

namespace uringsim::kernel {

enum hrtimer_restart : u8 { HRTIMER_NORESTART, HRTIMER_RESTART };
enum hrtimer_mode : u8 { HRTIMER_MODE_ABS = 0, HRTIMER_MODE_REL = 1 };

struct hrtimer {
  arch::Timer timer;
  ktime_t expires = 0;  ///< CLOCK_MONOTONIC
  hrtimer_restart (*function)(hrtimer* timer) = nullptr;
};

/// Divergence: CLOCK_MONOTONIC, BOOTTIME and REALTIME are one clock here: the machine never sleeps and nobody sets its time.
void hrtimer_init(hrtimer* timer, int clock, hrtimer_mode mode) noexcept;
/// Starts it, anew if it was armed. A time that is past or negative runs at once.
void hrtimer_start(hrtimer* timer, ktime_t time, hrtimer_mode mode) noexcept;
/// 1: was armed and will not run; 0: was not armed; -1: its function runs at this moment.
int hrtimer_try_to_cancel(hrtimer* timer) noexcept;
/// Waits for a running function to be over. 1 or 0 as above.
int hrtimer_cancel(hrtimer* timer) noexcept;
/// Moves the expiry on by whole intervals past now; returns how many.
u64 hrtimer_forward_now(hrtimer* timer, ktime_t interval) noexcept;
/// Nanoseconds until it runs; negative or zero if it is due or over.
inline ktime_t hrtimer_get_remaining(const hrtimer* timer) noexcept { return timer->expires - ktime_get(); }
inline bool hrtimer_active(const hrtimer* timer) noexcept { return timer->timer.armed; }

}  // namespace uringsim::kernel
