// SPDX-License-Identifier: GPL-2.0-only
#include "sim/live/memory_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/sim/live/live_support.h"

namespace uringsim::sim {
namespace {

bool is_zero(const void* memory, u64 bytes) {
  const u8* const at = static_cast<const u8*>(memory);
  return std::all_of(at, at + bytes, [](u8 byte) { return byte == 0; });
}

TEST(MemoryPool, BlocksAreZeroedAlignedAndApart) {
  MemoryPool pool(u64{64} << 20);
  MemoryPool::Cache cache;
  for (int round = 0; round < 2; round++) {
    struct Block {
      u8* at;
      u64 bytes;
    };
    std::vector<Block> blocks;
    for (u64 bytes = 1; bytes <= 300'000; bytes += bytes / 3 + 1)
      for (u64 align : {u64{1}, u64{16}, u64{64}, u64{4096}}) {
        auto* const at = static_cast<u8*>(pool.alloc(cache, bytes, align));
        ASSERT_NE(at, nullptr);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(at) % align, 0u);
        EXPECT_TRUE(is_zero(at, bytes)) << bytes;
        std::memset(at, 0xa5, bytes);
        blocks.push_back({at, bytes});
      }
    std::sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) { return a.at < b.at; });
    for (std::size_t i = 1; i < blocks.size(); i++) EXPECT_LE(blocks[i - 1].at + blocks[i - 1].bytes, blocks[i].at);
    for (const Block& block : blocks) pool.free(cache, block.at, block.bytes);
    EXPECT_EQ(MemoryPool::live_bytes(cache), 0);
  }
}

TEST(MemoryPool, FreedMemoryIsUsedAgain) {
  MemoryPool pool(u64{4} << 20);
  MemoryPool::Cache cache;
  for (u64 bytes : {u64{48}, u64{4096}, u64{100'000}})
    for (int i = 0; i < 10'000; i++) {
      void* const at = pool.alloc(cache, bytes, 16);
      ASSERT_NE(at, nullptr) << bytes;
      pool.free(cache, at, bytes);
    }
  EXPECT_LE(pool.taken_bytes(), u64{4} << 20);
}

TEST(MemoryPool, IsExhaustedWithoutHarm) {
  MemoryPool pool(u64{1} << 20);
  MemoryPool::Cache cache;
  std::vector<void*> blocks;
  while (void* const at = pool.alloc(cache, 4096, 4096)) blocks.push_back(at);
  EXPECT_EQ(blocks.size(), 256u);
  EXPECT_EQ(pool.alloc(cache, 1 << 20, 16), nullptr);
  pool.free(cache, blocks.back(), 4096);
  EXPECT_NE(pool.alloc(cache, 4096, 4096), nullptr);
}

TEST(MemoryPool, LiesInAFileThatShowsWhatIsWritten) {
  MemoryPool pool(u64{1} << 20);
  MemoryPool::Cache cache;
  auto* const at = static_cast<char*>(pool.alloc(cache, 4096, 4096));
  std::strcpy(at, "seen");
  char seen[5] = {};
  EXPECT_EQ(pread(pool.fd(), seen, 5, reinterpret_cast<u8*>(at) - pool.base()), 5);
  EXPECT_STREQ(seen, "seen");
}

TEST(MemoryPool, ObjectsTravelBetweenTasks) {
  LiveWorld world;
  constexpr u32 kObjects = 20'000;
  constexpr u32 kSlots = 64;
  void* slots[kSlots] = {};
  u32 bad = 0;
  world.add("maker", [&] {
    for (u32 i = 0; i < kObjects; i++) {
      void* const object = arch::machine().alloc(232, 8);
      if (!is_zero(object, 232)) bad++;
      std::memset(object, 0xff, 232);
      while (arch::smp_load_acquire(slots[i % kSlots]) != nullptr) arch::machine().poll_pass(arch::Site::here());
      arch::smp_store_release(slots[i % kSlots], object);
    }
  });
  world.add("taker", [&] {
    for (u32 i = 0; i < kObjects; i++) {
      void* object;
      while ((object = arch::smp_load_acquire(slots[i % kSlots])) == nullptr) arch::machine().poll_pass(arch::Site::here());
      arch::smp_store_release(slots[i % kSlots], nullptr);
      arch::machine().free(object, 232);
    }
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_EQ(bad, 0u);
  EXPECT_EQ(world.machine.live_bytes(), 0);
}

}  // namespace
}  // namespace uringsim::sim
