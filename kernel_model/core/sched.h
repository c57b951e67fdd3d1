// SPDX-License-Identifier: GPL-2.0-only
// Tasks: task_struct, current, sleeping and waking. Models include/linux/sched.h and kernel/sched/core.c as far as io_uring
// can tell.
#pragma once

#include "kernel_model/core/list.h"
#include "kernel_model/core/prelude.h"

namespace uringsim::kernel {

struct Kernel;
struct mm_struct;
struct page;
struct files_struct;
struct fs_struct;
struct cred;
struct signal_struct;
struct kthread;
struct callback_head;
struct worker;

enum : u32 {
  PF_EXITING = 0x4,
  PF_WQ_WORKER = 0x20,
  PF_SIGNALED = 0x400,
  PF_KTHREAD = 0x200000,
};

/// task_struct::thread_flags (arch/x86/include/asm/thread_info.h): reasons to do something before going back to the application.
enum : u32 {
  TIF_NOTIFY_RESUME = 1u << 1,  ///< task_work waits
  TIF_SIGPENDING = 1u << 2,     ///< signal_pending()
};

/// task_struct::exit_state.
enum : u32 { EXIT_ALIVE = 0, EXIT_DEAD = 0x10, EXIT_ZOMBIE = 0x20 };

/// One cached translation of a task, as a processor's TLB has them (core/mm.h). Holds a reference to its page.
struct tlb_entry {
  u64 page_number = 0;
  u64 generation = 0;  ///< mm_struct::tlb_generation it was filled under; 0: empty
  u8* data = nullptr;
  page* pinned = nullptr;
  bool writable = false;
};

/// A task. The machine's part is the base; everything else belongs to the task itself unless said otherwise.
struct task_struct : arch::Task {
  u32 flags = 0;         ///< PF_*; shared word: written by the task, PF_EXITING read by others. PF_KTHREAD never changes
  u32 thread_flags = 0;  ///< TIF_*; shared word, atomic or and and
  u32 usage = 1;         ///< get_task_struct(), put_task_struct()
  int pid = 0;
  int tgid = 0;
  mm_struct* mm = nullptr;         ///< null for a kernel thread, but for use_mm()
  mm_struct* active_mm = nullptr;  ///< what a kernel thread borrowed
  files_struct* files = nullptr;   ///< alloc_lock of fs/
  fs_struct* fs = nullptr;
  const cred* real_cred = nullptr;
  const cred* cred_ = nullptr;      ///< effective: override_creds() changes it
  signal_struct* signal = nullptr;  ///< of the thread group: pending signals, handlers, limits
  u64 pending = 0;                  ///< this thread's pending signals, a bit each; signal->siglock
  u64 blocked = 0;                  ///< blocked signals; signal->siglock to write, own to read
  u64 saved_sigmask = 0;
  bool restore_sigmask = false;         ///< set_restore_sigmask()
  bool task_work_signal = false;        ///< JOBCTL_TASK_WORK (5.10); signal->siglock
  kthread* kthread_ = nullptr;          ///< of a kernel thread
  worker* worker_ = nullptr;            ///< of a workqueue's worker
  callback_head* task_works = nullptr;  ///< newest first; shared word, see task_work.h
  void* plug = nullptr;                 ///< struct blk_plug of the submission under way
  u64 rcu_passed = 0;           ///< quiescent states so far, see rcu_quiescent_state(); the hardware's atomics, not explored
  u64 rcu_seen = 0;             ///< rcu_passed when the grace period began; rcu.cc's
  void* application = nullptr;  ///< the world's own: what drives this task above the system call line
  void* io_uring = nullptr;     ///< io_uring's own (5.10)
  u32 ioprio = 0;
  void (*program)(void* argument) = nullptr;  ///< what it runs, from its first wakeup on
  void* program_argument = nullptr;
  int exit_code = 0;
  u32 exit_state = EXIT_ALIVE;          ///< Kernel::tasklist_lock
  task_struct* group_leader = nullptr;  ///< of the thread group
  task_struct* parent = nullptr;        ///< Kernel::tasklist_lock
  list_head tasks;                      ///< Kernel::tasks, or Kernel::dead; Kernel::tasklist_lock
  list_head thread_group;               ///< signal_struct::threads; signal->siglock
  list_head sibling;                    ///< signal_struct::children of the parent; Kernel::tasklist_lock
  tlb_entry tlb[8];
};

/// The task that runs here. Not in interrupt context: the task there is the machine's, and no task_struct.
inline task_struct* current() noexcept { return static_cast<task_struct*>(arch::current_task()); }
/// The kernel that runs on this machine. In every context.
inline Kernel& kernel() noexcept { return *static_cast<Kernel*>(arch::machine().kernel); }
inline bool in_interrupt() noexcept { return arch::current_task()->in_interrupt; }

inline void get_task_struct(task_struct* task) noexcept { (void)fetch_add(task->usage, 1, Order::relaxed); }
/// The last reference sends the task to Kernel::dead, to be joined and released when the next task is made.
void put_task_struct(task_struct* task) noexcept;

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

/// Sleeps until woken, if the state is not TASK_RUNNING; a pending signal keeps TASK_INTERRUPTIBLE awake. A full barrier stands
/// between the caller's last store and the look for signals (5.4: smp_mb__after_spinlock() in __schedule()).
void schedule() noexcept;
/// As schedule(), but no longer than `timeout` jiffies. Returns what is left of it, 0 if it ran out. MAX_SCHEDULE_TIMEOUT: no
/// limit.
inline constexpr long MAX_SCHEDULE_TIMEOUT = 0x7fffffffffffffff;
long schedule_timeout(long timeout) noexcept;
/// As schedule(), until CLOCK_MONOTONIC `expires` (ns). Returns 0 if it expired, -EINTR otherwise (kernel/time/hrtimer.c).
int schedule_hrtimeout(u64 expires) noexcept;

/// Makes `task` runnable if its state is in `mask`; true if it did. A full barrier stands before the test of the state, whether
/// or not it wakes (5.4: smp_mb__after_spinlock() in try_to_wake_up()): it pairs with the one in set_current_state(). Nothing is
/// promised after the test if it does not wake.
bool wake_up_state(task_struct* task, u32 mask, Site site = Site::here()) noexcept;
inline bool wake_up_process(task_struct* task, Site site = Site::here()) noexcept {
  return wake_up_state(task, TASK_NORMAL, site);
}

/// The current task is where it can hold no RCU reference: it gives its processor up, or asks whether it should, or goes back to
/// the application. A grace period waits for one of everybody who runs in the kernel (rcu.h).
inline void rcu_quiescent_state() noexcept {
  u64& passed = current()->rcu_passed;
  __atomic_store_n(&passed, passed + 1, __ATOMIC_RELEASE);
}

inline bool need_resched() noexcept { return arch::machine().need_resched(); }
/// Gives way if asked to. The end of a pass of whatever loop it stands in: a poller that finds nothing does not unroll.
inline void cond_resched(Site site = Site::here()) noexcept {
  rcu_quiescent_state();
  if (arch::machine().need_resched()) arch::machine().yield();
  arch::machine().poll_pass(site);
}
/// A pass of a busy loop that gives way to nobody.
inline void cpu_relax(Site site = Site::here()) noexcept { arch::machine().poll_pass(site); }

}  // namespace uringsim::kernel
