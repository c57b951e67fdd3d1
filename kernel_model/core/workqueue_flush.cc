// SPDX-License-Identifier: GPL-2.0-only
// Models kernel/workqueue.c (5.4): flushing, draining, cancelling, delayed work.
#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/workqueue_internal.h"

namespace uringsim::kernel {

namespace {

/// A work that says when the one in front of it is over.
struct wq_barrier {
  work_struct work;
  completion done;
};
void wq_barrier_func(work_struct* work) noexcept { complete(&container_of(work, wq_barrier, work)->done); }

/// Puts the barrier right behind `target`, so that the same worker runs it next. pool->lock held.
void insert_wq_barrier(pool_workqueue* pwq, wq_barrier* barrier, work_struct* target, worker* running) noexcept {
  INIT_WORK(&barrier->work, wq_barrier_func);
  barrier->work.data = WORK_STRUCT_PENDING;
  barrier->work.sequence = 0;
  list_head* before;
  if (running != nullptr) {
    before = running->scheduled.next;
  } else {
    before = target->entry.next;
    barrier->work.linked = target->linked;
    target->linked = true;
  }
  insert_work(pwq, &barrier->work, before);
}

/// Models start_flush_work(): false if the work neither waits nor runs.
bool start_flush_work(work_struct* work, wq_barrier* barrier) noexcept {
  worker_pool* const pool = READ_ONCE(work->pool);
  if (pool == nullptr) return false;
  spin_lock_irq(&pool->lock);
  pool_workqueue* pwq = work->pwq;
  worker* running = nullptr;
  if (pwq == nullptr || pwq->pool != pool) {
    running = find_worker_executing_work(pool, work);
    pwq = running != nullptr ? running->current_pwq : nullptr;
  }
  if (pwq != nullptr) insert_wq_barrier(pwq, barrier, work, running);
  spin_unlock_irq(&pool->lock);
  return pwq != nullptr;
}

/// Models try_to_grab_pending(): takes PENDING for the caller. 1: it waited and does not any more; 0: it was idle; -EAGAIN: it is
/// on its way onto or off a queue; -ENOENT: somebody else cancels it.
int try_to_grab_pending(work_struct* work, delayed_work* timed) noexcept {
  if (timed != nullptr && arch::machine().timer_cancel(timed->timer) == 1) return 1;
  const u64 old = fetch_or(work->data, u64{WORK_STRUCT_PENDING});
  if ((old & WORK_STRUCT_PENDING) == 0) return 0;
  worker_pool* const pool = READ_ONCE(work->pool);
  if (pool != nullptr) {
    spin_lock_irq(&pool->lock);
    pool_workqueue* const pwq = work->pwq;
    if (pwq != nullptr && pwq->pool == pool) {
      // A delayed work takes what is linked to it (its barriers) along: they must not be stuck behind max_active.
      if (work->delayed) pwq_activate_delayed_work(work);
      list_del_init(&work->entry);
      work->pwq = nullptr;
      pwq_dec_nr_in_flight(pwq, work->sequence);
      spin_unlock_irq(&pool->lock);
      return 1;
    }
    spin_unlock_irq(&pool->lock);
  }
  return (READ_ONCE(work->data) & WORK_STRUCT_CANCELING) != 0 ? -ENOENT : -EAGAIN;
}

bool __cancel_work(work_struct* work, delayed_work* timed) noexcept {
  int ret;
  while ((ret = try_to_grab_pending(work, timed)) == -EAGAIN) cpu_relax();
  if (ret < 0) return false;
  set_work_pool_and_clear_pending(work);
  return ret == 1;
}

// Models __cancel_work_timer().
bool cancel_sync(work_struct* work, delayed_work* timed) noexcept {
  workqueue_state* const state = kernel().workqueues;
  int ret;
  for (;;) {
    ret = try_to_grab_pending(work, timed);
    if (ret >= 0) break;
    if (ret == -EAGAIN)
      cpu_relax();
    else
      wait_event(&state->canceling, [work]() noexcept { return (READ_ONCE(work->data) & WORK_STRUCT_CANCELING) == 0; });
  }
  (void)fetch_or(work->data, u64{WORK_STRUCT_CANCELING}, Order::relaxed);
  (void)flush_work(work);
  (void)fetch_and(work->data, ~u64{WORK_STRUCT_PENDING | WORK_STRUCT_CANCELING}, Order::relaxed);
  // The others' wait_event looks at CANCELING after it is on the queue; this looks at the queue after the clearing.
  smp_mb("cancel_work_sync");
  if (waitqueue_active(&state->canceling)) wake_up_all(&state->canceling);
  return ret == 1;
}

void delayed_work_timer(arch::Timer* timer) noexcept {
  delayed_work* const work = container_of(timer, delayed_work, timer);
  __queue_work(work->wq, &work->work);
}

/// The caller owns PENDING.
void start_delayed_work(workqueue_struct* wq, delayed_work* work, u64 delay) noexcept {
  if (delay == 0) return __queue_work(wq, &work->work);
  work->wq = wq;
  const u64 now = jiffies();
  arch::machine().timer_start(work->timer, jiffies_to_monotonic(timer_wheel_expiry(now, now + delay)));
}

}  // namespace

void flush_workqueue(workqueue_struct* wq) noexcept {
  for (unsigned i = 0; i < wq->nr_pwqs; i++) {
    pool_workqueue* const pwq = &wq->pwqs[i];
    wq_flusher flush;
    spin_lock_irq(&pwq->pool->lock);
    flush.last = pwq->last_sequence;
    flush.remaining = pwq->nr_in_flight;
    const bool wait = flush.remaining > 0;
    if (wait) list_add_tail(&flush.link, &pwq->flushers);
    spin_unlock_irq(&pwq->pool->lock);
    if (wait) wait_for_completion(&flush.done);
  }
}

void drain_workqueue(workqueue_struct* wq) noexcept {
  mutex_lock(&wq->lock);
  if (wq->nr_drainers++ == 0) WRITE_ONCE(wq->flags, wq->flags | WQ_DRAINING);
  mutex_unlock(&wq->lock);
  for (bool drained = false; !drained;) {
    flush_workqueue(wq);
    drained = true;
    for (unsigned i = 0; i < wq->nr_pwqs; i++) {
      pool_workqueue* const pwq = &wq->pwqs[i];
      spin_lock_irq(&pwq->pool->lock);
      drained = drained && pwq->nr_in_flight == 0;
      spin_unlock_irq(&pwq->pool->lock);
    }
  }
  mutex_lock(&wq->lock);
  if (--wq->nr_drainers == 0) WRITE_ONCE(wq->flags, wq->flags & ~WQ_DRAINING);
  mutex_unlock(&wq->lock);
}

bool flush_work(work_struct* work) noexcept {
  wq_barrier barrier;
  if (!start_flush_work(work, &barrier)) return false;
  wait_for_completion(&barrier.done);
  return true;
}

bool cancel_work(work_struct* work) noexcept { return __cancel_work(work, nullptr); }
bool cancel_work_sync(work_struct* work) noexcept { return cancel_sync(work, nullptr); }

void INIT_DELAYED_WORK(delayed_work* work, work_func_t func) noexcept {
  INIT_WORK(&work->work, func);
  work->timer = {};
  work->timer.function = delayed_work_timer;
}

bool queue_delayed_work(workqueue_struct* wq, delayed_work* work, u64 delay_jiffies) noexcept {
  if ((fetch_or(work->work.data, u64{WORK_STRUCT_PENDING}) & WORK_STRUCT_PENDING) != 0) return false;
  start_delayed_work(wq, work, delay_jiffies);
  return true;
}

bool mod_delayed_work(workqueue_struct* wq, delayed_work* work, u64 delay_jiffies) noexcept {
  int ret;
  while ((ret = try_to_grab_pending(&work->work, work)) == -EAGAIN) cpu_relax();
  if (ret >= 0) start_delayed_work(wq, work, delay_jiffies);
  return ret != 0;
}

bool cancel_delayed_work(delayed_work* work) noexcept { return __cancel_work(&work->work, work); }
bool cancel_delayed_work_sync(delayed_work* work) noexcept { return cancel_sync(&work->work, work); }

bool flush_delayed_work(delayed_work* work) noexcept {
  if (arch::machine().timer_cancel(work->timer) == 1) __queue_work(work->wq, &work->work);
  return flush_work(&work->work);
}

}  // namespace uringsim::kernel
