// SPDX-License-Identifier: GPL-2.0-only
// Timers and interrupts: in which order they run, by every interleaving on the operational machine and by the search over graphs.
#include <gtest/gtest.h>

#include <set>

#include "kernel_model/arch/lock.h"
#include "sim/explore/tasks.h"
#include "tests/sim/explore/dpor/both_ways.h"

namespace uringsim::sim::dpor {
namespace {

using arch::READ_ONCE;
using arch::smp_load_acquire;
using arch::smp_store_release;
using arch::WRITE_ONCE;

struct Timed;
struct OwnedTimer : arch::Timer {
  Timed* owner = nullptr;
  u32 number = 0;
  u64 again = 0;  ///< started again so long after its first due time
};
struct OwnedInterrupt : arch::Interrupt {
  Timed* owner = nullptr;
  u32 number = 0;
};
struct Timed {
  OwnedTimer timer[3];
  OwnedInterrupt interrupt[3];
  u32 order;  ///< digits: who ran when
  u32 x;
  u32 handed;  ///< accessed directly, by whoever knows that nobody else does
  u64 published;
  u32 r[2];
};

void ran(Timed& s, u32 number) { WRITE_ONCE(s.order, READ_ONCE(s.order) * 8 + number); }

void prepare(Timed& s) {
  for (u32 i = 0; i < 3; i++) {
    s.timer[i].owner = s.interrupt[i].owner = &s;
    s.timer[i].number = s.interrupt[i].number = i + 1;
    s.timer[i].function = [](arch::Timer* fired) {
      auto& timer = *static_cast<OwnedTimer*>(fired);
      ran(*timer.owner, timer.number);
      if (timer.again == 0) return;
      const u64 due = timer.due + timer.again;
      timer.again = 0;
      arch::machine().timer_start(timer, due);
    };
    s.interrupt[i].function = [](arch::Interrupt* raised) {
      auto& interrupt = *static_cast<OwnedInterrupt*>(raised);
      ran(*interrupt.owner, interrupt.number);
    };
  }
}

/// A program that finds its timers and interrupts ready.
Tasks<Timed> prepared(const char* name) {
  Tasks<Timed> program(name);
  program.initially(prepare);
  return program;
}

void start(Timed& s, u32 timer, u64 due) { arch::machine().timer_start(s.timer[timer - 1], 1'000'000'000'000 + due); }
void raise(Timed& s, u32 interrupt) { arch::machine().raise(s.interrupt[interrupt - 1]); }

u64 digest_of(const Timed& s) { return (u64{s.order} * 8 + s.r[0]) * 8 + s.r[1]; }

/// The orders in which an execution can end, the same whoever searches, as octal digits with what the tasks have read behind
/// them.
std::set<u64> orders(Program& program) {
  std::set<u64> found;
  for (int model = 0; model < 3; model++) {
    MachineOptions machine_options;
    machine_options.memory = static_cast<Memory>(model);
    auto machine = make_machine(machine_options);
    machine->set_up(program);
    DfsStrategy strategy;
    std::set<u64> slow;
    u64 runs = 0;
    for (; runs < 300'000 && strategy.begin(); runs++) {
      const Run run = machine->run(strategy);
      strategy.over(run.points);
      if (run.end == End::complete) slow.insert(program.digest());
      EXPECT_NE(run.end, End::violation) << machine->violation().text;
    }
    EXPECT_TRUE(strategy.exhausted()) << program.name() << " after " << runs;
    Options options;
    options.memory = static_cast<MemoryModel>(model);
    options.digests = true;
    const Result result = explore(program, options);
    EXPECT_EQ(result.error, "");
    EXPECT_FALSE(result.found) << result.violation.text;
    EXPECT_TRUE(result.exhausted);
    EXPECT_EQ(std::set<u64>(result.digests.begin(), result.digests.end()), slow) << program.name();
    found = slow;
  }
  return found;
}
std::set<u64> orders(Tasks<Timed>& program) {
  program.digest(digest_of);
  return orders(static_cast<Program&>(program));
}

TEST(DporTime, TimersFireInDueOrderWhateverTheOrderOfStarting) {
  Tasks<Timed> program = prepared("due-order");
  program.task("owner", [](Timed& s) {
    start(s, 1, 30);
    start(s, 2, 10);
    start(s, 3, 20);
  });
  // Any may be through before those behind it are started, as time may have gone on by then.
  EXPECT_EQ(orders(program), (std::set<u64>{012300, 021300, 023100}));
}

TEST(DporTime, ALookAtTheClockMayComeBehindATimerThatSomebodyElseStartsFirst) {
  Tasks<Timed> program = prepared("late-look");
  program.task("owner", [](Timed& s) {
    WRITE_ONCE(s.x, 1);
    s.r[0] = arch::machine().now() >= 1'000'000'000'010;
  });
  program.task("starter", [](Timed& s) {
    if (READ_ONCE(s.x) == 1) start(s, 1, 10);
  });
  program.digest(digest_of);
  auto machine = make_machine(MachineOptions{});
  machine->set_up(program);
  DfsStrategy strategy;
  std::set<u64> found;
  while (strategy.begin()) {
    strategy.over(machine->run(strategy).points);
    found.insert(program.digest());
  }
  EXPECT_EQ(found, (std::set<u64>{0, 0100, 0110}));
}

TEST(DporTime, EqualTimersFireInTheOrderOfStarting) {
  Tasks<Timed> program = prepared("equal");
  program.task("owner", [](Timed& s) {
    for (u32 timer = 1; timer <= 3; timer++) start(s, timer, 10);
  });
  EXPECT_EQ(orders(program), (std::set<u64>{012300}));
}

TEST(DporTime, OfTimersThatAreStartedSideBySideEitherMayBeFirst) {
  Tasks<Timed> program = prepared("side-by-side");
  program.task("one", [](Timed& s) { start(s, 1, 20); });
  program.task("two", [](Timed& s) { start(s, 2, 10); });
  EXPECT_EQ(orders(program), (std::set<u64>{01200, 02100}));
}

TEST(DporTime, WhoKnowsThatAnEarlierTimerIsStartedComesBehindIt) {
  Tasks<Timed> program = prepared("known");
  program.task("one", [](Timed& s) {
    start(s, 1, 10);
    smp_store_release(s.x, 1);
  });
  program.task("two", [](Timed& s) {
    s.r[0] = smp_load_acquire(s.x);
    start(s, 2, 20);
  });
  EXPECT_EQ(orders(program), (std::set<u64>{01210, 01200, 02100}));
}

TEST(DporTime, ATimerThatStartsItselfAgainLetsOthersInBetween) {
  Tasks<Timed> program("again");
  program.initially([](Timed& s) {
    prepare(s);
    s.timer[0].again = 20;
  });
  program.task("owner", [](Timed& s) {
    start(s, 1, 10);
    start(s, 2, 20);
  });
  EXPECT_EQ(orders(program), (std::set<u64>{012100, 011200}));
}

TEST(DporTime, ATimerThatIsPutOffOrCancelledHoldsNobodyUp) {
  Tasks<Timed> program = prepared("put-off");
  program.task("owner", [](Timed& s) {
    start(s, 1, 10);
    start(s, 2, 20);
    start(s, 1, 30);
    s.r[0] = static_cast<u32>(arch::machine().timer_cancel(s.timer[1]) + 1);
  });
  orders(program);
}

/// 0: the timer's function runs, 1: it is idle, 2: it was armed.
u32 cancel(Timed& s, u32 timer) { return static_cast<u32>(arch::machine().timer_cancel(s.timer[timer - 1]) + 1); }

TEST(DporTime, OfTwoWhoCancelATimerTheSecondFindsItRunningOnlyIfItRuns) {
  Tasks<Timed> program = prepared("two-cancel");
  program.task("owner", [](Timed& s) {
    start(s, 1, 10);
    s.r[0] = cancel(s, 1);
  });
  program.task("other", [](Timed& s) { s.r[1] = cancel(s, 1); });
  const std::set<u64> all = orders(program);
  EXPECT_FALSE(all.contains(020));  // it never ran
  EXPECT_TRUE(all.contains(021));
  EXPECT_TRUE(all.contains(0100));
}

TEST(DporTime, WhoCancelsATimerTwiceFindsNothingTheSecondTimeIfItWasInTime) {
  Tasks<Timed> program = prepared("cancels-twice");
  program.task("owner", [](Timed& s) {
    start(s, 1, 10);
    s.r[0] = cancel(s, 1);
    s.r[1] = cancel(s, 1);
  });
  EXPECT_EQ(orders(program), (std::set<u64>{021, 0111, 0100, 0101}));
}

TEST(DporTime, AFunctionThatHasDoneItsLastAccessMayStillBeFoundRunning) {
  Tasks<Timed> program = prepared("last-access");
  program.task("owner", [](Timed& s) {
    start(s, 1, 10);
    s.r[0] = READ_ONCE(s.order);
    s.r[1] = cancel(s, 1);
  });
  EXPECT_EQ(orders(program), (std::set<u64>{0110, 0111, 0100, 0101, 02}));
}

TEST(DporTime, AFunctionThatHasDoneNothingYetMayBeFoundRunning) {
  Tasks<Timed> program("first-access");
  program.initially([](Timed& s) {
    prepare(s);
    s.timer[0].function = [](arch::Timer* fired) {
      Timed& owner = *static_cast<OwnedTimer*>(fired)->owner;
      owner.order = READ_ONCE(owner.x) + 1;
    };
  });
  program.task("owner", [](Timed& s) {
    start(s, 1, 10);
    s.r[0] = cancel(s, 1);
    WRITE_ONCE(s.x, 1);
  });
  const std::set<u64> all = orders(program);
  EXPECT_TRUE(all.contains(0200));
  EXPECT_TRUE(all.contains(0100));
}

TEST(DporTime, OfEqualTimersTheSecondMayBeCancelledByWhoSeesWhatTheFirstHasDone) {
  Tasks<Timed> program = prepared("equal-cancelled");
  program.task("owner", [](Timed& s) {
    start(s, 1, 10);
    start(s, 2, 10);
    s.r[0] = READ_ONCE(s.order);
    s.r[1] = cancel(s, 2);
  });
  EXPECT_TRUE(orders(program).contains(0112));
}

TEST(DporTime, ATimerThatIsStartedAnewWhileItRunsIsNotTakenOffBeforeItIsOver) {
  Tasks<Timed> program = prepared("started-anew");
  program.task("owner", [](Timed& s) {
    start(s, 1, 10);
    start(s, 1, 20);
    s.r[0] = cancel(s, 1);
  });
  program.task("other", [](Timed& s) { s.r[1] = cancel(s, 1); });
  orders(program);
}

TEST(DporTime, WhoPollsUntilATimersFunctionIsOverComesToTheEnd) {
  Tasks<Timed> program = prepared("waits-for-function");
  const auto wait = [](u32 me) {
    return [me](Timed& s) {
      if (me == 0) start(s, 1, 10);
      u32 found = cancel(s, 1);
      for (; found == 0; found = cancel(s, 1)) arch::machine().poll_pass(arch::Site::here());
      s.r[me] = found;
    };
  };
  program.task("owner", wait(0));
  program.task("other", wait(1));
  for (const u64 end : orders(program)) EXPECT_TRUE((end & 070) != 0 && (end & 07) != 0) << std::oct << end;
}

TEST(DporTime, AWriteThatIsLateIsNotOvertakenByACancelThatTakesTheTimerOff) {
  Tasks<Timed> program = prepared("late-write");
  program.task("owner", [](Timed& s) {
    start(s, 1, 10);
    WRITE_ONCE(s.x, 1);
    s.r[0] = cancel(s, 1);
  });
  program.task("other", [](Timed& s) { s.r[1] = (cancel(s, 1) * 2 + READ_ONCE(s.x)) & 7; });
  orders(program);
}

TEST(DporTime, WhoCancelsATimerInMemoryThatIsGivenBackUsesItAfterFree) {
  for (const bool guarded : {false, true}) {
    Tasks<Timed> program(guarded ? "cancels-its-own" : "cancels-freed");
    program.task("owner", [](Timed& s) {
      auto* const timer = new (arch::machine().alloc(sizeof(OwnedTimer), alignof(OwnedTimer))) OwnedTimer;
      timer->function = [](arch::Timer*) {};
      arch::machine().timer_start(*timer, 1'000'000'000'010);
      smp_store_release(s.published, reinterpret_cast<u64>(timer));
      while (arch::machine().timer_cancel(*timer) < 0) arch::machine().poll_pass(arch::Site::here());
      if (arch::xchg(s.published, u64{0}) == 0) return;
      arch::machine().free(timer, sizeof *timer);
    });
    program.task("other", [guarded](Timed& s) {
      const u64 found = guarded ? arch::xchg(s.published, u64{0}) : smp_load_acquire(s.published);
      if (found == 0) return;
      s.r[0] = static_cast<u32>(arch::machine().timer_cancel(*reinterpret_cast<OwnedTimer*>(found)) + 1);
    });
    program.digest(digest_of);
    const std::set<std::string> expected = guarded ? std::set<std::string>{} : std::set<std::string>{"use-after-free"};
    for (int model = 0; model < 3; model++) {
      EXPECT_EQ(by_interleavings(program, kOperational[model]).checks, expected) << to_string(kOperational[model]);
      EXPECT_EQ(by_graphs(program, kAxiomatic[model]).outcome.checks, expected) << to_string(kOperational[model]);
    }
  }
}

TEST(DporTime, InterruptsRunInTheOrderOfRaising) {
  Tasks<Timed> program = prepared("interrupts");
  program.task("device", [](Timed& s) {
    raise(s, 1);
    raise(s, 2);
  });
  program.task("other", [](Timed& s) { raise(s, 3); });
  EXPECT_EQ(orders(program), (std::set<u64>{012300, 013200, 031200}));
}

TEST(DporTime, ATimerMayFireBesideAnInterrupt) {
  Tasks<Timed> program = prepared("beside");
  program.task("owner", [](Timed& s) {
    start(s, 1, 10);
    raise(s, 2);
  });
  EXPECT_EQ(orders(program), (std::set<u64>{01200, 02100, 0100, 0200}));  // each may overwrite what the other wrote
}

TEST(DporTime, WhatAnInterruptHandsOverIsThereWheneverItsReaderRuns) {
  Tasks<Timed> program("hands-over");
  program.initially([](Timed& s) {
    prepare(s);
    s.interrupt[0].function = [](arch::Interrupt* raised) {
      Timed& owner = *static_cast<OwnedInterrupt*>(raised)->owner;
      owner.handed = 5;
      smp_store_release(owner.x, 1);
      WRITE_ONCE(owner.order, 2);
    };
  });
  program.task("reader", [](Timed& s) {
    raise(s, 1);
    s.r[0] = smp_load_acquire(s.x) == 0 ? 7 : s.handed;
    s.r[1] = READ_ONCE(s.order);
  });
  EXPECT_EQ(orders(program), (std::set<u64>{0270, 0272, 0250, 0252}));
}

TEST(DporTime, WhoSeesThatATimerHasFiredSeesThatTimeHasCome) {
  Tasks<Timed> program = prepared("fired");
  program.task("owner", [](Timed& s) {
    start(s, 1, 10);
    s.r[0] = static_cast<u32>(arch::machine().timer_cancel(s.timer[0]) + 1);
    s.r[1] = arch::machine().now() >= 1'000'000'000'010 ? 1 : 0;
  });
  EXPECT_EQ(orders(program), (std::set<u64>{0101, 0111, 0021, 0020}));
}

TEST(DporTime, ATimerThatWasSurelyStartedAndIsDueEarlierFiresFirst) {
  Tasks<Timed> program = prepared("surely-started");
  program.task("one", [](Timed& s) {
    start(s, 1, 10);
    arch::smp_mb("test");
    s.r[0] = READ_ONCE(s.x);
  });
  program.task("two", [](Timed& s) {
    WRITE_ONCE(s.x, 1);
    arch::smp_mb("test");
    start(s, 2, 20);
  });
  const std::set<u64> all = orders(program);
  EXPECT_TRUE(all.contains(02110));
  EXPECT_FALSE(all.contains(02100));  // it was started before the other one
}

TEST(DporTime, AnInterruptThatWasSurelyRaisedEarlierRunsFirst) {
  Tasks<Timed> program = prepared("surely-raised");
  program.task("one", [](Timed& s) {
    raise(s, 1);
    arch::smp_mb("test");
    s.r[0] = READ_ONCE(s.x);
  });
  program.task("two", [](Timed& s) {
    WRITE_ONCE(s.x, 1);
    arch::smp_mb("test");
    raise(s, 2);
  });
  orders(program);
}

/// Sleeps until `deadline`, in nanoseconds from the beginning. 1: it was over, 2: woken before.
u32 sleep_until(u64 deadline) {
  arch::machine().set_state(arch::TASK_INTERRUPTIBLE);
  return arch::machine().schedule(1'000'000'000'000 + deadline) ? 2 : 1;
}

TEST(DporTime, WhoIsWokenBehindItsDeadlineIsNotWokenInTime) {
  Tasks<Timed> program("woken-late");
  program.task("sleeper", [](Timed& s) { s.r[0] = sleep_until(10); });
  program.task("waker", [&program](Timed& s) {
    s.r[1] = sleep_until(20);
    arch::machine().wake(program.handle(0), arch::TASK_INTERRUPTIBLE);
  });
  EXPECT_EQ(orders(program), (std::set<u64>{011}));
}

TEST(DporTime, ASleepersDeadlineAndATimerThatIsDueBeforeItComeInEitherOrder) {
  Tasks<Timed> program = prepared("sleeper-and-timer");
  program.task("sleeper", [](Timed& s) {
    start(s, 1, 10);
    s.r[0] = sleep_until(20);
    s.r[1] = READ_ONCE(s.order) & 7;
  });
  orders(program);
}

TEST(DporTime, WhoWaitsForTheClockComesToTheEnd) {
  Tasks<Timed> program("spins");
  program.task("spinner", [](Timed& s) {
    for (u32 round = 0; round < 2; round++) {
      const u64 until = arch::machine().now() + 1000;
      while (arch::machine().now() < until) arch::machine().poll_pass(arch::Site::here());
    }
    s.r[0] = 1;
  });
  program.task("other", [](Timed& s) { WRITE_ONCE(s.x, 1); });
  EXPECT_EQ(orders(program), (std::set<u64>{010}));
}

/// A program whose set-up has the machine at hand.
class Early final : public Program {
 public:
  Early(const char* name, std::function<void(Timed&, arch::Machine&)> begin) : tasks_(name), begin_(std::move(begin)) {
    tasks_.initially([this](Timed& s) {
      prepare(s);
      begin_(s, *machine_);
    });
    tasks_.digest(digest_of);
  }
  void task(const char* name, std::function<void(Timed&)> body) { tasks_.task(name, std::move(body)); }
  [[nodiscard]] const char* name() const noexcept override { return tasks_.name(); }
  void set_up(arch::Machine& machine) override {
    machine_ = &machine;
    tasks_.set_up(machine);
  }
  void check(Ending& ending) override { tasks_.check(ending); }
  [[nodiscard]] u64 digest() const noexcept override { return tasks_.digest(); }

