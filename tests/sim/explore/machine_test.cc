// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/machine.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "kernel_model/arch/lock.h"
#include "sim/explore/reserve.h"
#include "sim/explore/tasks.h"
#include "tests/sim/explore/support.h"

namespace uringsim::sim {
namespace {

using namespace arch;

struct State {
  u32 x, y;
  LockWord lock, other;
  u32 data;
  u32 seen[4];
  Timer timer;
  Interrupt interrupt;
};

MachineOptions under(Memory memory) {
  MachineOptions options;
  options.memory = memory;
  return options;
}

TEST(Reserve, IsFreeOfTheMarksOfStacksThatWereUnmapped) {
#if defined(URINGSIM_ASAN)
  constexpr u64 bytes = u64{8} << 20;
  void* const stack = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(stack, MAP_FAILED);
  poison(stack, bytes);
  munmap(stack, bytes);
  const Reserve<u32> views(bytes / sizeof(u32));
  EXPECT_EQ(static_cast<const void*>(&views[0]), stack);  // or this shows nothing
  EXPECT_EQ(__asan_region_is_poisoned(stack, bytes), nullptr);
  unpoison(stack, bytes);
#else
  GTEST_SKIP() << "AddressSanitizer's business";
#endif
}

class MachineTest : public testing::TestWithParam<Memory> {};
INSTANTIATE_TEST_SUITE_P(Models, MachineTest, testing::Values(Memory::sc, Memory::tso, Memory::weak),
                         [](const auto& model) { return std::string(to_string(model.param)); });

TEST_P(MachineTest, PlainAccessesThatNothingOrdersAreADataRace) {
  Tasks<State> program("race");
  program.task("writer", [](State& s) { plain_store(s.data, 1u); });
  program.task("reader", [](State& s) { s.seen[0] = plain_load(s.data); });
  const Exhaustive all = run_all(program, under(GetParam()));
  EXPECT_EQ(all.violations.size(), 1u);
  EXPECT_TRUE(all.violations.contains("data-race"));
}

TEST_P(MachineTest, PlainAccessesOrderedByReleaseAndAcquireAreNoRace) {
  Tasks<State> program("no race");
  program.task("writer", [](State& s) {
    plain_store(s.data, 7u);
    smp_store_release(s.x, 1u);
  });
  program.task("reader", [](State& s) {
    if (smp_load_acquire(s.x) != 0) s.seen[0] = plain_load(s.data);
  });
  program.finally([](const State& s, Ending& end) {
    if (s.seen[0] != 0 && s.seen[0] != 7) end.violation("assertion", "an old value was read");
  });
  EXPECT_TRUE(run_all(program, under(GetParam())).violations.empty());
}

// A CQE's place: read, given back with release, seen to be free without acquire, written again. No store is seen before the
// loads that its task made first.
TEST(Machine, AMarkedStoreIsBehindTheReadsThatItsTasksLoadsTellOf) {
  for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak})
    for (const bool release : {true, false})
      for (const bool marked : {true, false}) {
        Tasks<State> program("place");
        program.task("reader", [=](State& s) {
          s.seen[0] = plain_load(s.data);
          release ? smp_store_release(s.x, 1u) : WRITE_ONCE(s.x, 1u);
        });
        program.task("writer", [=](State& s) {
          if (READ_ONCE(s.x) == 0) return;
          marked ? WRITE_ONCE(s.data, 1u) : plain_store(s.data, 1u);
        });
        const bool ordered = memory != Memory::weak || (release && marked);
        EXPECT_EQ(run_all(program, under(memory)).violations.size(), ordered ? 0u : 1u)
            << to_string(memory) << " " << release << marked;
      }
}

TEST(Machine, ARelaxedPublicationIsARaceUnderWeakOnly) {
  for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) {
    Tasks<State> program("relaxed");
    program.task("writer", [](State& s) {
      plain_store(s.data, 7u);
      WRITE_ONCE(s.x, 1u);
    });
    program.task("reader", [](State& s) {
      if (smp_load_acquire(s.x) != 0) s.seen[0] = plain_load(s.data);
    });
    EXPECT_EQ(run_all(program, under(memory)).violations.contains("data-race"), memory == Memory::weak);
  }
}

