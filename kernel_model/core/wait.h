// SPDX-License-Identifier: GPL-2.0-only
// Wait queues. Models include/linux/wait.h and kernel/sched/wait.c.
#pragma once

#include "kernel_model/core/list.h"
#include "kernel_model/core/sched.h"
#include "kernel_model/core/spinlock.h"

namespace uringsim::kernel {

struct wait_queue_entry;
struct wait_queue_head;
/// Called with the queue's lock held. > 0: woken (counts against nr_exclusive if exclusive); 0: not; < 0: stop here.
using wait_queue_func_t = int (*)(wait_queue_entry* entry, unsigned mode, int flags, void* key);

enum : unsigned { WQ_FLAG_EXCLUSIVE = 0x01, WQ_FLAG_WOKEN = 0x02 };

int default_wake_function(wait_queue_entry* entry, unsigned mode, int flags, void* key) noexcept;
/// default_wake_function, and takes the entry off the queue if that woke the task.
int autoremove_wake_function(wait_queue_entry* entry, unsigned mode, int flags, void* key) noexcept;

struct wait_queue_entry {
  unsigned flags = 0;
  void* private_ = nullptr;  ///< default functions: the task_struct to wake
  wait_queue_func_t func = nullptr;
  list_head entry;  ///< the queue's lock
  wait_queue_head* head =
      nullptr;  ///< the queue it is on, null when on none; set under its lock, looked at without by finish_wait()
};
using wait_queue_entry_t = wait_queue_entry;

struct wait_queue_head {
  spinlock_t lock;
  shared_list list;  ///< entries under `lock`; emptiness is looked at without (waitqueue_active)
};
using wait_queue_head_t = wait_queue_head;

/// DEFINE_WAIT: an entry that wakes the current task and removes itself.
struct wait_entry : wait_queue_entry {
  wait_entry() noexcept {
    private_ = current();
    func = autoremove_wake_function;
  }
};
/// DEFINE_WAIT_FUNC without a function: init_wait().
inline void init_wait(wait_queue_entry* entry) noexcept {
  entry->flags = 0;
  entry->private_ = current();
  entry->func = autoremove_wake_function;
  entry->head = nullptr;
  INIT_LIST_HEAD(&entry->entry);
}

inline void init_waitqueue_head(wait_queue_head* head) noexcept {
  spin_lock_init(&head->lock);
  INIT_LIST_HEAD(&head->list.head);
  head->list.count = 0;
  head->list.nonempty = 0;
}
inline void init_waitqueue_func_entry(wait_queue_entry* entry, wait_queue_func_t func) noexcept {
  entry->flags = 0;
  entry->private_ = nullptr;
  entry->func = func;
  entry->head = nullptr;
  INIT_LIST_HEAD(&entry->entry);
}

void add_wait_queue(wait_queue_head* head, wait_queue_entry* entry) noexcept;
void add_wait_queue_exclusive(wait_queue_head* head, wait_queue_entry* entry) noexcept;
void remove_wait_queue(wait_queue_head* head, wait_queue_entry* entry) noexcept;
/// With head->lock held: puts the entry on, or off (a second time is harmless; Linux's list_del_init() of custom wake functions).
/// Taking it off is a release: a sleeper that sees it off (finish_wait) may let go of the entry.
void __add_wait_queue(wait_queue_head* head, wait_queue_entry* entry) noexcept;
void __add_wait_queue_entry_tail(wait_queue_head* head, wait_queue_entry* entry) noexcept;
void __remove_wait_queue(wait_queue_head* head, wait_queue_entry* entry) noexcept;

/// Puts the entry on the queue if it is not on one, and sets the state; ends in a full barrier (set_current_state), so that
/// the caller's next look at its condition pairs with a waker that stores the condition, has a full barrier, and looks at
/// the queue.
void prepare_to_wait(wait_queue_head* head, wait_queue_entry* entry, u32 state, Site site = Site::here()) noexcept;
/// The same at the tail, flagged exclusive.
void prepare_to_wait_exclusive(wait_queue_head* head, wait_queue_entry* entry, u32 state, Site site = Site::here()) noexcept;
/// One round of wait_event: as the two above by entry->flags, or, if a signal is pending and the state wants to know, takes the
/// entry off the queue and returns -ERESTARTSYS: a task that leaves must not have used up an exclusive wakeup.
long prepare_to_wait_event(wait_queue_head* head, wait_queue_entry* entry, u32 state, Site site = Site::here()) noexcept;
/// Back to TASK_RUNNING and off the queue. No ordering promised; takes no lock if the waker took the entry off.
void finish_wait(wait_queue_head* head, wait_queue_entry* entry) noexcept;

/// Calls the entries' functions in order until `nr_exclusive` exclusive ones woke (0: all). A full barrier only if it wakes.
void __wake_up(wait_queue_head* head, unsigned mode, int nr_exclusive, void* key, Site site = Site::here()) noexcept;
/// The same with head->lock held.
void __wake_up_locked_key(wait_queue_head* head, unsigned mode, int nr_exclusive, void* key) noexcept;

inline void* poll_to_key(u32 mask) noexcept { return reinterpret_cast<void*>(static_cast<u64>(mask)); }
inline u32 key_to_poll(void* key) noexcept { return static_cast<u32>(reinterpret_cast<u64>(key)); }

inline void wake_up(wait_queue_head* head, Site site = Site::here()) noexcept { __wake_up(head, TASK_NORMAL, 1, nullptr, site); }
inline void wake_up_all(wait_queue_head* head, Site site = Site::here()) noexcept {
  __wake_up(head, TASK_NORMAL, 0, nullptr, site);
}
inline void wake_up_interruptible(wait_queue_head* head, Site site = Site::here()) noexcept {
  __wake_up(head, TASK_INTERRUPTIBLE, 1, nullptr, site);
}
inline void wake_up_interruptible_all(wait_queue_head* head, Site site = Site::here()) noexcept {
  __wake_up(head, TASK_INTERRUPTIBLE, 0, nullptr, site);
}
inline void wake_up_poll(wait_queue_head* head, u32 mask, Site site = Site::here()) noexcept {
  __wake_up(head, TASK_NORMAL, 1, poll_to_key(mask), site);
}
inline void wake_up_interruptible_poll(wait_queue_head* head, u32 mask, Site site = Site::here()) noexcept {
  __wake_up(head, TASK_INTERRUPTIBLE, 1, poll_to_key(mask), site);
}
inline void wake_up_interruptible_sync_poll(wait_queue_head* head, u32 mask, Site site = Site::here()) noexcept {
  wake_up_interruptible_poll(head, mask, site);
}
inline void wake_up_locked_poll(wait_queue_head* head, u32 mask) noexcept {
  __wake_up_locked_key(head, TASK_NORMAL, 1, poll_to_key(mask));
}

/// A lockless look. No ordering: the caller needs a full barrier between making the condition true and this (wq_has_sleeper
/// has it), or must know why it does not.
inline bool waitqueue_active(wait_queue_head* head, Site site = Site::here()) noexcept {
  return !shared_list_empty(&head->list, site);
}
/// smp_mb() and waitqueue_active(): pairs with the barrier in prepare_to_wait.
inline bool wq_has_sleeper(wait_queue_head* head, const char* barrier = "wq_has_sleeper", Site site = Site::here()) noexcept {
  smp_mb(barrier, site);
  return waitqueue_active(head, site);
}

namespace detail {
/// ___wait_event of include/linux/wait.h.
template <class Condition>
inline int wait_event(wait_queue_head* head, u32 state, bool exclusive, Condition condition, Site site) noexcept {
  wait_entry entry;
  if (exclusive) entry.flags = WQ_FLAG_EXCLUSIVE;
  for (;;) {
    const long interrupted = prepare_to_wait_event(head, &entry, state, site);
    if (condition()) break;
    if (interrupted != 0) return static_cast<int>(interrupted);
    schedule();
  }
  finish_wait(head, &entry);
  return 0;
}
}  // namespace detail

/// Sleeps uninterruptibly until condition().
template <class Condition>
inline void wait_event(wait_queue_head* head, Condition condition, Site site = Site::here()) noexcept {
  if (!condition()) (void)detail::wait_event(head, TASK_UNINTERRUPTIBLE, false, condition, site);
}

/// wait_event_interruptible: 0, or -ERESTARTSYS when a signal came first. `exclusive`: woken one at a time.
template <class Condition>
inline int wait_event_interruptible(wait_queue_head* head, Condition condition, bool exclusive = false,
                                    Site site = Site::here()) noexcept {
  return condition() ? 0 : detail::wait_event(head, TASK_INTERRUPTIBLE, exclusive, condition, site);
}

}  // namespace uringsim::kernel
