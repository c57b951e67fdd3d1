// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/syscall.h"

#include "kernel_model/core/signal.h"
#include "kernel_model/core/task_work.h"

namespace uringsim::kernel {

s64 detail::exit_to_usermode_loop(s64 ret, bool* restart) noexcept {
  task_struct* const task = current();
  for (;;) {
    const u32 work = READ_ONCE(task->thread_flags);
    const bool resched = need_resched();
    if ((work & (TIF_SIGPENDING | TIF_NOTIFY_RESUME)) == 0 && !resched) return ret;
    if (resched) arch::machine().yield();
    if ((work & TIF_SIGPENDING) != 0) ret = do_signal(ret, restart);
    if ((work & TIF_NOTIFY_RESUME) != 0) {
      (void)fetch_and(task->thread_flags, ~u32{TIF_NOTIFY_RESUME}, Order::relaxed);
      // tracehook_notify_resume(): the flag is cleared before the list is looked at; task_work_add() pushes before it sets it.
      smp_mb__after_atomic("tracehook_notify_resume");
      if (task_work_pending(task)) task_work_run();
    }
  }
}

}  // namespace uringsim::kernel
