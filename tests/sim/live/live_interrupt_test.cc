// SPDX-License-Identifier: GPL-2.0-only
// Timers, raised interrupts, and device threads that stand in interrupt context.
#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "tests/sim/live/live_support.h"

namespace uringsim::sim {
namespace {

using arch::machine;
using arch::READ_ONCE;
using arch::WRITE_ONCE;

template <class T>
void poll_until(const T& word, T least) {
  while (READ_ONCE(word) < least) machine().poll_pass(arch::Site::here());
}

struct Counting : arch::Timer {
  u32 runs = 0;
  bool in_interrupt = false;
  u64 at = 0;
  u32* sequence = nullptr;
  u32 place = 0;
};

void count(arch::Timer* timer) {
  auto* const self = static_cast<Counting*>(timer);
  self->in_interrupt = arch::current_task()->in_interrupt;
  self->at = machine().now();
  if (self->sequence != nullptr) self->place = ++*self->sequence;
  arch::fetch_add(self->runs, 1u);
}

TEST(LiveInterrupt, ATimerRunsInInterruptContextWhenItIsDue) {
  LiveWorld world;
  Counting timer;
  timer.function = count;
  u64 due = 0;
  world.add("app", [&] {
    due = machine().now() + 1'000'000;
    machine().timer_start(timer, due);
    poll_until(timer.runs, 1u);
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_TRUE(timer.in_interrupt);
  EXPECT_GE(timer.at, due);
  EXPECT_FALSE(timer.armed);
}

TEST(LiveInterrupt, TimersRunInOrderOfDueTimeAndOfStarting) {
  LiveWorld world;
  struct Attempt {
    u32 sequence = 0;
    Counting timers[4];
  };
  std::deque<Attempt> attempts;
  world.add("app", [&] {
    // Until all of them were started before the first was due: a host that is busy may need more time between two lines.
    for (u64 unit = 500'000;; unit *= 2) {
      auto& [sequence, timers] = attempts.emplace_back();
      const u64 now = machine().now();
      const u64 due[4] = {now + 4 * unit, now + 2 * unit, now + 4 * unit, now + 3 * unit};
      for (int i = 0; i < 4; i++) {
        timers[i].function = count;
        timers[i].sequence = &sequence;
        machine().timer_start(timers[i], due[i]);
      }
      const bool all_started_in_time = machine().now() < due[1];
      for (Counting& timer : timers) poll_until(timer.runs, 1u);
      if (all_started_in_time) break;
    }
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  const auto& timers = attempts.back().timers;
  EXPECT_EQ(timers[1].place, 1u);
  EXPECT_EQ(timers[3].place, 2u);
  EXPECT_EQ(timers[0].place, 3u);
  EXPECT_EQ(timers[2].place, 4u);
}

TEST(LiveInterrupt, CancelTellsWhetherTheTimerWasArmedRunsOrIsOver) {
  LiveWorld world;
  struct Holding : arch::Timer {
    u32 began = 0, release = 0;
  } timer;
  timer.function = [](arch::Timer* t) {
    auto* const self = static_cast<Holding*>(t);
    WRITE_ONCE(self->began, 1u);
    poll_until(self->release, 1u);
  };
  int armed = 9, running = 9, over = 9;
  world.add("app", [&] {
    machine().timer_start(timer, ~u64{0} / 4);
    armed = machine().timer_cancel(timer);
    machine().timer_start(timer, 0);
    poll_until(timer.began, 1u);
    running = machine().timer_cancel(timer);
    WRITE_ONCE(timer.release, 1u);
    while ((over = machine().timer_cancel(timer)) == -1) machine().poll_pass(arch::Site::here());
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(armed, 1);
  EXPECT_EQ(running, -1);
  EXPECT_EQ(over, 0);
}

TEST(LiveInterrupt, ATimerIsEitherCancelledOrRuns) {
  LiveWorld world;
  u32 ran = 0, cancelled = 0;
  constexpr u32 kRaces = 2000;
  world.add("app", [&] {
    for (u32 i = 0; i < kRaces; i++) {
      Counting timer;
      timer.function = count;
      machine().timer_start(timer, machine().now() + machine().choose(20'000, "due"));
      const u64 until = machine().now() + machine().choose(20'000, "cancel");
      while (machine().now() < until) machine().poll_pass(arch::Site::here());
      int result;
      while ((result = machine().timer_cancel(timer)) == -1) machine().poll_pass(arch::Site::here());
      if (result == 1) cancelled++;
      ran += READ_ONCE(timer.runs);
    }
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(ran + cancelled, kRaces);
}

TEST(LiveInterrupt, ACallbackMayStartItsTimerAgain) {
  LiveWorld world;
  Counting timer;
  timer.function = [](arch::Timer* t) {
    if (READ_ONCE(static_cast<Counting*>(t)->runs) < 4) machine().timer_start(*t, machine().now() + 10'000);
    count(t);
  };
  world.add("app", [&] {
    machine().timer_start(timer, 0);
    poll_until(timer.runs, 5u);
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(timer.runs, 5u);
}

TEST(LiveInterrupt, EveryRaisedInterruptRunsAndWakesItsSleeper) {
  LiveWorld world;
  struct Waking : arch::Interrupt {
    arch::Task* sleeper = nullptr;
    u32 done = 0;
  };
  constexpr u32 kRounds = 2000;
  u32 rounds = 0;
  world.add("app", [&] {
    for (u32 i = 0; i < kRounds; i++) {
      Waking interrupt;
      interrupt.sleeper = arch::current_task();
      interrupt.function = [](arch::Interrupt* raised) {
        auto* const self = static_cast<Waking*>(raised);
        arch::Task* const sleeper = self->sleeper;
        arch::smp_store_release(self->done, 1u);  // its memory is the sleeper's again
        machine().wake(*sleeper, arch::TASK_NORMAL);
      };
      machine().raise(interrupt);
      for (;;) {
        machine().set_state(arch::TASK_UNINTERRUPTIBLE);
        arch::smp_mb();
        if (arch::smp_load_acquire(interrupt.done) != 0) break;
        machine().schedule();
      }
      machine().set_state(arch::TASK_RUNNING);
      rounds++;
    }
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(rounds, kRounds);
}

TEST(LiveInterrupt, ADevicesThreadRunsInInterruptContextOnlyWhileTheMachineRuns) {
  LiveWorld world;
  u32 calls = 0;
  bool in_interrupt = false;
  struct Call {
    u32* calls;
    bool* in_interrupt;
  } call{&calls, &in_interrupt};
  std::thread device([&] {
    InterruptContext context(world.machine, "disk");
    for (int i = 0; i < 100; i++)
      context.run(
          [](void* argument) {
            auto* const c = static_cast<Call*>(argument);
            *c->in_interrupt = arch::current_task()->in_interrupt;
            arch::fetch_add(*c->calls, 1u);
          },
          &call);
  });
  EXPECT_EQ(__atomic_load_n(&calls, __ATOMIC_RELAXED), 0u);
  world.add("app", [&] { poll_until(calls, 100u); });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  device.join();
  EXPECT_TRUE(in_interrupt);
}

TEST(LiveInterrupt, AMachineEndsWithTimersArmedAndTasksAsleep) {
  Counting timer;
  timer.function = count;
  LiveWorld world;
  world.add(
      "sleeper", [] { LiveWorld::sleep_until(~u64{0}); }, {}, false);
  world.add("app", [&] { machine().timer_start(timer, ~u64{0} / 4); });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(timer.runs, 0u);
}

}  // namespace
}  // namespace uringsim::sim
