// SPDX-License-Identifier: GPL-2.0-only
// Work that a task does on its way back to the application, or in exit. Models kernel/task_work.c (5.4, and 5.10's TWA_SIGNAL).
//
// task_works is a stack that anybody pushes on with cmpxchg (fully ordered: what the pusher wrote is seen by the function) and
// that the task takes as a whole with cmpxchg: newest first. Once an exiting task found it empty nothing can be added.
#pragma once

#include "kernel_model/core/kernel.h"

namespace uringsim::kernel {

struct callback_head {
  callback_head* next = nullptr;
  void (*func)(callback_head* work) = nullptr;
};
inline void init_task_work(callback_head* work, void (*func)(callback_head*)) noexcept { work->func = func; }

enum task_work_notify_mode : u8 {
  TWA_NONE,    ///< whenever the task happens to come by
  TWA_RESUME,  ///< on its next way back to the application (5.4: notify = true)
  TWA_SIGNAL,  ///< as a signal does: interruptible sleeps end (5.10)
};

/// 0, or -ESRCH if the task is past its last look. Any context.
[[nodiscard]] int task_work_add(task_struct* task, callback_head* work, task_work_notify_mode notify) noexcept;
/// Runs what is there, until nothing is left.
void task_work_run() noexcept;
/// Takes the newest work with this function off again; null if there is none. The task itself only.
/// Divergence: 5.4 lets others cancel, too; nobody modelled does.
callback_head* task_work_cancel(task_struct* task, void (*func)(callback_head*)) noexcept;
inline bool task_work_pending(const task_struct* task, Site site = Site::here()) noexcept {
  return READ_ONCE(task->task_works, site) != nullptr;
}

}  // namespace uringsim::kernel
