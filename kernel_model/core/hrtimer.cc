// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/hrtimer.h"

namespace uringsim::kernel {

namespace {
constexpr ktime_t KTIME_MAX = 0x7fffffffffffffff;

// Models __run_hrtimer(): the timer is touched again only if its function wants it to be.
void run_hrtimer(arch::Timer* timer) noexcept {
  hrtimer* const self = container_of(timer, hrtimer, timer);
  if (self->function(self) == HRTIMER_RESTART && !self->timer.armed)
    arch::machine().timer_start(self->timer, static_cast<u64>(self->expires));
}
}  // namespace

void hrtimer_init(hrtimer* timer, int, hrtimer_mode) noexcept {
  timer->timer = {};
  timer->timer.function = run_hrtimer;
  timer->expires = 0;
  timer->function = nullptr;
}

void hrtimer_start(hrtimer* timer, ktime_t time, hrtimer_mode mode) noexcept {
  (void)arch::machine().timer_cancel(timer->timer);
  ktime_t expires = time;
  if (mode == HRTIMER_MODE_REL) {
    const ktime_t now = ktime_get();
    // ktime_add_safe(): what does not come out larger than both is never, a negative time included.
    const ktime_t sum = static_cast<ktime_t>(static_cast<u64>(now) + static_cast<u64>(time));
    expires = sum < 0 || sum < time || sum < now ? KTIME_MAX : sum;
  }
  timer->expires = expires < 0 ? 0 : expires;
  arch::machine().timer_start(timer->timer, static_cast<u64>(timer->expires));
}

int hrtimer_try_to_cancel(hrtimer* timer) noexcept { return arch::machine().timer_cancel(timer->timer); }

int hrtimer_cancel(hrtimer* timer) noexcept {
  for (;;) {
    const int ret = hrtimer_try_to_cancel(timer);
    if (ret >= 0) return ret;
    cpu_relax();
  }
}

u64 hrtimer_forward_now(hrtimer* timer, ktime_t interval) noexcept {
  const ktime_t late = ktime_get() - timer->expires;
  if (late < 0 || interval <= 0) return 0;
  const u64 intervals = static_cast<u64>(late / interval) + 1;
  timer->expires += static_cast<ktime_t>(intervals) * interval;
  return intervals;
}

}  // namespace uringsim::kernel
