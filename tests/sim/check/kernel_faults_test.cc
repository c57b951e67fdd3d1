// SPDX-License-Identifier: GPL-2.0-only
// Checks of the kernel on kernels that are broken: each fires on the fault that it is about, and is quiet on the sound twin.
#include <gtest/gtest.h>

#include "kernel_model/core/mutex.h"
#include "kernel_model/core/spinlock.h"
#include "kernel_model/core/syscall.h"
#include "kernel_model/fs/syscalls.h"
#include "sim/check/deadlock.h"
#include "sim/check/livelock.h"
#include "sim/explore/explore.h"
#include "sim/explore/world_program.h"
#include "sim/scenario/load.h"
#include "sim/scenario/race.h"
#include "sim/scenario/scenario_program.h"

namespace uringsim::sim {
namespace {

/// The violated check and its text, of a search through samples; empty if there is none.
std::string found(WorldProgram& program, u64 executions = 2'000, Search strategy = Search::pct) {
  ExploreOptions options;
  options.strategy = strategy;
  options.executions = executions;
  options.minimise = false;
  const ExploreResult result = explore(program, options);
  EXPECT_EQ(result.error, "");
  return result.found ? result.violation.check + ": " + result.violation.text : "";
}

/// One process that runs `body` and exits.
template <class Body>
WorldProgram one_process(const char* name, Body body) {
  return WorldProgram(name, {}, [body](World& world) {
    world.add_process({.name = "app"}, [body] {
      arch::machine().ready();
      body();
    });
  });
}

// ---- leaks ------------------------------------------------------------------------------------------------------------------

int open_eventfd() {
  return static_cast<int>(kernel::system_call([]() noexcept { return kernel::sys_eventfd2(0, 0); }));
}

TEST(NoLeak, FindsAFileThatSomebodyKeepsAReferenceOf) {
  WorldProgram broken = one_process("file-leak", [] {
    const int fd = open_eventfd();
    (void)kernel::fget(static_cast<unsigned>(fd));  // and never fput
    (void)Application().close(fd);
  });
  EXPECT_NE(found(broken, 10).find("no-leak: nothing of the kernel outlives the last task: 1 file is left"), std::string::npos);
  WorldProgram sound = one_process("file", [] {
    const int fd = open_eventfd();
    kernel::fput(kernel::fget(static_cast<unsigned>(fd)));
    (void)Application().close(fd);
  });
  EXPECT_EQ(found(sound), "");
}

TEST(NoLeak, FindsARingWhoseFileIsKept) {
  const auto ring = [](bool keep) {
    return [keep] {
      ApplicationRing one;
      if (one.queue_init(4, 0) != 0) arch::machine().report("no ring", true, arch::Site::here());
      if (keep) (void)kernel::fget(static_cast<unsigned>(one.ring_fd));
      one.queue_exit();
    };
  };
  WorldProgram broken = one_process("ring-leak", ring(true));
  EXPECT_NE(found(broken, 10).find("1 ring is left"), std::string::npos);
  WorldProgram sound = one_process("ring", ring(false));
  EXPECT_EQ(found(sound), "");
}

TEST(NoLeak, FindsAnAddressSpaceThatSomebodyStillUses) {
  WorldProgram broken = one_process("mm-leak", [] { kernel::mmget(kernel::current()->mm); });  // and never mmput
  EXPECT_NE(found(broken, 10).find("1 address space is left"), std::string::npos);
  WorldProgram sound = one_process("mm", [] {
    kernel::mmget(kernel::current()->mm);
    kernel::mmput(kernel::current()->mm);
  });
  EXPECT_EQ(found(sound), "");
}

TEST(NoLeak, FindsARequestThatIsNeverFreed) {
  const auto request = [](bool freed) {
    return [freed] {
      kernel::kernel().trace(kernel::EventKind::request_alloc, 1, 77);
      if (freed) kernel::kernel().trace(kernel::EventKind::request_free, 1, 77);
    };
  };
  WorldProgram broken = one_process("request-leak", request(false));
  EXPECT_NE(found(broken, 10).find("1 request is left"), std::string::npos);
  WorldProgram sound = one_process("request", request(true));
  EXPECT_EQ(found(sound), "");
}

// ---- locks ------------------------------------------------------------------------------------------------------------------

struct TwoLocks {
  kernel::mutex a, b;
  u32 first_is_done = 0;
};

/// Two threads, of which the second takes both locks once the first is done: no two ever wait for each other.
WorldProgram two_lockers(bool same_order, bool tried) {
  return WorldProgram("two-lockers", {}, [same_order, tried](World& world) {
    auto* const locks = new (world.machine().alloc(sizeof(TwoLocks), 16)) TwoLocks;
    kernel::task_struct* const leader = world.add_process({.name = "one"}, [locks] {
      arch::machine().ready();
      kernel::mutex_lock(&locks->a);
      kernel::mutex_lock(&locks->b);
      kernel::mutex_unlock(&locks->b);
      kernel::mutex_unlock(&locks->a);
      kernel::smp_store_release(locks->first_is_done, 1, "test");
      stay();
    });
    world.add_thread(leader, {.name = "two"}, [locks, same_order, tried] {
      arch::machine().ready();
      while (kernel::smp_load_acquire(locks->first_is_done, "test") == 0) arch::machine().poll_pass(arch::Site::here());
      kernel::mutex* const first = same_order ? &locks->a : &locks->b;
      kernel::mutex* const second = same_order ? &locks->b : &locks->a;
      kernel::mutex_lock(first);
      if (!tried) kernel::mutex_lock(second);
      if (!tried || kernel::mutex_trylock(second)) kernel::mutex_unlock(second);
      kernel::mutex_unlock(first);
      stay();
    });
  });
}

TEST(LockOrder, FindsTwoLocksTakenInBothOrdersThoughNobodyWaits) {
  for (const Search strategy : {Search::pct, Search::dpor}) {
    WorldProgram broken = two_lockers(false, false);
    const std::string text = found(broken, 2'000, strategy);
    EXPECT_EQ(text.find("lock-order: locks are taken in one order"), 0u) << to_string(strategy) << text;
    EXPECT_NE(text.find("tests/sim/check/kernel_faults_test.cc"), std::string::npos) << text;
  }
}

TEST(LockOrder, IsQuietWhereTheOrderIsOneOrNobodyWouldWait) {
  for (const Search strategy : {Search::pct, Search::dpor}) {
    WorldProgram sound = two_lockers(true, false);
    EXPECT_EQ(found(sound, 2'000, strategy), "") << to_string(strategy);
    WorldProgram tried = two_lockers(false, true);
    EXPECT_EQ(found(tried, 2'000, strategy), "") << to_string(strategy);
  }
}

TEST(LockOrder, ForgetsLocksWhoseMemoryIsGivenBack) {
  const std::unique_ptr<Checker> checker = check_lock_order();
  LockWatch& watch = *checker->lock_watch();
  arch::LockWord locks[2];
  const auto take = [&](u32 task, int first, int second) {
    watch.on_lock(task, locks[first], false, arch::Site::here());
    watch.on_lock(task, locks[second], false, arch::Site::here());
    watch.on_unlock(task, locks[second]);
    watch.on_unlock(task, locks[first]);
  };
  take(1, 0, 1);
  watch.on_free(locks, sizeof(locks));
  take(2, 1, 0);
  EXPECT_EQ(checker->finding(), nullptr);
  take(1, 0, 1);
  EXPECT_NE(checker->finding(), nullptr);
}

TEST(LockOrder, FindsACircleOfThree) {
  const std::unique_ptr<Checker> checker = check_lock_order();
  LockWatch& watch = *checker->lock_watch();
  arch::LockWord locks[3];
  for (u32 task = 0; task < 3; task++) {
    EXPECT_EQ(checker->finding(), nullptr);
    watch.on_lock(task, locks[task], false, arch::Site::here());
    watch.on_lock(task, locks[(task + 1) % 3], false, arch::Site::here());
    watch.on_unlock(task, locks[(task + 1) % 3]);
    watch.on_unlock(task, locks[task]);
  }
  EXPECT_NE(checker->finding(), nullptr);
}

TEST(LockOrder, FindsACircleAmongHundredsOfLocksAndForgetsThoseThatAreGivenBack) {
  const std::unique_ptr<Checker> checker = check_lock_order();
  LockWatch& watch = *checker->lock_watch();
  constexpr int kLocks = 200;
  arch::LockWord locks[kLocks];
  const auto take = [&](int first, int second) {
    watch.on_lock(1, locks[first], false, arch::Site::here());
    watch.on_lock(1, locks[second], false, arch::Site::here());
    watch.on_unlock(1, locks[second]);
    watch.on_unlock(1, locks[first]);
  };
  for (int lock = 0; lock + 1 < kLocks; lock++) take(lock, lock + 1);
  watch.on_free(&locks[100], sizeof(locks[100]));
  take(kLocks - 1, 0);
  EXPECT_EQ(checker->finding(), nullptr) << "the chain was broken at 100";
  take(100, 50);
  EXPECT_EQ(checker->finding(), nullptr) << "the lock that lies there now is another";
  watch.on_free(&locks[60], sizeof(locks) - 60 * sizeof(locks[0]));
  take(59, 150);
  EXPECT_EQ(checker->finding(), nullptr) << "what led on from there was given back";
  watch.on_free(locks, sizeof(locks));
  for (int round = 0; round < 2; round++) {
    for (int lock = 0; lock + 1 < kLocks; lock++) take(lock, lock + 1);
    EXPECT_EQ(checker->finding(), nullptr);
  }
  take(kLocks - 1, 0);
  EXPECT_NE(checker->finding(), nullptr);
}

TEST(SleepInAtomic, FindsWhoSleepsOrTakesAMutexWithASpinlockHeld) {
  const auto with = [](bool atomic, bool sleeps) {
    return [atomic, sleeps] {
      kernel::spinlock_t spin{};
      kernel::mutex lock{};
      if (atomic) kernel::spin_lock(&spin);
      if (sleeps) {
        kernel::set_current_state(kernel::TASK_INTERRUPTIBLE, "test");
        (void)kernel::schedule_timeout(1);
      } else {
        kernel::mutex_lock(&lock);
        kernel::mutex_unlock(&lock);
      }
      if (atomic) kernel::spin_unlock(&spin);
    };
  };
  for (const bool sleeps : {false, true}) {
    WorldProgram broken = one_process("atomic", with(true, sleeps));
    EXPECT_EQ(found(broken, 10).find("sleep-in-atomic"), 0u);
    WorldProgram sound = one_process("not-atomic", with(false, sleeps));
    EXPECT_EQ(found(sound), "");
  }
}

// ---- ends -------------------------------------------------------------------------------------------------------------------

LeftOver left(u32 task, const char* name, Blocked why, u32 of = 0) {
  LeftOver one;
  one.task = task;
  one.name = name;
  one.why = why;
  one.scope = "f";
  one.holder = one.why == Blocked::lock ? of : ~u32{0};
  one.object = of;
  return one;
}

TEST(Deadlock, IsACircleOfTheWaitForGraph) {
  const std::vector<LeftOver> circle = {left(3, "c", Blocked::lock, 1), left(1, "a", Blocked::lock, 2),
                                        left(2, "b", Blocked::join, 1)};
  EXPECT_EQ(deadlock(circle), "a waits in f() for a lock that b holds; b waits in f() for the end of a");
  EXPECT_EQ(wait_for_graph(circle, 3),
            "c waits in f() for a lock that a holds; a waits in f() for a lock that b holds; b waits in f() for the end of a");
}

TEST(Deadlock, AChainThatEndsInASleeperIsNone) {
  const std::vector<LeftOver> chain = {left(1, "a", Blocked::lock, 2), left(2, "b", Blocked::sleeping)};
  EXPECT_EQ(deadlock(chain), "");
  EXPECT_EQ(wait_for_graph(chain, 1), "a waits in f() for a lock that b holds; b sleeps in f()");
}

TEST(Deadlock, IsFoundWhereATaskWaitsForTheEndOfWhoNeedsItsLock) {
  WorldProgram program("lock-and-join", {}, [](World& world) {
    auto* const locks = new (world.machine().alloc(sizeof(TwoLocks), 16)) TwoLocks;
    auto* const waited_for = new (world.machine().alloc(sizeof(arch::Task*), 16)) arch::Task*;
    kernel::task_struct* const leader = world.add_process({.name = "holder"}, [locks, waited_for] {
      arch::machine().ready();
      kernel::mutex_lock(&locks->a);
      arch::machine().join(**waited_for);
      kernel::mutex_unlock(&locks->a);
      stay();
    });
    *waited_for = world.add_thread(leader, {.name = "other"}, [locks] {
      arch::machine().ready();
      kernel::mutex_lock(&locks->a);
      kernel::mutex_unlock(&locks->a);
    });
  });
  ExploreOptions options;
  const ExploreResult result = explore(program, options);
  ASSERT_TRUE(result.found) << result.error << result.unconfirmed;
  EXPECT_EQ(result.violation.check, "no-deadlock");
  EXPECT_EQ(result.violation.text,
            "holder waits in its program for the end of other; other waits in its program for a lock that holder holds");
}

TEST(Livelock, IsSomebodyWhoPollsForEver) {
  WorldProgram broken = one_process("polls", [] {
    for (;;) arch::machine().poll_pass(arch::Site::here());
  });
  EXPECT_EQ(found(broken, 10), "no-livelock: app polls in its program for what nobody will do");
  WorldProgram sleeper = one_process("sleeps", [] {
    for (;;) {
      kernel::set_current_state(kernel::TASK_UNINTERRUPTIBLE, "test");
      kernel::schedule();
    }
  });
  EXPECT_EQ(found(sleeper, 10), "no-hang: app sleeps in its program, and nobody will end that");
}

// ---- waiters and pollers ----------------------------------------------------------------------------------------------------

TEST(LostWakeup, FindsAWaiterWhoseCqesAreThere) {
  const auto search = [](std::vector<std::string> without) {
    ScenarioProgram program(load_scenario(URINGSIM_SOURCE_DIR "/scenarios/barriers/cq-wait.json"));
    ExploreOptions options;
    options.memory = Memory::weak;
    options.strategy = Search::pct;
    options.executions = 20'000;
    options.left_out = std::move(without);
    options.minimise = false;
    return explore(program, options);
  };
  const ExploreResult broken = search({"prepare_to_wait_exclusive"});
  ASSERT_TRUE(broken.found);
  EXPECT_EQ(broken.violation.check, "no-lost-wakeup");
  EXPECT_EQ(broken.violation.text,
            "nobody sleeps for CQEs that are there: app waits for 1 on ring 1, the CQ holds 1, and nobody will wake it");
  EXPECT_TRUE(search({}).clean());
}

TEST(IopollProgress, FindsAPollerThatDoesNotLookAtTheCq) {
  const RaceReport report = hunt(URINGSIM_SOURCE_DIR "/scenarios/races/iopoll-spins-with-cqe-ready.json");
  EXPECT_TRUE(report.found);
  EXPECT_EQ(report.check, "iopoll-progress");
  EXPECT_EQ(report.false_alarm, "");
}

TEST(IopollProgress, FindsAnSqThreadThatForgetsOrDoesNotLook) {
  for (const char* const bug : {"iopoll-sqpoll-inflight-zeroed", "iopoll-sqpoll-pending-cqe-loop"}) {
    const RaceReport report = hunt(std::string(URINGSIM_SOURCE_DIR "/scenarios/races/") + bug + ".json");
    EXPECT_TRUE(report.found) << bug;
    EXPECT_EQ(report.check, "iopoll-progress") << bug;
    EXPECT_EQ(report.false_alarm, "") << bug;
  }
}

}  // namespace
}  // namespace uringsim::sim
