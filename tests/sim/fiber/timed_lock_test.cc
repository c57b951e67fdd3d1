// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include "tests/sim/fiber/timed_support.h"

namespace uringsim::sim {
namespace {

using arch::LockKind;
using arch::machine;

class TimedLock : public testing::TestWithParam<LockKind> {};

INSTANTIATE_TEST_SUITE_P(Kinds, TimedLock, testing::Values(LockKind::spin, LockKind::mutex),
                         [](const auto& kind) { return kind.param == LockKind::spin ? "Spin" : "Mutex"; });

TEST_P(TimedLock, ExcludesTasksOnOtherProcessors) {
  TimedWorld world({.cpus = 3});
  arch::LockWord lock;
  u64 counter = 0;
  bool inside = false;
  for (int i = 0; i < 5; i++)
    world.add("t", [&] {
      for (int round = 0; round < 50; round++) {
        arch::lock_acquire(lock, GetParam());
        EXPECT_FALSE(inside);
        inside = true;
        TimedWorld::work(300);
        counter++;
        inside = false;
        arch::lock_release(lock, GetParam());
        TimedWorld::work(50);
      }
    });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(counter, 250u);
  EXPECT_EQ(lock.word, 0u);
  EXPECT_EQ(lock.waiters, 0u);
}

TEST_P(TimedLock, TryFailsWhileAnotherHoldsIt) {
  TimedWorld world({.cpus = 2});
  arch::LockWord lock;
  bool while_held = true;
  bool after = false;
  world.add("holder", [&] {
    arch::lock_acquire(lock, GetParam());
    TimedWorld::work(10'000);
    arch::lock_release(lock, GetParam());
  });
  world.add("other", [&] {
    TimedWorld::work(5'000);
    while_held = arch::lock_try_acquire(lock, GetParam());
    TimedWorld::work(10'000);
    after = arch::lock_try_acquire(lock, GetParam());
    arch::lock_release(lock, GetParam());
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_FALSE(while_held);
  EXPECT_TRUE(after);
}

TEST(TimedSpinlock, KeepsItsWaitersProcessorBusy) {
  TimedWorld world({.cpus = 2});
  arch::LockWord lock;
  world.add("holder",
            [&] {
              arch::lock_acquire(lock, LockKind::spin);
              TimedWorld::work(50'000);
              arch::lock_release(lock, LockKind::spin);
            },
            {.cpu = 0});
  world.add("spinner",
            [&] {
              TimedWorld::work(1'000);
              arch::lock_acquire(lock, LockKind::spin);
              arch::lock_release(lock, LockKind::spin);
            },
            {.cpu = 1});
  u64 third_started = 0;
  world.add("third", [&] { third_started = TimedWorld::now(); }, {.cpu = 1});
  world.go();
  EXPECT_GT(world.statistics("spinner").lock_wait, 48'000u);
  EXPECT_EQ(world.statistics("spinner").asleep, 0u);
  EXPECT_GT(third_started, 50'000u);
}

TEST(TimedSpinlock, IsHandedOverInOrderOfArrival) {
  TimedWorld world({.cpus = 4});
  arch::LockWord lock;
  std::string log;
  for (int i = 0; i < 4; i++)
    world.add("t", [&, i] {
      TimedWorld::work(static_cast<u64>(1000 - 300 * i + (i == 0 ? 0 : 1000)));
      arch::lock_acquire(lock, LockKind::spin);
      TimedWorld::work(5'000);
      log += std::to_string(i);
      arch::lock_release(lock, LockKind::spin);
    });
  world.go();
  EXPECT_EQ(log, "0321");
}

TEST(TimedMutex, FreesItsWaitersProcessor) {
  TimedWorld world({.cpus = 2});
  arch::LockWord lock;
  world.add("holder",
            [&] {
              arch::lock_acquire(lock, LockKind::mutex);
              TimedWorld::work(50'000);
              arch::lock_release(lock, LockKind::mutex);
            },
            {.cpu = 0});
  world.add("waiter",
            [&] {
              TimedWorld::work(1'000);
              arch::lock_acquire(lock, LockKind::mutex);
              arch::lock_release(lock, LockKind::mutex);
            },
            {.cpu = 1});
  u64 third_started = ~u64{0};
  world.add("third", [&] { third_started = TimedWorld::now(); }, {.cpu = 1});
  world.go();
  EXPECT_LT(third_started, 2'000u);
  EXPECT_GT(world.statistics("waiter").asleep, 45'000u);
}

// Two tasks that take it again at once would starve a third, if losing did not end in being handed it.
TEST(TimedMutex, AWaiterThatLostOnceIsHandedIt) {
  TimedWorld world({.cpus = 2});
  arch::LockWord lock;
  bool done = false;
  int rounds = 0;
  world.add("greedy", [&] {
    while (!done && rounds < 1000) {
      arch::lock_acquire(lock, LockKind::mutex);
      TimedWorld::work(1'000);
      rounds++;
      arch::lock_release(lock, LockKind::mutex);
    }
  });
  world.add("modest", [&] {
    TimedWorld::work(500);
    arch::lock_acquire(lock, LockKind::mutex);
    done = true;
    arch::lock_release(lock, LockKind::mutex);
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_LE(rounds, 3);
}

TEST(TimedMutex, ASpuriousWakeDoesNotLetTheWaiterIn) {
  TimedWorld world({.cpus = 3});
  arch::LockWord lock;
  bool held = false;
  bool intruded = false;
  world.add("holder", [&] {
    arch::lock_acquire(lock, LockKind::mutex);
    held = true;
    TimedWorld::work(20'000);
    held = false;
    arch::lock_release(lock, LockKind::mutex);
  });
  arch::Task& waiter = world.add("waiter", [&] {
    TimedWorld::work(1'000);
    arch::lock_acquire(lock, LockKind::mutex);
    intruded = held;
    arch::lock_release(lock, LockKind::mutex);
  });
  world.add("prankster", [&] {
    TimedWorld::work(5'000);
    EXPECT_TRUE(machine().wake(waiter, arch::TASK_NORMAL));
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_FALSE(intruded);
}

TEST(TimedMutex, SleepingUnderASpinlockIsReported) {
  TimedWorld world;
  arch::LockWord lock;
  world.add("t", [&] {
    arch::lock_acquire(lock, LockKind::spin);
    TimedWorld::sleep_until(1'000);
  });
  EXPECT_EQ(world.go().end, RunEnd::violation);
  ASSERT_EQ(world.machine.reports().size(), 1u);
  EXPECT_EQ(world.machine.reports()[0].what, "scheduling while atomic");
  EXPECT_NE(world.machine.reports()[0].where.find("timed_lock_test.cc"), std::string::npos);
}

TEST_P(TimedLock, MayHaveBeenTakenDirectlyByABuilderBefore) {
  TimedWorld world({.cpus = 2});
  arch::LockWord lock;
  arch::lock_acquire(lock, GetParam());
  arch::lock_release(lock, GetParam());
  int rounds = 0;
  for (const char* name : {"a", "b"})
    world.add(name, [&] {
      for (int i = 0; i < 10; i++) {
        arch::lock_acquire(lock, GetParam());
        TimedWorld::work(100);
        rounds++;
        arch::lock_release(lock, GetParam());
      }
    });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(rounds, 20);
}

TEST(TimedMutex, ReleasingWhatAnotherHoldsIsReported) {
  TimedWorld world;
  arch::LockWord lock;
  world.add("owner", [&] {
    arch::lock_acquire(lock, LockKind::mutex);
    TimedWorld::sleep_until(10'000);
  });
  world.add("thief", [&] {
    TimedWorld::work(1'000);
    arch::lock_release(lock, LockKind::mutex);
  });
  EXPECT_EQ(world.go().end, RunEnd::violation);
}

}  // namespace
}  // namespace uringsim::sim
