// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/mm.h"

#include <sys/mman.h>

#include <cstring>
#include <iterator>
#include <map>
#include <optional>

#include "kernel_model/core/fault.h"
#include "kernel_model/core/uaccess.h"
#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {
namespace {

constexpr int kRw = PROT_READ | PROT_WRITE;

/// Runs as the given process's task while it is stopped: nothing here needs to sleep.
class Mm : public testing::Test {
 protected:
  Mm() {
    task_ = world.stopped_process();
    as_.emplace(task_);
  }
  mm_struct* mm() { return task_->mm; }
  uptr map(u64 bytes, int prot = kRw, bool shared = false) {
    const s64 at = mmap_anonymous(mm(), bytes, prot, shared);
    EXPECT_GT(at, 0);
    return static_cast<uptr>(at);
  }

  KernelWorld world;
  task_struct* task_ = nullptr;
  std::optional<RunAs> as_;
};

TEST_F(Mm, WhatIsWrittenIsReadBackAcrossPages) {
  const uptr at = map(3 * PAGE_SIZE);
  std::vector<u8> in(2 * PAGE_SIZE, 0), out(in.size());
  for (size_t i = 0; i < in.size(); i++) in[i] = static_cast<u8>(i * 7);
  EXPECT_EQ(copy_to_user(at + 100, in.data(), in.size()), 0u);
  EXPECT_EQ(copy_from_user(out.data(), at + 100, out.size()), 0u);
  EXPECT_EQ(in, out);
}

TEST_F(Mm, CopiesSayHowMuchIsLeftAtAHole) {
  const uptr at = map(2 * PAGE_SIZE);
  ASSERT_EQ(do_munmap(mm(), at + PAGE_SIZE, PAGE_SIZE), 0);
  std::vector<u8> buffer(300, 9);
  EXPECT_EQ(copy_to_user(at + PAGE_SIZE - 100, buffer.data(), 300), 200u);
  EXPECT_EQ(copy_from_user(buffer.data(), at + PAGE_SIZE - 100, 300), 200u);
  EXPECT_EQ(buffer[99], 9);
  EXPECT_EQ(buffer[100], 0);  // what could not be read is zeroed
}

TEST_F(Mm, WildAddressesFault) {
  u64 word = 0;
  EXPECT_FALSE(get_user(&word, uptr{0}));
  EXPECT_FALSE(get_user(&word, uptr{8}));
  EXPECT_FALSE(get_user(&word, ~uptr{0} - 3));
  EXPECT_FALSE(get_user(&word, TASK_SIZE - 4));
  EXPECT_FALSE(put_user(word, uptr{0xffff888000000000}));
  EXPECT_FALSE(access_ok(TASK_SIZE, 1));
  EXPECT_TRUE(access_ok(TASK_SIZE - 1, 1));
}

TEST_F(Mm, ReadOnlyMappingsCannotBeWritten) {
  const uptr at = map(PAGE_SIZE, PROT_READ);
  u32 word = 5;
  EXPECT_TRUE(get_user(&word, at));
  EXPECT_FALSE(put_user(word, at));
  ASSERT_EQ(do_mprotect(mm(), at, PAGE_SIZE, kRw), 0);
  EXPECT_TRUE(put_user(word, at));
  ASSERT_EQ(do_mprotect(mm(), at, PAGE_SIZE, PROT_NONE), 0);
  EXPECT_FALSE(get_user(&word, at));
}

TEST_F(Mm, MprotectOfAHoleChangesWhatLiesBefore) {
  const uptr at = map(3 * PAGE_SIZE);
  ASSERT_EQ(do_munmap(mm(), at + PAGE_SIZE, PAGE_SIZE), 0);
  EXPECT_EQ(do_mprotect(mm(), at, 3 * PAGE_SIZE, PROT_READ), -ENOMEM);
  EXPECT_FALSE(put_user(u32{1}, at));
  EXPECT_TRUE(put_user(u32{1}, at + 2 * PAGE_SIZE));
}

TEST_F(Mm, UnmappingVoidsCachedTranslations) {
  const uptr at = map(PAGE_SIZE);
  ASSERT_NE(mm_translate(mm(), at, 8, true), nullptr);
  ASSERT_EQ(do_munmap(mm(), at, PAGE_SIZE), 0);
  EXPECT_EQ(mm_translate(mm(), at, 8, true), nullptr);
}

TEST_F(Mm, AnotherAddressSpaceIsNotReachedThroughTheCache) {
  const uptr at = map(PAGE_SIZE);
  ASSERT_TRUE(put_user(u32{1}, at));
  mm_struct* const other = dup_mm(mm());
  ASSERT_NE(other, nullptr);
  u8* const mine = mm_translate(mm(), at, 4, true);
  u8* const theirs = mm_translate(other, at, 4, true);
  EXPECT_NE(mine, theirs);
  EXPECT_EQ(mm_translate(mm(), at, 4, true), mine);
  mmput(other);
}

TEST_F(Mm, UnmappingTheMiddleLeavesBothEnds) {
  const uptr at = map(5 * PAGE_SIZE);
  ASSERT_TRUE(put_user(u32{11}, at));
  ASSERT_TRUE(put_user(u32{55}, at + 4 * PAGE_SIZE));
  ASSERT_EQ(do_munmap(mm(), at + PAGE_SIZE, 3 * PAGE_SIZE), 0);
  u32 word = 0;
  EXPECT_TRUE(get_user(&word, at));
  EXPECT_EQ(word, 11u);
  EXPECT_TRUE(get_user(&word, at + 4 * PAGE_SIZE));
  EXPECT_EQ(word, 55u);
  EXPECT_FALSE(get_user(&word, at + 2 * PAGE_SIZE));
  EXPECT_EQ(world->pages_used, 2u);
}

TEST_F(Mm, MunmapChecksItsArguments) {
  const uptr at = map(PAGE_SIZE);
  EXPECT_EQ(do_munmap(mm(), at + 1, PAGE_SIZE), -EINVAL);
  EXPECT_EQ(do_munmap(mm(), at, 0), -EINVAL);
  EXPECT_EQ(do_munmap(mm(), at, TASK_SIZE), -EINVAL);
  EXPECT_EQ(do_munmap(mm(), at - 64 * PAGE_SIZE, PAGE_SIZE), 0);  // nothing there is fine
}

TEST_F(Mm, FreedAddressesAreUsedAgain) {
  const uptr at = map(4 * PAGE_SIZE);
  ASSERT_EQ(do_munmap(mm(), at, 4 * PAGE_SIZE), 0);
  EXPECT_EQ(map(4 * PAGE_SIZE), at);
}

/// The highest gap of `bytes` below `top` between the areas of `taken` (start -> end), gone through from the top.
uptr highest_gap(const std::map<uptr, uptr>& taken, uptr top, u64 bytes) {
  uptr end = top;
  for (auto area = taken.rbegin(); area != taken.rend(); ++area) {
    if (end - area->second >= bytes) break;
    end = area->first;
  }
  return end - bytes;
}

TEST_F(Mm, AMappingGoesToTheHighestGapThatHoldsItWhateverWasMappedAndUnmapped) {
  const uptr first = map(PAGE_SIZE);
  const uptr top = first + PAGE_SIZE;
  std::map<uptr, uptr> taken{{first, top}};
  u32 random = 1;
  const auto next = [&random] { return (random = random * 1664525 + 1013904223) >> 16; };
  for (int round = 0; round < 3000; round++) {
    if (next() % 5 < 3 || taken.size() < 2) {
      const u64 bytes = (1 + next() % 6) * PAGE_SIZE;
      const uptr wanted = highest_gap(taken, top, bytes);
      ASSERT_EQ(map(bytes), wanted) << "round " << round;
      taken[wanted] = wanted + bytes;
      continue;
    }
    auto area = taken.begin();
    std::advance(area, next() % taken.size());
    uptr start = area->first;
    const uptr end = area->second;
    if (next() % 2 == 0) start += (end - start) / PAGE_SIZE / 2 * PAGE_SIZE;  // only its upper half
    ASSERT_EQ(do_munmap(mm(), start, end - start), 0);
    if (start != area->first)
      area->second = start;
    else
      taken.erase(area);
  }
}

TEST_F(Mm, MappingFailsBeyondTheMachinesMemory) {
  KernelWorld small({.kernel = {.memory_pages = 10}});
  task_struct* const task = small.stopped_process();
  RunAs app(task);
  EXPECT_GT(mmap_anonymous(task->mm, 8 * PAGE_SIZE, kRw, false), 0);
  EXPECT_EQ(mmap_anonymous(task->mm, 8 * PAGE_SIZE, kRw, false), -ENOMEM);
  EXPECT_EQ(small->pages_used, 8u);
}

TEST_F(Mm, CompoundPagesAdjoinAndCountThroughTheirHead) {
  page* const pages = alloc_pages(2);
  ASSERT_NE(pages, nullptr);
  EXPECT_EQ(pages[3].data, pages[0].data + 3 * PAGE_SIZE);
  EXPECT_EQ(page_size(&pages[1]), 4 * PAGE_SIZE);
  get_page(&pages[2]);
  put_page(&pages[0]);
  EXPECT_EQ(page_count(&pages[1]), 1u);
  EXPECT_EQ(world->pages_used, 4u);
  put_page(&pages[2]);
  EXPECT_EQ(world->pages_used, 0u);
}

TEST_F(Mm, GetOrderRoundsUp) {
  EXPECT_EQ(get_order(1), 0u);
  EXPECT_EQ(get_order(4096), 0u);
  EXPECT_EQ(get_order(4097), 1u);
  EXPECT_EQ(get_order(5 * 4096), 3u);
}

TEST_F(Mm, PinnedPagesOutliveTheirMapping) {
  const uptr at = map(2 * PAGE_SIZE);
  ASSERT_TRUE(put_user(u32{77}, at + PAGE_SIZE));
  page* pages[2] = {};
  vm_area_struct* vmas[2] = {};
  ASSERT_EQ(get_user_pages(at + 10, 2, FOLL_WRITE, pages, vmas), 2);
  EXPECT_EQ(vmas[0], vmas[1]);
  ASSERT_EQ(do_munmap(mm(), at, 2 * PAGE_SIZE), 0);
  u32 word = 0;
  std::memcpy(&word, pages[1]->data, sizeof(word));
  EXPECT_EQ(word, 77u);
  put_user_page(pages[0]);
  put_user_page(pages[1]);
}

TEST_F(Mm, PinningStopsAtTheFirstPageThatCannotBe) {
  const uptr at = map(3 * PAGE_SIZE);
  ASSERT_EQ(do_munmap(mm(), at + 2 * PAGE_SIZE, PAGE_SIZE), 0);
  page* pages[3] = {};
  EXPECT_EQ(get_user_pages(at, 3, 0, pages, nullptr), 2);
  put_user_page(pages[0]);
  put_user_page(pages[1]);
  EXPECT_EQ(get_user_pages(at + 2 * PAGE_SIZE, 1, 0, pages, nullptr), -EFAULT);
}

TEST_F(Mm, ReadOnlyAndRingPagesCannotBePinnedForWriting) {
  const uptr read_only = map(PAGE_SIZE, PROT_READ);
  page* pinned = nullptr;
  EXPECT_EQ(get_user_pages_fast(read_only, 1, FOLL_WRITE, &pinned), -EFAULT);
  EXPECT_EQ(get_user_pages_fast(read_only, 1, 0, &pinned), 1);
  put_user_page(pinned);
  page* ring = alloc_pages(0);
  const s64 mapped = mmap_pages(mm(), &ring, 1, kRw, nullptr, 0, true);
  ASSERT_GT(mapped, 0);
  EXPECT_TRUE(put_user(u32{1}, static_cast<uptr>(mapped)));
  EXPECT_EQ(get_user_pages_fast(static_cast<uptr>(mapped), 1, 0, &pinned), -EFAULT);
  put_page(ring);
}

TEST_F(Mm, TheLastUserUnmapsTheLastHolderFrees) {
  mm_struct* const other = mm_alloc();
  ASSERT_GT(mmap_anonymous(other, PAGE_SIZE, kRw, false), 0);
  mmgrab(other);
  EXPECT_TRUE(mmget_not_zero(other));
  mmput(other);
  EXPECT_EQ(world->pages_used, 1u);
  mmput(other);
  EXPECT_EQ(world->pages_used, 0u);
  EXPECT_FALSE(mmget_not_zero(other));
  mmdrop(other);
}

TEST_F(Mm, AKernelThreadReachesUserMemoryOnlyWhileItUsesTheMm) {
  const uptr at = map(PAGE_SIZE);
  ASSERT_TRUE(put_user(u32{5}, at));
  mm_struct* const app_mm = mm();
  RunAs kernel_side(world->swapper);
  u32 word = 0;
  EXPECT_FALSE(get_user(&word, at));
  use_mm(app_mm);
  EXPECT_TRUE(get_user(&word, at));
  unuse_mm(app_mm);
  EXPECT_FALSE(get_user(&word, at));
  EXPECT_EQ(word, 0u);
}

TEST_F(Mm, ClearUserClears) {
  const uptr at = map(2 * PAGE_SIZE);
  const u64 ones = ~u64{0};
  ASSERT_TRUE(put_user(ones, at + PAGE_SIZE - 4));
  EXPECT_EQ(clear_user(at + PAGE_SIZE - 4, 6), 0u);
  u64 word = 0;
  ASSERT_TRUE(get_user(&word, at + PAGE_SIZE - 4));
  EXPECT_EQ(word, 0xffff000000000000u);
}

TEST_F(Mm, InjectedFaultsStrikeTheAllocationTheyName) {
  fault_attr fault;
  fault.nth = 2;
  world->allocation_fault = &fault;
  u64* const first = kmalloc<u64>();
  u64* const second = kmalloc<u64>();
  u64* const third = kmalloc<u64>();
  world->allocation_fault = nullptr;
  EXPECT_NE(first, nullptr);
  EXPECT_EQ(second, nullptr);
  EXPECT_NE(third, nullptr);
  EXPECT_EQ(fault.failed, 1u);
  kfree(first);
  kfree(third);
}

TEST_F(Mm, InjectedFaultsCanBeLimitedInNumber) {
  fault_attr fault;
  fault.times = 2;
  world->allocation_fault = &fault;
  EXPECT_EQ(alloc_pages(0), nullptr);
  EXPECT_EQ(mm_alloc(), nullptr);
  mm_struct* const fine = mm_alloc();
  world->allocation_fault = nullptr;
  EXPECT_NE(fine, nullptr);
  mmput(fine);
}

TEST_F(Mm, EveryFailingAllocationOfADupLeavesNothingBehind) {
  map(3 * PAGE_SIZE);
  map(PAGE_SIZE, kRw, true);
  const u64 pages = world->pages_used, bytes = world.machine().arena().live_bytes();
  for (u64 nth = 1;; nth++) {
    fault_attr fault;
    fault.nth = nth;
    world->allocation_fault = &fault;
    mm_struct* const copy = dup_mm(mm());
    world->allocation_fault = nullptr;
    if (copy != nullptr) mmput(copy);
    EXPECT_EQ(world->pages_used, pages);
    EXPECT_EQ(world.machine().arena().live_bytes(), bytes);
    if (fault.failed == 0) {
      EXPECT_GT(nth, 8u);
      break;
    }
  }
}

}  // namespace
}  // namespace uringsim::kernel
