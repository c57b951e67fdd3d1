// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/kthread.h"

#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {
namespace {

using sim::RunEnd;

TEST(Kthread, RunsOnceWokenAndReturnsItsValueToStop) {
  KernelWorld world;
  int ret = 0;
  world.process("app", [&] {
    task_struct* const thread = kthread_run(
        [](void*) {
          while (!kthread_should_stop()) {
            set_current_state(TASK_INTERRUPTIBLE);
            if (!kthread_should_stop()) schedule();
            __set_current_state(TASK_RUNNING);
          }
          return 42;
        },
        nullptr, "worker");
    nap(100000);
    ret = kthread_stop(thread);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(ret, 42);
}

TEST(Kthread, StoppedBeforeItEverRanNeverCallsItsFunction) {
  KernelWorld world;
  bool called = false;
  int ret = 0;
  world.process("app", [&] {
    task_struct* const thread = kthread_create(
        [](void* flag) {
          *static_cast<bool*>(flag) = true;
          return 0;
        },
        &called, "worker");
    ret = kthread_stop(thread);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_FALSE(called);
  EXPECT_EQ(ret, -EINTR);
}

TEST(Kthread, WhoAwaitsItsCreationSleepsAndItsFunctionStillWaitsToBeWoken) {
  KernelWorld world({.cpus = 1});
  bool called = false, called_before = true, other_ran = false;
  world.process("app", [&] {
    task_struct* const thread = kthread_create(
        [](void* flag) {
          *static_cast<bool*>(flag) = true;
          kthread_parkme();
          return 7;
        },
        &called, "worker");
    task_struct* const other = kthread_run(
        [](void* flag) {
          *static_cast<bool*>(flag) = true;
          return 0;
        },
        &other_ran, "waits-for-the-processor");
    EXPECT_FALSE(IS_ERR(other));
    kthread_await_creation(thread);
    EXPECT_TRUE(other_ran);
    nap(100000);
    called_before = called;
    wake_up_process(thread);
    nap(100000);
    EXPECT_EQ(kthread_stop(thread), 7);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_FALSE(called_before);
  EXPECT_TRUE(called);
}

TEST(Kthread, BoundThreadsRunOnTheirProcessor) {
  KernelWorld world({.cpus = 4});
  int cpu = -1;
  world.process("app", [&] {
    task_struct* const thread = kthread_create_on_cpu(
        [](void* where) {
          *static_cast<int*>(where) = arch::machine().current_cpu();
          kthread_parkme();
          return 0;
        },
        &cpu, 3, "bound");
    wake_up_process(thread);
    nap(100000);
    kthread_stop(thread);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(cpu, 3);
}

struct parker {
  u64 passes = 0;
  task_struct* thread = nullptr;
};
int park_when_asked(void* argument) {
  parker* const self = static_cast<parker*>(argument);
  while (!kthread_should_stop()) {
    if (kthread_should_park()) kthread_parkme();
    self->passes++;
    set_current_state(TASK_INTERRUPTIBLE);
    if (!kthread_should_stop() && !kthread_should_park()) (void)schedule_timeout(1);
    __set_current_state(TASK_RUNNING);
  }
  return 0;
}

TEST(Kthread, AParkedThreadDoesNothingUntilItIsUnparked) {
  KernelWorld world;
  parker state;
  u64 while_parked = 1, after = 0;
  world.process("app", [&] {
    state.thread = kthread_run(park_when_asked, &state, "parker");
    nap(20'000'000);
    EXPECT_EQ(kthread_park(state.thread), 0);
    const u64 at = state.passes;
    nap(50'000'000);
    while_parked = state.passes - at;
    kthread_unpark(state.thread);
    nap(50'000'000);
    after = state.passes - at;
    kthread_stop(state.thread);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(while_parked, 0u);
  EXPECT_GT(after, 3u);
}

TEST(Kthread, ParkedBeforeItEverRanParksWithoutCallingItsFunction) {
  KernelWorld world;
  parker state;
  u64 passes_parked = 1;
  world.process("app", [&] {
    state.thread = kthread_create(park_when_asked, &state, "parker");
    EXPECT_EQ(kthread_park(state.thread), 0);
    passes_parked = state.passes;
    kthread_unpark(state.thread);
    nap(20'000'000);
    kthread_stop(state.thread);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(passes_parked, 0u);
  EXPECT_GT(state.passes, 0u);
}

TEST(Kthread, AThreadThatLooksAtStopOnlySleepsThroughAParkRequest) {
  KernelWorld world;
  world.process("closer", [&] {
    task_struct* const thread = kthread_run(
        [](void*) {
          u64 until = ktime_get_ns() + 100'000;
          while (ktime_get_ns() < until) cpu_relax();  // the request comes while it runs
          set_current_state(TASK_INTERRUPTIBLE);
          if (!kthread_should_stop()) schedule();
          __set_current_state(TASK_RUNNING);
          kthread_parkme();
          return 0;
        },
        nullptr, "sq-thread");
    nap(10'000);
    kthread_park(thread);
  });
  EXPECT_EQ(world.run(), RunEnd::deadlock);
}

TEST(Kthread, ParkingAnExitedThreadIsRefused) {
  KernelWorld world;
  int ret = 0;
  world.process("app", [&] {
    task_struct* const thread = kthread_run([](void*) { return 0; }, nullptr, "short");
    get_task_struct(thread);
    nap(1'000'000);
    ret = kthread_park(thread);
    put_task_struct(thread);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(ret, -ENOSYS);
  EXPECT_EQ(world.reports().size(), 1u);
}

TEST(Kthread, EndedThreadsAreFreedWhenTheNextOneIsMade) {
  KernelWorld world;
  u64 bytes_first = 0, bytes_last = 0;
  world.process("app", [&] {
    for (int i = 0; i < 50; i++) {
      kthread_stop(kthread_run([](void*) { return 0; }, nullptr, "short"));
      nap(1'000'000);
      if (i == 5) bytes_first = world.machine().arena().live_bytes();
    }
    bytes_last = world.machine().arena().live_bytes();
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(bytes_first, bytes_last);
}

}  // namespace
}  // namespace uringsim::kernel
