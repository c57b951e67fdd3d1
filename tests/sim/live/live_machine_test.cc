// SPDX-License-Identifier: GPL-2.0-only
// Tasks on OS threads: no wakeup is lost, ends are joined, what hangs is told, nothing runs outside of run().
#include "sim/live/live_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "sim/fiber/sanitizer.h"
#include "tests/sim/live/live_support.h"

namespace uringsim::sim {
namespace {

using arch::machine;
using arch::READ_ONCE;
using arch::WRITE_ONCE;
using testing::HasSubstr;

constexpr u32 kRounds = 20'000;

/// Sleeps until `word` is `value`, as kernel code does.
void wait_for(const u32& word, u32 value) {
  for (;;) {
    machine().set_state(arch::TASK_UNINTERRUPTIBLE);
    arch::smp_mb();
    if (READ_ONCE(word) == value) break;
    machine().schedule();
  }
  machine().set_state(arch::TASK_RUNNING);
}

TEST(LiveMachine, NoWakeupIsLostBetweenTwoTasksThatTakeTurns) {
  LiveWorld world;
  u32 turn = 0;
  arch::Task* tasks[2] = {};
  for (u32 me = 0; me < 2; me++)
    tasks[me] = &world.add(me == 0 ? "ping" : "pong", [&, me] {
      for (u32 round = 0; round < kRounds; round++) {
        wait_for(turn, me);
        WRITE_ONCE(turn, 1 - me);
        machine().wake(*tasks[1 - me], arch::TASK_NORMAL);
      }
    });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(turn, 0u);
}

TEST(LiveMachine, ManyWakersWakeASleeperOnceEach) {
  LiveWorld world;
  u32 posted = 0;
  u32 succeeded = 0;
  arch::Task& sleeper = world.add("sleeper", [&] {
    while (READ_ONCE(posted) < 3 * kRounds / 4) {
      machine().set_state(arch::TASK_INTERRUPTIBLE);
      arch::smp_mb();
      if (READ_ONCE(posted) < 3 * kRounds / 4) machine().schedule();
      machine().set_state(arch::TASK_RUNNING);
    }
  });
  for (int i = 0; i < 3; i++)
    world.add("waker", [&] {
      for (u32 round = 0; round < kRounds / 4; round++) {
        arch::fetch_add(posted, 1u);
        if (machine().wake(sleeper, arch::TASK_INTERRUPTIBLE)) arch::fetch_add(succeeded, 1u);
      }
    });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(posted, 3 * kRounds / 4);
}

TEST(LiveMachine, WakeLooksAtTheMask) {
  LiveWorld world;
  bool interruptible = true, uninterruptible = false;
  arch::Task& sleeper = world.add("sleeper", [] {
    machine().set_state(arch::TASK_UNINTERRUPTIBLE);
    machine().schedule();
  });
  world.add("waker", [&] {
    while (machine().state(sleeper) != arch::TASK_UNINTERRUPTIBLE) machine().poll_pass(arch::Site::here());
    interruptible = machine().wake(sleeper, arch::TASK_INTERRUPTIBLE);
    uninterruptible = machine().wake(sleeper, arch::TASK_UNINTERRUPTIBLE);
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_FALSE(interruptible);
  EXPECT_TRUE(uninterruptible);
}

TEST(LiveMachine, ADeadlineEndsASleepThatNobodyEnds) {
  LiveWorld world;
  bool woken = true;
  u64 due = 0, after = 0;
  u32 state = ~0u;
  world.add("sleeper", [&] {
    due = machine().now() + 3'000'000;
    machine().set_state(arch::TASK_INTERRUPTIBLE);
    woken = machine().schedule(due);
    after = machine().now();
    state = machine().state(*arch::current_task());
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_FALSE(woken);
  EXPECT_GE(after, due);
  EXPECT_EQ(state, arch::TASK_RUNNING);
}

TEST(LiveMachine, AWakeupAndADeadlineThatRaceEndASleepExactlyOnce) {
  LiveWorld world;
  u32 round = 0, ended = 0;
  u32 woken = 0, wakes = 0;
  constexpr u32 kRaces = 500;
  arch::Task& sleeper = world.add("sleeper", [&] {
    for (u32 i = 1; i <= kRaces; i++) {
      const u64 due = machine().now() + 20'000;
      machine().set_state(arch::TASK_INTERRUPTIBLE);
      WRITE_ONCE(round, i);
      if (machine().schedule(due)) woken++;
      WRITE_ONCE(ended, i);
    }
  });
  world.add("waker", [&] {
    for (u32 i = 1; i <= kRaces; i++) {
      while (READ_ONCE(round) < i) machine().poll_pass(arch::Site::here());
      const u64 until = machine().now() + machine().choose(40'000, "delay");
      while (machine().now() < until) machine().poll_pass(arch::Site::here());
      if (machine().wake(sleeper, arch::TASK_INTERRUPTIBLE)) wakes++;
      while (READ_ONCE(ended) < i) machine().poll_pass(arch::Site::here());
    }
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(woken, wakes);
}

TEST(LiveMachine, ATaskRunsAfterItsFirstWakeupOnly) {
  LiveWorld world;
  bool ran = false;
  arch::Task stopped;
  world.machine.spawn(stopped, [](void* argument) { *static_cast<bool*>(argument) = true; }, &ran, {});
  world.add("app", [] {});
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_FALSE(ran);
  world.machine.wake(stopped, arch::TASK_NORMAL);
  arch::Task* const until[] = {&stopped};
  EXPECT_EQ(world.machine.run(until).end, RunEnd::finished);
  EXPECT_TRUE(ran);
}

TEST(LiveMachine, JoinWaitsForTheEndAndIsImmediateAfterIt) {
  LiveWorld world;
  u32 done = 0;
  u32 seen = 0;
  world.add("parent", [&] {
    for (int i = 0; i < 50; i++) {
      arch::Task child;
      machine().spawn(child, [](void* argument) { arch::fetch_add(*static_cast<u32*>(argument), 1u); }, &done, {});
      machine().wake(child, arch::TASK_NORMAL);
      machine().join(child);
      machine().join(child);
      seen += READ_ONCE(done) == static_cast<u32>(i) + 1;
    }
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(seen, 50u);
}

TEST(LiveMachine, ExitLeavesAtOnce) {
  LiveWorld world;
  bool after = false;
  world.add("app", [&] {
    machine().exit();
    after = true;
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_FALSE(after);
}

TEST(LiveMachine, LocksExcludeUnderContention) {
  LiveWorld world;
  arch::LockWord spin, mutex;
  u64 counts[2] = {};
  for (int i = 0; i < 4; i++)
    world.add("t", [&] {
      for (u32 round = 0; round < kRounds / 4; round++) {
        arch::lock_acquire(spin, arch::LockKind::spin);
        counts[0]++;
        arch::lock_release(spin, arch::LockKind::spin);
        arch::lock_acquire(mutex, arch::LockKind::mutex);
        counts[1]++;
        arch::lock_release(mutex, arch::LockKind::mutex);
      }
    });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(counts[0], kRounds);
  EXPECT_EQ(counts[1], kRounds);
}

TEST(LiveMachine, BoundTasksSeeTheirProcessor) {
  LiveWorld world({.cpus = 4});
  int seen[4] = {-1, -1, -1, -1};
  for (int cpu = 0; cpu < 4; cpu++) world.add("bound", [&seen, cpu] { seen[cpu] = machine().current_cpu(); }, {.cpu = cpu});
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_THAT(seen, testing::ElementsAre(0, 1, 2, 3));
}

TEST(LiveMachine, AHangTellsWhoWaitsForWhat) {
  LiveWorld world({.hang = 100'000'000});
  arch::LockWord lock;
  u32 held = 0;
  arch::Task& holder = world.add("holder", [&] {
    arch::lock_acquire(lock, arch::LockKind::mutex);
    WRITE_ONCE(held, 1u);
    machine().set_state(arch::TASK_UNINTERRUPTIBLE);
    machine().schedule();
  });
  world.add("waiter", [&] {
    while (READ_ONCE(held) == 0) machine().poll_pass(arch::Site::here());
    arch::lock_acquire(lock, arch::LockKind::mutex);
  });
  world.add("joiner", [&] { machine().join(holder); });
  // A host that is busy may not have let all of them come that far: then the run goes on.
  std::string text;
  do {
    const RunResult result = world.go();
    ASSERT_EQ(result.end, RunEnd::deadlock);
    text = result.describe();
  } while (text.find("mutex held by") == std::string::npos || text.find("end of holder") == std::string::npos ||
           text.find("holder (1) sleeping") == std::string::npos);

  EXPECT_THAT(text, HasSubstr("wake-up (uninterruptible)"));
  EXPECT_THAT(text, HasSubstr("mutex held by holder (1), at "));
  EXPECT_THAT(text, HasSubstr("live_machine_test.cc"));
  EXPECT_THAT(text, HasSubstr("end of holder (1)"));
}

TEST(LiveMachine, APollerThatGetsNowhereIsAHang) {
  LiveWorld world({.hang = 100'000'000});
  u32 never = 0;
  world.add("poller", [&] {
    while (READ_ONCE(never) == 0) machine().poll_pass(arch::Site::here());
  });
  EXPECT_EQ(world.go().end, RunEnd::deadlock);
}

TEST(LiveMachine, NothingRunsBetweenRuns) {
  LiveWorld world;
  u64 passes = 0;
  world.add(
      "daemon",
      [&] {
        for (;;) {
          WRITE_ONCE(passes, passes + 1);
          machine().poll_pass(arch::Site::here());
        }
      },
      {.kernel_thread = true}, false);
  world.add("app", [&] {
    while (READ_ONCE(passes) < 100) machine().poll_pass(arch::Site::here());
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  const u64 then = passes;  // plain: ThreadSanitizer agrees that nobody writes
  for (int i = 0; i < 1000; i++) sched_yield();
  EXPECT_EQ(passes, then);
  world.add("app2", [&] {
    while (READ_ONCE(passes) < then + 100) machine().poll_pass(arch::Site::here());
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_GT(passes, then);
}

TEST(LiveMachine, ATimeLimitAndARequestEndARun) {
  LiveWorld world;
  world.add("sleeper", [] { LiveWorld::sleep_until(u64{1} << 60); });
  const RunResult result = world.go(5'000'000);
  EXPECT_EQ(result.end, RunEnd::time_limit);
  EXPECT_GE(result.time, 5'000'000u);
  world.machine.request_stop();
  EXPECT_EQ(world.go().end, RunEnd::stopped);
}

TEST(LiveMachine, AFatalReportEndsItsTaskAndTheRun) {
  LiveWorld world;
  bool after = false;
  world.add("sound", [] { LiveWorld::sleep_until(~u64{0} / 4); });
  world.add("broken", [&] {
    machine().report("a warning", false, arch::Site::here());
    machine().report("the end", true, arch::Site::here());
    after = true;
  });
  EXPECT_EQ(world.go().end, RunEnd::violation);
  EXPECT_FALSE(after);
  ASSERT_EQ(world.machine.reports().size(), 2u);
  EXPECT_EQ(world.machine.reports()[0].what, "a warning");
  EXPECT_EQ(world.machine.reports()[1].task, "broken");
  EXPECT_TRUE(world.machine.reports()[1].fatal);
}

TEST(LiveMachine, StacksThatAreDroppedLeaveNoMarksBehind) {
#if defined(URINGSIM_ASAN)
  unsigned char* mark = nullptr;
  {
    LiveWorld world;
    world.add("t", [&] {
      unsigned char here = 0;
      mark = &here - 64 * 1024;
      poison(mark, 64);  // as a frame that is never left
    });
    EXPECT_EQ(world.go().end, RunEnd::finished);
    ASSERT_NE(mark, nullptr);
    EXPECT_NE(__asan_region_is_poisoned(mark, 64), nullptr);
  }
  // The address is the host's again: whoever maps it next may use it.
  EXPECT_EQ(__asan_region_is_poisoned(mark, 64), nullptr);
#else
  GTEST_SKIP() << "AddressSanitizer's business";
#endif
}

TEST(LiveMachine, RandomNumbersAreDrawnOnceEach) {
  LiveWorld world({.seed = 7});
  std::vector<u64> drawn[2];
  for (auto& mine : drawn)
    world.add("t", [&mine] {
      for (int i = 0; i < 1000; i++) mine.push_back(machine().random());
    });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  std::set<u64> together(drawn[0].begin(), drawn[0].end());
  together.insert(drawn[1].begin(), drawn[1].end());
  EXPECT_EQ(together.size(), 2000u);
}

}  // namespace
}  // namespace uringsim::sim
