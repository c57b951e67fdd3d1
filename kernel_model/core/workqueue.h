// SPDX-License-Identifier: GPL-2.0-only
// Workqueues: functions that run later in a kernel thread. Models include/linux/workqueue.h and kernel/workqueue.c (5.4).
//
// A workqueue orders and limits work (max_active); pools of workers run it. All unbound workqueues share one pool, where every
// work that is active has a worker of its own; bound ones share a pool a processor, where one runs at a time and the next starts
// when it sleeps. A work item runs on one worker at a time, however often it is queued.
//
//   work->data     PENDING   queue_work (fully ordered), cleared by the worker right before the function runs, between
//                            smp_wmb() and smp_mb(): what was written before queue_work() said false is seen by the function
//   everything else          lock of the pool
// Divergences: pools start with the first workqueue that uses them instead of at boot, idle workers stay, no rescuers (memory
// for a worker is waited for, a second at a time), no freezing, one NUMA node. flush_workqueue() of a bound workqueue goes from
// processor to processor and may wait for work that was queued on a later one meanwhile.
#pragma once

#include "kernel_model/core/kernel.h"

namespace uringsim::kernel {

struct work_struct;
struct worker_pool;
struct pool_workqueue;
struct workqueue_struct;
using work_func_t = void (*)(work_struct* work);

enum : unsigned {
  WQ_UNBOUND = 1u << 1,
  WQ_FREEZABLE = 1u << 2,
  WQ_MEM_RECLAIM = 1u << 3,
  WQ_HIGHPRI = 1u << 4,
};
inline constexpr int WQ_MAX_ACTIVE = 512;
inline constexpr int WQ_DFL_ACTIVE = WQ_MAX_ACTIVE / 2;

enum : u64 { WORK_STRUCT_PENDING = 1, WORK_STRUCT_CANCELING = 2 };

struct work_struct {
  u64 data = 0;  ///< WORK_STRUCT_*; shared word
  work_func_t func = nullptr;
  list_head entry;                ///< where it waits; lock of its pool
  worker_pool* pool = nullptr;    ///< where it was last; shared word, written under that pool's lock
  pool_workqueue* pwq = nullptr;  ///< whose it is while it waits; lock of its pool
  u64 sequence = 0;               ///< of being queued, for flushing; 0: not counted
  bool linked = false;            ///< the next in line runs on the same worker right after
  bool delayed = false;           ///< beyond max_active
  u32 id = 0;                     ///< for traces; given when it is first queued
};
inline void INIT_WORK(work_struct* work, work_func_t func) noexcept {
  work->data = 0;
  work->func = func;
  INIT_LIST_HEAD(&work->entry);
  work->pool = nullptr;
  work->pwq = nullptr;
  work->linked = work->delayed = false;
}

struct delayed_work {
  work_struct work;
  arch::Timer timer;
  workqueue_struct* wq = nullptr;
};
void INIT_DELAYED_WORK(delayed_work* work, work_func_t func) noexcept;

/// max_active: how many may be active at once (a processor, if bound); 0: WQ_DFL_ACTIVE. Null when memory ran out.
[[nodiscard]] workqueue_struct* alloc_workqueue(const char* name, unsigned flags, int max_active) noexcept;
/// Runs everything that is queued, then frees it.
void destroy_workqueue(workqueue_struct* wq) noexcept;

/// Queues it; false if it was already. Any context.
bool queue_work(workqueue_struct* wq, work_struct* work, Site site = Site::here()) noexcept;
/// Waits until everything that was queued before has run.
void flush_workqueue(workqueue_struct* wq) noexcept;
/// Waits until nothing is queued; only work that runs may queue more meanwhile.
void drain_workqueue(workqueue_struct* wq) noexcept;
/// Waits until the work has run, as it was last queued; true if there was something to wait for.
bool flush_work(work_struct* work) noexcept;
/// Takes it off the queue if it waits there; true if it did. It may be running.
bool cancel_work(work_struct* work) noexcept;
/// The same, and waits until it does not run any more either.
bool cancel_work_sync(work_struct* work) noexcept;

bool queue_delayed_work(workqueue_struct* wq, delayed_work* work, u64 delay_jiffies) noexcept;
/// Moves a waiting one to a new time; false if it was idle.
bool mod_delayed_work(workqueue_struct* wq, delayed_work* work, u64 delay_jiffies) noexcept;
bool cancel_delayed_work(delayed_work* work) noexcept;
bool cancel_delayed_work_sync(delayed_work* work) noexcept;
bool flush_delayed_work(delayed_work* work) noexcept;

inline bool work_pending(const work_struct* work, Site site = Site::here()) noexcept {
  return (READ_ONCE(work->data, site) & WORK_STRUCT_PENDING) != 0;
}
/// The work that the current task runs, if it is a worker; else null.
work_struct* current_work() noexcept;

/// The kernel's own workqueues, made with their first workers when first asked for. Any context; null when memory ran out.
workqueue_struct* system_wq() noexcept;
workqueue_struct* system_unbound_wq() noexcept;

/// schedule() of a worker: it is about to sleep, it runs again.
void wq_worker_sleeping(task_struct* task) noexcept;
void wq_worker_running(task_struct* task) noexcept;

}  // namespace uringsim::kernel
