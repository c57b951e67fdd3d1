// SPDX-License-Identifier: GPL-2.0-only
// Who runs where, and when: affinity, sharing, preemption, sleeping, waking, joining.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/fiber/timed_support.h"

namespace uringsim::sim {
namespace {

using arch::machine;

TEST(TimedSchedule, OperationsAddTheirCostToTheClock) {
  TimedWorld world({.cpus = 1});
  u64 taken = 0;
  world.add("app", [&] {
    u32 word = 0;
    const u64 before = TimedWorld::now();
    arch::WRITE_ONCE(word, 1u);
    (void)arch::READ_ONCE(word);
    arch::smp_mb();
    arch::fetch_add(word, 1u);
    taken = TimedWorld::now() - before;
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(taken, 40u);
}

TEST(TimedSchedule, ChargesAddUp) {
  TimedWorld world({.cpus = 1});
  u64 taken = 0;
  world.add("app", [&] {
    const u64 before = TimedWorld::now();
    machine().charge(arch::Cost::copy, 3);
    machine().charge(arch::Cost::opcode, 22);
    taken = TimedWorld::now() - before;
  });
  world.go();
  EXPECT_EQ(taken, 400u);
}

TEST(TimedSchedule, BoundTasksRunOnTheirProcessor) {
  TimedWorld world({.cpus = 4});
  int seen[4] = {-1, -1, -1, -1};
  for (int cpu = 0; cpu < 4; cpu++) world.add("bound", [&seen, cpu] { seen[cpu] = machine().current_cpu(); }, {.cpu = cpu});
  world.go();
  for (int cpu = 0; cpu < 4; cpu++) EXPECT_EQ(seen[cpu], cpu);
}

TEST(TimedSchedule, TasksOnDifferentProcessorsRunAtTheSameTime) {
  TimedWorld world({.cpus = 2});
  u64 ends[2] = {};
  for (int i = 0; i < 2; i++)
    world.add("t", [&ends, i] {
      TimedWorld::work(100'000);
      ends[i] = TimedWorld::now();
    });
  world.go();
  EXPECT_EQ(ends[0], ends[1]);
  EXPECT_LT(ends[0], 101'000u);
}

TEST(TimedSchedule, AnIdleProcessorTakesAQueuedTask) {
  TimedWorld world({.cpus = 2});
  int cpu_after = -1;
  world.add("long", [] { TimedWorld::work(50'000); }, {.cpu = 0});
  world.add("short", [] { TimedWorld::work(5'000); }, {.cpu = 1});
  world.add("third", [&] {
    TimedWorld::work(1'000);
    cpu_after = machine().current_cpu();
  });
  world.go();
  EXPECT_EQ(cpu_after, 1);
  EXPECT_EQ(world.statistics("third").queued, 5'200u);
}

TEST(TimedSchedule, WithoutBalanceATaskWaitsForTheProcessorItBeganOnThoughAnotherIsIdle) {
  for (const bool balance : {true, false}) {
    TimedWorld world({.cpus = 2, .balance = balance});
    u64 started = 0;
    int cpu = -1;
    world.add("long", [] { TimedWorld::work(50'000); }, {.cpu = 0});
    world.add("second", [&] {
      started = TimedWorld::now();
      cpu = machine().current_cpu();
    });
    world.go();
    EXPECT_EQ(cpu, balance ? 1 : 0);
    EXPECT_EQ(started > 50'000, !balance);
  }
}

TEST(TimedSchedule, TasksOnOneProcessorShareItFairly) {
  TimedWorld world({.cpus = 1, .slice = 100'000});
  for (const char* name : {"a", "b", "c"}) world.add(name, [] { TimedWorld::work(1'000'000); });
  const RunResult result = world.go(1'500'000);
  EXPECT_EQ(result.end, RunEnd::time_limit);
  u64 least = ~u64{0};
  u64 most = 0;
  for (const char* name : {"a", "b", "c"}) {
    least = std::min(least, world.statistics(name).running);
    most = std::max(most, world.statistics(name).running);
  }
  EXPECT_LE(most - least, 100'000u);
  EXPECT_GT(least, 400'000u);
}

TEST(TimedSchedule, AKernelThreadIsNotPreemptedBeforeItAsks) {
  TimedWorld world({.cpus = 1, .slice = 10'000});
  bool noticed = false;
  bool other_ran_before = true;
  bool other_ran = false;
  u64 asked_at = 0;
  world.add("kthread",
            [&] {
              TimedWorld::work(100'000);
              other_ran_before = other_ran;
              noticed = machine().need_resched();
              asked_at = TimedWorld::now();
              machine().yield();
            },
            {.kernel_thread = true});
  world.add("app", [&] { other_ran = true; });
  world.go();
  EXPECT_TRUE(noticed);
  EXPECT_FALSE(other_ran_before);
  EXPECT_EQ(asked_at, 100'100u);
}

TEST(TimedSchedule, AFullyPreemptibleKernelPreemptsKernelThreadsToo) {
  TimedWorld world({.cpus = 1, .slice = 10'000, .preempt_kernel = true});
  bool other_ran_before = false;
  bool other_ran = false;
  world.add("kthread",
            [&] {
              TimedWorld::work(100'000);
              other_ran_before = other_ran;
            },
            {.kernel_thread = true});
  world.add("app", [&] { other_ran = true; });
  world.go();
  EXPECT_TRUE(other_ran_before);
}

TEST(TimedSchedule, NeedReschedIsFalseWithoutCompetition) {
  TimedWorld world({.cpus = 1, .slice = 10'000});
  bool noticed = true;
  world.add("kthread",
            [&] {
              TimedWorld::work(100'000);
              noticed = machine().need_resched();
            },
            {.kernel_thread = true});
  world.go();
  EXPECT_FALSE(noticed);
}

TEST(TimedSchedule, AWakingTaskPreemptsOneThatRanMuchMore) {
  TimedWorld world({.cpus = 1, .slice = 100'000'000, .wakeup_granularity = 50'000});
  u64 woke = 0;
  world.add("sleeper", [&] {
    TimedWorld::sleep_until(500'000);
    woke = TimedWorld::now();
  });
  world.add("hog", [] { TimedWorld::work(1'000'000); });
  world.go();
  EXPECT_GE(woke, 500'000u);
  EXPECT_LT(woke, 501'000u);
  EXPECT_EQ(world.statistics("hog").preempted, 1u);
}

TEST(TimedSchedule, TheHolderOfASpinlockIsNotPreempted) {
  TimedWorld world({.cpus = 1, .slice = 10'000});
  arch::LockWord lock;
  bool other_ran = false;
  bool ran_inside = true;
  world.add("holder", [&] {
    arch::lock_acquire(lock, arch::LockKind::spin);
    TimedWorld::work(100'000);
    ran_inside = other_ran;
    arch::lock_release(lock, arch::LockKind::spin);
    TimedWorld::work(10);
    EXPECT_TRUE(other_ran);  // and is right after
  });
  world.add("other", [&] { other_ran = true; });
  world.go();
  EXPECT_FALSE(ran_inside);
}

TEST(TimedSchedule, YieldLetsTheOtherRunAtOnce) {
  TimedWorld world({.cpus = 1});
  std::string log;
  for (const char* name : {"a", "b"})
    world.add(name, [&log, name] {
      for (int i = 0; i < 3; i++) {
        log += name;
        machine().yield();
      }
    });
  world.go();
  EXPECT_EQ(log, "ababab");
}

TEST(TimedSchedule, SetAffinityMovesARunningTask) {
  TimedWorld world({.cpus = 2});
  int after = -1;
  world.add("mover",
            [&] {
              machine().set_affinity(*arch::current_task(), 1);
              TimedWorld::work(100);
              after = machine().current_cpu();
            },
            {.cpu = 0});
  world.go();
  EXPECT_EQ(after, 1);
  EXPECT_EQ(world.statistics("mover").migrations, 1u);
}

TEST(TimedSchedule, ASleeperIsWokenByItsDeadline) {
  TimedWorld world;
  bool woken = true;
  u64 at = 0;
  world.add("sleeper", [&] {
    machine().set_state(arch::TASK_INTERRUPTIBLE);
    woken = machine().schedule(10'000);
    at = TimedWorld::now();
    EXPECT_EQ(machine().state(*arch::current_task()), arch::TASK_RUNNING);
  });
  world.go();
  EXPECT_FALSE(woken);
  EXPECT_EQ(at, 10'100u);  // and the way onto the processor
}

TEST(TimedSchedule, ASleeperIsWokenOnlyInAStateOfTheMask) {
  TimedWorld world({.cpus = 2});
  bool by_interruptible = true;
  bool by_normal = false;
  bool again = true;
  bool woken = false;
  arch::Task& sleeper = world.add("sleeper", [&] {
    machine().set_state(arch::TASK_UNINTERRUPTIBLE);
    woken = machine().schedule(~u64{0});
  });
  world.add("waker", [&] {
    TimedWorld::work(1'000);
    by_interruptible = machine().wake(sleeper, arch::TASK_INTERRUPTIBLE);
    by_normal = machine().wake(sleeper, arch::TASK_NORMAL);
    again = machine().wake(sleeper, arch::TASK_NORMAL);
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_FALSE(by_interruptible);
  EXPECT_TRUE(by_normal);
  EXPECT_FALSE(again);
  EXPECT_TRUE(woken);
}

TEST(TimedSchedule, AWakeBeforeScheduleIsNotLost) {
  TimedWorld world({.cpus = 2});
  u32 prepared = 0;
  arch::Task& sleeper = world.add("sleeper", [&] {
    machine().set_state(arch::TASK_INTERRUPTIBLE);
    arch::WRITE_ONCE(prepared, 1u);
    TimedWorld::work(5'000);  // the wake comes here
    EXPECT_TRUE(machine().schedule(~u64{0}));
  });
  world.add("waker", [&] {
    while (arch::READ_ONCE(prepared) == 0) machine().poll_pass(arch::Site::here());
    EXPECT_TRUE(machine().wake(sleeper, arch::TASK_INTERRUPTIBLE));
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(world.statistics("sleeper").asleep, 0u);
}

TEST(TimedSchedule, JoinWaitsForTheEnd) {
  TimedWorld world({.cpus = 2});
  u64 ended = 0;
  u64 joined = 0;
  arch::Task& worker = world.add("worker", [&] {
    TimedWorld::work(10'000);
    ended = TimedWorld::now();
  });
  world.add("boss", [&] {
    machine().join(worker);
    joined = TimedWorld::now();
    machine().join(worker);  // immediate
    EXPECT_EQ(TimedWorld::now(), joined);
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(joined, ended + 100);
}

TEST(TimedSchedule, ExitEndsATaskInTheMiddle) {
  TimedWorld world;
  bool reached = false;
  world.add("quitter", [&] {
    machine().exit();
    reached = true;
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_FALSE(reached);
}

TEST(TimedSchedule, TasksSpawnTasksAndReuseTheirPlaces) {
  TimedWorld world({.cpus = 2});
  struct Child {
    arch::Task task;
    u64* sum;
  };
  u64 sum = 0;
  u32 last_id = 0;
  world.add("parent", [&] {
    for (int i = 0; i < 100; i++) {
      Child child{{}, &sum};
      machine().spawn(child.task, [](void* argument) { ++*static_cast<Child*>(argument)->sum; }, &child, {});
      machine().wake(child.task, arch::TASK_NORMAL);
      last_id = child.task.id;
      machine().join(child.task);
    }
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(sum, 100u);
  EXPECT_EQ(last_id, 101u);
  EXPECT_EQ(world.machine.task_statistics().size(), 101u);
}

TEST(TimedSchedule, StoresArriveAtAnotherProcessorWithinTheLookahead) {
  TimedWorld world({.cpus = 2, .lookahead = 200});
  u32 word = 0;
  u64 stored = 0;
  u64 seen = 0;
  world.add("writer", [&] {
    TimedWorld::work(10'000);
    arch::WRITE_ONCE(word, 1u);
    stored = TimedWorld::now();
  });
  world.add("reader", [&] {
    while (arch::READ_ONCE(word) == 0) continue;
    seen = TimedWorld::now();
  });
  world.go();
  EXPECT_LE(seen > stored ? seen - stored : stored - seen, 220u);
}

TEST(TimedSchedule, TimeOfATaskAddsUp) {
  TimedWorld world({.cpus = 1, .slice = 5'000});
  for (const char* name : {"a", "b"})
    world.add(name, [] {
      TimedWorld::work(20'000);
      TimedWorld::sleep_until(TimedWorld::now() + 30'000);
      TimedWorld::work(20'000);
    });
  const RunResult result = world.go();
  for (const char* name : {"a", "b"}) {
    const TaskStatistics task = world.statistics(name);
    EXPECT_GE(task.running, 40'000u);
    EXPECT_GE(task.asleep, 29'000u);
    EXPECT_LE(task.running + task.asleep + task.queued, result.time);
    EXPECT_GT(task.queued, 5'000u);
  }
  const ProcessorStatistics cpu = world.machine.processor_statistics(0);
  EXPECT_EQ(cpu.busy + cpu.idle + cpu.interrupt, result.time);
  EXPECT_EQ(cpu.busy, world.statistics("a").running + world.statistics("b").running);
}

TEST(TimedSchedule, TheObserverSeesSwitchesAndWakes) {
  struct Log : SchedObserver {
    std::string text;
    void on_switch(u64, unsigned cpu, const arch::Task* previous, u32, const arch::Task* next) noexcept override {
      text +=
          std::to_string(cpu) + (previous != nullptr ? previous->name : "-") + ">" + (next != nullptr ? next->name : "-") + " ";
    }
    void on_wake(u64, unsigned, const arch::Task& task) noexcept override { text += std::string("!") + task.name + " "; }
  } log;
  TimedWorld world({.cpus = 1, .observer = &log});
  world.add("a", [] { TimedWorld::sleep_until(10'000); });
  world.go();
  EXPECT_EQ(log.text, "!a 0->a 0a>- !a 0->a 0a>- ");
}

}  // namespace
}  // namespace uringsim::sim