TEST_P(MachineTest, CriticalSectionsExcludeEachOther) {
  Tasks<State> program("locks");
  for (const char* name : {"a", "b", "c"})
    program.task(name, [](State& s) {
      lock_acquire(s.lock, LockKind::spin);
      plain_store(s.data, plain_load(s.data) + 1);
      lock_release(s.lock, LockKind::spin);
    });
  program.finally([](const State& s, Ending& end) {
    if (s.data != 3) end.violation("assertion", "an increment was lost");
  });
  const Exhaustive all = run_all(program, under(GetParam()));
  EXPECT_TRUE(all.violations.empty());
  EXPECT_EQ(all.cut, 0u);
}

TEST_P(MachineTest, TwoLocksTakenInOppositeOrderDeadlock) {
  Tasks<State> program("abba");
  program.task("a", [](State& s) {
    lock_acquire(s.lock, LockKind::mutex);
    lock_acquire(s.other, LockKind::mutex);
    lock_release(s.other, LockKind::mutex);
    lock_release(s.lock, LockKind::mutex);
  });
  program.task("b", [](State& s) {
    lock_acquire(s.other, LockKind::mutex);
    lock_acquire(s.lock, LockKind::mutex);
    lock_release(s.lock, LockKind::mutex);
    lock_release(s.other, LockKind::mutex);
  });
  const Exhaustive all = run_all(program, under(GetParam()));
  EXPECT_TRUE(all.violations.contains("deadlock"));
  EXPECT_FALSE(all.digests.empty());
}

TEST_P(MachineTest, SleepingWithASpinlockHeldIsReported) {
  Tasks<State> program("atomic");
  program.task("a", [](State& s) {
    lock_acquire(s.lock, LockKind::spin);
    machine().set_state(TASK_INTERRUPTIBLE);
    machine().schedule();
  });
  EXPECT_TRUE(run_all(program, under(GetParam())).violations.contains("sleep-in-atomic"));
}

TEST_P(MachineTest, APollingTaskIsNotUnrolledAndSeesTheChange) {
  Tasks<State> program("poll");
  program.task("poller", [](State& s) {
    while (READ_ONCE(s.x) == 0) machine().poll_pass(Site::here());
    s.seen[0] = 1;
  });
  program.task("setter", [](State& s) {
    WRITE_ONCE(s.y, 1u);
    WRITE_ONCE(s.x, 1u);
  });
  const Exhaustive all = run_all(program, under(GetParam()));
  EXPECT_TRUE(all.violations.empty());
  EXPECT_EQ(all.cut, 0u);
  EXPECT_LT(all.executions, 60u);
}

TEST_P(MachineTest, APollerThatNobodyAnswersIsLeftOver) {
  Tasks<State> program("poll for ever");
  program.task("poller", [](State& s) {
    while (READ_ONCE(s.x) == 0) machine().poll_pass(Site::here());
  });
  EXPECT_TRUE(run_all(program, under(GetParam())).violations.contains("livelock"));
}

TEST_P(MachineTest, APollerThatReadsTheClockReachesItsDeadline) {
  Tasks<State> program("deadline");
  program.task("poller", [](State& s) {
    const u64 deadline = machine().now() + 1'000'000'000;
    while (READ_ONCE(s.x) == 0 && machine().now() < deadline) machine().poll_pass(Site::here());
    s.seen[0] = 1;
  });
  const Exhaustive all = run_all(program, under(GetParam()));
  EXPECT_TRUE(all.violations.empty());
  EXPECT_EQ(all.cut, 0u);
}

TEST_P(MachineTest, ASleepEndsByWakeOrByItsDeadlineAndBothAreExplored) {
  Tasks<State> program("timeout");
  program.task("sleeper", [](State& s) {
    machine().set_state(TASK_INTERRUPTIBLE);
    smp_mb();
    s.seen[0] = machine().schedule(1000) ? 1 : 2;
  });
  program.task("waker", [&program](State&) { machine().wake(program.handle(0), TASK_NORMAL); });
  program.digest([](const State& s) { return u64{s.seen[0]}; });
  const Exhaustive all = run_all(program, under(GetParam()));
  EXPECT_TRUE(all.violations.empty());
  EXPECT_EQ(all.digests, (std::set<u64>{1, 2}));
}

