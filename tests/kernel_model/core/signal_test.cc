// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/signal.h"

#include "kernel_model/core/kthread.h"
#include "kernel_model/core/mm.h"
#include "kernel_model/core/syscall.h"
#include "kernel_model/core/task_work.h"
#include "kernel_model/core/uaccess.h"
#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {
namespace {

using sim::RunEnd;

k_sigaction empty_handler(bool restart = false) {
  k_sigaction action;
  action.kind = k_sigaction::Kind::handler;
  action.restart = restart;
  return action;
}

/// A system call that sleeps until a signal comes.
s64 pause_call(s64 interrupted) {
  return system_call([interrupted] {
    while (!signal_pending(current())) {
      set_current_state(TASK_INTERRUPTIBLE);
      schedule();
    }
    return interrupted;
  });
}

TEST(Signal, AHandlerWithoutRestartMakesTheCallReturnEintr) {
  KernelWorld world;
  s64 ret = 0;
  task_struct* const app = world.process("app", [&] {
    (void)do_sigaction(SIGUSR1, empty_handler());
    ret = pause_call(-ERESTARTSYS);
  });
  world.process("sender", [&] {
    nap(1'000'000);
    EXPECT_EQ(sys_kill(app->pid, SIGUSR1), 0);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(ret, -EINTR);
}

TEST(Signal, AHandlerWithRestartMakesTheCallAgain) {
  KernelWorld world;
  int calls = 0;
  s64 ret = 0;
  task_struct* const app = world.process("app", [&] {
    (void)do_sigaction(SIGUSR1, empty_handler(true));
    ret = system_call([&]() -> s64 {
      if (++calls == 2) return 5;
      set_current_state(TASK_INTERRUPTIBLE);
      schedule();
      return -ERESTARTSYS;
    });
  });
  world.process("sender", [&] {
    nap(1'000'000);
    sys_kill(app->pid, SIGUSR1);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(ret, 5);
}

TEST(Signal, TheHandlersFunctionRunsBeforeTheCallReturns) {
  KernelWorld world;
  static thread_local int runs;
  runs = 0;
  int runs_after_call = 0;
  task_struct* const app = world.process("app", [&] {
    k_sigaction action = empty_handler();
    action.run = [](task_struct* task, int sig) {
      runs++;
      EXPECT_NE(task->blocked & sigmask_of(sig), 0u);  // blocked while it is handled
    };
    (void)do_sigaction(SIGUSR1, action);
    (void)pause_call(-EINTR);
    runs_after_call = runs;
    EXPECT_EQ(current()->blocked, 0u);
  });
  world.process("sender", [&] {
    nap(1'000'000);
    sys_kill(app->pid, SIGUSR1);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(runs_after_call, 1);
}

TEST(Signal, ABlockedSignalWaitsUntilItIsUnblocked) {
  KernelWorld world;
  world.process("app", [&] {
    (void)do_sigaction(SIGUSR1, empty_handler());
    (void)sigprocmask(SIG_BLOCK, sigmask_of(SIGUSR1), nullptr);
    send_sig(SIGUSR1, current(), 0);
    EXPECT_FALSE(signal_pending(current()));
    (void)sigprocmask(SIG_UNBLOCK, sigmask_of(SIGUSR1), nullptr);
    EXPECT_TRUE(signal_pending(current()));
    EXPECT_EQ(system_call([] { return s64{3}; }), 3);
    EXPECT_FALSE(signal_pending(current()));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Signal, WithoutAHandlerItEndsTheProcessWhereverItSleeps) {
  KernelWorld world;
  bool returned = false;
  task_struct* const app = world.process("app", [&] {
    (void)pause_call(-EINTR);
    returned = true;
  });
  world.process("sender", [&] {
    nap(1'000'000);
    sys_kill(app->pid, SIGTERM);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_FALSE(returned);
  EXPECT_EQ(app->exit_code, SIGTERM);
}

TEST(Signal, SigkillEndsAllThreadsAndCannotBeBlocked) {
  KernelWorld world({.cpus = 4});
  int returned = 0;
  task_struct* const leader = world.process("leader", [&] {
    (void)sigprocmask(SIG_BLOCK, ~u64{0}, nullptr);
    (void)pause_call(-EINTR);
    returned++;
  });
  for (int i = 0; i < 2; i++)
    world.thread(leader, "thread", [&] {
      (void)pause_call(-EINTR);
      returned++;
    });
  world.process("killer", [&] {
    nap(1'000'000);
    sys_kill(leader->pid, SIGKILL);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(returned, 0);
  EXPECT_EQ(leader->exit_code, SIGKILL);
}

TEST(Signal, IgnoredSignalsAreNotQueued) {
  KernelWorld world;
  world.process("app", [&] {
    send_sig(SIGCHLD, current(), 0);  // ignored by default
    EXPECT_FALSE(signal_pending(current()));
    k_sigaction ignore;
    ignore.kind = k_sigaction::Kind::ignore;
    (void)do_sigaction(SIGUSR1, ignore);
    send_sig(SIGUSR1, current(), 0);
    EXPECT_FALSE(signal_pending(current()));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Signal, ASignalForTheProcessGoesToAThreadThatDoesNotBlockIt) {
  KernelWorld world({.cpus = 4});
  s64 leader_ret = 0, thread_ret = 0;
  task_struct* const leader = world.process("leader", [&] {
    (void)do_sigaction(SIGUSR1, empty_handler());
    (void)do_sigaction(SIGUSR2, empty_handler());
    (void)sigprocmask(SIG_BLOCK, sigmask_of(SIGUSR1), nullptr);
    leader_ret = pause_call(-EINTR);
  });
  world.thread(leader, "thread", [&] { thread_ret = pause_call(-EINTR); });
  s64 leader_early = 1;
  world.process("sender", [&] {
    nap(1'000'000);
    sys_kill(leader->pid, SIGUSR1);
    nap(1'000'000);
    leader_early = leader_ret;
    EXPECT_EQ(thread_ret, -EINTR);
    sys_kill(leader->pid, SIGUSR2);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(leader_early, 0);
  EXPECT_EQ(leader_ret, -EINTR);
}

TEST(Signal, KernelThreadsTakeOnlyWhatTheyAllowedAndTheKernelSends) {
  KernelWorld world;
  bool from_user = true, not_allowed = true, allowed = false, after = true;
  struct shared {
    task_struct* thread = nullptr;
  } state;
  world.process("app", [&] {
    state.thread = kthread_run(KernelWorld::run_kthread, world.keep([&] {
      send_sig(SIGINT, current(), 1);
      not_allowed = signal_pending(current());
      allow_kernel_signal(SIGINT);
      send_sig(SIGINT, current(), 0);
      from_user = signal_pending(current());
      send_sig(SIGINT, current(), 1);
      allowed = signal_pending(current());
      disallow_signal(SIGINT);
      after = signal_pending(current());
    }),
                               "kernel-side");
    nap(1'000'000);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_FALSE(not_allowed);
  EXPECT_FALSE(from_user);
  EXPECT_TRUE(allowed);
  EXPECT_FALSE(after);
}

TEST(Signal, FlushSignalsForgetsWhatIsPending) {
  KernelWorld world;
  world.process("app", [&] {
    (void)do_sigaction(SIGUSR1, empty_handler());
    send_sig(SIGUSR1, current(), 0);
    EXPECT_TRUE(signal_pending(current()));
    flush_signals(current());
    EXPECT_FALSE(signal_pending(current()));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(UserSigmask, HoldsForTheCallAndTheHandlerThatEndsIt) {
  KernelWorld world;
  world.process("app", [&] {
    (void)do_sigaction(SIGUSR1, empty_handler());
    (void)sigprocmask(SIG_BLOCK, sigmask_of(SIGUSR1), nullptr);
    send_sig(SIGUSR1, current(), 0);
    const uptr mask = static_cast<uptr>(mmap_anonymous(current()->mm, 4096, 3, false));
    ASSERT_TRUE(put_user(u64{0}, mask));
    const s64 ret = system_call([&]() -> s64 {
      const int error = set_user_sigmask(mask, 8);
      if (error != 0) return error;
      const bool interrupted = signal_pending(current());
      restore_saved_sigmask_unless(interrupted);
      return interrupted ? -EINTR : 0;
    });
    EXPECT_EQ(ret, -EINTR);
    EXPECT_EQ(current()->blocked, sigmask_of(SIGUSR1));
    EXPECT_FALSE(signal_pending(current()));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(UserSigmask, IsPutBackAtOnceIfNothingCame) {
  KernelWorld world;
  world.process("app", [&] {
    const uptr mask = static_cast<uptr>(mmap_anonymous(current()->mm, 4096, 3, false));
    ASSERT_TRUE(put_user(sigmask_of(SIGUSR2) | sigmask_of(SIGKILL), mask));
    EXPECT_EQ(set_user_sigmask(mask, 8), 0);
    EXPECT_EQ(current()->blocked, sigmask_of(SIGUSR2));  // SIGKILL cannot be blocked
    restore_saved_sigmask_unless(false);
    EXPECT_EQ(current()->blocked, 0u);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(UserSigmask, ChecksSizeBeforeAddress) {
  KernelWorld world;
  world.process("app", [&] {
    EXPECT_EQ(set_user_sigmask(0, 3), 0);
    EXPECT_EQ(set_user_sigmask(0x1000, 3), -EINVAL);
    EXPECT_EQ(set_user_sigmask(0x1000, 8), -EFAULT);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

struct noted_work {
  callback_head work;
  std::vector<int>* log = nullptr;
  int number = 0;
};
void note(callback_head* work) {
  noted_work* const self = container_of(work, noted_work, work);
  self->log->push_back(self->number);
}

TEST(TaskWork, RunsNewestFirstBeforeTheCallReturns) {
  KernelWorld world;
  std::vector<int> log;
  noted_work works[3];
  world.process("app", [&] {
    EXPECT_EQ(system_call([&]() -> s64 {
                for (int i = 0; i < 3; i++) {
                  works[i].log = &log;
                  works[i].number = i;
                  init_task_work(&works[i].work, note);
                  EXPECT_EQ(task_work_add(current(), &works[i].work, TWA_RESUME), 0);
                }
                EXPECT_TRUE(log.empty());
                return 0;
              }),
              0);
    EXPECT_EQ(log, (std::vector<int>{2, 1, 0}));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(TaskWork, WithoutNotificationItWaitsForExit) {
  KernelWorld world;
  std::vector<int> log;
  noted_work work;
  bool before_exit = true;
  world.process("app", [&] {
    work.log = &log;
    init_task_work(&work.work, note);
    EXPECT_EQ(task_work_add(current(), &work.work, TWA_NONE), 0);
    (void)system_call([] { return s64{0}; });
    before_exit = !log.empty();
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_FALSE(before_exit);
  EXPECT_EQ(log.size(), 1u);
}

TEST(TaskWork, CannotBeAddedToATaskThatIsGone) {
  KernelWorld world;
  std::vector<int> log;
  noted_work work;
  int ret = 0;
  task_struct* const app = world.process("app", [] {});
  world.process("late", [&] {
    nap(1'000'000);
    init_task_work(&work.work, note);
    ret = task_work_add(app, &work.work, TWA_RESUME);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(ret, -ESRCH);
}

TEST(TaskWork, TwaSignalEndsAnInterruptibleSleepWithoutASignal) {
  KernelWorld world;
  std::vector<int> log;
  noted_work work;
  s64 ret = 1;
  int calls = 0;
  task_struct* const app = world.process("app", [&] {
    ret = system_call([&]() -> s64 {
      if (++calls == 2) return 0;
      set_current_state(TASK_INTERRUPTIBLE);
      schedule();
      EXPECT_TRUE(signal_pending(current()));
      return -ERESTARTSYS;
    });
  });
  world.process("adder", [&] {
    nap(1'000'000);
    work.log = &log;
    init_task_work(&work.work, note);
    EXPECT_EQ(task_work_add(app, &work.work, TWA_SIGNAL), 0);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(log.size(), 1u);
  EXPECT_EQ(calls, 2);  // no handler ran: the call is made again
  EXPECT_EQ(ret, 0);
}

TEST(TaskWork, CancelTakesTheNewestOfAKind) {
  KernelWorld world;
  std::vector<int> log;
  noted_work works[2];
  world.process("app", [&] {
    for (int i = 0; i < 2; i++) {
      works[i].log = &log;
      works[i].number = i;
      init_task_work(&works[i].work, note);
      EXPECT_EQ(task_work_add(current(), &works[i].work, TWA_NONE), 0);
    }
    EXPECT_EQ(task_work_cancel(current(), note), &works[1].work);
    task_work_run();
    EXPECT_EQ(task_work_cancel(current(), note), nullptr);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(log, (std::vector<int>{0}));
}

}  // namespace
}  // namespace uringsim::kernel
