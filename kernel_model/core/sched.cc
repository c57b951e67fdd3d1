// SPDX-License-Identifier: GPL-2.0-only
// Sleeping and waking. Models kernel/sched/core.c, kernel/time/timer.c:schedule_timeout() and hrtimer.c:schedule_hrtimeout()
// (5.4).
#include "kernel_model/core/sched.h"

#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/kernel.h"
#include "kernel_model/core/rcu.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/core/upper.h"
#include "kernel_model/core/workqueue.h"

namespace uringsim::kernel {

namespace {

/// Whether a signal that is already there keeps the task from sleeping, as __schedule() decides it.
///
///     sleeper                             sender
///     state = TASK_INTERRUPTIBLE (store)  thread_flags |= TIF_SIGPENDING (rmw)
///     smp_mb()                            full barrier in wake_up_state()
///     thread_flags (load)                 state (load)
void look_for_signals(task_struct* task) noexcept {
  if ((arch::machine().state(*task) & TASK_INTERRUPTIBLE) == 0) return;
  smp_mb("schedule.signal_pending");
  if (signal_pending(task)) __set_current_state(TASK_RUNNING);
}

/// Sleeps; false if the deadline ended it.
bool schedule_until(u64 deadline) noexcept {
  task_struct* const task = current();
  __atomic_store_n(&task->rcu_passed, task->rcu_passed + RCU_SLEPT, __ATOMIC_RELEASE);
  look_for_signals(task);
  // Models sched_submit_work(): what was held back is what the task may be about to wait for.
  if (task->plug != nullptr && kernel().upper != nullptr && kernel().upper->flush_plug != nullptr)
    kernel().upper->flush_plug(task);
  if (task->worker_ == nullptr) return arch::machine().schedule(deadline);
  wq_worker_sleeping(task);
  const bool woken = arch::machine().schedule(deadline);
  wq_worker_running(task);
  return woken;
}

}  // namespace

void schedule() noexcept { (void)schedule_until(~u64{0}); }

long schedule_timeout(long timeout) noexcept {
  if (timeout == MAX_SCHEDULE_TIMEOUT) {
    schedule();
    return timeout;
  }
  if (timeout < 0) {
    __set_current_state(TASK_RUNNING);
    return 0;
  }
  const u64 expires = jiffies() + static_cast<u64>(timeout);
  (void)schedule_until(jiffies_to_monotonic(timer_wheel_expiry(jiffies(), expires)));
  const long left = static_cast<long>(expires - jiffies());
  return left < 0 ? 0 : left;
}

int schedule_hrtimeout(u64 expires) noexcept {
  if (expires == ~u64{0}) {
    schedule();
    return -EINTR;
  }
  const bool woken = schedule_until(expires);
  __set_current_state(TASK_RUNNING);
  return woken ? -EINTR : 0;
}

bool wake_up_state(task_struct* task, u32 mask, Site) noexcept {
  if (!arch::machine().wake(*task, mask)) return false;
  kernel().trace(EventKind::sched_wakeup, task->id, arch::current_task()->id);
  return true;
}

}  // namespace uringsim::kernel
