// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/process.h"

#include <sys/mman.h>

#include "kernel_model/core/fs_struct.h"
#include "kernel_model/core/mm.h"
#include "kernel_model/core/rlimit.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/core/upper.h"
#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {
namespace {

using sim::RunEnd;

TEST(Process, StartsWithItsOwnAddressSpaceAndTheFirstLimits) {
  KernelWorld world({.kernel = {.memlock_bytes = 12345, .nofile = 99}});
  world.process("app", [&] {
    EXPECT_NE(current()->mm, nullptr);
    EXPECT_NE(current()->mm, world->init->mm);
    EXPECT_EQ(rlimit(RLIMIT_MEMLOCK), 12345u);
    EXPECT_EQ(rlimit(RLIMIT_NOFILE), 99u);
    EXPECT_EQ(rlimit(RLIMIT_FSIZE), RLIM_INFINITY);
    EXPECT_EQ(current()->tgid, current()->pid);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Process, ThreadsShareWhatProcessesDoNot) {
  KernelWorld world;
  task_struct* const leader = world.process("app", [] { nap(1'000'000); });
  task_struct* const thread = world.thread(leader, "thread", [] {});
  EXPECT_EQ(thread->mm, leader->mm);
  EXPECT_EQ(thread->signal, leader->signal);
  EXPECT_EQ(thread->fs, leader->fs);
  EXPECT_EQ(thread->tgid, leader->pid);
  EXPECT_NE(thread->pid, leader->pid);
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Fork, TheChildHasACopyOfPrivateMemoryAndSharesSharedMemory) {
  KernelWorld world;
  world.process("app", [&] {
    mm_struct* const mm = current()->mm;
    const uptr mine = static_cast<uptr>(mmap_anonymous(mm, 4096, PROT_READ | PROT_WRITE, false));
    const uptr ours = static_cast<uptr>(mmap_anonymous(mm, 4096, PROT_READ | PROT_WRITE, true));
    ASSERT_TRUE(put_user(u32{1}, mine));
    ASSERT_TRUE(put_user(u32{1}, ours));
    const int pid = do_fork(0, KernelWorld::run_body, world.keep([&] {
      u32 seen = 0;
      EXPECT_TRUE(get_user(&seen, mine));
      EXPECT_EQ(seen, 1u);
      EXPECT_TRUE(put_user(u32{2}, mine));
      EXPECT_TRUE(put_user(u32{2}, ours));
      do_group_exit(7 << 8);
    }));
    ASSERT_GT(pid, 0);
    int status = 0;
    EXPECT_EQ(do_wait(pid, &status, false), pid);
    EXPECT_EQ(status, 7 << 8);
    u32 seen = 0;
    EXPECT_TRUE(get_user(&seen, mine));
    EXPECT_EQ(seen, 1u);
    EXPECT_TRUE(get_user(&seen, ours));
    EXPECT_EQ(seen, 2u);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Fork, WaitSaysWhetherThereAreChildrenAndWhetherOneIsOver) {
  KernelWorld world;
  world.process("app", [&] {
    EXPECT_EQ(do_wait(-1, nullptr, true), -ECHILD);
    const int pid = do_fork(0, KernelWorld::run_body, world.keep([] { nap(10'000'000); }));
    EXPECT_EQ(do_wait(-1, nullptr, true), 0);
    EXPECT_EQ(do_wait(pid + 1, nullptr, true), -ECHILD);
    EXPECT_EQ(do_wait(-1, nullptr, false), pid);
    EXPECT_EQ(do_wait(-1, nullptr, true), -ECHILD);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Fork, AnOrphanIsReapedByItself) {
  KernelWorld world;
  bool found_alive = false, found_dead = true;
  world.process("app", [&] {
    const int pid = do_fork(0, KernelWorld::run_body,
                            world.keep([&] { (void)do_fork(0, KernelWorld::run_body, world.keep([] { nap(10'000'000); })); }));
    nap(1'000'000);
    const int orphan = pid + 1;
    task_struct* task = find_get_task_by_pid(orphan);
    found_alive = task != nullptr;
    if (task != nullptr) put_task_struct(task);
    nap(20'000'000);
    task = find_get_task_by_pid(orphan);
    found_dead = task != nullptr;
    (void)do_wait(-1, nullptr, false);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_TRUE(found_alive);
  EXPECT_FALSE(found_dead);
}

TEST(Fork, TheChildOfAThreadOutlivesItAndIsTheProcesss) {
  KernelWorld world({.cpus = 4});
  int pid = 0;
  const task_struct* parent = nullptr;
  const task_struct* leader = nullptr;
  world.process("app", [&] {
    leader = current();
    (void)do_fork(kCloneThread, KernelWorld::run_body, world.keep([&] {
      pid = do_fork(0, KernelWorld::run_body, world.keep([&] {
        nap(10'000'000);
        parent = current()->parent;
      }));
    }));
    nap(1'000'000);
    (void)do_fork(kCloneThread, KernelWorld::run_body, world.keep([] {}));  // frees the thread that is over
    EXPECT_EQ(do_wait(pid, nullptr, false), pid);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_NE(leader, nullptr);
  EXPECT_EQ(parent, leader);
}

TEST(Fork, FailsBeyondTheLimitOfProcesses) {
  KernelWorld world({.kernel = {.nproc = 2}});
  process_options options;
  options.uid = 1000;
  options.capabilities = 0;
  world.process(
      "app",
      [&] {
        EXPECT_GT(do_fork(0, KernelWorld::run_body, world.keep([] { nap(1'000'000); })), 0);
        EXPECT_EQ(do_fork(0, KernelWorld::run_body, world.keep([] {})), -EAGAIN);
        (void)do_wait(-1, nullptr, false);
      },
      options);
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Exit, AParentIsToldByASignal) {
  KernelWorld world;
  bool pending = false;
  world.process("app", [&] {
    k_sigaction action;
    action.kind = k_sigaction::Kind::handler;
    (void)do_sigaction(SIGCHLD, action);
    (void)do_fork(0, KernelWorld::run_body, world.keep([] {}));
    nap(1'000'000);
    pending = signal_pending(current());
    flush_signals(current());
    (void)do_wait(-1, nullptr, false);
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_TRUE(pending);
}

TEST(Exit, ALeaderThatEndsFirstIsReapedAfterItsLastThread) {
  KernelWorld world({.cpus = 4});
  u64 reaped_at = 0;
  world.process("parent", [&] {
    const int pid = do_fork(0, KernelWorld::run_body, world.keep([&] {
      task_struct* const thread = copy_process(kCloneThread, -1, KernelWorld::run_body, world.keep([] { nap(30'000'000); }));
      wake_up_new_task(thread);
      put_task_struct(thread);
    }));
    EXPECT_EQ(do_wait(pid, nullptr, false), pid);
    reaped_at = ktime_get_ns();
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_GE(reaped_at, 30'000'000u);
}

TEST(Exit, AnOrphanedLeaderThatEndedFirstIsReapedAfterItsLastThreadToo) {
  KernelWorld world({.cpus = 4});
  int pid = 0;
  const auto found = [&pid] {
    task_struct* const task = find_get_task_by_pid(pid);
    if (task != nullptr) put_task_struct(task);
    return task != nullptr;
  };
  world.process("parent", [&] {
    pid = do_fork(0, KernelWorld::run_body, world.keep([&] {
      (void)do_fork(kCloneThread, KernelWorld::run_body, world.keep([] { nap(30'000'000); }));
      (void)do_fork(0, KernelWorld::run_body, world.keep([] { nap(20'000'000); }));  // ends between the two
    }));
    nap(1'000'000);
  });
  world.process("witness", [&] {
    nap(10'000'000);
    EXPECT_TRUE(found());
    (void)do_fork(0, KernelWorld::run_body, world.keep([] {}));  // frees what is over
    nap(40'000'000);
    EXPECT_FALSE(found());
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Exit, GivesEverythingBack) {
  KernelWorld world;
  u64 bytes[3] = {};
  world.process("app", [&] {
    for (int i = 0; i < 30; i++) {
      (void)do_fork(0, KernelWorld::run_body, world.keep([] {
        const s64 at = mmap_anonymous(current()->mm, 65536, PROT_READ | PROT_WRITE, false);
        (void)put_user(u64{1}, static_cast<uptr>(at));
      }));
      (void)do_wait(-1, nullptr, false);
      nap(1'000'000);
      if (i == 3) bytes[0] = world.machine().arena().live_bytes();
    }
    bytes[1] = world.machine().arena().live_bytes();
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(bytes[0], bytes[1]);
  EXPECT_EQ(world->pages_used, 0u);
}

struct upper_log {
  std::vector<std::string> calls;
};
thread_local upper_log* log_of_test = nullptr;

TEST(Exit, CallsTheFloorsAboveInOrder) {
  KernelWorld world;
  upper_log log;
  log_of_test = &log;
  upper_floors upper;
  upper.copy_files = [](u32, task_struct* child, task_struct*) noexcept {
    child->files = reinterpret_cast<files_struct*>(8);
    log_of_test->calls.push_back("copy_files");
    return 0;
  };
  upper.io_uring_cancel = [](task_struct* task) noexcept {
    log_of_test->calls.push_back((task->flags & PF_EXITING) != 0 ? "cancel late" : "cancel");
  };
  upper.exit_files = [](task_struct* task) noexcept {
    log_of_test->calls.push_back(task->mm == nullptr ? "exit_files after mm" : "exit_files");
    task->files = nullptr;
  };
  world->upper = &upper;
  world.process("app", [] {});
  EXPECT_EQ(world.run(), RunEnd::finished);
  EXPECT_EQ(log.calls, (std::vector<std::string>{"copy_files", "cancel", "exit_files after mm"}));
}

TEST(Rlimit, RaisingTheHardLimitNeedsTheCapability) {
  KernelWorld world;
  auto body = [&](int expected) {
    return [expected] {
      EXPECT_EQ(do_setrlimit(RLIMIT_MEMLOCK, {10, 5}), -EINVAL);
      EXPECT_EQ(do_setrlimit(RLIMIT_MEMLOCK, {100, 65536}), 0);
      EXPECT_EQ(rlimit(RLIMIT_MEMLOCK), 100u);
      EXPECT_EQ(do_setrlimit(RLIMIT_MEMLOCK, {100, 1 << 20}), expected);
    };
  };
  world.process("root", body(0));
  process_options user;
  user.uid = 1000;
  user.capabilities = 0;
  world.process("user", body(-EPERM), user);
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Cred, OverrideAndRevert) {
  KernelWorld world;
  world.process("app", [&] {
    const cred* const mine = current_cred();
    cred* const other = prepare_creds();
    ASSERT_NE(other, nullptr);
    other->fsuid = 1000;
    other->cap_effective = 0;
    EXPECT_TRUE(capable(CAP_SYS_ADMIN));
    const cred* const old = override_creds(other);
    EXPECT_EQ(old, mine);
    EXPECT_EQ(current_cred()->fsuid, 1000u);
    EXPECT_FALSE(capable(CAP_SYS_ADMIN));
    revert_creds(old);
    put_cred(other);
    EXPECT_EQ(current_cred(), mine);
    EXPECT_TRUE(capable(CAP_SYS_ADMIN));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Cred, ProcessesOfOneUserShareItsAccounts) {
  KernelWorld world;
  process_options user;
  user.uid = 1000;
  task_struct* const a = world.process(
      "a", [] { nap(1'000'000); }, user);
  task_struct* const b = world.process(
      "b", [] { nap(1'000'000); }, user);
  task_struct* const root = world.process("root", [] {});
  EXPECT_EQ(a->real_cred->user, b->real_cred->user);
  EXPECT_NE(a->real_cred->user, root->real_cred->user);
  EXPECT_EQ(root->real_cred->user, world->root_user);
  EXPECT_EQ(world.run(), RunEnd::finished);
}

TEST(Cred, GroupsAreLookedUpInTheSupplementaryOnesToo) {
  KernelWorld world;
  world.process("app", [] {
    cred* const fresh = prepare_creds();
    fresh->fsgid = 5;
    fresh->groups[0] = 7;
    fresh->ngroups = 1;
    commit_creds(fresh);
    EXPECT_TRUE(in_group_p(5));
    EXPECT_TRUE(in_group_p(7));
    EXPECT_FALSE(in_group_p(0));
  });
  EXPECT_EQ(world.run(), RunEnd::finished);
}

}  // namespace
}  // namespace uringsim::kernel
