// SPDX-License-Identifier: GPL-2.0-only
#include "sim/world/user_memory.h"

#include <csignal>

#include "kernel_model/core/process.h"

namespace uringsim::sim {

/// What has to be looked up is looked up outside of the access: that takes a lock, and may be the task's end.
u8* UserMemory::enter_slowly(kernel::task_struct* task, uptr at, u64 bytes, bool write) noexcept {
  arch::user_access_end(*task);
  const u64 generation = __atomic_load_n(&task->mm->tlb_generation, __ATOMIC_ACQUIRE);  // at worst it is looked up again
  u8* const found = kernel::mm_translate(task->mm, at, bytes, write);
  if (found == nullptr) kernel::do_group_exit(SIGSEGV);
  const u64 page = at >> kernel::PAGE_SHIFT;
  entries_[page % kEntries] = {page, generation, found - (at & (kernel::PAGE_SIZE - 1)), write};
  return enter(at, bytes, write);
}

void UserMemory::copy_to(uptr to, const void* from, u64 bytes) noexcept {
  const u8* source = static_cast<const u8*>(from);
  while (bytes != 0) {
    const u64 left = kernel::PAGE_SIZE - (to & (kernel::PAGE_SIZE - 1));
    const u64 part = bytes < left ? bytes : left;
    const Access access(*this, to, part, true);
    arch::plain_range(access.data(), part, true);
    arch::copy_racy(access.data(), source, part);
    to += part;
    source += part;
    bytes -= part;
  }
}

void UserMemory::copy_from(void* to, uptr from, u64 bytes) noexcept {
  u8* target = static_cast<u8*>(to);
  while (bytes != 0) {
    const u64 left = kernel::PAGE_SIZE - (from & (kernel::PAGE_SIZE - 1));
    const u64 part = bytes < left ? bytes : left;
    const Access access(*this, from, part, false);
    arch::plain_range(access.data(), part, false);
    arch::copy_racy(target, access.data(), part);
    from += part;
    target += part;
    bytes -= part;
  }
}

}  // namespace uringsim::sim
