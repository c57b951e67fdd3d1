// SPDX-License-Identifier: GPL-2.0-only
// Waiting for a bit of a page. Models the first part of mm/filemap.c.
#include "kernel_model/fs/pagemap.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

wait_queue_head_t* page_waitqueue(const page* page) noexcept { return &vfs().page_wait[page->index % kPageWaitQueues]; }

/// A waiter for bits of one page among those of the others that share its queue.
struct page_waiter : wait_entry {
  const page* waits_for = nullptr;
};

/// Models mm/filemap.c:wake_page_function(). Divergence: wakes every waiter of the page, also for the lock; each tries again.
int wake_page_function(wait_queue_entry* entry, unsigned mode, int flags, void* key) {
  if (static_cast<page_waiter*>(entry)->waits_for != key) return 0;
  return autoremove_wake_function(entry, mode, flags, nullptr);
}

/// Clears a bit and wakes its waiters. The page may be gone as soon as the bit is clear: it only serves as a key after that.
void clear_bit_and_wake(page* page, u32 flag, Site site) noexcept {
  wait_queue_head_t* const queue = page_waitqueue(page);
  (void)fetch_and(page->flags, ~flag, Order::full, site);
  // The full barrier of the operation above pairs with the one in prepare_to_wait().
  if (waitqueue_active(queue)) __wake_up(queue, TASK_NORMAL, 0, page);
}

template <class Condition>
void wait_on_page(page* page, Condition condition) noexcept {
  wait_queue_head_t* const queue = page_waitqueue(page);
  page_waiter waiter;
  waiter.waits_for = page;
  waiter.func = wake_page_function;
  for (;;) {
    prepare_to_wait(queue, &waiter, TASK_UNINTERRUPTIBLE);
    if (condition()) break;
    schedule();
  }
  finish_wait(queue, &waiter);
}

}  // namespace

bool trylock_page(page* page, Site site) noexcept {
  return (fetch_or(page->flags, PG_locked, Order::full, site) & PG_locked) == 0;
}

// Models mm/filemap.c:__lock_page().
void lock_page(page* page, Site site) noexcept {
  if (trylock_page(page, site)) return;
  wait_on_page(page, [page, site] { return trylock_page(page, site); });
}

void unlock_page(page* page, Site site) noexcept { clear_bit_and_wake(page, PG_locked, site); }

void wait_on_page_locked(page* page) noexcept {
  if (PageLocked(page)) wait_on_page(page, [page] { return !PageLocked(page); });
}

void wait_on_page_writeback(page* page) noexcept {
  if (PageWriteback(page)) wait_on_page(page, [page] { return !PageWriteback(page); });
}

/// A page's write-back is over (interrupt context). Models mm/filemap.c:end_page_writeback().
void end_page_writeback(page* page, int error) noexcept {
  address_space* const mapping = READ_ONCE(page->mapping);
  if (mapping != nullptr) {
    spin_lock_irq(&mapping->i_pages_lock);
    WRITE_ONCE(mapping->nr_writeback, READ_ONCE(mapping->nr_writeback) - 1);
    if (error != 0) WRITE_ONCE(mapping->wb_err, ((READ_ONCE(mapping->wb_err) >> 12) + 1) << 12 | static_cast<u32>(-error));
    spin_unlock_irq(&mapping->i_pages_lock);
  }
  clear_bit_and_wake(page, PG_writeback, Site::here());
}

}  // namespace uringsim::kernel