 private:
  Tasks<Timed> tasks_;
  std::function<void(Timed&, arch::Machine&)> begin_;
  arch::Machine* machine_ = nullptr;
};

TEST(DporTime, TimersThatAreArmedBeforeExecutionsBeginFireInThem) {
  Early program("armed-before", [](Timed& s, arch::Machine& machine) {
    for (const u32 timer : {0u, 1u, 2u}) machine.timer_start(s.timer[timer], 1'000'000'000'000 + (timer == 1 ? 10 : 20));
  });
  program.task("owner", [](Timed& s) { s.r[0] = static_cast<u32>(arch::machine().timer_cancel(s.timer[0]) + 1); });
  const std::set<u64> all = orders(program);
  EXPECT_TRUE(all.contains(021310));  // it had fired
  EXPECT_TRUE(all.contains(02320));   // it was off in time
}

TEST(DporTime, InterruptsThatAreRaisedBeforeExecutionsBeginRunInThem) {
  Early program("raised-before", [](Timed& s, arch::Machine& machine) {
    machine.raise(s.interrupt[1]);
    machine.raise(s.interrupt[0]);
  });
  program.task("reader", [](Timed& s) { s.r[0] = READ_ONCE(s.order) & 7; });
  EXPECT_EQ(orders(program), (std::set<u64>{02100, 02120, 02110}));
}

}  // namespace
}  // namespace uringsim::sim::dpor
