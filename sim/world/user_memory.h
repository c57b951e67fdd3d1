// SPDX-License-Identifier: GPL-2.0-only
// How a simulated application touches its own memory: user addresses, translated through its address space.
//
// What a real processor's TLB does a small cache does here, so that a store to a ring word costs a few nanoseconds. It belongs to
// the task, lies in the machine's memory, and is emptied when the address space unmaps something.
// An access to what is not mapped is the application's death by SIGSEGV, as on hardware.
#pragma once

#include "kernel_model/core/mm.h"
#include "kernel_model/core/sched.h"

namespace uringsim::sim {

/// Translations of one task.
class UserMemory {
 public:
  /// The host's address of `bytes` bytes of user memory at `at`, which must lie in one page; ends the task where they are not
  /// mapped for the access.
  [[nodiscard]] u8* at(uptr at, u64 bytes, bool write) noexcept {
    kernel::mm_struct* const mm = kernel::current()->mm;
    const u64 page = at >> kernel::PAGE_SHIFT;
    const Entry& entry = entries_[page % kEntries];
    const u64 generation = __atomic_load_n(&mm->tlb_generation, __ATOMIC_RELAXED);
    if (entry.page == page && entry.generation == generation && (entry.writable || !write)) [[likely]]
      return entry.data + (at & (kernel::PAGE_SIZE - 1));
    return miss(mm, at, bytes, write, generation);
  }

  /// Copies between the host and user memory; any length, any alignment.
  void copy_to(uptr to, const void* from, u64 bytes) noexcept;
  void copy_from(void* to, uptr from, u64 bytes) noexcept;

 private:
  static constexpr u64 kEntries = 64;
  struct Entry {
    u64 page = ~u64{0};
    u64 generation = 0;
    u8* data = nullptr;
    bool writable = false;
  };
  u8* miss(kernel::mm_struct* mm, uptr at, u64 bytes, bool write, u64 generation) noexcept;

  Entry entries_[kEntries];
};

}  // namespace uringsim::sim
