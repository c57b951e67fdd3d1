// SPDX-License-Identifier: GPL-2.0-only
#include "sim/world/user_memory.h"

#include <csignal>

#include "kernel_model/core/process.h"

namespace uringsim::sim {

u8* UserMemory::miss(kernel::mm_struct* mm, uptr at, u64 bytes, bool write, u64 generation) noexcept {
  u8* const found = kernel::mm_translate(mm, at, bytes, write);
  if (found == nullptr) kernel::do_group_exit(SIGSEGV);
  const u64 page = at >> kernel::PAGE_SHIFT;
  entries_[page % kEntries] = {page, generation, found - (at & (kernel::PAGE_SIZE - 1)), write};
  return found;
}

void UserMemory::copy_to(uptr to, const void* from, u64 bytes) noexcept {
  const u8* source = static_cast<const u8*>(from);
  while (bytes != 0) {
    const u64 left = kernel::PAGE_SIZE - (to & (kernel::PAGE_SIZE - 1));
    const u64 part = bytes < left ? bytes : left;
    u8* const target = at(to, part, true);
    arch::plain_range(target, part, true);
    arch::copy_racy(target, source, part);
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
    const u8* const source = at(from, part, false);
    arch::plain_range(source, part, false);
    arch::copy_racy(target, source, part);
    from += part;
    target += part;
    bytes -= part;
  }
}

}  // namespace uringsim::sim
