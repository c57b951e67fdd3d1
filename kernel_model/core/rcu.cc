// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/rcu.h"

#include <algorithm>

#include "kernel_model/core/boot.h"
#include "kernel_model/core/completion.h"
#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/refcount.h"

namespace uringsim::kernel {

struct rcu_state {
  arch::Timer timer;
  spinlock_t lock;
  list_head waiting;  ///< rcu_head::link, by due; lock
  u64 began = 0;      ///< when the grace period under way began
};

namespace {

/// Runs in the kernel right now, or would if it had a processor. Others hold no reference.
bool runs_in_kernel(const task_struct* task) noexcept {
  const bool kernel_thread = (__atomic_load_n(&task->flags, __ATOMIC_RELAXED) & PF_KTHREAD) != 0;
  return (kernel_thread || __atomic_load_n(&task->in_kernel, __ATOMIC_SEQ_CST)) && arch::machine().state(*task) == TASK_RUNNING;
}

/// A grace period begins: notes where everybody is. Lock of rcu held.
void grace_period_begins(u64 now) noexcept {
  Kernel& k = kernel();
  k.rcu->began = now;
  spin_lock(&k.tasklist_lock);
  list_for_each_entry(task, &k.tasks, task_struct, tasks) {
    task->rcu_seen = __atomic_load_n(&task->rcu_passed, __ATOMIC_ACQUIRE);
  }
  spin_unlock(&k.tasklist_lock);
}

/// Has `task` passed a quiescent state since the grace period began? A kernel thread has if it slept: cond_resched() reports one
/// only once the grace period is old and asks for it (rcu_all_qs(), jiffies_to_sched_qs: a tenth of a second), so that 5.4's SQ
/// thread, which spins with it, holds up whoever waits. Divergence: giving way within cond_resched() counts as late.
bool has_passed(const task_struct* task, bool old) noexcept {
  const u64 passed = __atomic_load_n(&task->rcu_passed, __ATOMIC_ACQUIRE);
  const bool kernel_thread = (__atomic_load_n(&task->flags, __ATOMIC_RELAXED) & PF_KTHREAD) != 0;
  if (kernel_thread && !old) return passed / RCU_SLEPT != task->rcu_seen / RCU_SLEPT;
  return passed != task->rcu_seen;
}

/// Somebody has been in the kernel since it began.
bool somebody_holds_out(u64 now) noexcept {
  Kernel& k = kernel();
  const bool old = now - k.rcu->began > NSEC_PER_SEC / 10;
  bool found = false;
  spin_lock(&k.tasklist_lock);
  list_for_each_entry(task, &k.tasks, task_struct, tasks) {
    if (runs_in_kernel(task) && !has_passed(task, old)) found = true;
  }
  spin_unlock(&k.tasklist_lock);
  return found;
}

/// Runs what is due, in order, and starts the timer for the rest.
void grace_period_over(arch::Timer* timer) noexcept {
  rcu_state* const rcu = container_of(timer, rcu_state, timer);
  const u64 now = timer->due;
  if (somebody_holds_out(now)) {
    arch::machine().timer_start(*timer, now + TICK_NSEC());  // look again at the next tick
    return;
  }
  list_head ready;
  spin_lock(&rcu->lock);
  while (!list_empty(&rcu->waiting) && list_first_entry(&rcu->waiting, rcu_head, link)->due <= now)
    list_move_tail(rcu->waiting.next, &ready);
  if (!list_empty(&rcu->waiting)) {
    grace_period_begins(now);
    arch::machine().timer_start(rcu->timer, std::max(now + 1, list_first_entry(&rcu->waiting, rcu_head, link)->due));
  }
  spin_unlock(&rcu->lock);
  while (!list_empty(&ready)) {
    rcu_head* const head = list_first_entry(&ready, rcu_head, link);
    list_del(&head->link);
    head->func(head);  // may free it
  }
}

struct synchronizer {
  rcu_head head;
  completion done;
};

}  // namespace

void call_rcu(rcu_head* head, void (*func)(rcu_head*)) noexcept {
  Kernel& k = kernel();
  if (k.options.rcu_grace_ns == 0) return func(head);
  rcu_state* const rcu = k.rcu;
  head->func = func;
  spin_lock(&rcu->lock);
  const bool idle = list_empty(&rcu->waiting);
  const u64 now = k.machine.now();
  head->due = now + k.options.rcu_grace_ns;
  list_add_tail(&head->link, &rcu->waiting);
  if (idle) {
    grace_period_begins(now);
    k.machine.timer_start(rcu->timer, head->due);
  }
  spin_unlock(&rcu->lock);
}

void synchronize_rcu() noexcept {
  synchronizer waiter;
  call_rcu(&waiter.head, [](rcu_head* head) { complete(&container_of(head, synchronizer, head)->done); });
  wait_for_completion(&waiter.done);
}

void rcu_init(Kernel* k) noexcept {
  void* const memory = k->machine.alloc(sizeof(rcu_state), alignof(rcu_state));
  BUG_ON(memory == nullptr, "no memory to boot with");
  k->rcu = new (memory) rcu_state;
  k->rcu->timer.function = grace_period_over;
}

}  // namespace uringsim::kernel
