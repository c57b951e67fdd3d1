// SPDX-License-Identifier: GPL-2.0-only
// Models kernel/signal.c and arch/x86/kernel/signal.c (5.4).
#include "kernel_model/core/signal.h"

#include "kernel_model/core/process.h"
#include "kernel_model/core/task_work.h"
#include "kernel_model/core/uaccess.h"

namespace uringsim::kernel {

namespace {

constexpr u64 kIgnoredByDefault = sigmask_of(SIGCHLD) | sigmask_of(SIGCONT) | sigmask_of(SIGWINCH) | sigmask_of(SIGURG) |
                                  sigmask_of(SIGSTOP) | sigmask_of(SIGTSTP) | sigmask_of(SIGTTIN) | sigmask_of(SIGTTOU);

bool ignored_by_default(int sig) noexcept { return (kIgnoredByDefault & sigmask_of(sig)) != 0; }

/// Nothing would come of it, so it is not even queued. Models sig_ignored(). siglock held.
bool sig_ignored(const task_struct* task, int sig, bool from_kernel) noexcept {
  if ((task->blocked & sigmask_of(sig)) != 0) return false;  // the handler may be another by the time it is unblocked
  switch (task->signal->action[sig - 1].kind) {
    case k_sigaction::Kind::ignore:
      return true;
    case k_sigaction::Kind::kthread:
      return !from_kernel;
    case k_sigaction::Kind::by_default:
      return ignored_by_default(sig);
    case k_sigaction::Kind::handler:
      return false;
  }
  return false;
}

bool sig_fatal(const task_struct* task, int sig) noexcept {
  return sig == SIGKILL || (task->signal->action[sig - 1].kind == k_sigaction::Kind::by_default && !ignored_by_default(sig));
}

bool wants_signal(int sig, const task_struct* task) noexcept {
  if ((task->blocked & sigmask_of(sig)) != 0 && sig != SIGKILL) return false;
  if ((READ_ONCE(task->flags) & PF_EXITING) != 0) return false;
  return sig == SIGKILL || !signal_pending(task);
}

/// Chooses a thread and wakes it; a fatal signal takes the whole process down at once. Models complete_signal(). siglock held.
void complete_signal(int sig, task_struct* task, bool whole_process) noexcept {
  signal_struct* const signal = task->signal;
  task_struct* chosen = wants_signal(sig, task) ? task : nullptr;
  if (chosen == nullptr && whole_process) {
    list_for_each_entry(thread, &signal->threads, task_struct, thread_group) {
      if (chosen == nullptr && wants_signal(sig, thread)) chosen = thread;
    }
  }
  if (chosen == nullptr) return;
  if (!sig_fatal(task, sig) || signal->group_exit) return signal_wake_up(chosen, sig == SIGKILL);
  signal->group_exit = true;
  signal->group_exit_code = sig;
  list_for_each_entry(thread, &signal->threads, task_struct, thread_group) {
    thread->pending |= sigmask_of(SIGKILL);
    signal_wake_up(thread, true);
  }
}

// Models __send_signal(): a second one of the same number is not queued (all are counted as the legacy signals are).
int send(int sig, task_struct* task, bool whole_process, bool from_kernel) noexcept {
  if (sig < 0 || sig > kSignals) return -EINVAL;
  if (sig == 0) return 0;
  signal_struct* const signal = task->signal;
  spin_lock(&signal->siglock);
  u64& pending = whole_process ? signal->shared_pending : task->pending;
  if (!signal->group_exit && !sig_ignored(task, sig, from_kernel) && (pending & sigmask_of(sig)) == 0) {
    pending |= sigmask_of(sig);
    complete_signal(sig, task, whole_process);
  }
  spin_unlock(&signal->siglock);
  return 0;
}

void set_sigpending(task_struct* task) noexcept { (void)fetch_or(task->thread_flags, u32{TIF_SIGPENDING}, Order::relaxed); }

u64 deliverable(const task_struct* task) noexcept { return (task->pending | task->signal->shared_pending) & ~task->blocked; }

/// The next signal to act on, taken off its queue; 0: none. The lowest number first, the thread's own before the process's.
/// siglock held.
int dequeue_signal(task_struct* task) noexcept {
  u64* const queues[] = {&task->pending, &task->signal->shared_pending};
  for (u64* const queue : queues) {
    const u64 waiting = *queue & ~task->blocked;
    if (waiting == 0) continue;
    const int sig = __builtin_ctzll(waiting) + 1;
    *queue &= ~sigmask_of(sig);
    return sig;
  }
  return 0;
}

/// What an interrupted system call returns once a handler ran. Models handle_signal().
s64 after_handler(s64 ret, const k_sigaction& action, bool* restart) noexcept {
  switch (ret) {
    case -ERESTART_RESTARTBLOCK:
    case -ERESTARTNOHAND:
      return -EINTR;
    case -ERESTARTSYS:
      if (!action.restart) return -EINTR;
      [[fallthrough]];
    case -ERESTARTNOINTR:
      *restart = true;
      return ret;
    default:
      return ret;
  }
}

void clear_restore_sigmask(task_struct* task) noexcept { task->restore_sigmask = false; }

/// The handler runs under its own mask on top of the current one; what comes back afterwards is the mask that was saved.
void run_handler(task_struct* task, int sig, const k_sigaction& action) noexcept {
  const u64 after = task->restore_sigmask ? task->saved_sigmask : task->blocked;
  clear_restore_sigmask(task);
  if (action.run != nullptr) {
    set_current_blocked(task->blocked | action.mask | sigmask_of(sig));
    action.run(task, sig);
  }
  set_current_blocked(after);
}

}  // namespace

void signal_wake_up(task_struct* task, bool) noexcept {
  set_sigpending(task);
  (void)wake_up_state(task, TASK_INTERRUPTIBLE);  // full barrier before it looks at the state: see schedule()
}

void recalc_sigpending() noexcept {
  task_struct* const task = current();
  if (deliverable(task) != 0 || task->task_work_signal)
    set_sigpending(task);
  else if (signal_pending(task))
    (void)fetch_and(task->thread_flags, ~u32{TIF_SIGPENDING}, Order::relaxed);
}

bool fatal_signal_pending(task_struct* task) noexcept {
  if (!signal_pending(task)) return false;
  spin_lock(&task->signal->siglock);
  const bool fatal = (task->pending & sigmask_of(SIGKILL)) != 0;
  spin_unlock(&task->signal->siglock);
  return fatal;
}

int send_sig(int sig, task_struct* task, int priv) noexcept { return send(sig, task, false, priv != 0); }
int send_sig_process(int sig, task_struct* leader) noexcept { return send(sig, leader, true, false); }

int sys_kill(int pid, int sig) noexcept {
  task_struct* const task = find_get_task_by_pid(pid);
  if (task == nullptr) return -ESRCH;
  const int ret = send(sig, task, true, false);
  put_task_struct(task);
  return ret;
}

int sys_tgkill(int tgid, int pid, int sig) noexcept {
  if (pid <= 0 || tgid <= 0) return -EINVAL;
  task_struct* const task = find_get_task_by_pid(pid);
  if (task == nullptr) return -ESRCH;
  const int ret = task->tgid == tgid ? send(sig, task, false, false) : -ESRCH;
  put_task_struct(task);
  return ret;
}

void flush_signals(task_struct* task) noexcept {
  spin_lock(&task->signal->siglock);
  (void)fetch_and(task->thread_flags, ~u32{TIF_SIGPENDING}, Order::relaxed);
  task->pending = 0;
  task->signal->shared_pending = 0;
  spin_unlock(&task->signal->siglock);
}

namespace {
// Models kernel_sigaction(): a kernel thread's handler is changed, and what is pending under an ignoring one is forgotten.
void kernel_sigaction(int sig, k_sigaction::Kind kind) noexcept {
  task_struct* const task = current();
  spin_lock(&task->signal->siglock);
  task->signal->action[sig - 1] = {};
  task->signal->action[sig - 1].kind = kind;
  if (kind == k_sigaction::Kind::ignore) {
    task->signal->shared_pending &= ~sigmask_of(sig);
    task->pending &= ~sigmask_of(sig);
    recalc_sigpending();
  }
  spin_unlock(&task->signal->siglock);
}
}  // namespace

void allow_kernel_signal(int sig) noexcept { kernel_sigaction(sig, k_sigaction::Kind::kthread); }
void disallow_signal(int sig) noexcept { kernel_sigaction(sig, k_sigaction::Kind::ignore); }

int do_sigaction(int sig, const k_sigaction& action) noexcept {
  if (sig < 1 || sig > kSignals || (sigmask_of(sig) & kUnblockable) != 0) return -EINVAL;
  task_struct* const task = current();
  signal_struct* const signal = task->signal;
  spin_lock(&signal->siglock);
  k_sigaction& mine = signal->action[sig - 1];
  mine = action;
  mine.mask &= ~kUnblockable;
  const bool ignoring =
      action.kind == k_sigaction::Kind::ignore || (action.kind == k_sigaction::Kind::by_default && ignored_by_default(sig));
  if (ignoring) {
    signal->shared_pending &= ~sigmask_of(sig);
    list_for_each_entry(thread, &signal->threads, task_struct, thread_group) thread->pending &= ~sigmask_of(sig);
    recalc_sigpending();
  }
  spin_unlock(&signal->siglock);
  return 0;
}

void set_current_blocked(u64 mask) noexcept {
  task_struct* const task = current();
  mask &= ~kUnblockable;
  if (task->blocked == mask) return;
  spin_lock(&task->signal->siglock);
  task->blocked = mask;
  recalc_sigpending();
  spin_unlock(&task->signal->siglock);
}

int sigprocmask(int how, u64 set, u64* old) noexcept {
  const u64 blocked = current()->blocked;
  u64 mask = 0;
  if (how == SIG_BLOCK)
    mask = blocked | set;
  else if (how == SIG_UNBLOCK)
    mask = blocked & ~set;
  else if (how == SIG_SETMASK)
    mask = set;
  else
    return -EINVAL;
  if (old != nullptr) *old = blocked;
  set_current_blocked(mask);
  return 0;
}

int set_user_sigmask(uptr umask, u64 sigsetsize) noexcept {
  u64 mask = 0;
  if (umask == 0) return 0;
  if (sigsetsize != sizeof(mask)) return -EINVAL;
  if (!get_user(&mask, umask)) return -EFAULT;
  task_struct* const task = current();
  task->restore_sigmask = true;
  task->saved_sigmask = task->blocked;
  set_current_blocked(mask);
  return 0;
}

void restore_saved_sigmask_unless(bool interrupted) noexcept {
  task_struct* const task = current();
  if (interrupted) {
    WARN_ON(!signal_pending(task), "restore_saved_sigmask_unless: interrupted by nothing");
    return;
  }
  if (!task->restore_sigmask) return;
  clear_restore_sigmask(task);
  set_current_blocked(task->saved_sigmask);
}

int set_user_sigmask_v5_1(uptr umask, u64* saved, u64 sigsetsize) noexcept {
  u64 mask = 0;
  if (umask == 0) return 0;
  if (sigsetsize != sizeof(mask)) return -EINVAL;
  if (!get_user(&mask, umask)) return -EFAULT;
  *saved = current()->blocked;
  set_current_blocked(mask);
  return 0;
}

void restore_user_sigmask_v5_1(uptr umask, u64 saved) noexcept {
  if (umask == 0) return;
  task_struct* const task = current();
  // A signal that came meanwhile is handled under the temporary mask, whatever the call returns.
  if (signal_pending(task)) {
    task->saved_sigmask = saved;
    task->restore_sigmask = true;
  } else {
    set_current_blocked(saved);
  }
}

s64 do_signal(s64 ret, bool* restart) noexcept {
  task_struct* const task = current();
  signal_struct* const signal = task->signal;
  bool handled = false;
  spin_lock(&signal->siglock);
  for (;;) {
    task->task_work_signal = false;
    if (task_work_pending(task)) {
      spin_unlock(&signal->siglock);
      task_work_run();
      spin_lock(&signal->siglock);
      continue;
    }
    if (signal->group_exit) {
      const int code = signal->group_exit_code;
      spin_unlock(&signal->siglock);
      do_group_exit(code);
    }
    const int sig = dequeue_signal(task);
    if (sig == 0) break;
    const k_sigaction action = signal->action[sig - 1];
    if (action.kind == k_sigaction::Kind::ignore) continue;
    if (action.kind == k_sigaction::Kind::by_default && ignored_by_default(sig)) continue;
    spin_unlock(&signal->siglock);
    if (action.kind != k_sigaction::Kind::handler) do_group_exit(sig);
    if (!handled) ret = after_handler(ret, action, restart);  // the first one decides, the others find it returned already
    handled = true;
    run_handler(task, sig, action);
    spin_lock(&signal->siglock);
  }
  recalc_sigpending();
  spin_unlock(&signal->siglock);
  if (!handled) {
    *restart = ret == -ERESTARTNOHAND || ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTART_RESTARTBLOCK;
    restore_saved_sigmask_unless(false);
  }
  return ret;
}

signal_struct* alloc_signal_struct() noexcept { return kmalloc<signal_struct>(); }

void put_signal_struct(signal_struct* signal) noexcept {
  if (__atomic_sub_fetch(&signal->sigcnt, 1, __ATOMIC_ACQ_REL) == 0) kfree(signal);
}

}  // namespace uringsim::kernel
