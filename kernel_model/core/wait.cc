// SPDX-License-Identifier: GPL-2.0-only
// Models kernel/sched/wait.c (5.4).
#include "kernel_model/core/wait.h"

#include "kernel_model/core/signal.h"

namespace uringsim::kernel {

namespace {

void link_entry(wait_queue_head* head, wait_queue_entry* entry, bool tail) noexcept {
  if (tail)
    list_add_tail(&entry->entry, &head->list.head);
  else
    list_add(&entry->entry, &head->list.head);
  shared_list_changed(&head->list, 1);
  WRITE_ONCE(entry->head, head);
}

/// Under the lock of the queue that the entry is on, if it is on one.
void unlink_entry(wait_queue_entry* entry) noexcept {
  wait_queue_head* const head = entry->head;
  if (head == nullptr) return;
  list_del_init(&entry->entry);
  shared_list_changed(&head->list, -1);
  // The last touch: finish_wait() on the other side lets the entry go once it sees this.
  smp_store_release(entry->head, nullptr, "wait_entry.removed");
}

/// Models __wake_up_common(). The list may lose any entry to its own function, which is why the next one is looked up first.
void wake_up_common(wait_queue_head* head, unsigned mode, int nr_exclusive, void* key) noexcept {
  list_for_each_entry_safe(entry, next, &head->list.head, wait_queue_entry, entry) {
    const unsigned flags = entry->flags;
    const int woken = entry->func(entry, mode, 0, key);
    if (woken < 0) break;
    if (woken > 0 && (flags & WQ_FLAG_EXCLUSIVE) != 0 && --nr_exclusive == 0) break;
  }
}

}  // namespace

int default_wake_function(wait_queue_entry* entry, unsigned mode, int, void*) noexcept {
  return wake_up_state(static_cast<task_struct*>(entry->private_), mode) ? 1 : 0;
}

int autoremove_wake_function(wait_queue_entry* entry, unsigned mode, int flags, void* key) noexcept {
  const int woken = default_wake_function(entry, mode, flags, key);
  if (woken != 0) unlink_entry(entry);
  return woken;
}

void __add_wait_queue(wait_queue_head* head, wait_queue_entry* entry) noexcept { link_entry(head, entry, false); }
void __add_wait_queue_entry_tail(wait_queue_head* head, wait_queue_entry* entry) noexcept { link_entry(head, entry, true); }
void __remove_wait_queue(wait_queue_head*, wait_queue_entry* entry) noexcept { unlink_entry(entry); }

void add_wait_queue(wait_queue_head* head, wait_queue_entry* entry) noexcept {
  entry->flags &= ~WQ_FLAG_EXCLUSIVE;
  spin_lock(&head->lock);
  __add_wait_queue(head, entry);
  spin_unlock(&head->lock);
}

void add_wait_queue_exclusive(wait_queue_head* head, wait_queue_entry* entry) noexcept {
  entry->flags |= WQ_FLAG_EXCLUSIVE;
  spin_lock(&head->lock);
  __add_wait_queue_entry_tail(head, entry);
  spin_unlock(&head->lock);
}

void remove_wait_queue(wait_queue_head* head, wait_queue_entry* entry) noexcept {
  spin_lock(&head->lock);
  __remove_wait_queue(head, entry);
  spin_unlock(&head->lock);
}

// Linux writes the flags before it has the lock, of an entry that may still be queued: a race in which nothing changes. Here they
// are written where something does.
void prepare_to_wait(wait_queue_head* head, wait_queue_entry* entry, u32 state, Site site) noexcept {
  if ((entry->flags & WQ_FLAG_EXCLUSIVE) != 0) entry->flags &= ~WQ_FLAG_EXCLUSIVE;
  spin_lock(&head->lock, site);
  if (entry->head == nullptr) __add_wait_queue(head, entry);
  set_current_state(state, "prepare_to_wait", site);
  spin_unlock(&head->lock, site);
}

void prepare_to_wait_exclusive(wait_queue_head* head, wait_queue_entry* entry, u32 state, Site site) noexcept {
  if ((entry->flags & WQ_FLAG_EXCLUSIVE) == 0) entry->flags |= WQ_FLAG_EXCLUSIVE;
  spin_lock(&head->lock, site);
  if (entry->head == nullptr) __add_wait_queue_entry_tail(head, entry);
  set_current_state(state, "prepare_to_wait_exclusive", site);
  spin_unlock(&head->lock, site);
}

long prepare_to_wait_event(wait_queue_head* head, wait_queue_entry* entry, u32 state, Site site) noexcept {
  long ret = 0;
  spin_lock(&head->lock, site);
  if (signal_pending_state(state, current())) {
    unlink_entry(entry);
    ret = -ERESTARTSYS;
  } else {
    if (entry->head == nullptr) link_entry(head, entry, (entry->flags & WQ_FLAG_EXCLUSIVE) != 0);
    set_current_state(state, "prepare_to_wait_event", site);
  }
  spin_unlock(&head->lock, site);
  return ret;
}

void finish_wait(wait_queue_head* head, wait_queue_entry* entry) noexcept {
  __set_current_state(TASK_RUNNING);
  if (smp_load_acquire(entry->head, "finish_wait") == nullptr) return;
  spin_lock(&head->lock);
  unlink_entry(entry);
  spin_unlock(&head->lock);
}

void __wake_up(wait_queue_head* head, unsigned mode, int nr_exclusive, void* key, Site site) noexcept {
  spin_lock(&head->lock, site);
  wake_up_common(head, mode, nr_exclusive, key);
  spin_unlock(&head->lock, site);
}

void __wake_up_locked_key(wait_queue_head* head, unsigned mode, int nr_exclusive, void* key) noexcept {
  wake_up_common(head, mode, nr_exclusive, key);
}

}  // namespace uringsim::kernel
