// SPDX-License-Identifier: GPL-2.0-only
// Runs as a whole: how they end, what hangs look like, and that they repeat.
#include "sim/fiber/timed_machine.h"

#include <gtest/gtest.h>

#include "tests/sim/fiber/timed_support.h"

namespace uringsim::sim {
namespace {

using arch::LockKind;
using arch::machine;
using testing::Test;

bool says(const RunResult& result, const std::string& text) { return result.describe().find(text) != std::string::npos; }

TEST(TimedMachine, ATaskThatNobodyWakesIsADeadlock) {
  TimedWorld world;
  world.add("sleeper", [] {
    machine().set_state(arch::TASK_INTERRUPTIBLE);
    machine().schedule(~u64{0});
  });
  const RunResult result = world.go();
  EXPECT_EQ(result.end, RunEnd::deadlock);
  EXPECT_TRUE(says(result, "sleeper (1) sleeping since")) << result.describe();
  EXPECT_TRUE(says(result, "waits for a wake-up (interruptible)")) << result.describe();
}

TEST(TimedMachine, ALockCycleIsToldWithHoldersAndPlaces) {
  TimedWorld world({.cpus = 2});
  arch::LockWord first;
  arch::LockWord second;
  world.add("a", [&] {
    arch::lock_acquire(first, LockKind::mutex);
    TimedWorld::work(10'000);
    arch::lock_acquire(second, LockKind::mutex);
  });
  world.add("b", [&] {
    arch::lock_acquire(second, LockKind::spin);
    TimedWorld::work(10'000);
    arch::lock_acquire(first, LockKind::spin);
  });
  const RunResult result = world.go();
  EXPECT_EQ(result.end, RunEnd::deadlock);
  EXPECT_TRUE(says(result, "a (1) waiting since")) << result.describe();
  EXPECT_TRUE(says(result, "mutex held by b (2), taken at")) << result.describe();
  EXPECT_TRUE(says(result, "spinlock held by a (1), taken at")) << result.describe();
  EXPECT_TRUE(says(result, "timed_machine_test.cc:")) << result.describe();
}

TEST(TimedMachine, TakingALockTwiceIsReportedAndHangs) {
  TimedWorld world;
  arch::LockWord lock;
  world.add("t", [&] {
    arch::lock_acquire(lock, LockKind::mutex);
    arch::lock_acquire(lock, LockKind::mutex);
  });
  EXPECT_EQ(world.go().end, RunEnd::deadlock);
  ASSERT_EQ(world.machine.reports().size(), 1u);
  EXPECT_EQ(world.machine.reports()[0].what, "a lock taken again by its holder");
}

TEST(TimedMachine, WaitingForATaskThatHangsNamesIt) {
  TimedWorld world;
  arch::Task& stuck = world.add("stuck", [] {
    machine().set_state(arch::TASK_UNINTERRUPTIBLE);
    machine().schedule(~u64{0});
  });
  world.add("boss", [&] { machine().join(stuck); });
  EXPECT_TRUE(says(world.go(), "boss (2) waiting since")) << "name";
  EXPECT_TRUE(says(world.go(), "waits for the end of stuck (1)"));
}

TEST(TimedMachine, PollingForWhatNothingCanChangeIsALivelock) {
  for (const bool skip : {true, false}) {
    TimedWorld world({.cpus = 1, .skip_passes = skip});
    u32 word = 0;
    world.add("poller", [&] {
      while (arch::READ_ONCE(word) == 0) machine().poll_pass(arch::Site::here());
    });
    const RunResult result = world.go();
    EXPECT_EQ(result.end, RunEnd::livelock);
    EXPECT_TRUE(says(result, "a change that it polls for at")) << result.describe();
  }
}

TEST(TimedMachine, TheIdleLimitEndsPollingThatLooksAtTheClock) {
  u64 ends[2];
  for (const bool skip : {true, false}) {
    TimedWorld world({.cpus = 1, .skip_passes = skip, .idle_limit = 50'000'000});
    world.add("poller", [&] {
      while (machine().ticks(4'000'000) < 1'000'000) machine().poll_pass(arch::Site::here());
    });
    const RunResult result = world.go();
    EXPECT_EQ(result.end, RunEnd::livelock);
    ends[skip ? 1 : 0] = result.time;
  }
  EXPECT_EQ(ends[0], ends[1]);
  EXPECT_GE(ends[0], 50'000'000u);
  EXPECT_LT(ends[0], 50'001'000u);
}

TEST(TimedMachine, ARunGoesOnAfterItsTimeLimit) {
  TimedWorld world({.cpus = 1});
  world.add("t", [] { TimedWorld::work(100'000); });
  const RunResult first = world.go(50'000);
  EXPECT_EQ(first.end, RunEnd::time_limit);
  EXPECT_LT(first.time, 50'100u);
  const RunResult second = world.go();
  EXPECT_EQ(second.end, RunEnd::finished);
  EXPECT_EQ(second.time, 100'100u);
}

TEST(TimedMachine, TheStopFlagEndsARunAndRequestStopDoesAtOnce) {
  static volatile std::sig_atomic_t flag;
  flag = 0;
  TimedWorld world({.cpus = 1, .stop_flag = &flag});
  world.add("t", [] {
    TimedWorld::work(10'000);
    flag = 1;
    for (;;) TimedWorld::work(1'000'000);
  });
  EXPECT_EQ(world.go().end, RunEnd::stopped);

  TimedWorld other({.cpus = 1});
  other.add("t", [&] {
    TimedWorld::work(1'000);
    other.machine.request_stop();
    TimedWorld::work(1'000);
  });
  const RunResult result = other.go();
  EXPECT_EQ(result.end, RunEnd::stopped);
  EXPECT_EQ(result.time, 1'110u);
}

TEST(TimedMachine, AFatalReportEndsTheRun) {
  TimedWorld world;
  bool reached = false;
  world.add("t", [&] {
    machine().report("BUG", true, arch::Site::here());
    reached = true;
  });
  EXPECT_EQ(world.go().end, RunEnd::violation);
  EXPECT_FALSE(reached);
  ASSERT_EQ(world.machine.reports().size(), 1u);
  EXPECT_EQ(world.machine.reports()[0].task, "t");
}

/// A bit of everything, with randomness; returns a digest of what happened when.
u64 digest_of_a_busy_world(u64 seed, Arena& arena) {
  TimedOptions options{.cpus = 3, .seed = seed, .slice = 20'000};
  u64 digest = 0xcbf29ce484222325;
  struct Shared {
    arch::LockWord mutex;
    arch::LockWord spin;
    u64* digest;
    u32 words[4] = {};
  } shared{{}, {}, &digest, {}};
  struct Note : SchedObserver {
    u64* digest;
    void mix(u64 value) { *digest = (*digest ^ value) * 0x100000001b3; }
    void on_switch(u64 time, unsigned cpu, const arch::Task* previous, u32 state, const arch::Task* next) noexcept override {
      mix(time);
      mix(cpu);
      mix(previous != nullptr ? previous->id : 0);
      mix(state);
      mix(next != nullptr ? next->id : 0);
    }
    void on_wake(u64 time, unsigned cpu, const arch::Task& task) noexcept override {
      mix(time);
      mix(cpu);
      mix(task.id);
    }
  } note;
  note.digest = &digest;
  options.observer = &note;
  TimedMachine world(arena, options);
  arch::Task tasks[6];
  arch::Task* awaited[6];
  for (int i = 0; i < 6; i++) {
    world.spawn(tasks[i],
                [](void* argument) {
                  auto& s = *static_cast<Shared*>(argument);
                  for (int round = 0; round < 200; round++) {
                    switch (machine().random() % 5) {
                      case 0:
                        arch::lock_acquire(s.mutex, LockKind::mutex);
                        TimedWorld::work(machine().random() % 3'000);
                        arch::lock_release(s.mutex, LockKind::mutex);
                        break;
                      case 1:
                        arch::lock_acquire(s.spin, LockKind::spin);
                        TimedWorld::work(machine().random() % 500);
                        arch::lock_release(s.spin, LockKind::spin);
                        break;
                      case 2:
                        TimedWorld::sleep_until(TimedWorld::now() + machine().random() % 20'000);
                        break;
                      case 3:
                        TimedWorld::work(machine().random() % 10'000);
                        break;
                      case 4: {
                        const u64 bytes = 1 + machine().random() % 500;
                        void* const block = machine().alloc(bytes, 16);
                        arch::fetch_add(s.words[machine().choose(4, "word")], 1u);
                        machine().yield();
                        machine().free(block, bytes);
                        break;
                      }
                    }
                  }
                },
                &shared, {.cpu = i == 0 ? 0 : -1, .kernel_thread = i % 2 == 1});
    world.wake(tasks[i], arch::TASK_NORMAL);
    awaited[i] = &tasks[i];
  }
  EXPECT_EQ(world.run(awaited).end, RunEnd::finished);
  note.mix(world.now());
  return digest;
}

TEST(TimedMachine, TheSameSeedGivesTheSameRunAnywhere) {
  Arena arena;
  Arena elsewhere;
  const u64 once = digest_of_a_busy_world(7, arena);
  EXPECT_EQ(once, digest_of_a_busy_world(7, arena));
  EXPECT_EQ(once, digest_of_a_busy_world(7, elsewhere));
  EXPECT_NE(once, digest_of_a_busy_world(8, arena));
}

TEST(TimedMachine, ChooseStaysWithinItsOptions) {
  TimedWorld world;
  u32 counts[3] = {};
  world.add("t", [&] {
    for (int i = 0; i < 3000; i++) counts[machine().choose(3, "test")]++;
    EXPECT_EQ(machine().choose(1, "test"), 0u);
  });
  world.go();
  for (const u32 count : counts) EXPECT_GT(count, 900u);
}

}  // namespace
}  // namespace uringsim::sim
