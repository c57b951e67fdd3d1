// SPDX-License-Identifier: GPL-2.0-only
// Ticks and clocks. Models include/linux/jiffies.h, kernel/time/time.c and the timer wheel's rounding (5.4).
// Ordering: none. A look at the clock orders no other access.
// A tick is a count of the machine's clock, not an interrupt: jiffies() is CLOCK_MONOTONIC divided. Looking at it is looking
// at the clock (Machine::now(), a choice near a deadline when exploring).
#pragma once

#include "kernel_model/core/kernel.h"

namespace uringsim::kernel {

inline constexpr u64 NSEC_PER_SEC = 1'000'000'000;
inline constexpr u64 NSEC_PER_MSEC = 1'000'000;
inline constexpr u64 MAX_JIFFY_OFFSET = (~u64{0} >> 2) - 1;

/// CLOCK_MONOTONIC, nanoseconds.
inline u64 ktime_get_ns() noexcept { return arch::machine().now(); }
using ktime_t = s64;
inline ktime_t ktime_get() noexcept { return static_cast<ktime_t>(ktime_get_ns()); }

inline unsigned HZ() noexcept { return kernel().options.hz; }
/// jiffies when the machine was switched on: five minutes before the 32-bit counter wraps, as Linux starts it.
inline u64 INITIAL_JIFFIES() noexcept { return static_cast<u32>(-300 * static_cast<s32>(HZ())); }
/// Nanoseconds a tick. Divergence: exact for 100 and 250 and 1000 Hz; 300 Hz is rounded down to whole nanoseconds.
inline u64 TICK_NSEC() noexcept { return NSEC_PER_SEC / HZ(); }

inline u64 jiffies() noexcept { return INITIAL_JIFFIES() + arch::machine().ticks(TICK_NSEC()); }
/// When the tick that makes jiffies `at` happens; 0 for the past before the machine was switched on.
u64 jiffies_to_monotonic(u64 at) noexcept;

/// time_after(jiffies(), deadline): the only way to ask whether a deadline has passed.
inline bool jiffies_after(u64 deadline) noexcept {
  return arch::machine().ticks_passed(TICK_NSEC(), static_cast<s64>(deadline - INITIAL_JIFFIES()));
}

inline bool time_after(u64 a, u64 b) noexcept { return static_cast<s64>(b - a) < 0; }
inline bool time_before(u64 a, u64 b) noexcept { return time_after(b, a); }
inline bool time_after_eq(u64 a, u64 b) noexcept { return static_cast<s64>(a - b) >= 0; }
inline bool time_before_eq(u64 a, u64 b) noexcept { return time_after_eq(b, a); }

/// Rounds up; what is negative as an int is forever (MAX_JIFFY_OFFSET).
u64 msecs_to_jiffies(u32 milliseconds) noexcept;
u32 jiffies_to_msecs(u64 ticks) noexcept;

/// The jiffies at which a wheel timer that was set at `now` for `expires` runs: never early, and the later the coarser
/// (kernel/time/timer.c:calc_wheel_index(), 5.4).
u64 timer_wheel_expiry(u64 now, u64 expires) noexcept;

}  // namespace uringsim::kernel
