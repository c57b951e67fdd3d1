// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/task_work.h"

#include "kernel_model/core/signal.h"

namespace uringsim::kernel {

namespace {
/// Stands in task_works when nothing can be added any more. Compared, never followed.
callback_head* work_exited() noexcept { return reinterpret_cast<callback_head*>(~u64{0}); }
}  // namespace

int task_work_add(task_struct* task, callback_head* work, task_work_notify_mode notify) noexcept {
  callback_head* head = READ_ONCE(task->task_works);
  for (;;) {
    if (head == work_exited()) return -ESRCH;
    work->next = head;
    callback_head* const seen = cmpxchg(task->task_works, head, work);
    if (seen == head) break;
    head = seen;
  }
  if (notify == TWA_RESUME) (void)fetch_or(task->thread_flags, u32{TIF_NOTIFY_RESUME}, Order::relaxed);
  if (notify == TWA_SIGNAL && task->signal != nullptr) {
    spin_lock(&task->signal->siglock);
    task->task_work_signal = true;
    signal_wake_up(task, false);
    spin_unlock(&task->signal->siglock);
  }
  return 0;
}

void task_work_run() noexcept {
  task_struct* const task = current();
  for (;;) {
    callback_head* work = READ_ONCE(task->task_works);
    for (;;) {
      callback_head* const rest = work == nullptr && (READ_ONCE(task->flags) & PF_EXITING) != 0 ? work_exited() : nullptr;
      if (work == nullptr && rest == nullptr) return;
      callback_head* const seen = cmpxchg(task->task_works, work, rest);
      if (seen == work) break;
      work = seen;
    }
    if (work == nullptr) return;
    while (work != nullptr) {
      callback_head* const next = work->next;
      work->func(work);  // may free it
      work = next;
      cond_resched();
    }
  }
}

callback_head* task_work_cancel(task_struct* task, void (*func)(callback_head*)) noexcept {
  callback_head** at = &task->task_works;
  for (callback_head* work = READ_ONCE(*at); work != nullptr && work != work_exited(); work = READ_ONCE(*at)) {
    if (work->func != func)
      at = &work->next;
    else if (cmpxchg(*at, work, work->next) == work)
      return work;
  }
  return nullptr;
}

}  // namespace uringsim::kernel
