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
  /// One access to `bytes` bytes of user memory at `at`, which must lie in one page; ends the task where they are not mapped for
  /// it. Who unmaps the page waits for as long as this lives: it is for touching these bytes and nothing else
  /// (kernel_model/arch/user_access.h).
  class Access {
   public:
    Access(UserMemory& memory, uptr at, u64 bytes, bool write) noexcept : data_(memory.enter(at, bytes, write)) {}
    ~Access() { arch::user_access_end(*arch::current_task()); }
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;

    /// The host's address.
    [[nodiscard]] u8* data() const noexcept { return data_; }
    template <class T>
    [[nodiscard]] T& as() const noexcept {
      return *reinterpret_cast<T*>(data_);
    }

   private:
    u8* data_;
  };

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
  /// Begins an access. The host's address.
  [[nodiscard]] u8* enter(uptr at, u64 bytes, bool write) noexcept {
    kernel::task_struct* const task = kernel::current();
    arch::user_access_begin(*task, at);
    const u64 page = at >> kernel::PAGE_SHIFT;
    const Entry& entry = entries_[page % kEntries];
    const u64 generation = __atomic_load_n(&task->mm->tlb_generation, __ATOMIC_RELAXED);
    if (entry.page == page && entry.generation == generation && (entry.writable || !write)) [[likely]]
      return entry.data + (at & (kernel::PAGE_SIZE - 1));
    return enter_slowly(task, at, bytes, write);
  }
  u8* enter_slowly(kernel::task_struct* task, uptr at, u64 bytes, bool write) noexcept;

  Entry entries_[kEntries];
};

}  // namespace uringsim::sim
