// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/arch/memory.h"

#include <gtest/gtest.h>

#include "kernel_model/arch/lock.h"

namespace uringsim::arch {
namespace {

TEST(Memory, ReadModifyWriteReturnsTheOldValue) {
  u32 word = 5;
  EXPECT_EQ(fetch_add(word, 2u), 5u);
  EXPECT_EQ(xchg(word, 9u), 7u);
  EXPECT_EQ(cmpxchg(word, 8u, 1u), 9u);
  EXPECT_EQ(cmpxchg(word, 9u, 1u), 9u);
  EXPECT_EQ(READ_ONCE(word), 1u);
}

TEST(Lock, TryLockFailsWhileHeld) {
  LockWord lock;
  lock_acquire(lock, LockKind::mutex);
  EXPECT_FALSE(lock_try_acquire(lock, LockKind::mutex));
  lock_release(lock, LockKind::mutex);
  EXPECT_TRUE(lock_try_acquire(lock, LockKind::mutex));
  lock_release(lock, LockKind::mutex);
}

}  // namespace
}  // namespace uringsim::arch
