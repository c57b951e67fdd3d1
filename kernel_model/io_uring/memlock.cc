// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/rlimit.h"
#include "kernel_model/io_uring/setup.h"

namespace uringsim::kernel {

void io_unaccount_mem(user_struct* user, u64 nr_pages) noexcept { atomic_long_sub(static_cast<s64>(nr_pages), &user->locked_vm); }

int io_account_mem(user_struct* user, u64 nr_pages) noexcept {
  const u64 page_limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
  s64 cur_pages, new_pages;
  do {
    cur_pages = atomic_long_read(&user->locked_vm);
    new_pages = cur_pages + static_cast<s64>(nr_pages);
    if (static_cast<u64>(new_pages) > page_limit) return -ENOMEM;
  } while (atomic_long_cmpxchg(&user->locked_vm, cur_pages, new_pages) != cur_pages);
  return 0;
}

}  // namespace uringsim::kernel
