// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/wait.h"

#include "kernel_model/core/signal.h"
#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {
namespace {

using sim::RunEnd;

TEST(WaitQueue, WaitEventReturnsOnceTheConditionIsTrue) {
  KernelWorld world;
  wait_queue_head queue;
  u32 condition = 0, seen = 0;
  world.process("sleeper", [&] {
    wait_event(&queue, [&] { return READ_ONCE(condition) != 0; });
    seen = condition;
  });
  world.process("waker", [&] {
    nap(1000);
    WRITE_ONCE(condition, 7u);
    wake_up(&queue);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(seen, 7u);
  EXPECT_FALSE(list_empty(&world->tasks));
}

TEST(WaitQueue, AWakeupWithoutTheConditionSendsTheTaskBackToSleep) {
  KernelWorld world;
  wait_queue_head queue;
  u32 condition = 0;
  int looks = 0;
  world.process("sleeper", [&] {
    wait_event(&queue, [&] {
      looks++;
      return READ_ONCE(condition) != 0;
    });
  });
  world.process("waker", [&] {
    nap(1000);
    wake_up(&queue);
    nap(100000);
    WRITE_ONCE(condition, 1u);
    wake_up(&queue);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(looks, 4);  // before sleeping, on the queue, and after each wakeup
}

TEST(WaitQueue, ALostConditionIsADeadlockThatTheEngineNames) {
  KernelWorld world;
  wait_queue_head queue;
  world.process("sleeper", [&] { wait_event(&queue, [] { return false; }); });
  EXPECT_EQ(world.run(), RunEnd::deadlock);
  EXPECT_NE(world.result().describe().find("sleeper"), std::string::npos);
}

TEST(WaitQueue, ExclusiveWaitersAreWokenOneAtATimeInOrder) {
  KernelWorld world;
  wait_queue_head queue;
  std::vector<int> order;
  u32 tokens = 0;
  for (int i = 0; i < 3; i++)
    world.process("sleeper", [&, i] {
      nap(100 * static_cast<u64>(i + 1));
      EXPECT_EQ(wait_event_interruptible(
                    &queue, [&] { return READ_ONCE(tokens) != 0; }, true),
                0);
      tokens--;
      order.push_back(i);
    });
  world.process("waker", [&] {
    nap(100000);
    for (int i = 0; i < 3; i++) {
      WRITE_ONCE(tokens, 1u);
      wake_up(&queue);
      nap(100000);
    }
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(WaitQueue, NonExclusiveWaitersAllWakeUpAndOneExclusiveOne) {
  KernelWorld world({.cpus = 8});
  wait_queue_head queue;
  int woken_shared = 0, woken_exclusive = 0;
  u32 go = 0;
  auto sleeper = [&](bool exclusive, int& count) {
    wait_entry entry;
    if (exclusive)
      prepare_to_wait_exclusive(&queue, &entry, TASK_UNINTERRUPTIBLE);
    else
      prepare_to_wait(&queue, &entry, TASK_UNINTERRUPTIBLE);
    if (READ_ONCE(go) == 0) schedule();
    finish_wait(&queue, &entry);
    count++;
  };
  for (int i = 0; i < 2; i++) world.process("exclusive", [&] { sleeper(true, woken_exclusive); });
  for (int i = 0; i < 3; i++) world.process("shared", [&] { sleeper(false, woken_shared); });
  int after_first[2] = {};
  world.process("waker", [&] {
    nap(100000);
    wake_up(&queue);
    nap(100000);
    after_first[0] = woken_shared;
    after_first[1] = woken_exclusive;
    wake_up(&queue);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(after_first[0], 3);
  EXPECT_EQ(after_first[1], 1);
  EXPECT_EQ(woken_exclusive, 2);
}

TEST(WaitQueue, ACustomWakeFunctionGetsTheKeyAndCanStopTheWalk) {
  KernelWorld world;
  RunAs builder(world->swapper);
  wait_queue_head queue;
  struct watcher : wait_queue_entry {
    u32 key_seen = 0;
    int answer = 0;
  };
  auto func = [](wait_queue_entry* entry, unsigned, int, void* key) noexcept {
    watcher* const self = static_cast<watcher*>(entry);
    self->key_seen = key_to_poll(key);
    return self->answer;
  };
  watcher first, second;
  init_waitqueue_func_entry(&first, func);
  init_waitqueue_func_entry(&second, func);
  first.answer = -1;
  add_wait_queue(&queue, &second);
  add_wait_queue(&queue, &first);  // in front
  wake_up_poll(&queue, 0x41);
  EXPECT_EQ(first.key_seen, 0x41u);
  EXPECT_EQ(second.key_seen, 0u);
  remove_wait_queue(&queue, &first);
  wake_up_poll(&queue, 0x1);
  EXPECT_EQ(second.key_seen, 1u);
  remove_wait_queue(&queue, &second);
  EXPECT_FALSE(waitqueue_active(&queue));
}

TEST(WaitQueue, AnEntryThatWasWokenIsOffTheQueue) {
  KernelWorld world;
  wait_queue_head queue;
  bool active_before = false, active_after = true;
  world.process("sleeper", [&] {
    wait_entry entry;
    prepare_to_wait(&queue, &entry, TASK_INTERRUPTIBLE);
    schedule();
    active_after = waitqueue_active(&queue);
    finish_wait(&queue, &entry);
  });
  world.process("waker", [&] {
    nap(10000);
    active_before = waitqueue_active(&queue);
    wake_up_interruptible(&queue);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_TRUE(active_before);
  EXPECT_FALSE(active_after);
}

TEST(WaitQueue, InterruptibleWakeupsLeaveUninterruptibleSleepersAlone) {
  KernelWorld world;
  wait_queue_head queue;
  u32 condition = 0;
  u64 woken_at = 0;
  world.process("sleeper", [&] {
    wait_event(&queue, [&] { return READ_ONCE(condition) != 0; });
    woken_at = ktime_get_ns();
  });
  world.process("waker", [&] {
    nap(1000);
    WRITE_ONCE(condition, 1u);
    wake_up_interruptible(&queue);
    nap(1000000);
    wake_up(&queue);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_GT(woken_at, 1000000u);
}

TEST(WaitQueue, ASignalEndsAnInterruptibleWait) {
  KernelWorld world;
  wait_queue_head queue;
  int ret = 0;
  task_struct* const sleeper = world.process("sleeper", [&] {
    k_sigaction action;
    action.kind = k_sigaction::Kind::handler;
    (void)do_sigaction(SIGUSR1, action);
    ret = wait_event_interruptible(&queue, [] { return false; });
  });
  world.process("sender", [&] {
    nap(10000);
    EXPECT_EQ(send_sig(SIGUSR1, sleeper, 0), 0);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(ret, -ERESTARTSYS);
  EXPECT_FALSE(!list_empty(&queue.list.head));
}

TEST(Schedule, TimeoutsEndAtATickAfterTheirTime) {
  KernelWorld world;  // 250 Hz
  long left = -1;
  u64 slept = 0;
  world.process("sleeper", [&] {
    nap(1'000'000);
    const u64 before = ktime_get_ns();
    __set_current_state(TASK_UNINTERRUPTIBLE);
    left = schedule_timeout(2);
    slept = ktime_get_ns() - before;
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(left, 0);
  EXPECT_GE(slept, 8'000'000u);
  EXPECT_LE(slept, 12'100'000u);
}

TEST(Schedule, WokenEarlyReturnsWhatIsLeft) {
  KernelWorld world;
  long left = -1;
  task_struct* const sleeper = world.process("sleeper", [&] {
    __set_current_state(TASK_UNINTERRUPTIBLE);
    left = schedule_timeout(100);
  });
  world.process("waker", [&] {
    nap(40'000'000);  // ten ticks
    wake_up_process(sleeper);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(left, 90);
}

}  // namespace
}  // namespace uringsim::kernel
