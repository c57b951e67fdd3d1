// SPDX-License-Identifier: GPL-2.0-only
// Programs that wait: locks, sleeping and waking, joining, spawning, polling, choosing. Each is run by every interleaving on the
// operational machine and by the search over graphs; both must find the same violations and the same final states.
#include <gtest/gtest.h>

#include <set>

#include "kernel_model/arch/lock.h"
#include "sim/explore/tasks.h"
#include "tests/sim/explore/dpor/both_ways.h"

namespace uringsim::sim::dpor {
namespace {

using arch::fetch_add;
using arch::LockKind;
using arch::plain_load;
using arch::plain_store;
using arch::READ_ONCE;
using arch::smp_load_acquire;
using arch::smp_mb;
using arch::smp_store_release;
using arch::WRITE_ONCE;

struct Shared {
  arch::LockWord a, b;
  u32 x, y, stop;
  u32 r[4];
  u64 payload[4];
  arch::Task child;
};
using TestProgram = Tasks<Shared>;

u64 registers(const Shared& s) {
  u64 result = 0;
  for (u32 r : s.r) result = result * 16 + r;
  return result * 256 + s.x * 16 + s.y;
}

Searched expect_same(TestProgram& program) {
  program.digest(registers);
  Searched sc;
  for (int model = 0; model < 3; model++) {
    const Outcome slow = by_interleavings(program, kOperational[model]);
    const Searched fast = by_graphs(program, kAxiomatic[model]);
    EXPECT_EQ(fast.outcome, slow) << program.name() << " under " << to_string(kOperational[model]);
    if (model == 0) sc = fast;
  }
  return sc;
}

TEST(DporBlocking, LocksExcludeEachOther) {
  TestProgram program("locked-counter");
  for (int i = 0; i < 3; i++)
    program.task("adder", [](Shared& s) {
      arch::lock_acquire(s.a, LockKind::spin);
      WRITE_ONCE(s.x, READ_ONCE(s.x) + 1);
      arch::lock_release(s.a, LockKind::spin);
    });
  const Searched sc = expect_same(program);
  EXPECT_EQ(sc.complete, 6u);
  EXPECT_EQ(sc.blocked, 0u);
  EXPECT_EQ(sc.outcome.states.size(), 1u);
}

TEST(DporBlocking, LocksTakenInOppositeOrdersAreADeadlock) {
  TestProgram program("abba");
  program.task("ab", [](Shared& s) {
    arch::lock_acquire(s.a, LockKind::mutex);
    arch::lock_acquire(s.b, LockKind::mutex);
    arch::lock_release(s.b, LockKind::mutex);
    arch::lock_release(s.a, LockKind::mutex);
  });
  program.task("ba", [](Shared& s) {
    arch::lock_acquire(s.b, LockKind::mutex);
    arch::lock_acquire(s.a, LockKind::mutex);
    arch::lock_release(s.a, LockKind::mutex);
    arch::lock_release(s.b, LockKind::mutex);
  });
  EXPECT_EQ(expect_same(program).outcome.checks, std::set<std::string>{"deadlock"});
}

TEST(DporBlocking, AHolderThatNeverReleasesDoesNotHideWhoCouldHaveComeFirst) {
  TestProgram program("kept-lock");
  program.task("keeper", [](Shared& s) {
    arch::lock_acquire(s.a, LockKind::mutex);
    s.r[0] = READ_ONCE(s.x);
  });
  program.daemon("other", [](Shared& s) {
    arch::lock_acquire(s.a, LockKind::mutex);
    WRITE_ONCE(s.x, 1);
    arch::lock_release(s.a, LockKind::mutex);
  });
  expect_same(program);
}

TEST(DporBlocking, NobodySleepsOrTakesAMutexUnderASpinlock) {
  for (const bool mutex : {true, false}) {
    TestProgram program(mutex ? "mutex-in-atomic" : "sleep-in-atomic");
    program.task("atomic", [mutex](Shared& s) {
      arch::lock_acquire(s.a, LockKind::spin);
      if (READ_ONCE(s.x) != 0 && mutex) arch::lock_acquire(s.b, LockKind::mutex);
      if (READ_ONCE(s.x) != 0 && !mutex) {
        arch::machine().set_state(arch::TASK_INTERRUPTIBLE);
        arch::machine().schedule();
      }
      arch::lock_release(s.a, LockKind::spin);
    });
    program.task("writer", [](Shared& s) { WRITE_ONCE(s.x, 1); });
    EXPECT_EQ(expect_same(program).outcome.checks, std::set<std::string>{"sleep-in-atomic"});
  }
}

TEST(DporBlocking, WhoReleasesALockMustHoldIt) {
  for (const bool held_by_other : {true, false}) {
    TestProgram program(held_by_other ? "others-lock" : "nobodys-lock");
    program.task("thief", [](Shared& s) {
      if (READ_ONCE(s.x) != 0) arch::lock_release(s.a, LockKind::mutex);
    });
    program.task("holder", [held_by_other](Shared& s) {
      if (held_by_other) arch::lock_acquire(s.a, LockKind::mutex);
      WRITE_ONCE(s.x, 1);
      if (held_by_other) arch::lock_release(s.a, LockKind::mutex);
    });
    EXPECT_EQ(expect_same(program).outcome.checks, std::set<std::string>{"lock-imbalance"}) << held_by_other;
  }
}

TEST(DporBlocking, ASpinlockIsReleasedBeforeItsTaskEnds) {
  for (const LockKind kind : {LockKind::spin, LockKind::mutex}) {
    TestProgram program(kind == LockKind::spin ? "spinlock-left" : "mutex-left");
    program.task("owner", [kind](Shared& s) {
      arch::lock_acquire(s.a, kind);
      if (READ_ONCE(s.x) == 0) arch::lock_release(s.a, kind);
    });
    program.task("writer", [](Shared& s) { WRITE_ONCE(s.x, 1); });
    const std::set<std::string> expected =
        kind == LockKind::spin ? std::set<std::string>{"lock-imbalance"} : std::set<std::string>{};
    EXPECT_EQ(expect_same(program).outcome.checks, expected);
  }
}

TEST(DporBlocking, WhoTakesALockThatItHoldsWaitsForItself) {
  for (const LockKind kind : {LockKind::spin, LockKind::mutex}) {
    TestProgram program("twice");
    program.task("owner", [kind](Shared& s) {
      arch::lock_acquire(s.a, LockKind::mutex);
      if (READ_ONCE(s.x) != 0) arch::lock_acquire(s.a, kind);
      arch::lock_release(s.a, LockKind::mutex);
    });
    program.task("writer", [](Shared& s) { WRITE_ONCE(s.x, 1); });
    EXPECT_EQ(expect_same(program).outcome.checks.count("deadlock"), 1u);
  }
}

TEST(DporBlocking, AMarkedStoreIsBehindTheReadsThatItsTasksLoadsTellOf) {
  for (const bool release : {true, false})
    for (const bool range : {true, false}) {
      TestProgram program("place");
      program.task("reader", [=](Shared& s) {
        if (range)
          arch::plain_range(s.payload, sizeof s.payload, false);
        else
          s.r[0] = static_cast<u32>(plain_load(s.payload[0]));
        release ? smp_store_release(s.x, 1) : WRITE_ONCE(s.x, 1);
      });
      program.task("writer", [](Shared& s) {
        if (READ_ONCE(s.x) != 0) WRITE_ONCE(s.payload[0], 1);
      });
      expect_same(program);
      EXPECT_EQ(by_graphs(program, MemoryModel::weak).outcome.checks.count("data-race"), release ? 0u : 1u) << range;
    }
}

TEST(DporBlocking, MemoryIsGivenBackOnce) {
  for (const bool others : {true, false}) {
    TestProgram program(others ? "freed-by-two" : "freed-twice");
    program.task("owner", [others](Shared& s) {
      void* const block = arch::machine().alloc(16, 16);
      plain_store(s.payload[0], reinterpret_cast<u64>(block));
      arch::machine().free(block, 16);
      if (!others) arch::machine().free(block, 16);
      smp_store_release(s.x, 1);
    });
    program.task("user", [others](Shared& s) {
      if (smp_load_acquire(s.x) != 0 && others) arch::machine().free(reinterpret_cast<void*>(plain_load(s.payload[0])), 16);
    });
    EXPECT_EQ(expect_same(program).outcome.checks, std::set<std::string>{"use-after-free"}) << others;
  }
}

TEST(DporBlocking, TryLockFailsWhereTheLockIsHeld) {
  TestProgram program("trylock");
  for (int i = 0; i < 2; i++)
    program.task("try", [i](Shared& s) {
      s.r[i] = arch::lock_try_acquire(s.a, LockKind::spin);
      if (s.r[i] != 0) {
        WRITE_ONCE(s.x, READ_ONCE(s.x) + 1);
        arch::lock_release(s.a, LockKind::spin);
      }
    });
  expect_same(program);
}

/// A sleeper and its waker, with or without the barrier behind the sleeper's state.
TestProgram sleeper(bool barrier) {
  TestProgram program(barrier ? "sleeper" : "sleeper-without-barrier");
  program.task("sleeper", [barrier](Shared& s) {
    arch::machine().set_state(arch::TASK_INTERRUPTIBLE);
    if (barrier) smp_mb();
    if (READ_ONCE(s.x) == 0) {
      arch::machine().schedule();
      s.r[0] = 1;
    }
    arch::machine().set_state(arch::TASK_RUNNING);
    s.r[1] = READ_ONCE(s.x);
  });
  return program;
}

TEST(DporBlocking, ASleeperWithItsBarrierIsAlwaysWoken) {
  TestProgram program = sleeper(true);
  program.task("waker", [&program](Shared& s) {
    WRITE_ONCE(s.x, 1);
    s.r[2] = arch::machine().wake(program.handle(0), arch::TASK_NORMAL);
  });
  EXPECT_TRUE(expect_same(program).outcome.checks.empty());
}

TEST(DporBlocking, ASleeperWithoutItsBarrierIsLostWhereStoresAreLate) {
  TestProgram program = sleeper(false);
  program.task("waker", [&program](Shared& s) {
    WRITE_ONCE(s.x, 1);
    s.r[2] = arch::machine().wake(program.handle(0), arch::TASK_NORMAL);
  });
  EXPECT_TRUE(expect_same(program).outcome.checks.empty());
  EXPECT_FALSE(by_graphs(program, MemoryModel::tso).outcome.checks.empty());
  EXPECT_FALSE(by_graphs(program, MemoryModel::weak).outcome.checks.empty());
}

TEST(DporBlocking, TwoWakersWakeOnce) {
  TestProgram program("two-wakers");
  program.daemon("sleeper", [](Shared& s) {
    arch::machine().set_state(arch::TASK_UNINTERRUPTIBLE);
    arch::machine().schedule();
    s.r[0] = READ_ONCE(s.x);
  });
  for (int i = 1; i < 3; i++)
    program.task("waker", [&program, i](Shared& s) {
      s.r[i] = arch::machine().wake(program.handle(0), arch::TASK_NORMAL);
      WRITE_ONCE(s.x, static_cast<u32>(i));
    });
  expect_same(program);
}

TEST(DporBlocking, JoiningWaitsAndKnows) {
  TestProgram program("join");
  program.task("worker", [](Shared& s) {
    WRITE_ONCE(s.x, 1);
    plain_store(s.payload[0], 7);
    WRITE_ONCE(s.y, 1);
  });
  program.task("joiner", [&program](Shared& s) {
    s.r[0] = READ_ONCE(s.y);
    arch::machine().join(program.handle(0));
    s.r[1] = READ_ONCE(s.x);
    s.r[2] = static_cast<u32>(plain_load(s.payload[0]));
  });
  const Searched sc = expect_same(program);
  EXPECT_EQ(sc.complete, 2u);
}

TEST(DporBlocking, ASpawnedTaskKnowsWhatItsSpawnerKnew) {
  TestProgram program("spawn");
  program.task("parent", [](Shared& s) {
    WRITE_ONCE(s.x, 1);
    arch::machine().spawn(s.child,
                          [](void* argument) {
                            Shared& shared = *static_cast<Shared*>(argument);
                            shared.r[0] = READ_ONCE(shared.x);
                            WRITE_ONCE(shared.y, 1);
                          },
                          &s, {});
    s.r[1] = READ_ONCE(s.y);
    arch::machine().wake(s.child, arch::TASK_NORMAL);
    s.r[2] = READ_ONCE(s.y);
    arch::machine().join(s.child);
    s.r[3] = READ_ONCE(s.y);
  });
  program.task("other", [](Shared& s) { WRITE_ONCE(s.x, 2); });
  expect_same(program);
}

TEST(DporBlocking, APollerSeesWhatItWaitsFor) {
  TestProgram program("poll");
  program.task("poller", [](Shared& s) {
    while (smp_load_acquire(s.x) == 0) arch::machine().poll_pass(arch::Site::here());
    s.r[0] = READ_ONCE(s.y);
  });
  program.task("writer", [](Shared& s) {
    WRITE_ONCE(s.y, 1);
    smp_store_release(s.x, 1);
    smp_store_release(s.x, 2);
  });
  const Searched sc = expect_same(program);
  EXPECT_EQ(sc.complete, 2u);
}

TEST(DporBlocking, APollerThatNobodyServesIsLeftOver) {
  TestProgram program("poll-for-ever");
  program.task("poller", [](Shared& s) {
    while (READ_ONCE(s.x) != 3) arch::machine().poll_pass(arch::Site::here());
  });
  program.task("writer", [](Shared& s) {
    WRITE_ONCE(s.x, 1);
    WRITE_ONCE(s.x, 2);
  });
  EXPECT_EQ(expect_same(program).outcome.checks.size(), 1u);
}

TEST(DporBlocking, APollerThatTakesALockInEachPassIsLeftOverOnceNothingIsNew) {
  TestProgram program("poll-under-lock");
  program.task("poller", [](Shared& s) {
    for (;;) {
      arch::lock_acquire(s.a, LockKind::mutex);
      const u32 seen = READ_ONCE(s.x);
      arch::lock_release(s.a, LockKind::mutex);
      if (seen == 2) return;
      arch::machine().poll_pass(arch::Site::here());
    }
  });
  program.task("writer", [](Shared& s) {
    arch::lock_acquire(s.a, LockKind::mutex);
    WRITE_ONCE(s.x, 1);
    arch::lock_release(s.a, LockKind::mutex);
  });
  const Searched sc = expect_same(program);
  EXPECT_EQ(sc.outcome.checks.size(), 1u);
  EXPECT_EQ(sc.complete, 2u);  // one pass more shows that the first was one
}

TEST(DporBlocking, APollerThatTimeDoesNotHelpIsLeftOver) {
  TestProgram program("poll-and-time");
  program.task("poller", [](Shared& s) {
    const u64 until = arch::machine().now() + 1000;
    while (READ_ONCE(s.x) == 0 || arch::machine().now() < until) arch::machine().poll_pass(arch::Site::here());
  });
  EXPECT_EQ(expect_same(program).outcome.checks.size(), 1u);
}

TEST(DporBlocking, WhatATaskSeesByOtherMeansIsNoticed) {
  // Whether the second task acts depends on who ran first, which no event tells.
  static u32 hidden;
  TestProgram program("hidden");
  program.initially([](Shared&) { hidden = 0; });
  program.task("writer", [](Shared& s) {
    s.r[0] = READ_ONCE(s.x);
    hidden++;
  });
  program.task("reader", [](Shared& s) {
    const u32 before = hidden;
    WRITE_ONCE(s.x, 1);
    if (before % 3 == 1) s.r[1] = READ_ONCE(s.y);
    WRITE_ONCE(s.x, 2);
  });
  Options options;
  EXPECT_NE(explore(program, options).error.find("does not do the same again"), std::string::npos);
}

TEST(DporBlocking, ATaskMayAllocateMoreThanOnePool) {
  TestProgram program("allocations");
  program.task("allocator", [](Shared& s) {
    u64 sum = 0;
    for (u64 i = 0; i < 100; i++) {
      auto* const block = static_cast<u64*>(arch::machine().alloc(16384, 4096));
      if (block == nullptr || reinterpret_cast<u64>(block) % 4096 != 0) return;
      sum += *block;
      *block = i;
    }
    WRITE_ONCE(s.x, sum == 0 ? 1 : 2);
  });
  program.task("reader", [](Shared& s) { s.r[0] = READ_ONCE(s.x); });
  EXPECT_EQ(expect_same(program).outcome.states.size(), 2u);
}

TEST(DporBlocking, PoolsThatALaterExecutionNeedsAreNobodyElses) {
  TestProgram program("pools-of-two");
  for (u32 me = 1; me <= 2; me++) {
    program.task("allocator", [me](Shared& s) {
      // Only who is told to by the other needs more than a pool, so that no execution before the last one of the two needs both.
      WRITE_ONCE(me == 1 ? s.x : s.y, 1);
      if (READ_ONCE(me == 1 ? s.y : s.x) == 0) return WRITE_ONCE(me == 1 ? s.x : s.y, 2);
      std::array<u64*, 16> blocks{};
      for (u64*& block : blocks) {
        block = static_cast<u64*>(arch::machine().alloc(16384, 16));
        *block = me;
      }
      WRITE_ONCE(me == 1 ? s.x : s.y, 2);
      while (READ_ONCE(me == 1 ? s.y : s.x) == 1) arch::machine().poll_pass(arch::Site::here());
      for (const u64* block : blocks) s.r[me] |= *block == me ? 1u : 2u;
    });
  }
  EXPECT_EQ(expect_same(program).outcome.states.size(), 3u);
}

TEST(DporBlocking, MemoryIsInUseUntilWhoeverUsesItIsDone) {
  for (const bool waits : {true, false}) {
    TestProgram program(waits ? "freed-in-order" : "freed-in-use");
    program.task("owner", [waits](Shared& s) {
      void* const block = arch::machine().alloc(16, 16);
      WRITE_ONCE(*static_cast<u32*>(block), 5);
      plain_store(s.payload[0], reinterpret_cast<u64>(block));
      smp_store_release(s.x, 1);
      while (waits && smp_load_acquire(s.y) == 0) arch::machine().poll_pass(arch::Site::here());
      arch::machine().free(block, 16);
    });
    program.task("user", [](Shared& s) {
      if (smp_load_acquire(s.x) != 0) s.r[0] = READ_ONCE(*reinterpret_cast<u32*>(plain_load(s.payload[0])));
      smp_store_release(s.y, 1);
    });
    const Searched sc = expect_same(program);
    EXPECT_EQ(sc.outcome.checks, waits ? std::set<std::string>{} : std::set<std::string>{"use-after-free"});
  }
}

TEST(DporBlocking, WhoReadsThatTheUserIsDoneMayGiveTheMemoryBack) {
  TestProgram program("freed-behind-a-relaxed-read");
  program.task("owner", [](Shared& s) {
    void* const block = arch::machine().alloc(16, 16);
    plain_store(s.payload[0], reinterpret_cast<u64>(block));
    smp_store_release(s.x, 1);
    while (READ_ONCE(s.y) == 0) arch::machine().poll_pass(arch::Site::here());
    arch::machine().free(block, 16);  // a store that depends on the load
  });
  program.task("user", [](Shared& s) {
    if (smp_load_acquire(s.x) != 0) WRITE_ONCE(*reinterpret_cast<u32*>(plain_load(s.payload[0])), 5);
    smp_mb();
    WRITE_ONCE(s.y, 1);
  });
  EXPECT_EQ(expect_same(program).outcome.checks, std::set<std::string>{});
}

// WRITE_ONCE(y) may be seen before what the user did to the memory (LKMM: no order), which then reaches somebody else's.
TEST(DporBlocking, WhoReadsADoneThatNothingOrdersMayNotGiveTheMemoryBackUnderWeak) {
  for (const bool writes : {true, false}) {
    TestProgram program(writes ? "freed-behind-an-unordered-write" : "freed-behind-an-unordered-read");
    program.task("owner", [](Shared& s) {
      void* const block = arch::machine().alloc(16, 16);
      plain_store(s.payload[0], reinterpret_cast<u64>(block));
      smp_store_release(s.x, 1);
      while (READ_ONCE(s.y) == 0) arch::machine().poll_pass(arch::Site::here());
      arch::machine().free(block, 16);
    });
    program.task("user", [writes](Shared& s) {
      if (smp_load_acquire(s.x) != 0) {
        u32& word = *reinterpret_cast<u32*>(plain_load(s.payload[0]));
        if (writes)
          WRITE_ONCE(word, 5);
        else
          s.r[0] = READ_ONCE(word);
      }
      WRITE_ONCE(s.y, 1);
    });
    for (int model = 0; model < 3; model++) {
      const std::set<std::string> expected = model == 2 ? std::set<std::string>{"use-after-free"} : std::set<std::string>{};
      EXPECT_EQ(by_interleavings(program, kOperational[model]).checks, expected) << writes << model;
      EXPECT_EQ(by_graphs(program, kAxiomatic[model]).outcome.checks, expected) << writes << model;
    }
  }
}

TEST(DporBlocking, ChoicesAreAllTaken) {
  TestProgram program("choose");
  program.task("chooser", [](Shared& s) {
    s.r[0] = arch::machine().choose(3, "which");
    WRITE_ONCE(s.x, s.r[0]);
  });
  program.task("reader", [](Shared& s) {
    s.r[1] = READ_ONCE(s.x);
    s.r[2] = arch::machine().choose(2, "whether");
  });
  expect_same(program);
}

TEST(DporBlocking, WordsOfARangeThatIsWrittenAgainAreReadAnew) {
  TestProgram program("range-again");
  program.task("writer", [](Shared& s) {
    for (u32 round = 1; round <= 2; round++) {
      while (smp_load_acquire(s.y) != round - 1) arch::machine().poll_pass(arch::Site::here());
      const std::array<u64, 2> news{round, round + 8u};
      arch::plain_range(s.payload, sizeof news, true);
      arch::copy_racy(s.payload, news.data(), sizeof news);
      arch::smp_wmb();
      WRITE_ONCE(s.x, round);
    }
  });
  program.task("reader", [](Shared& s) {
    for (u32 round = 1; round <= 2; round++) {
      while (smp_load_acquire(s.x) != round) arch::machine().poll_pass(arch::Site::here());
      s.r[round] = static_cast<u32>(READ_ONCE(s.payload[0]));
      if (round == 2) s.r[0] = static_cast<u32>(READ_ONCE(s.payload[1]));
      smp_store_release(s.y, round);
    }
  });
  const Searched sc = expect_same(program);
  EXPECT_EQ(sc.outcome.checks, std::set<std::string>{});
  EXPECT_EQ(sc.outcome.states, std::set<u64>{0xa12022});
}

/// Half `half` of a word of 8 bytes.
u32& half_of(u64& word, u32 half) { return reinterpret_cast<u32*>(&word)[half]; }

TEST(DporBlocking, BytesThatAreWrittenAsRangesMayBeReadInSeveralSizes) {
  TestProgram program("union");
  program.task("writer", [](Shared& s) {
    for (u32 round = 1; round <= 2; round++) {
      while (smp_load_acquire(s.y) != round - 1) arch::machine().poll_pass(arch::Site::here());
      const u64 news = round == 1 ? 0x300000002 : 0x500000004;
      arch::plain_range(s.payload, sizeof news, true);
      arch::copy_racy(s.payload, &news, sizeof news);
      smp_store_release(s.x, round);
    }
  });
  program.task("reader", [](Shared& s) {
    while (smp_load_acquire(s.x) != 1) arch::machine().poll_pass(arch::Site::here());
    s.r[0] = READ_ONCE(half_of(s.payload[0], 1));
    s.r[1] = static_cast<u32>(READ_ONCE(s.payload[0]) & 0xf);
    smp_store_release(s.y, 1);
    while (smp_load_acquire(s.x) != 2) arch::machine().poll_pass(arch::Site::here());
    s.r[2] = static_cast<u32>(READ_ONCE(s.payload[0]) >> 32);
    s.r[3] = READ_ONCE(half_of(s.payload[0], 0));
  });
  const Searched sc = expect_same(program);
  EXPECT_EQ(sc.outcome.checks, std::set<std::string>{});
  EXPECT_EQ(sc.outcome.states, std::set<u64>{0x325421});
}

TEST(DporBlocking, AWordWhoseBytesAreStoredOtherwiseIsRefused) {
  for (const u32 half : {0u, 1u}) {
    const auto load = [](Shared& s) { s.r[0] = static_cast<u32>(READ_ONCE(s.payload[0])); };
    TestProgram stored("stored");
    stored.task("stores", [half](Shared& s) { WRITE_ONCE(half_of(s.payload[0], half), 1u); });
    stored.task("loads", load);
    EXPECT_EQ(explore(stored, Options{}).error, "a word is accessed in different sizes") << half;
    TestProgram added("added");
    added.task("loads", load);
    added.task("adds", [half](Shared& s) { (void)fetch_add(half_of(s.payload[0], half), 1u); });
    EXPECT_EQ(explore(added, Options{}).error, "a word is accessed in different sizes") << half;
  }
}

TEST(DporBlocking, AWordThatWasLookedAtAndThenCopiedOverEndsAsTheCopy) {
  TestProgram program("range-last");
  program.task("writer", [](Shared& s) {
    WRITE_ONCE(s.payload[0], 5);
    const u64 news = 7;
    arch::plain_range(s.payload, sizeof news, true);
    arch::copy_racy(s.payload, &news, sizeof news);
  });
  program.finally([](const Shared& s, Ending& ending) {
    if (s.payload[0] != 7) ending.violation("report", "the copy is lost");
  });
  EXPECT_EQ(expect_same(program).outcome.checks, std::set<std::string>{});
}

TEST(DporBlocking, RangesRaceWithWords) {
  for (const bool release : {true, false}) {
    TestProgram program(release ? "range-published" : "range-race");
    program.task("writer", [release](Shared& s) {
      arch::plain_range(s.payload, sizeof s.payload, true);
      s.payload[2] = 5;
      release ? smp_store_release(s.x, 1) : WRITE_ONCE(s.x, 1);
    });
    program.task("reader", [](Shared& s) {
      if (smp_load_acquire(s.x) != 0) s.r[0] = static_cast<u32>(plain_load(s.payload[2]));
    });
    expect_same(program);
    EXPECT_EQ(by_graphs(program, MemoryModel::weak).outcome.checks.empty(), release);
  }
}

TEST(DporBlocking, PlainAccessesRaceUnlessOrdered) {
  for (const bool locked : {true, false}) {
    TestProgram program(locked ? "plain-locked" : "plain-race");
    for (int i = 0; i < 2; i++)
      program.task("adder", [locked](Shared& s) {
        if (locked) arch::lock_acquire(s.a, LockKind::mutex);
        plain_store(s.x, plain_load(s.x) + 1);
        if (locked) arch::lock_release(s.a, LockKind::mutex);
      });
    const Searched sc = expect_same(program);
    EXPECT_EQ(sc.outcome.checks.empty(), locked);
  }
}

// Whichever of the two comes second in the only order there is.
TEST(DporBlocking, AMarkedAccessRacesWithAPlainOneBeforeItAndBehindIt) {
  for (const bool plain_first : {true, false}) {
    TestProgram program(plain_first ? "plain-then-marked" : "marked-then-plain");
    program.task("first", [plain_first](Shared& s) {
      plain_first ? plain_store(s.y, 5) : WRITE_ONCE(s.y, 5);
      WRITE_ONCE(s.x, 1);
    });
    program.task("second", [plain_first](Shared& s) {
      if (smp_load_acquire(s.x) != 0) s.r[0] = plain_first ? READ_ONCE(s.y) : plain_load(s.y);
    });
    EXPECT_EQ(by_interleavings(program, Memory::weak).checks, std::set<std::string>{"data-race"}) << plain_first;
    EXPECT_EQ(by_graphs(program, MemoryModel::weak).outcome.checks, std::set<std::string>{"data-race"}) << plain_first;
  }
}

// The second comes after all that the first did, with nothing that orders it.
TEST(DporBlocking, AnAccessIsNotForgottenForALaterOneThatDoesNotCoverIt) {
  enum What { marked_behind_plain, other_bytes, read_of_what_was_written };
  for (const What what : {marked_behind_plain, other_bytes, read_of_what_was_written}) {
    TestProgram program("earlier-" + std::to_string(what));
    program.task("first", [what](Shared& s) {
      u16* const halves = reinterpret_cast<u16*>(s.payload);
      if (what == marked_behind_plain) {
        plain_store(s.y, 5);
        WRITE_ONCE(s.y, 6);
      } else {
        plain_store(halves[0], u16{1});
        plain_store(halves[1], u16{2});
        if (what == read_of_what_was_written) s.r[1] = plain_load(halves[0]);
      }
      WRITE_ONCE(s.x, 1);
    });
    program.task("second", [what](Shared& s) {
      if (smp_load_acquire(s.x) != 0)
        s.r[0] = what == marked_behind_plain ? READ_ONCE(s.y) : plain_load(reinterpret_cast<u16*>(s.payload)[0]);
    });
    EXPECT_EQ(by_interleavings(program, Memory::weak).checks, std::set<std::string>{"data-race"}) << what;
    EXPECT_EQ(by_graphs(program, MemoryModel::weak).outcome.checks, std::set<std::string>{"data-race"}) << what;
  }
}

TEST(DporBlocking, WhoReadsTheLastStoreToMemoryMayGiveItBack) {
  TestProgram program("seen-last-store");
  program.task("user", [](Shared& s) {
    u32* const block = static_cast<u32*>(arch::machine().alloc(16, 16));
    WRITE_ONCE(*block, 1);
    plain_store(s.payload[0], reinterpret_cast<u64>(block));
    smp_store_release(s.x, 1);
    WRITE_ONCE(*block, 2);
  });
  program.task("owner", [](Shared& s) {
    if (smp_load_acquire(s.x) == 0) return;
    u32* const block = reinterpret_cast<u32*>(plain_load(s.payload[0]));
    if (READ_ONCE(*block) == 2) arch::machine().free(block, 16);
  });
  EXPECT_EQ(expect_same(program).outcome.checks, std::set<std::string>{});
}

TEST(DporBlocking, ReadersAndThoseWhoWriteTheBytesBesideDoNotRace) {
  TestProgram program("neighbours");
  for (u32 me = 0; me < 2; me++)
    program.task("neighbour", [me](Shared& s) {
      s.r[me] = plain_load(s.y);
      plain_store(reinterpret_cast<u16*>(s.payload)[me], static_cast<u16>(me + 1));
    });
  EXPECT_EQ(expect_same(program).outcome.checks, std::set<std::string>{});
}

TEST(DporBlocking, WhatComesBehindTheFreeIsAUseAfterFree) {
  TestProgram program("freed-before");
  program.task("owner", [](Shared& s) {
    void* const block = arch::machine().alloc(16, 16);
    plain_store(s.payload[0], reinterpret_cast<u64>(block));
    arch::machine().free(block, 16);
    smp_store_release(s.x, 1);
  });
  program.task("user", [](Shared& s) {
    if (smp_load_acquire(s.x) != 0) s.r[0] = READ_ONCE(*reinterpret_cast<u32*>(plain_load(s.payload[0])));
  });
  EXPECT_EQ(expect_same(program).outcome.checks, std::set<std::string>{"use-after-free"});
}

TEST(DporBlocking, ASleepWithADeadlineEndsOneWayOrTheOther) {
  TestProgram program("deadline");
  program.task("sleeper", [](Shared& s) {
    arch::machine().set_state(arch::TASK_INTERRUPTIBLE);
    smp_mb();
    if (READ_ONCE(s.x) == 0) s.r[0] = 1 + arch::machine().schedule(arch::machine().now() + 1000);
    arch::machine().set_state(arch::TASK_RUNNING);
    s.r[1] = READ_ONCE(s.x);
  });
  program.task("waker", [&program](Shared& s) {
    WRITE_ONCE(s.x, 1);
    s.r[2] = arch::machine().wake(program.handle(0), arch::TASK_NORMAL);
  });
  const Searched sc = expect_same(program);
  EXPECT_GE(sc.outcome.states.size(), 3u);
}

TEST(DporBlocking, NobodyHasToWakeASleeperWithADeadline) {
  TestProgram program("deadline-alone");
  program.task("sleeper", [](Shared& s) {
    arch::machine().set_state(arch::TASK_INTERRUPTIBLE);
    s.r[0] = 1 + arch::machine().schedule(arch::machine().now() + 1000);
  });
  const Searched sc = expect_same(program);
  EXPECT_EQ(sc.outcome.states.size(), 1u);
  EXPECT_TRUE(sc.outcome.checks.empty());
}

/// What leads a handler back to what its timer or interrupt belongs to.
struct TimedShared;
struct OwnedTimer : arch::Timer {
  TimedShared* owner = nullptr;
};
struct OwnedInterrupt : arch::Interrupt {
  TimedShared* owner = nullptr;
};
struct TimedShared : Shared {
  OwnedTimer timer;
  OwnedInterrupt interrupt;
};

TEST(DporBlocking, ATimerFiresAtAnyMomentOrIsCancelledInTime) {
  Tasks<TimedShared> program("timer");
  program.digest([](const TimedShared& s) { return registers(s); });
  program.initially([](TimedShared& s) {
    s.timer.owner = &s;
    s.timer.function = [](arch::Timer* timer) {
      TimedShared& shared = *static_cast<OwnedTimer*>(timer)->owner;
      WRITE_ONCE(shared.x, 1);
      WRITE_ONCE(shared.y, 1);
    };
  });
  program.task("owner", [](TimedShared& s) {
    arch::machine().timer_start(s.timer, arch::machine().now() + 1000);
    s.r[0] = READ_ONCE(s.x);
    s.r[1] = static_cast<u32>(arch::machine().timer_cancel(s.timer) + 1);
    s.r[2] = READ_ONCE(s.y);
  });
  Options options;
  options.digests = true;
  const Result result = explore(program, options);
  EXPECT_EQ(result.error, "");
  EXPECT_FALSE(result.found) << result.violation.text;
  std::set<u32> cancelled;
  for (u64 digest : result.digests) {
    const u64 r = digest / 256;
    const u32 x_seen = r / 16 / 16 / 16 % 16, cancel = r / 16 / 16 % 16, y_seen = r / 16 % 16, x = digest / 16 % 16;
    cancelled.insert(cancel);
    EXPECT_EQ(cancel == 2, x == 0) << digest;  // cancelled in time: it never ran
    EXPECT_FALSE(x_seen == 1 && cancel == 2);
    if (cancel == 1) {
      EXPECT_EQ(y_seen, 1u);  // not armed, not running: it is over
    }
  }
  EXPECT_EQ(cancelled, (std::set<u32>{0, 1, 2}));
}

TEST(DporBlocking, AnInterruptWakesASleeper) {
  Tasks<TimedShared> program("interrupt");
  program.digest([](const TimedShared& s) { return registers(s); });
  static arch::Task* sleeper = nullptr;
  program.initially([](TimedShared& s) {
    s.interrupt.owner = &s;
    s.interrupt.function = [](arch::Interrupt* interrupt) {
      TimedShared& shared = *static_cast<OwnedInterrupt*>(interrupt)->owner;
      WRITE_ONCE(shared.x, 1);
      arch::machine().wake(*sleeper, arch::TASK_NORMAL);
    };
  });
  program.task("sleeper", [](TimedShared& s) {
    arch::machine().raise(s.interrupt);
    arch::machine().set_state(arch::TASK_INTERRUPTIBLE);
    smp_mb();
    if (READ_ONCE(s.x) == 0) arch::machine().schedule();
    s.r[0] = READ_ONCE(s.x);
  });
  for (const MemoryModel memory : {MemoryModel::sc, MemoryModel::tso, MemoryModel::weak}) {
    Options options;
    options.memory = memory;
    program.initially([](TimedShared& s) {
      sleeper = nullptr;
      s.interrupt.owner = &s;
      s.interrupt.function = [](arch::Interrupt* interrupt) {
        TimedShared& shared = *static_cast<OwnedInterrupt*>(interrupt)->owner;
        WRITE_ONCE(shared.x, 1);
        arch::machine().wake(*sleeper, arch::TASK_NORMAL);
      };
    });
    class Named final : public Program {
     public:
      explicit Named(Tasks<TimedShared>& inner) : inner_(inner) {}
      [[nodiscard]] const char* name() const noexcept override { return inner_.name(); }
      void set_up(arch::Machine& machine) override {
        inner_.set_up(machine);
        sleeper = &inner_.handle(0);
      }
      void check(Ending& ending) override { inner_.check(ending); }

     private:
      Tasks<TimedShared>& inner_;
    } named(program);
    const Result result = explore(named, options);
    EXPECT_EQ(result.error, "");
    EXPECT_FALSE(result.found) << result.violation.text;
    EXPECT_TRUE(result.exhausted);
    EXPECT_GE(result.complete, 2u);
  }
}

TEST(DporBlocking, NobodySleepsOrTakesAMutexInAnInterrupt) {
  // It says that it will sleep, takes a mutex, or just gives its processor away.
  const char* const names[] = {"sleep-in-interrupt", "mutex-in-interrupt", "schedule-in-interrupt"};
  for (u32 how = 0; how < 3; how++) {
    Tasks<TimedShared> program(names[how]);
    program.digest([](const TimedShared& s) { return registers(s); });
    program.initially([how](TimedShared& s) {
      s.interrupt.owner = &s;
      s.r[0] = how;
      s.interrupt.function = [](arch::Interrupt* interrupt) {
        TimedShared& shared = *static_cast<OwnedInterrupt*>(interrupt)->owner;
        if (shared.r[0] == 1) return arch::lock_acquire(shared.a, LockKind::mutex);
        if (shared.r[0] == 0) arch::machine().set_state(arch::TASK_INTERRUPTIBLE);
        arch::machine().schedule();
      };
    });
    program.task("owner", [](TimedShared& s) { arch::machine().raise(s.interrupt); });
    for (int model = 0; model < 3; model++) {
      EXPECT_EQ(by_interleavings(program, kOperational[model]).checks, std::set<std::string>{"sleep-in-atomic"})
          << names[how] << model;
      EXPECT_EQ(by_graphs(program, kAxiomatic[model]).outcome.checks, std::set<std::string>{"sleep-in-atomic"})
          << names[how] << model;
    }
  }
}

}  // namespace
}  // namespace uringsim::sim::dpor
