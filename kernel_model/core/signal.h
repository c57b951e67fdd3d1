// SPDX-License-Identifier: GPL-2.0-only
// Signals, as far as system calls can tell: who is interrupted, by what, under which mask, and who dies. Models
// include/linux/sched/signal.h and kernel/signal.c (5.4).
//
// A handler of an application is a function of the simulated program, or nothing at all: what matters to the kernel is that
// there is one. It runs on the way back from a system call (syscall.h). Divergences: no siginfo, no alternate stacks, no stop
// and continue, no core dumps; a signal that would stop or dump a process kills it, or is ignored if that is its default.
//
// signal_struct is shared by the threads of a process; its lock, siglock, covers every field that does not say otherwise.
// signal_pending() is one shared word of the task (TIF_SIGPENDING), set with its lock held, read without: the sender's store
// is ordered before the look at the receiver's state (wake_up_state), the receiver's state before its look at the word
// (schedule).
#pragma once

#include <sys/resource.h>

#include <csignal>

#include "kernel_model/core/kernel.h"
#include "kernel_model/core/refcount.h"
#include "kernel_model/core/wait.h"

namespace uringsim::kernel {

inline constexpr int kSignals = 64;
inline constexpr u64 sigmask_of(int sig) noexcept { return u64{1} << (sig - 1); }
inline constexpr u64 kUnblockable = sigmask_of(SIGKILL) | sigmask_of(SIGSTOP);

/// What a process does about a signal.
struct k_sigaction {
  enum class Kind : u8 { by_default, ignore, handler, kthread };  ///< kthread: allow_kernel_signal()
  Kind kind = Kind::by_default;
  bool restart = false;                               ///< SA_RESTART
  u64 mask = 0;                                       ///< sa_mask
  void (*run)(task_struct* task, int sig) = nullptr;  ///< the program's function, may be null: an empty handler
};

/// A soft and a hard limit; RLIM_INFINITY: none.
struct rlimit_pair {
  u64 rlim_cur = 0, rlim_max = 0;
};

/// What the threads of a process share.
struct signal_struct {
  u32 sigcnt = 1;      ///< references: one a task_struct
  u32 live = 1;        ///< threads that have not called do_exit(); siglock
  u32 nr_threads = 1;  ///< threads that are not reaped; Kernel::tasklist_lock
  spinlock_t siglock;
  list_head threads;       ///< task_struct::thread_group
  list_head children;      ///< task_struct::sibling; Kernel::tasklist_lock
  u64 shared_pending = 0;  ///< signals of the process, taken by any thread
  k_sigaction action[kSignals];
  bool group_exit = false;  ///< SIGNAL_GROUP_EXIT: everybody is on the way out with group_exit_code
  int group_exit_code = 0;
  rlimit_pair rlim[RLIM_NLIMITS];  ///< shared words: READ_ONCE
  wait_queue_head wait_chldexit;   ///< wait4() sleeps here
};

/// A lockless look at the task's own or another's word. No ordering.
inline bool signal_pending(const task_struct* task, Site site = Site::here()) noexcept {
  return (READ_ONCE(task->thread_flags, site) & TIF_SIGPENDING) != 0;
}
/// SIGKILL is among what is pending for this thread. Models __fatal_signal_pending().
bool fatal_signal_pending(task_struct* task) noexcept;
/// A signal ends a sleep in `state`.
inline bool signal_pending_state(u32 state, const task_struct* task, Site site = Site::here()) noexcept {
  return (state & TASK_INTERRUPTIBLE) != 0 && signal_pending(task, site);
}

/// Sends to one thread. `priv`: by the kernel (a kernel thread takes only such, and only what it allowed). 0 or -EINVAL.
int send_sig(int sig, task_struct* task, int priv) noexcept;
/// Sends to a process: to whichever thread does not block it.
int send_sig_process(int sig, task_struct* leader) noexcept;
/// kill(2) and tgkill(2) by pid; 0, -ESRCH or -EINVAL. Divergence: no permission check (all processes of a world are one user's).
int sys_kill(int pid, int sig) noexcept;
int sys_tgkill(int tgid, int pid, int sig) noexcept;

/// Throws away everything pending for the current thread.
void flush_signals(task_struct* task) noexcept;
/// Wakes an interruptible sleeper so that it sees its signals. siglock held.
void signal_wake_up(task_struct* task, bool resume) noexcept;
/// Makes TIF_SIGPENDING what it should be. siglock held; for the current task.
void recalc_sigpending() noexcept;

/// A kernel thread takes `sig` if the kernel sends it, or no longer.
void allow_kernel_signal(int sig) noexcept;
void disallow_signal(int sig) noexcept;

/// rt_sigaction(2), rt_sigprocmask(2). 0 or -EINVAL.
int do_sigaction(int sig, const k_sigaction& action) noexcept;
int sigprocmask(int how, u64 set, u64* old) noexcept;
void set_current_blocked(u64 mask) noexcept;

/// Installs the mask at user address `umask` until the system call is over (5.4: enter, ppoll). 0, -EINVAL for a size that is
/// not sizeof(sigset_t), -EFAULT. Nothing if umask is null.
int set_user_sigmask(uptr umask, u64 sigsetsize) noexcept;
/// Puts the old mask back, unless the call was interrupted: then the way back to the application does, after the handler ran
/// under the temporary mask.
void restore_saved_sigmask_unless(bool interrupted) noexcept;
/// The forms of 5.1: the old mask is the caller's to keep.
int set_user_sigmask_v5_1(uptr umask, u64* saved, u64 sigsetsize) noexcept;
void restore_user_sigmask_v5_1(uptr umask, u64 saved) noexcept;

/// Runs handlers, or ends the task. What comes back: `ret`, or -EINTR for an interrupted call that is not to be restarted.
/// *restart: the call is to be made again. Models arch/x86/kernel/signal.c:do_signal(). May not return.
s64 do_signal(s64 ret, bool* restart) noexcept;

signal_struct* alloc_signal_struct() noexcept;
void put_signal_struct(signal_struct* signal) noexcept;

}  // namespace uringsim::kernel
