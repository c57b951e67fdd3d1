// SPDX-License-Identifier: GPL-2.0-only
// Models kernel/workqueue.c (5.4): queueing and running. Flushing and cancelling: workqueue_flush.cc.
#include "kernel_model/core/workqueue.h"

#include <cstdio>
#include <cstring>

#include "kernel_model/core/boot.h"
#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/kthread.h"
#include "kernel_model/core/refcount.h"
#include "kernel_model/core/workqueue_internal.h"

namespace uringsim::kernel {

namespace {

bool need_more_worker(worker_pool* pool) noexcept { return !list_empty(&pool->worklist) && READ_ONCE(pool->nr_running) == 0; }
bool keep_working(worker_pool* pool) noexcept { return !list_empty(&pool->worklist) && READ_ONCE(pool->nr_running) <= 1; }
bool may_start_working(const worker_pool* pool) noexcept { return pool->nr_idle > 0; }
bool need_to_create_worker(worker_pool* pool) noexcept { return need_more_worker(pool) && !may_start_working(pool); }

void wake_up_worker(worker_pool* pool) noexcept {
  if (!list_empty(&pool->idle_list)) wake_up_process(list_first_entry(&pool->idle_list, worker, entry)->task);
}

void worker_enter_idle(worker* w) noexcept {
  w->idle = true;
  w->pool->nr_idle++;
  list_add(&w->entry, &w->pool->idle_list);  // last in, first out
}
void worker_leave_idle(worker* w) noexcept {
  w->idle = false;
  w->pool->nr_idle--;
  list_del_init(&w->entry);
}

/// Whether the worker counts in nr_running. Unbound ones never do.
void worker_counts(worker* w, bool counts) noexcept {
  if (w->counts == counts || w->pool->cpu < 0) return;
  w->counts = counts;
  (void)fetch_add(w->pool->nr_running, counts ? 1 : -1, Order::relaxed);
}

// Models process_one_work(). pool->lock held, released meanwhile.
void process_one_work(worker* w, work_struct* work) noexcept {
  worker_pool* const pool = w->pool;
  worker* const collision = find_worker_executing_work(pool, work);
  if (collision != nullptr) {
    move_linked_works(work, &collision->scheduled, nullptr);
    return;
  }
  pool_workqueue* const pwq = work->pwq;
  const u64 sequence = work->sequence;
  const u32 id = work->id;
  w->current_work = work;
  w->current_func = work->func;
  w->current_pwq = pwq;
  list_add_tail(&w->busy, &pool->busy_list);
  list_del_init(&work->entry);
  work->pwq = nullptr;
  work->linked = false;
  if (need_more_worker(pool)) wake_up_worker(pool);  // keeps the chain of wakeups going
  set_work_pool_and_clear_pending(work);
  spin_unlock_irq(&pool->lock);

  const bool traced = sequence != 0;  // not the barriers of flush_work()
  if (traced) kernel().trace(EventKind::workqueue_execute_start, id, pwq->wq->id);
  w->current_func(work);  // may free the work, or queue it again
  if (traced) kernel().trace(EventKind::workqueue_execute_end, id, pwq->wq->id);
  cond_resched();

  spin_lock_irq(&pool->lock);
  list_del_init(&w->busy);
  w->current_work = nullptr;
  w->current_func = nullptr;
  w->current_pwq = nullptr;
  pwq_dec_nr_in_flight(pwq, sequence);
}

void process_scheduled_works(worker* w) noexcept {
  while (!list_empty(&w->scheduled)) process_one_work(w, list_first_entry(&w->scheduled, work_struct, entry));
}

int worker_thread(void* argument) noexcept;

/// Models create_worker(). May sleep; null when memory ran out.
worker* create_worker(worker_pool* pool) noexcept {
  worker* const w = kmalloc<worker>();
  if (w == nullptr) return nullptr;
  w->pool = pool;
  spin_lock_irq(&pool->lock);
  const unsigned id = pool->next_worker_id++;
  spin_unlock_irq(&pool->lock);
  char name[32];
  if (pool->cpu < 0)
    std::snprintf(name, sizeof(name), "kworker/u%u:%u", arch::machine().cpus() * 2, id);
  else
    std::snprintf(name, sizeof(name), "kworker/%d:%u", pool->cpu, id);
  task_struct* const task = pool->cpu < 0 ? kthread_create(worker_thread, w, name)
                                          : kthread_create_on_cpu(worker_thread, w, static_cast<unsigned>(pool->cpu), name);
  if (IS_ERR(task)) {
    kfree(w);
    return nullptr;
  }
  w->task = task;
  spin_lock_irq(&pool->lock);
  pool->nr_workers++;
  worker_enter_idle(w);
  wake_up_process(task);
  spin_unlock_irq(&pool->lock);
  return w;
}

// Models maybe_create_worker(). pool->lock held, released meanwhile.
void maybe_create_worker(worker_pool* pool) noexcept {
  do {
    spin_unlock_irq(&pool->lock);
    while (create_worker(pool) == nullptr) {
      spin_lock_irq(&pool->lock);
      const bool needed = need_to_create_worker(pool);
      spin_unlock_irq(&pool->lock);
      if (!needed) break;
      __set_current_state(TASK_INTERRUPTIBLE);
      (void)schedule_timeout(static_cast<long>(HZ()));  // CREATE_COOLDOWN
    }
    spin_lock_irq(&pool->lock);
  } while (need_to_create_worker(pool));
}

/// Models manage_workers(): one worker at a time sees to it that an idle one is left. False: somebody else does.
bool manage_workers(worker* w) noexcept {
  worker_pool* const pool = w->pool;
  if (pool->manager_active) return false;
  pool->manager_active = true;
  maybe_create_worker(pool);
  pool->manager_active = false;
  return true;
}

// Models worker_thread().
int worker_thread(void* argument) noexcept {
  worker* const w = static_cast<worker*>(argument);
  worker_pool* const pool = w->pool;
  task_struct* const task = current();
  task->worker_ = w;
  WRITE_ONCE(task->flags, READ_ONCE(task->flags) | PF_WQ_WORKER);
  for (;;) {
    spin_lock_irq(&pool->lock);
    worker_leave_idle(w);
    while (need_more_worker(pool)) {
      if (!may_start_working(pool) && manage_workers(w)) continue;
      worker_counts(w, true);
      do {
        work_struct* const work = list_first_entry(&pool->worklist, work_struct, entry);
        if (!work->linked) {
          process_one_work(w, work);
          if (!list_empty(&w->scheduled)) process_scheduled_works(w);
        } else {
          move_linked_works(work, &w->scheduled, nullptr);
          process_scheduled_works(w);
        }
      } while (keep_working(pool));
      worker_counts(w, false);
      break;
    }
    worker_enter_idle(w);
    // The lock orders the state against wake_up_worker(), which finds the worker idle under it.
    __set_current_state(TASK_UNINTERRUPTIBLE);
    spin_unlock_irq(&pool->lock);
    schedule();
  }
}

/// The pool has its first worker. False when memory ran out.
bool start_pool(worker_pool* pool) noexcept {
  spin_lock_irq(&pool->lock);
  const bool first = !pool->started;
  pool->started = true;
  spin_unlock_irq(&pool->lock);
  if (!first || create_worker(pool) != nullptr) return true;
  spin_lock_irq(&pool->lock);
  pool->started = false;
  spin_unlock_irq(&pool->lock);
  return false;
}

/// The work that runs on this worker belongs to the workqueue: it may queue more while it drains.
bool is_chained_work(const workqueue_struct* wq) noexcept {
  if (in_interrupt() || current()->worker_ == nullptr) return false;
  const pool_workqueue* const pwq = current()->worker_->current_pwq;
  return pwq != nullptr && pwq->wq == wq;
}

pool_workqueue* pwq_here(workqueue_struct* wq) noexcept {
  if ((wq->flags & WQ_UNBOUND) != 0) return &wq->pwqs[0];
  const int cpu = arch::machine().current_cpu();
  return &wq->pwqs[cpu >= 0 && static_cast<unsigned>(cpu) < wq->nr_pwqs ? static_cast<unsigned>(cpu) : 0];
}

}  // namespace

worker* find_worker_executing_work(worker_pool* pool, const work_struct* work) noexcept {
  list_for_each_entry(w, &pool->busy_list, worker, busy) {
    if (w->current_work == work && w->current_func == work->func) return w;
  }
  return nullptr;
}

void move_linked_works(work_struct* work, list_head* to, work_struct** next) noexcept {
  list_head* at = &work->entry;
  for (;;) {
    work_struct* const item = list_entry(at, work_struct, entry);
    at = at->next;
    const bool linked = item->linked;
    list_move_tail(&item->entry, to);
    if (!linked) break;
  }
  if (next != nullptr) *next = list_entry(at, work_struct, entry);
}

void set_work_pool_and_clear_pending(work_struct* work) noexcept {
  // What the one who queued it wrote is seen by whoever sees PENDING cleared and queues it again.
  smp_wmb("set_work_pool_and_clear_pending.wmb");
  (void)fetch_and(work->data, ~u64{WORK_STRUCT_PENDING}, Order::relaxed);
  // The function's loads come after the clearing:
  //     queue_work                          worker
  //     event = 1          (store)          data &= ~PENDING      (rmw)
  //     data |= PENDING    (full rmw)       smp_mb()
  //       was set: no new run               function: reads event (load)
  smp_mb("set_work_pool_and_clear_pending.mb");
}

void pwq_activate_first_delayed(pool_workqueue* pwq) noexcept {
  pwq_activate_delayed_work(list_first_entry(&pwq->delayed_works, work_struct, entry));
}

void pwq_activate_delayed_work(work_struct* work) noexcept {
  pool_workqueue* const pwq = work->pwq;
  work->delayed = false;
  move_linked_works(work, &pwq->pool->worklist, nullptr);
  pwq->nr_active++;
}

void pwq_dec_nr_in_flight(pool_workqueue* pwq, u64 sequence) noexcept {
  if (sequence == 0) return;  // a barrier
  pwq->nr_active--;
  if (!list_empty(&pwq->delayed_works) && pwq->nr_active < pwq->max_active) pwq_activate_first_delayed(pwq);
  pwq->nr_in_flight--;
  list_for_each_entry_safe(flush, next, &pwq->flushers, wq_flusher, link) {
    if (sequence <= flush->last && --flush->remaining == 0) {
      list_del(&flush->link);
      complete(&flush->done);  // the flusher's stack may be gone now
    }
  }
}

void insert_work(pool_workqueue* pwq, work_struct* work, list_head* before) noexcept {
  worker_pool* const pool = pwq->pool;
  work->pwq = pwq;
  WRITE_ONCE(work->pool, pool);
  list_add_tail(&work->entry, before);
  // Either wq_worker_sleeping() sees the work, or this sees that nobody runs (both hold the lock; kept as in Linux).
  smp_mb("insert_work");
  if (READ_ONCE(pool->nr_running) == 0) wake_up_worker(pool);
}

void __queue_work(workqueue_struct* wq, work_struct* work) noexcept {
  if ((READ_ONCE(wq->flags) & WQ_DRAINING) != 0 && WARN_ON(!is_chained_work(wq), "queue_work: the workqueue is draining")) return;
  pool_workqueue* pwq = pwq_here(wq);
  // A work that runs elsewhere goes there, so that it never runs twice at once.
  worker_pool* const last = READ_ONCE(work->pool);
  if (last != nullptr && last != pwq->pool) {
    spin_lock(&last->lock);
    worker* const w = find_worker_executing_work(last, work);
    if (w != nullptr && w->current_pwq->wq == wq) {
      pwq = w->current_pwq;
    } else {
      spin_unlock(&last->lock);
      spin_lock(&pwq->pool->lock);
    }
  } else {
    spin_lock(&pwq->pool->lock);
  }
  if (work->id == 0) work->id = kernel().trace.next_id(ObjectClass::work);
  kernel().trace(EventKind::workqueue_queue_work, work->id, wq->id);
  work->sequence = ++pwq->last_sequence;
  pwq->nr_in_flight++;
  work->linked = false;
  work->delayed = pwq->nr_active >= pwq->max_active;
  list_head* before = &pwq->delayed_works;
  if (!work->delayed) {
    pwq->nr_active++;
    before = &pwq->pool->worklist;
  }
  insert_work(pwq, work, before);
  spin_unlock(&pwq->pool->lock);
}

bool queue_work(workqueue_struct* wq, work_struct* work, Site site) noexcept {
  if ((fetch_or(work->data, u64{WORK_STRUCT_PENDING}, Order::full, site) & WORK_STRUCT_PENDING) != 0) return false;
  __queue_work(wq, work);
  return true;
}

work_struct* current_work() noexcept {
  const task_struct* const task = current();
  return task->worker_ != nullptr ? task->worker_->current_work : nullptr;
}

void wq_worker_sleeping(task_struct* task) noexcept {
  worker* const w = task->worker_;
  if (!w->counts || w->sleeping) return;
  worker_pool* const pool = w->pool;
  w->sleeping = true;
  spin_lock_irq(&pool->lock);
  if (fetch_add(pool->nr_running, -1) == 1 && !list_empty(&pool->worklist)) wake_up_worker(pool);
  spin_unlock_irq(&pool->lock);
}

void wq_worker_running(task_struct* task) noexcept {
  worker* const w = task->worker_;
  if (!w->sleeping) return;
  w->sleeping = false;
  if (w->counts) (void)fetch_add(w->pool->nr_running, 1, Order::relaxed);
}

// ---- workqueues ---------------------------------------------------------------------------------------------------------

workqueue_struct* alloc_workqueue(const char* name, unsigned flags, int max_active) noexcept {
  workqueue_state* const state = kernel().workqueues;
  const bool unbound = (flags & WQ_UNBOUND) != 0;
  const unsigned count = unbound ? 1 : state->cpus;
  // Models wq_clamp_max_active(); the limit of unbound ones is larger on large machines.
  const int most =
      unbound && static_cast<int>(state->cpus * 4) > WQ_MAX_ACTIVE ? static_cast<int>(state->cpus * 4) : WQ_MAX_ACTIVE;
  int active = max_active != 0 ? max_active : WQ_DFL_ACTIVE;
  active = active < 1 ? 1 : active > most ? most : active;

  workqueue_struct* const wq = kmalloc<workqueue_struct>();
  if (wq == nullptr) return nullptr;
  wq->flags = flags;
  std::strncpy(wq->name, name, sizeof(wq->name) - 1);
  wq->id = kernel().trace.next_id(ObjectClass::workqueue);
  wq->pwqs = kcalloc<pool_workqueue>(count);
  bool started = wq->pwqs != nullptr;
  for (unsigned i = 0; i < count && started; i++) {
    wq->pwqs[i].wq = wq;
    wq->pwqs[i].pool = unbound ? &state->unbound : &state->bound[i];
    wq->pwqs[i].max_active = active;
    started = start_pool(wq->pwqs[i].pool);
  }
  wq->nr_pwqs = count;
  if (started) return wq;
  if (wq->pwqs != nullptr) kfree_array(wq->pwqs, count);
  kfree(wq);
  return nullptr;
}

void destroy_workqueue(workqueue_struct* wq) noexcept {
  drain_workqueue(wq);
  kfree_array(wq->pwqs, wq->nr_pwqs);
  kfree(wq);
}

namespace {
workqueue_struct* system_workqueue(workqueue_struct*& slot, const char* name, unsigned flags) noexcept {
  workqueue_struct* wq = smp_load_acquire(slot, "system_wq");
  if (wq != nullptr) return wq;
  workqueue_struct* const fresh = alloc_workqueue(name, flags, 0);
  if (fresh == nullptr) return nullptr;
  wq = cmpxchg(slot, nullptr, fresh);
  if (wq == nullptr) return fresh;
  destroy_workqueue(fresh);
  return wq;
}
}  // namespace

workqueue_struct* system_wq() noexcept { return system_workqueue(kernel().workqueues->system, "events", 0); }
workqueue_struct* system_unbound_wq() noexcept {
  return system_workqueue(kernel().workqueues->system_unbound, "events_unbound", WQ_UNBOUND);
}

void workqueue_init(Kernel* k) noexcept {
  void* const memory = k->machine.alloc(sizeof(workqueue_state), alignof(workqueue_state));
  BUG_ON(memory == nullptr, "no memory to boot with");
  k->workqueues = new (memory) workqueue_state;
  k->workqueues->cpus = k->machine.cpus();
  k->workqueues->bound = kcalloc<worker_pool>(k->workqueues->cpus);
  BUG_ON(k->workqueues->bound == nullptr, "no memory to boot with");
  for (unsigned i = 0; i < k->workqueues->cpus; i++) k->workqueues->bound[i].cpu = static_cast<int>(i);
}

}  // namespace uringsim::kernel
