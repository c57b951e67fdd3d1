// SPDX-License-Identifier: GPL-2.0-only
// What workqueue.cc and workqueue_flush.cc share. Models kernel/workqueue_internal.h and the structs of workqueue.c (5.4).
#pragma once

#include "kernel_model/core/completion.h"
#include "kernel_model/core/mutex.h"
#include "kernel_model/core/workqueue.h"

namespace uringsim::kernel {

inline constexpr unsigned WQ_DRAINING = 1u << 16;  ///< __WQ_DRAINING

/// Workers and what waits for them. `lock` covers everything here, in its workers, and in the works that wait.
struct worker_pool {
  spinlock_t lock;
  int cpu = -1;  ///< its workers are bound here; -1: the unbound pool
  list_head worklist;
  list_head idle_list;  ///< worker::entry
  list_head busy_list;  ///< worker::busy
  unsigned nr_workers = 0, nr_idle = 0, next_worker_id = 0;
  int nr_running = 0;  ///< bound: workers that run a work and do not sleep. Shared word: a worker that wakes up takes no lock
  bool manager_active = false;
  bool started = false;
};

struct worker {
  worker_pool* pool = nullptr;
  task_struct* task = nullptr;
  list_head entry;      ///< idle_list
  list_head busy;       ///< busy_list
  list_head scheduled;  ///< works that this worker must run itself
  work_struct* current_work = nullptr;
  work_func_t current_func = nullptr;
  pool_workqueue* current_pwq = nullptr;
  bool idle = false;
  bool counts = false;    ///< in nr_running, while it does not sleep; own
  bool sleeping = false;  ///< own
};

/// A flush_workqueue() under way: how many works of sequence <= last have not run yet. Lock of the pool.
struct wq_flusher {
  list_head link;
  u64 last = 0;
  u64 remaining = 0;
  completion done;
};

/// A workqueue's part of one pool. Lock of the pool.
struct pool_workqueue {
  workqueue_struct* wq = nullptr;
  worker_pool* pool = nullptr;
  int nr_active = 0, max_active = 0;
  list_head delayed_works;
  u64 last_sequence = 0;
  u64 nr_in_flight = 0;  ///< queued and not over
  list_head flushers;
};

struct workqueue_struct {
  unsigned flags = 0;  ///< WQ_*; WQ_DRAINING changes under `lock` and is read without
  unsigned nr_drainers = 0;
  mutex lock;
  pool_workqueue* pwqs = nullptr;  ///< one, or one a processor
  unsigned nr_pwqs = 0;
  u32 id = 0;
  char name[24] = {};
};

/// Kernel::workqueues.
struct workqueue_state {
  worker_pool unbound;
  worker_pool* bound = nullptr;  ///< a processor each
  unsigned cpus = 0;
  workqueue_struct* system = nullptr;          ///< shared word: cmpxchg
  workqueue_struct* system_unbound = nullptr;  ///< likewise
  wait_queue_head canceling;                   ///< cancel_work_sync() against another of the same work
};

// All with the pool's lock held.
worker* find_worker_executing_work(worker_pool* pool, const work_struct* work) noexcept;
/// Moves the work and those linked to it; *next (may be null) receives what came after them.
void move_linked_works(work_struct* work, list_head* to, work_struct** next) noexcept;
void pwq_activate_first_delayed(pool_workqueue* pwq) noexcept;
void pwq_activate_delayed_work(work_struct* work) noexcept;
/// A work of this sequence is over (or was cancelled).
void pwq_dec_nr_in_flight(pool_workqueue* pwq, u64 sequence) noexcept;
void insert_work(pool_workqueue* pwq, work_struct* work, list_head* before) noexcept;
void set_work_pool_and_clear_pending(work_struct* work) noexcept;
// Without.
void __queue_work(workqueue_struct* wq, work_struct* work) noexcept;

}  // namespace uringsim::kernel
