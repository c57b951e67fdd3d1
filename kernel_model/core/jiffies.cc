// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/jiffies.h"

namespace uringsim::kernel {

u64 jiffies_to_monotonic(u64 at) noexcept {
  const s64 ticks = static_cast<s64>(at - INITIAL_JIFFIES());
  if (ticks <= 0) return 0;
  const u64 limit = ~u64{0} / TICK_NSEC();
  return static_cast<u64>(ticks) > limit ? ~u64{0} : static_cast<u64>(ticks) * TICK_NSEC();
}

// Models kernel/time/time.c:__msecs_to_jiffies().
u64 msecs_to_jiffies(u32 milliseconds) noexcept {
  if (static_cast<s32>(milliseconds) < 0) return MAX_JIFFY_OFFSET;
  const u64 hz = HZ();
  if (1000 % hz == 0) {  // whole milliseconds a tick
    const u64 per_tick = 1000 / hz;
    return (milliseconds + per_tick - 1) / per_tick;
  }
  return (milliseconds * hz + 999) / 1000;
}

u32 jiffies_to_msecs(u64 ticks) noexcept { return static_cast<u32>(ticks * 1000 / HZ()); }

u64 timer_wheel_expiry(u64 now, u64 expires) noexcept {
  constexpr unsigned kLevelBits = 6, kClockShift = 3;
  const unsigned levels = HZ() > 100 ? 9 : 8;
  const u64 delta = expires - now;
  if (static_cast<s64>(delta) < 0) return now;
  // Level n holds what is due within 63 << (3n) ticks, in buckets of 1 << (3n): a timer runs with the bucket after its own.
  for (unsigned level = 0; level < levels; level++) {
    const unsigned shift = level * kClockShift;
    const u64 next_level_start = u64{(1u << kLevelBits) - 1} << shift;
    if (delta < next_level_start || level == levels - 1) {
      u64 at = expires;
      const u64 cutoff = next_level_start;
      if (level == levels - 1 && delta >= cutoff) at = now + cutoff - (u64{1} << shift);
      return ((at + (u64{1} << shift)) >> shift) << shift;
    }
  }
  return expires;
}

}  // namespace uringsim::kernel
