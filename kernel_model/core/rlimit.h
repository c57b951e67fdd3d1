// SPDX-License-Identifier: GPL-2.0-only
// Limits of a process. Models include/linux/sched/signal.h:rlimit() and kernel/sys.c:do_prlimit() (5.4).
#pragma once

#include "kernel_model/core/signal.h"

namespace uringsim::kernel {

/// The current process's soft limit, RLIMIT_*. A shared word: prlimit() changes it under siglock, readers take none.
inline u64 rlimit(unsigned limit, Site site = Site::here()) noexcept {
  return READ_ONCE(current()->signal->rlim[limit].rlim_cur, site);
}
inline u64 task_rlimit(const task_struct* task, unsigned limit, Site site = Site::here()) noexcept {
  return READ_ONCE(task->signal->rlim[limit].rlim_cur, site);
}
/// setrlimit(2): 0; -EINVAL for an unknown limit or a soft one above the hard one; -EPERM for raising the hard one without
/// CAP_SYS_RESOURCE.
int do_setrlimit(unsigned limit, rlimit_pair value) noexcept;

}  // namespace uringsim::kernel
