// SPDX-License-Identifier: GPL-2.0-only
// Tasks: task_struct, current, sleeping and waking. Models include/linux/sched.h and kernel/sched/core.c as far as io_uring
// can tell.
#pragma once

#include "kernel_model/core/list.h"
#include "kernel_model/core/prelude.h"

namespace uringsim::kernel {

struct Kernel;
struct mm_struct;
struct files_struct;
struct fs_struct;
struct cred;
struct signal_struct;
struct kthread;
struct callback_head;
struct iocontext;

enum : u32 {
  PF_EXITING = 0x4,
  PF_WQ_WORKER = 0x20,
  PF_KTHREAD = 0x200000,
};

/// A task. The machine's part is the base; everything else belongs to the task itself unless a lock is named.
struct task_struct : arch::Task {
  Kernel* kernel = nullptr;
  u32 flags = 0;  ///< PF_*
  int pid = 0;
  mm_struct* mm = nullptr;         ///< null for a kernel thread, but for use_mm()
  mm_struct* active_mm = nullptr;  ///< what a kernel thread borrowed
  files_struct* files = nullptr;   ///< alloc_lock
  fs_struct* fs = nullptr;         ///< alloc_lock
  const cred* real_cred = nullptr;
  const cred* cred_ = nullptr;      ///< effective: override_creds() changes it
  signal_struct* signal = nullptr;  ///< of the thread group: pending signals, limits
  u64 pending = 0;                  ///< this thread's pending signals, a bit each; shared word
  u64 blocked = 0;                  ///< blocked signals; own
  u64 saved_sigmask = 0;
  bool restore_sigmask = false;
  kthread* kthread_ = nullptr;          ///< of a kernel thread
  callback_head* task_works = nullptr;  ///< newest first; shared word, see task_work.h
  void* plug = nullptr;                 ///< struct blk_plug of the submission under way
  void* application = nullptr;          ///< the world's own: what drives this task above the system call line
  u32 ioprio = 0;
  list_head tasks;         ///< Kernel::tasks, under Kernel::tasklist_lock
  list_head thread_group;  ///< signal_struct::threads
};

/// The task that runs here.
inline task_struct* current() noexcept { return static_cast<task_struct*>(arch::current_task()); }
/// The kernel that it belongs to.
inline Kernel& kernel() noexcept { return *current()->kernel; }

/// Sets the state without ordering. Used when nothing can miss it.
inline void __set_current_state(u32 state) noexcept { arch::machine().set_state(state); }

/// Sets the state, then a full barrier: a waker that does not see the state is one whose condition the caller will see.
///
///     sleeper                          waker
///     set_current_state(S)  (store)    CONDITION = true   (store)
///     smp_mb()                         smp_mb()           (in wake, before it reads the state)
///     if (CONDITION) ...    (load)     if (state & S) ... (load)
inline void set_current_state(u32 state, const char* barrier = "set_current_state", Site site = Site::here()) noexcept {
  arch::machine().set_state(state);
  smp_mb(barrier, site);
}

/// Sleeps until woken, if the state is not TASK_RUNNING; a pending signal keeps TASK_INTERRUPTIBLE awake.
void schedule() noexcept;
/// As schedule(), but no longer than `timeout` jiffies. Returns what is left of it, 0 if it ran out. MAX_SCHEDULE_TIMEOUT: no
/// limit.
inline constexpr long MAX_SCHEDULE_TIMEOUT = 0x7fffffffffffffff;
long schedule_timeout(long timeout) noexcept;
/// As schedule(), until CLOCK_MONOTONIC `expires` (ns). Returns 0 if it expired, -EINTR otherwise (kernel/time/hrtimer.c).
int schedule_hrtimeout(u64 expires) noexcept;

/// Makes `task` runnable if its state is in `mask`. Full barrier before the test if it wakes, none otherwise.
inline bool wake_up_state(task_struct* task, u32 mask) noexcept { return arch::machine().wake(*task, mask); }
inline bool wake_up_process(task_struct* task) noexcept { return wake_up_state(task, TASK_NORMAL); }

inline bool need_resched() noexcept { return arch::machine().need_resched(); }
/// Gives way if asked to. The end of a pass of whatever loop it stands in: a poller that finds nothing does not unroll.
inline void cond_resched(Site site = Site::here()) noexcept {
  if (arch::machine().need_resched()) arch::machine().yield();
  arch::machine().poll_pass(site);
}
/// A pass of a busy loop that gives way to nobody.
inline void cpu_relax(Site site = Site::here()) noexcept { arch::machine().poll_pass(site); }

}  // namespace uringsim::kernel
