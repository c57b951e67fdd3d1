// SPDX-License-Identifier: GPL-2.0-only
#include "sim/fiber/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <system_error>
#include <vector>

namespace uringsim::sim {
namespace {

TEST(Arena, HandsOutZeroedAlignedBlocksAfterReuse) {
  Arena arena;
  for (const u64 align : {u64{16}, u64{64}, u64{4096}})
    for (const u64 bytes : {u64{1}, u64{24}, u64{100}, u64{1024}, u64{1025}, u64{4096}, u64{70000}}) {
      for (int round = 0; round < 3; round++) {
        auto* const block = static_cast<unsigned char*>(arena.alloc(bytes, align));
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % align, 0u);
        for (u64 i = 0; i < bytes; i++) ASSERT_EQ(block[i], 0);
        std::memset(block, 0xff, bytes);
        arena.free(block, bytes);
      }
    }
  EXPECT_EQ(arena.live_bytes(), 0u);
  EXPECT_EQ(arena.live_blocks(), 0u);
}

TEST(Arena, CountsWhatLives) {
  Arena arena;
  void* const a = arena.alloc(100);
  void* const b = arena.alloc(20);
  arena.free(a, 100);
  EXPECT_EQ(arena.live_bytes(), 20u);
  EXPECT_EQ(arena.live_blocks(), 1u);
  EXPECT_EQ(arena.peak_bytes(), 120u);
  arena.free(b, 20);
}

TEST(Arena, ReusesABlockOfTheSameSize) {
  Arena arena;
  void* const a = arena.alloc(200);
  arena.free(a, 200);
  EXPECT_EQ(arena.alloc(200), a);
}

TEST(Arena, ManyBlocksThatAreAlignedForLessDoNotHoldUpWhoAsksForMore) {
  Arena arena;
  // None of these is aligned to 64: a list of them that is gone through for every allocation takes 400 million looks.
  constexpr u64 bytes = 48, many = 20'000;
  std::vector<void*> blocks;
  for (u64 i = 0; i < 4 * many; i++)
    if (void* const block = arena.alloc(bytes, 16); reinterpret_cast<uintptr_t>(block) % 64 != 0) blocks.push_back(block);
  for (void* const block : blocks) arena.free(block, bytes);
  const u64 before = arena.live_bytes();
  for (u64 i = 0; i < many; i++) {
    void* const block = arena.alloc(bytes, 64);
    ASSERT_NE(block, nullptr);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u);
  }
  EXPECT_EQ(arena.live_bytes(), before + many * bytes);
}

TEST(Arena, GivesTheSameOffsetsToTheSameCalls) {
  Arena first;
  Arena second;
  EXPECT_NE(first.base(), second.base());
  for (int round = 0; round < 2; round++) {
    for (u64 i = 1; i < 300; i++) {
      void* const a = first.alloc(i * 7);
      void* const b = second.alloc(i * 7);
      ASSERT_EQ(first.offset(a), second.offset(b));
      if (i % 3 == 0) {
        first.free(a, i * 7);
        second.free(b, i * 7);
      }
    }
    first.reset();
    second.reset();
  }
}

TEST(Arena, ResetMakesItAsNew) {
  Arena arena;
  void* const a = arena.alloc(64);
  std::memset(a, 1, 64);
  void* const stack = arena.alloc_stack();
  arena.reset();
  EXPECT_EQ(arena.live_blocks(), 0u);
  EXPECT_EQ(arena.alloc(64), a);
  EXPECT_EQ(*static_cast<u64*>(a), 0u);
  EXPECT_EQ(arena.alloc_stack(), stack);
}

