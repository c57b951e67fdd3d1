// SPDX-License-Identifier: GPL-2.0-only
// Models lib/usercopy.c and arch/x86/lib/copy_user_64.S as callers see them: what is copied, and how much was left when a page
// was missing.
#include "kernel_model/core/uaccess.h"

#include <cstring>

namespace uringsim::kernel {

bool access_ok(uptr start, u64 bytes) noexcept { return bytes <= TASK_SIZE && start <= TASK_SIZE - bytes; }

namespace {
constexpr uptr kKernelHalf = 0xffff800000000000;

/// The kernel pointer behind an address of kmap(), if current may follow it; else null.
u8* kernel_pointer(uptr address) noexcept {
  const bool kernel_ds = (current()->flags & PF_KTHREAD) != 0 && current()->mm == nullptr;
  return kernel_ds && address >= kKernelHalf ? reinterpret_cast<u8*>(address & ~kKernelHalf) : nullptr;
}
}  // namespace

uptr kmap(const page* page) noexcept { return reinterpret_cast<uptr>(page->data) | kKernelHalf; }

namespace {
/// Calls step(kernel pointer, bytes) for each page of the user range; returns the bytes it did not get to.
template <class Step>
u64 walk(uptr user, u64 bytes, bool write, Step step) noexcept {
  if (u8* const at = kernel_pointer(user)) {
    arch::machine().charge(arch::Cost::copy, bytes);
    arch::plain_range(at, bytes, write);
    step(at, bytes);
    return 0;
  }
  if (!access_ok(user, bytes)) return bytes;
  mm_struct* const mm = current()->mm;
  const Site site = Site::here();
  arch::machine().charge(arch::Cost::copy, bytes);
  while (bytes > 0) {
    const u64 in_page = PAGE_SIZE - (user & (PAGE_SIZE - 1));
    const u64 part = bytes < in_page ? bytes : in_page;
    const auto access = [&](u8* at) noexcept {
      arch::plain_range(at, part, write, site);
      step(at, part);
    };
    if (!mm_access(mm, user, part, write, access)) break;
    user += part;
    bytes -= part;
  }
  return bytes;
}
}  // namespace

u64 copy_from_user(void* to, uptr from, u64 bytes) noexcept {
  u8* out = static_cast<u8*>(to);
  const u64 left = walk(from, bytes, false, [&](u8* at, u64 part) noexcept {
    arch::copy_racy(out, at, part);
    out += part;
  });
  if (left > 0) std::memset(out, 0, left);  // as Linux: no old kernel memory in the part that is missing
  return left;
}

u64 copy_to_user(uptr to, const void* from, u64 bytes) noexcept {
  const u8* in = static_cast<const u8*>(from);
  return walk(to, bytes, true, [&](u8* at, u64 part) noexcept {
    arch::copy_racy(at, in, part);
    in += part;
  });
}

u64 clear_user(uptr to, u64 bytes) noexcept {
  static constexpr u8 kZeroes[PAGE_SIZE] = {};
  return walk(to, bytes, true, [](u8* at, u64 part) noexcept { arch::copy_racy(at, kZeroes, part); });
}

}  // namespace uringsim::kernel
