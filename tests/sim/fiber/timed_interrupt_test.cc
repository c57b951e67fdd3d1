// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include "tests/sim/fiber/timed_support.h"

namespace uringsim::sim {
namespace {

using arch::LockKind;
using arch::machine;

/// A timer that notes when, where and in what context it ran.
struct NotingTimer {
  arch::Timer timer;  // first: the callback gets its address
  std::string* log = nullptr;
  char letter = 0;
  u64 ran_at = 0;
  int cpu = -1;
  bool in_interrupt = false;

  NotingTimer(std::string* to, char as) : log(to), letter(as) {
    timer.function = [](arch::Timer* t) {
      auto& self = *reinterpret_cast<NotingTimer*>(t);
      *self.log += self.letter;
      self.ran_at = TimedWorld::now();
      self.cpu = machine().current_cpu();
      self.in_interrupt = arch::current_task()->in_interrupt;
    };
  }
};

TEST(TimedTimer, RunInOrderOfTheirTimeAndThenOfTheirStart) {
  TimedWorld world;
  std::string log;
  NotingTimer a(&log, 'a');
  NotingTimer b(&log, 'b');
  NotingTimer c(&log, 'c');
  NotingTimer d(&log, 'd');
  world.add("t", [&] {
    machine().timer_start(a.timer, 30'000);
    machine().timer_start(b.timer, 20'000);
    machine().timer_start(c.timer, 30'000);
    machine().timer_start(d.timer, 20'000);
    TimedWorld::sleep_until(50'000);
  });
  world.go();
  EXPECT_EQ(log, "bdac");
}

TEST(TimedTimer, RunInInterruptContextOfTheProcessorThatStartedThem) {
  TimedWorld world({.cpus = 2});
  std::string log;
  NotingTimer a(&log, 'a');
  world.add("t",
            [&] {
              machine().timer_start(a.timer, 30'000);
              TimedWorld::sleep_until(50'000);
            },
            {.cpu = 1});
  world.go();
  EXPECT_EQ(a.cpu, 1);
  EXPECT_TRUE(a.in_interrupt);
  EXPECT_EQ(a.ran_at, 30'100u);
  EXPECT_FALSE(a.timer.armed);
}

TEST(TimedTimer, CancelTellsArmedFromNot) {
  TimedWorld world;
  std::string log;
  NotingTimer a(&log, 'a');
  int first = -2;
  int second = -2;
  world.add("t", [&] {
    machine().timer_start(a.timer, 30'000);
    first = machine().timer_cancel(a.timer);
    second = machine().timer_cancel(a.timer);
    TimedWorld::sleep_until(50'000);
  });
  world.go();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 0);
  EXPECT_EQ(log, "");
}

TEST(TimedTimer, CancelSeesACallbackThatIsRunning) {
  TimedWorld world({.cpus = 2});
  struct Slow {
    arch::Timer timer;
  } slow;
  slow.timer.function = [](arch::Timer*) { TimedWorld::work(10'000); };
  int result = -2;
  world.add("starter",
            [&] {
              machine().timer_start(slow.timer, 20'000);
              TimedWorld::sleep_until(50'000);
            },
            {.cpu = 0});
  world.add("canceller",
            [&] {
              TimedWorld::work(25'000);
              result = machine().timer_cancel(slow.timer);
            },
            {.cpu = 1});
  world.go();
  EXPECT_EQ(result, -1);
}

TEST(TimedTimer, StartedAgainTakesTheNewTime) {
  TimedWorld world;
  std::string log;
  NotingTimer a(&log, 'a');
  world.add("t", [&] {
    machine().timer_start(a.timer, 30'000);
    machine().timer_start(a.timer, 10'000);
    TimedWorld::sleep_until(50'000);
  });
  world.go();
  EXPECT_EQ(log, "a");
  EXPECT_EQ(a.ran_at, 10'100u);
}

TEST(TimedTimer, RestartsItselfFromItsCallback) {
  TimedWorld world;
  struct Periodic {
    arch::Timer timer;
    int runs = 0;
  } periodic;
  periodic.timer.function = [](arch::Timer* t) {
    if (++reinterpret_cast<Periodic*>(t)->runs < 5) machine().timer_start(*t, t->due + 1'000);
  };
  world.add("t", [&] {
    machine().timer_start(periodic.timer, 1'000);
    TimedWorld::sleep_until(50'000);
  });
  world.go();
  EXPECT_EQ(periodic.runs, 5);
}

TEST(TimedTimer, ThousandsOfCancelledOnesLeaveNothing) {
  TimedWorld world;
  arch::Timer timer;
  timer.function = [](arch::Timer*) {};
  world.add("t", [&] {
    for (int i = 0; i < 10'000; i++) {
      machine().timer_start(timer, 1'000'000'000);
      machine().timer_cancel(timer);
    }
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_LT(world.machine.now(), 1'000'000'000u);
}

TEST(TimedInterrupt, StopsTheTaskOfItsProcessorAndIsChargedToIt) {
  TimedWorld world({.cpus = 1});
  struct Device {
    arch::Interrupt interrupt;
    u64 cost = 0;
  } device;
  device.interrupt.function = [](arch::Interrupt*) { TimedWorld::work(5'000); };
  u64 end = 0;
  world.add("t", [&] {
    TimedWorld::work(1'000);
    machine().raise(device.interrupt);
    TimedWorld::work(1'000);
    end = TimedWorld::now();
  });
  world.go();
  EXPECT_EQ(end, 100u + 2'000 + 5'100);
  EXPECT_EQ(world.statistics("t").running, 2'000u);
  EXPECT_EQ(world.machine.processor_statistics(0).interrupt, 5'100u);
  EXPECT_EQ(world.machine.processor_statistics(0).interrupts, 1u);
}

TEST(TimedInterrupt, WakesATask) {
  TimedWorld world({.cpus = 1});
  struct Device {
    arch::Timer timer;
    arch::Interrupt interrupt;
    arch::Task* sleeper = nullptr;
  } device;
  device.timer.function = [](arch::Timer* t) { machine().raise(reinterpret_cast<Device*>(t)->interrupt); };
  device.interrupt.function = [](arch::Interrupt* i) {
    auto* const self = reinterpret_cast<Device*>(reinterpret_cast<char*>(i) - offsetof(Device, interrupt));
    machine().wake(*self->sleeper, arch::TASK_NORMAL);
  };
  bool woken = false;
  device.sleeper = &world.add("t", [&] {
    machine().timer_start(device.timer, 10'000);
    machine().set_state(arch::TASK_UNINTERRUPTIBLE);
    woken = machine().schedule(1'000'000);
  });
  world.go();
  EXPECT_TRUE(woken);
  EXPECT_LT(world.machine.now(), 11'000u);
}

TEST(TimedInterrupt, PendingTwiceRunsOnce) {
  TimedWorld world;
  struct Device {
    arch::Interrupt interrupt;
    int runs = 0;
  } device;
  device.interrupt.function = [](arch::Interrupt* i) { reinterpret_cast<Device*>(i)->runs++; };
  world.add("t", [&] {
    machine().raise(device.interrupt);
    machine().raise(device.interrupt);
    TimedWorld::work(1'000);
    machine().raise(device.interrupt);
    TimedWorld::work(1'000);
  });
  world.go();
  EXPECT_EQ(device.runs, 2);
}

// What spin_lock_irqsave is for: an interrupt that needs the lock of the task below it waits for that task, and the task goes on.
TEST(TimedInterrupt, DoesNotDeadlockWithTheTaskItInterrupts) {
  TimedWorld world({.cpus = 1});
  struct Device {
    arch::Interrupt interrupt;
    arch::LockWord lock;
    bool task_inside = false;
    bool intruded = false;
    bool ran = false;
  } device;
  device.interrupt.function = [](arch::Interrupt* i) {
    auto& self = *reinterpret_cast<Device*>(i);
    arch::lock_acquire(self.lock, LockKind::spin);
    self.intruded = self.task_inside;
    self.ran = true;
    arch::lock_release(self.lock, LockKind::spin);
  };
  world.add("t", [&] {
    arch::lock_acquire(device.lock, LockKind::spin);
    device.task_inside = true;
    machine().raise(device.interrupt);
    TimedWorld::work(10'000);
    EXPECT_FALSE(device.ran);
    device.task_inside = false;
    arch::lock_release(device.lock, LockKind::spin);
    TimedWorld::work(1'000);
    EXPECT_TRUE(device.ran);
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_TRUE(device.ran);
  EXPECT_FALSE(device.intruded);
  EXPECT_LT(world.machine.processor_statistics(0).interrupt, 500u);  // waiting is not its work
}

TEST(TimedInterrupt, RunsAsTheTaskThatTheWorldProvides) {
  TimedWorld world({.cpus = 1});
  arch::Task own;
  world.machine.set_interrupt_task(0, own);
  struct Device {
    arch::Interrupt interrupt;
    arch::Task* seen = nullptr;
  } device;
  device.interrupt.function = [](arch::Interrupt* i) { reinterpret_cast<Device*>(i)->seen = arch::current_task(); };
  world.add("t", [&] {
    machine().raise(device.interrupt);
    TimedWorld::work(1'000);
  });
  world.go();
  EXPECT_EQ(device.seen, &own);
  EXPECT_TRUE(own.in_interrupt);
}

}  // namespace
}  // namespace uringsim::sim