TEST_P(MachineTest, SettingTheStateWithoutABarrierLosesTheWakeup) {
  for (const bool barrier : {true, false}) {
    Tasks<State> program("sleep");
    program.task("sleeper", [barrier](State& s) {
      machine().set_state(TASK_INTERRUPTIBLE);
      if (barrier) smp_mb();
      if (READ_ONCE(s.x) == 0) machine().schedule();
      machine().set_state(TASK_RUNNING);
    });
    program.task("waker", [&program](State& s) {
      WRITE_ONCE(s.x, 1u);
      machine().wake(program.handle(0), TASK_NORMAL);
    });
    const bool lost = !run_all(program, under(GetParam())).violations.empty();
    EXPECT_EQ(lost, !barrier && GetParam() != Memory::sc);
  }
}

TEST_P(MachineTest, TimersFireInDueOrder) {
  struct Timed {
    struct Counting : Timer {
      u32* order;
      u32 number;
    } late, soon;
    u32 order;
  };
  Tasks<Timed> program("timers");
  program.task("starter", [](Timed& s) {
    const auto fire = [](Timer* timer) {
      auto* const mine = static_cast<Timed::Counting*>(timer);
      WRITE_ONCE(*mine->order, READ_ONCE(*mine->order) * 10 + mine->number);
    };
    s.late.function = s.soon.function = fire;
    s.late.order = s.soon.order = &s.order;
    s.late.number = 2;
    s.soon.number = 1;
    machine().timer_start(s.late, 2000);
    machine().timer_start(s.soon, 1000);
  });
  program.digest([](const Timed& s) { return u64{s.order}; });
  const Exhaustive all = run_all(program, under(GetParam()));
  EXPECT_TRUE(all.violations.empty());
  EXPECT_TRUE(all.digests.contains(12));
  for (const u64 order : all.digests) EXPECT_TRUE(order == 12 || order == 21);  // 21: the first had fired before the second began
}

TEST_P(MachineTest, AnInterruptRunsBesideTheTaskThatRaisedIt) {
  Tasks<State> program("interrupt");
  program.task("raiser", [](State& s) {
    s.interrupt.function = [](Interrupt* interrupt) {
      auto* const state = reinterpret_cast<State*>(reinterpret_cast<char*>(interrupt) - offsetof(State, interrupt));
      WRITE_ONCE(state->x, 1u);
    };
    machine().raise(s.interrupt);
    s.seen[0] = READ_ONCE(s.x);
  });
  program.digest([](const State& s) { return u64{s.seen[0]}; });
  EXPECT_EQ(run_all(program, under(GetParam())).digests, (std::set<u64>{0, 1}));
}

