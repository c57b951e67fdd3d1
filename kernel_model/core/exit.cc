// SPDX-License-Identifier: GPL-2.0-only
// Models kernel/exit.c (5.4).
#include "kernel_model/core/fs_struct.h"
#include "kernel_model/core/kthread.h"
#include "kernel_model/core/mm.h"
#include "kernel_model/core/process_internal.h"
#include "kernel_model/core/task_work.h"
#include "kernel_model/core/upper.h"

namespace uringsim::kernel {

namespace {

void exit_files(task_struct* task) noexcept {
  const upper_floors* const upper = kernel().upper;
  if (upper != nullptr && upper->exit_files != nullptr) upper->exit_files(task);
}

void exit_fs(task_struct* task) noexcept {
  fs_struct* const fs = task->fs;
  task->fs = nullptr;
  if (fs != nullptr) put_fs_struct(fs);
}

/// Signals that were for the process and that this thread would have taken go to another. Models exit_signals().
void exit_signals(task_struct* task) noexcept {
  signal_struct* const signal = task->signal;
  spin_lock(&signal->siglock);
  WRITE_ONCE(task->flags, READ_ONCE(task->flags) | PF_EXITING);
  signal->live--;
  const u64 unblocked = signal->shared_pending & ~task->blocked;
  if (unblocked != 0 && !signal->group_exit) {
    list_for_each_entry(other, &signal->threads, task_struct, thread_group) {
      if (other != task && (READ_ONCE(other->flags) & PF_EXITING) == 0 && (unblocked & ~other->blocked) != 0)
        signal_wake_up(other, false);
    }
  }
  spin_unlock(&signal->siglock);
}

void exit_mm(task_struct* task) noexcept {
  if (task->kthread_ != nullptr) complete_all(&task->kthread_->exited);  // mm_release(): the vfork_done of a kernel thread
  flush_tlb(task);
  mm_struct* const mm = task->mm;
  task->mm = nullptr;
  task->active_mm = nullptr;
  if (mm != nullptr) mmput(mm);
}

/// Nobody will ask how it ended: the world's own processes, kernel threads, children of somebody who ignores SIGCHLD.
bool autoreaped(const Kernel& k, const task_struct* parent) noexcept {
  return parent == nullptr || parent == k.init || parent == k.swapper ||
         parent->signal->action[SIGCHLD - 1].kind == k_sigaction::Kind::ignore;
}

/// Over with all its threads, and not reaped. tasklist_lock held.
bool zombie(const task_struct* leader) noexcept { return leader->exit_state == EXIT_ZOMBIE && leader->signal->nr_threads == 1; }

/// Takes the task out of every list; its own reference is the caller's to drop. tasklist_lock held. Models release_task().
void unhash(task_struct* task) noexcept {
  task->exit_state = EXIT_DEAD;
  list_del_init(&task->tasks);
  if (task->group_leader == task) list_del_init(&task->sibling);
  spin_lock(&task->signal->siglock);
  list_del_init(&task->thread_group);
  task->signal->nr_threads--;
  spin_unlock(&task->signal->siglock);
}

/// The leader's children get a new parent, which reaps those that are over; a leader that ended before its threads is not, as
/// in reparent_leader(). tasklist_lock held.
void forget_original_parent(Kernel& k, task_struct* task, list_head* reaped) noexcept {
  list_for_each_entry_safe(child, next, &task->signal->children, task_struct, sibling) {
    child->parent = k.init;
    list_move_tail(&child->sibling, &k.init->signal->children);
    if (!zombie(child)) continue;
    unhash(child);
    list_add_tail(&child->sibling, reaped);
  }
}

/// The whole process is over and its leader may be reaped: tells the parent, or true if nobody is interested. tasklist_lock held.
bool do_notify_parent(Kernel& k, task_struct* leader) noexcept {
  if (autoreaped(k, leader->parent)) return true;
  (void)send_sig_process(SIGCHLD, leader->parent);
  wake_up_interruptible_all(&leader->parent->signal->wait_chldexit);
  return false;
}

/// Models exit_notify(). Drops the reference of every task that is reaped here, its own perhaps: nothing of it is used after.
void exit_notify(task_struct* task) noexcept {
  Kernel& k = kernel();
  list_head reaped;
  task_struct* const leader = task->group_leader;
  spin_lock(&k.tasklist_lock);
  const bool last = task->signal->nr_threads == 1;
  if (last) forget_original_parent(k, task, &reaped);
  bool self = false;
  task_struct* leader_too = nullptr;
  if (task == leader) {
    task->exit_state = EXIT_ZOMBIE;
    self = last && do_notify_parent(k, task);
  } else {
    self = true;
    unhash(task);
    // A leader that ended before its threads waited for the last of them.
    if (zombie(leader)) {
      forget_original_parent(k, leader, &reaped);
      if (do_notify_parent(k, leader)) leader_too = leader;
    }
  }
  if (self && task == leader) unhash(task);
  if (leader_too != nullptr) unhash(leader_too);
  spin_unlock(&k.tasklist_lock);
  while (!list_empty(&reaped)) {
    task_struct* const child = list_first_entry(&reaped, task_struct, sibling);
    list_del_init(&child->sibling);
    put_task_struct(child);
  }
  if (leader_too != nullptr) put_task_struct(leader_too);
  if (self) put_task_struct(task);
}

/// What do_exit() drops early, and a task that never ran still has.
void drop_parts(task_struct* task) noexcept {
  if (task->mm != nullptr) mmput(task->mm);
  task->mm = nullptr;
  if (task->files != nullptr) exit_files(task);
  exit_fs(task);
}

void free_task(task_struct* task) noexcept {
  const upper_floors* const upper = kernel().upper;
  if (upper != nullptr && upper->io_uring_free != nullptr) upper->io_uring_free(task);
  if (task->signal != nullptr) put_signal_struct(task->signal);
  atomic_dec(&task->real_cred->user->processes);
  put_cred(task->real_cred);
  put_cred(task->cred_);
  kfree(task->kthread_);
  kfree(task);
}

}  // namespace

void do_exit(int code) noexcept {
  KERNEL_FUNCTION;
  task_struct* const task = current();
  const upper_floors* const upper = kernel().upper;
  BUG_ON(in_interrupt(), "do_exit: in interrupt context");
  if (upper != nullptr && upper->io_uring_cancel != nullptr) upper->io_uring_cancel(task);
  exit_signals(task);
  task->exit_code = code;
  exit_mm(task);
  exit_files(task);
  exit_fs(task);
  task_work_run();  // exit_task_work(): nothing can be added any more
  exit_notify(task);
  arch::machine().exit();
  __builtin_unreachable();
}

void do_group_exit(int code) noexcept {
  task_struct* const task = current();
  signal_struct* const signal = task->signal;
  spin_lock(&signal->siglock);
  if (signal->group_exit) {
    code = signal->group_exit_code;
  } else {
    signal->group_exit = true;
    signal->group_exit_code = code;
    // Models zap_other_threads().
    list_for_each_entry(other, &signal->threads, task_struct, thread_group) {
      if (other == task || (READ_ONCE(other->flags) & PF_EXITING) != 0) continue;
      other->pending |= sigmask_of(SIGKILL);
      signal_wake_up(other, true);
    }
  }
  spin_unlock(&signal->siglock);
  do_exit(code);
}

void put_task_struct(task_struct* task) noexcept {
  if (fetch_add(task->usage, ~u32{0}) != 1) return;
  Kernel& k = kernel();
  spin_lock(&k.tasklist_lock);
  list_add_tail(&task->tasks, &k.dead);
  spin_unlock(&k.tasklist_lock);
}

void reap_dead_tasks() noexcept {
  Kernel& k = kernel();
  for (;;) {
    task_struct* task = nullptr;
    spin_lock(&k.tasklist_lock);
    if (!list_empty(&k.dead)) {
      task = list_first_entry(&k.dead, task_struct, tasks);
      list_del_init(&task->tasks);
    }
    spin_unlock(&k.tasklist_lock);
    if (task == nullptr) return;
    k.machine.join(*task);
    free_task(task);
  }
}

void abandon_task(task_struct* task) noexcept {
  drop_parts(task);
  free_task(task);
}

namespace {
/// One look of do_wait(): a pid, 0 (children, but none is over) or -ECHILD.
int reap_child(int pid, int* status) noexcept {
  Kernel& k = kernel();
  task_struct* reaped = nullptr;
  int ret = -ECHILD;
  spin_lock(&k.tasklist_lock);
  list_for_each_entry(child, &current()->signal->children, task_struct, sibling) {
    if (pid != -1 && child->pid != pid) continue;
    if (ret == -ECHILD) ret = 0;
    if (!zombie(child)) continue;
    reaped = child;
    break;
  }
  if (reaped != nullptr) {
    ret = reaped->pid;
    if (status != nullptr) *status = reaped->signal->group_exit ? reaped->signal->group_exit_code : reaped->exit_code;
    unhash(reaped);
  }
  spin_unlock(&k.tasklist_lock);
  if (reaped != nullptr) put_task_struct(reaped);
  return ret;
}
}  // namespace

int do_wait(int pid, int* status, bool nohang) noexcept {
  KERNEL_FUNCTION;
  wait_queue_head* const queue = &current()->signal->wait_chldexit;
  wait_entry wait;
  int ret;
  for (;;) {
    prepare_to_wait(queue, &wait, TASK_INTERRUPTIBLE);
    ret = reap_child(pid, status);
    if (ret != 0 || nohang) break;
    if (signal_pending(current())) {
      ret = -ERESTARTSYS;
      break;
    }
    schedule();
  }
  finish_wait(queue, &wait);
  return ret;
}

}  // namespace uringsim::kernel
