// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/hrtimer.h"
#include "kernel_model/core/jiffies.h"
#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {
namespace {

using sim::RunEnd;

TEST(Jiffies, MillisecondsAreRoundedUpAndNegativeOnesAreForever) {
  for (const auto& [hz, milliseconds, expected] : std::vector<std::tuple<unsigned, u32, u64>>{
           {250, 0, 0}, {250, 1, 1}, {250, 4, 1}, {250, 5, 2}, {1000, 7, 7}, {100, 11, 2}, {300, 10, 3}, {300, 11, 4}}) {
    KernelWorld world({.kernel = {.hz = hz}});
    RunAs builder(world->swapper);
    EXPECT_EQ(msecs_to_jiffies(milliseconds), expected) << hz << " Hz, " << milliseconds << " ms";
    EXPECT_EQ(msecs_to_jiffies(0x80000000u), MAX_JIFFY_OFFSET);
  }
}

TEST(Jiffies, GoOnByOneATick) {
  KernelWorld world({.kernel = {.hz = 1000}});
  world.process("app", [&] {
    const u64 before = jiffies();
    nap(5'000'000);
    EXPECT_EQ(jiffies() - before, 5u);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Jiffies, StartFiveMinutesBeforeTheyWrap) {
  KernelWorld world;
  RunAs builder(world->swapper);
  EXPECT_EQ(INITIAL_JIFFIES(), 4294892296u);
  EXPECT_EQ(jiffies_to_monotonic(INITIAL_JIFFIES() + 3), 12'000'000u);
}

TEST(Jiffies, ComparisonsSurviveTheWrap) {
  EXPECT_TRUE(time_after(5, ~u64{0}));
  EXPECT_FALSE(time_after(5, 5));
  EXPECT_TRUE(time_after_eq(5, 5));
  EXPECT_TRUE(time_before(~u64{0} - 1, 3));
}

TEST(TimerWheel, IsNeverEarlyAndCoarserTheFurtherAway) {
  KernelWorld world;
  RunAs builder(world->swapper);
  EXPECT_EQ(timer_wheel_expiry(1000, 1001), 1002u);
  EXPECT_EQ(timer_wheel_expiry(1000, 1062), 1063u);
  EXPECT_EQ(timer_wheel_expiry(1000, 1063), 1064u);  // buckets of 8
  EXPECT_EQ(timer_wheel_expiry(1000, 1064), 1072u);
  EXPECT_EQ(timer_wheel_expiry(1000, 990), 1000u);
  for (u64 delta = 1; delta < 1'000'000; delta = delta * 3 + 1) {
    const u64 at = timer_wheel_expiry(1000, 1000 + delta);
    EXPECT_GT(at, 1000 + delta - 1);
    EXPECT_LE(at, 1000 + delta + delta / 7 + 1);
  }
}

struct ticker {
  hrtimer timer;
  std::vector<u64> fired;
  unsigned left = 0;
};
hrtimer_restart tick(hrtimer* timer) {
  ticker* const self = container_of(timer, ticker, timer);
  self->fired.push_back(ktime_get_ns());
  if (self->left == 0) return HRTIMER_NORESTART;
  self->left--;
  hrtimer_forward_now(timer, 1'000'000);
  return HRTIMER_RESTART;
}

TEST(Hrtimer, FiresAtItsTimeInInterruptContext) {
  KernelWorld world;
  ticker one;
  bool in_irq = false;
  static thread_local bool* where;
  where = &in_irq;
  world.process("app", [&] {
    hrtimer_init(&one.timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
    one.timer.function = [](hrtimer* timer) {
      *where = in_interrupt();
      return tick(timer);
    };
    const u64 start = ktime_get_ns();
    hrtimer_start(&one.timer, 5'000'000, HRTIMER_MODE_REL);
    nap(10'000'000);
    ASSERT_EQ(one.fired.size(), 1u);
    EXPECT_GE(one.fired[0] - start, 5'000'000u);
    EXPECT_LT(one.fired[0] - start, 5'010'000u);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_TRUE(in_irq);
}

TEST(Hrtimer, RestartsWhenItsFunctionSaysSo) {
  KernelWorld world;
  ticker one;
  one.left = 3;
  world.process("app", [&] {
    hrtimer_init(&one.timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
    one.timer.function = tick;
    hrtimer_start(&one.timer, 1'000'000, HRTIMER_MODE_REL);
    nap(20'000'000);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(one.fired.size(), 4u);
}

TEST(Hrtimer, CancelSaysWhetherItWasArmed) {
  KernelWorld world;
  ticker one;
  world.process("app", [&] {
    hrtimer_init(&one.timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
    one.timer.function = tick;
    EXPECT_EQ(hrtimer_try_to_cancel(&one.timer), 0);
    hrtimer_start(&one.timer, 1'000'000, HRTIMER_MODE_REL);
    EXPECT_TRUE(hrtimer_active(&one.timer));
    EXPECT_EQ(hrtimer_cancel(&one.timer), 1);
    nap(5'000'000);
    EXPECT_TRUE(one.fired.empty());
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Hrtimer, ATimeThatIsPastFiresAtOnce) {
  KernelWorld world;
  ticker one;
  world.process("app", [&] {
    nap(1'000'000);
    hrtimer_init(&one.timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
    one.timer.function = tick;
    hrtimer_start(&one.timer, -5, HRTIMER_MODE_ABS);
    nap(100'000);
    EXPECT_EQ(one.fired.size(), 1u);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Hrtimer, AHugeRelativeTimeDoesNotWrapAround) {
  KernelWorld world;
  ticker one;
  world.process("app", [&] {
    nap(1'000'000);
    hrtimer_init(&one.timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
    one.timer.function = tick;
    hrtimer_start(&one.timer, 0x7fffffffffffffff, HRTIMER_MODE_REL);
    nap(1'000'000);
    EXPECT_EQ(hrtimer_cancel(&one.timer), 1);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_TRUE(one.fired.empty());
}

}  // namespace
}  // namespace uringsim::kernel