TEST_P(MachineTest, ATimerInFreedMemoryIsReportedWhicheverCameFirst) {
  struct Node {
    arch::Timer* timer;
  };
  for (const bool started_first : {false, true}) {
    Tasks<Node> program("freed-timer");
    program.task("owner", [started_first](Node& s) {
      s.timer = new (machine().alloc(sizeof(arch::Timer), 16)) arch::Timer;
      s.timer->function = [](arch::Timer*) {};
      if (started_first) machine().timer_start(*s.timer, machine().now() + 1'000);
      machine().free(s.timer, sizeof(arch::Timer));
      if (!started_first) machine().timer_start(*s.timer, machine().now() + 1'000);
    });
    EXPECT_TRUE(run_all(program, under(GetParam())).violations.contains("use-after-free")) << started_first;
  }
}

TEST_P(MachineTest, UseOfFreedMemoryIsReported) {
  struct Node {
    u32* block;
    u32 done;
  };
  Tasks<Node> program("free");
  program.task("owner", [](Node& s) {
    s.block = static_cast<u32*>(machine().alloc(64, 16));
    WRITE_ONCE(*s.block, 1u);
    machine().free(s.block, 64);
    s.done = READ_ONCE(*s.block);
  });
  EXPECT_TRUE(run_all(program, under(GetParam())).violations.contains("use-after-free"));
}

TEST_P(MachineTest, ChoicesOfTheWorldAreAllTaken) {
  Tasks<State> program("choose");
  program.task("a", [](State& s) { s.seen[0] = machine().choose(3, "which"); });
  program.digest([](const State& s) { return u64{s.seen[0]}; });
  const Exhaustive all = run_all(program, under(GetParam()));
  EXPECT_EQ(all.digests, (std::set<u64>{0, 1, 2}));
  EXPECT_EQ(all.executions, 3u);
}

TEST_P(MachineTest, TasksSpawnedAndJoinedMidwaySeeEachOthersPlainData) {
  struct Family {
    u32 data;
    u32 result;
  };
  static Task child;  // the machine fills it in at every spawn
  Tasks<Family> program("family");
  program.task("parent", [](Family& s) {
    plain_store(s.data, 1u);
    child = Task{};
    machine().spawn(child,
                    [](void* shared) {
                      auto& family = *static_cast<Family*>(shared);
                      plain_store(family.data, plain_load(family.data) + 1);
                    },
                    &s, {});
    machine().wake(child, TASK_NORMAL);
    machine().join(child);
    s.result = plain_load(s.data);
  });
  program.digest([](const Family& s) { return u64{s.result}; });
  const Exhaustive all = run_all(program, under(GetParam()));
  EXPECT_TRUE(all.violations.empty());
  EXPECT_EQ(all.digests, (std::set<u64>{2}));
}

TEST_P(MachineTest, TheSameSeedGivesTheSameSteps) {
  const auto steps = [] {
    Tasks<State> program("steps");
    program.task("a", [](State& s) {
      WRITE_ONCE(s.x, 1u);
      s.seen[0] = READ_ONCE(s.y);
    });
    program.task("b", [](State& s) {
      WRITE_ONCE(s.y, 1u);
      s.seen[1] = READ_ONCE(s.x);
    });
    const auto machine = make_machine(under(GetParam()));
    machine->set_up(program);
    RandomStrategy random(42);
    std::string all;
    for (int i = 0; i < 20; i++) {
      Schedule schedule;
      random.begin();
      machine->record(random, schedule);
      for (const Step& step : schedule.steps)
        all += std::to_string(step.task) + to_string(step.kind) + std::to_string(step.object) + "/" +
               std::to_string(step.choice) + " ";
    }
    return all;
  };
  EXPECT_EQ(steps(), steps());
}

TEST_P(MachineTest, AWorldThatWarmsUpStartsEveryExecutionFromWhereItWasReady) {
  class Warm final : public Program {
   public:
    const char* name() const noexcept override { return "warm"; }
    bool warm_up() const noexcept override { return true; }
    void set_up(Machine& machine) override {
      words_ = static_cast<u32*>(machine.alloc(64, 64));
      for (int i = 0; i < 2; i++) {
        tasks_[i] = Task{};
        machine.spawn(tasks_[i], i == 0 ? &Warm::first : &Warm::second, this, {});
        machine.wake(tasks_[i], TASK_NORMAL);
      }
    }
    void check(Ending&) override {}
    u64 digest() const noexcept override { return words_[2] * 100 + words_[3] * 10 + words_[4]; }

   private:
    static void get_ready() { static_cast<OperationalMachine&>(arch::machine()).ready(); }
    static void first(void* self) {
      u32* const words = static_cast<Warm*>(self)->words_;
      WRITE_ONCE(words[4], READ_ONCE(words[4]) + 1);  // once, whatever is explored after
      u32 local = 5;
      get_ready();
      WRITE_ONCE(words[0], 1u);
      words[2] = READ_ONCE(words[1]) + (local++ == 5 ? 0 : 9);
    }
    static void second(void* self) {
      u32* const words = static_cast<Warm*>(self)->words_;
      get_ready();
      WRITE_ONCE(words[1], 1u);
      words[3] = READ_ONCE(words[0]);
    }
    u32* words_ = nullptr;
    Task tasks_[2];
  } program;
  const Exhaustive all = run_all(program, under(GetParam()));
  std::set<u64> expected = {11 + 0, 101, 111};
  if (GetParam() != Memory::sc) expected.insert(1);
  EXPECT_EQ(all.digests, expected);
}

}  // namespace
}  // namespace uringsim::sim
