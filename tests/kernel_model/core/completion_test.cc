// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/completion.h"

#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {
namespace {

using sim::RunEnd;

TEST(Completion, CompleteBeforeTheWaitIsKept) {
  KernelWorld world;
  completion done;
  world.process("task", [&] {
    complete(&done);
    wait_for_completion(&done);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Completion, EachCompleteLetsOneWaiterGo) {
  KernelWorld world;
  completion done;
  int gone = 0, after_one = 0;
  for (int i = 0; i < 2; i++)
    world.process("waiter", [&] {
      wait_for_completion(&done);
      gone++;
    });
  world.process("completer", [&] {
    nap(10000);
    complete(&done);
    nap(100000);
    after_one = gone;
    complete(&done);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(after_one, 1);
  EXPECT_EQ(gone, 2);
}

TEST(Completion, CompleteAllLetsEverybodyGoForEver) {
  KernelWorld world;
  completion done;
  world.process("waiter", [&] { wait_for_completion(&done); });
  world.process("waiter", [&] { wait_for_completion(&done); });
  world.process("completer", [&] {
    nap(10000);
    complete_all(&done);
    wait_for_completion(&done);
    EXPECT_TRUE(completion_done(&done));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Completion, ReinitMakesItWaitAgain) {
  KernelWorld world;
  completion done;
  world.process("task", [&] {
    complete_all(&done);
    reinit_completion(&done);
    EXPECT_FALSE(try_wait_for_completion(&done));
    complete(&done);
    EXPECT_TRUE(try_wait_for_completion(&done));
    EXPECT_FALSE(completion_done(&done));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Completion, TheTimeoutReturnsZero) {
  KernelWorld world;
  completion done;
  u64 left = 1;
  world.process("waiter", [&] { left = wait_for_completion_timeout(&done, 3); });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(left, 0u);
  EXPECT_TRUE(list_empty(&done.wait.list.head));
}

TEST(Completion, ASignalEndsAnInterruptibleWait) {
  KernelWorld world;
  completion done;
  int ret = 0;
  task_struct* const waiter = world.process("waiter", [&] {
    k_sigaction action;
    action.kind = k_sigaction::Kind::handler;
    (void)do_sigaction(SIGUSR1, action);
    ret = wait_for_completion_interruptible(&done);
  });
  world.process("sender", [&] {
    nap(10000);
    send_sig(SIGUSR1, waiter, 0);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(ret, -ERESTARTSYS);
}

}  // namespace
}  // namespace uringsim::kernel