TEST(Arena, ReportsExhaustionWithNull) {
  Arena arena({.bytes = 4 * Arena::kStackBytes});
  EXPECT_EQ(arena.alloc(u64{1} << 40), nullptr);
  EXPECT_EQ(arena.alloc(3 * Arena::kStackBytes), nullptr);
  EXPECT_NE(arena.alloc(Arena::kStackBytes), nullptr);
  EXPECT_NE(arena.alloc_stack(), nullptr);
  EXPECT_NE(arena.alloc_stack(), nullptr);
  EXPECT_EQ(arena.alloc_stack(), nullptr);
}

TEST(Arena, RestoresContentsAndTheAllocatorItself) {
  Arena arena;
  auto* const a = static_cast<u64*>(arena.alloc(5000));
  auto* const b = static_cast<u64*>(arena.alloc(5000));
  a[0] = 1;
  a[600] = 2;
  arena.free(b, 5000);
  ArenaSnapshot snapshot;
  arena.save(snapshot);
  for (int round = 0; round < 3; round++) {
    EXPECT_EQ(arena.alloc(5000), b);
    void* const fresh = arena.alloc(9000);
    a[0] = 7;
    a[600] = 8;
    std::memset(fresh, 1, 9000);
    arena.free(a, 5000);
    arena.restore(snapshot);
    EXPECT_EQ(a[0], 1u);
    EXPECT_EQ(a[600], 2u);
    EXPECT_EQ(arena.live_bytes(), 5000u);
    EXPECT_EQ(arena.live_blocks(), 1u);
  }
}

TEST(Arena, MemoryAllocatedAfterARestoreIsZeroed) {
  Arena arena;
  ArenaSnapshot snapshot;
  arena.save(snapshot);
  void* const a = arena.alloc(256);
  std::memset(a, 1, 256);
  arena.restore(snapshot);
  auto* const again = static_cast<unsigned char*>(arena.alloc(256));
  EXPECT_EQ(again, a);
  for (int i = 0; i < 256; i++) EXPECT_EQ(again[i], 0);
}

TEST(Arena, NoticesAWriteToAFreedBlock) {
  if (kPoisonIsChecked) GTEST_SKIP() << "AddressSanitizer reports it at the write";
  Arena arena({.check_freed = true});
  auto* const a = static_cast<volatile unsigned char*>(arena.alloc(256));
  arena.free(const_cast<unsigned char*>(a), 256);
  (void)arena.alloc(256);
  EXPECT_EQ(arena.writes_after_free(), 0u);
  arena.free(const_cast<unsigned char*>(a), 256);
  a[100] = 1;
  (void)arena.alloc(256);
  EXPECT_EQ(arena.writes_after_free(), 1u);
}

#if defined(URINGSIM_ASAN)
TEST(Arena, AStackIsHandedOutWithoutTheMarksOfWhoHadItBefore) {
  Arena arena;
  auto* const given_back = static_cast<unsigned char*>(arena.alloc_stack());
  auto* const dropped = static_cast<unsigned char*>(arena.alloc_stack());
  for (unsigned char* const stack : {given_back, dropped}) poison(stack + 4096, 64);  // as a frame that is never left
  arena.free_stack(given_back);
  ASSERT_EQ(arena.alloc_stack(), given_back);
  EXPECT_EQ(__asan_region_is_poisoned(given_back, arena.stack_bytes(given_back)), nullptr);
  arena.reset();
  ASSERT_EQ(arena.alloc_stack(), given_back);
  ASSERT_EQ(arena.alloc_stack(), dropped);
  EXPECT_EQ(__asan_region_is_poisoned(dropped, arena.stack_bytes(dropped)), nullptr);
}

TEST(ArenaDeathTest, AddressSanitizerKnowsFreedBlocksAndOverruns) {
  Arena arena;
  auto* const a = static_cast<volatile unsigned char*>(arena.alloc(24));
  EXPECT_DEATH(a[24] = 1, "use-after-poison");
  arena.free(const_cast<unsigned char*>(a), 24);
  EXPECT_DEATH(a[0] = 1, "use-after-poison");
}
#endif

}  // namespace
}  // namespace uringsim::sim
