// SPDX-License-Identifier: GPL-2.0-only
// Making and ending tasks: kernel threads, the world's processes, fork, exit, wait. Models kernel/fork.c and kernel/exit.c
// (5.4).
//
// A task's program is a function that runs on the task's own stack; a stack cannot be copied, so that fork's child is told
// what to run. The function is above the system call line: it enters the kernel through syscall.h. When it returns, the task
// exits with 0.
// Ordering: what stands before wake_up_new_task() is seen by the child, what a task did by whoever waited for its end.
// Exit, in Linux's order: PF_EXITING, the address space, files, fs, task_work, the parent. A task ends on its own stack, which
// is dropped: nothing on it is unwound.
//
// Who frees a task_struct: its references (usage): one of its own, dropped when it is reaped, plus whoever took one. The last
// sends it to Kernel::dead; creating the next task joins and frees what lies there.
#pragma once

#include "kernel_model/core/cred.h"
#include "kernel_model/core/signal.h"

namespace uringsim::kernel {

/// Clone flags that matter here (include/uapi/linux/sched.h).
enum : u32 {
  CLONE_VM_ = 0x100,
  CLONE_FS_ = 0x200,
  CLONE_FILES_ = 0x400,
  CLONE_SIGHAND_ = 0x800,
  CLONE_THREAD_ = 0x10000,
};
inline constexpr u32 kCloneThread = CLONE_VM_ | CLONE_FS_ | CLONE_FILES_ | CLONE_SIGHAND_ | CLONE_THREAD_;

using task_entry = void (*)(void* argument);

/// What a world's process starts as. Limits are init's (KernelOptions).
struct process_options {
  const char* name = "task";  ///< comm
  u32 uid = 0, gid = 0;
  u64 capabilities = kAllCapabilities;
  int cpu = -1;         ///< bound to this processor, or -1
  u32 stack_bytes = 0;  ///< 0: the engine's usual size
};

/// A new process with an empty address space and (fs/) an empty file table, child of init. Stopped: wake_up_new_task() starts
/// it. Returned with a reference for the caller; ERR_PTR(-ENOMEM) when memory ran out. Not from interrupt context.
task_struct* create_process(const process_options& options, task_entry entry, void* argument) noexcept;
/// A thread of `leader`'s process; likewise.
task_struct* create_thread(task_struct* leader, const process_options& options, task_entry entry, void* argument) noexcept;
/// clone(2) of the current task: shares what flags say, copies the rest. The child is stopped; its pid goes to the application.
/// With a reference for the caller, or ERR_PTR(-errno).
task_struct* copy_process(u32 clone_flags, int cpu, task_entry entry, void* argument) noexcept;
/// copy_process() and wake_up_new_task(): the child's pid or -errno.
int do_fork(u32 clone_flags, task_entry entry, void* argument) noexcept;
void wake_up_new_task(task_struct* task) noexcept;

/// A kernel thread, stopped: no address space, no files, all capabilities, signals ignored. ERR_PTR(-ENOMEM). See kthread.h.
task_struct* kernel_thread(task_entry entry, void* argument, int cpu, const char* name) noexcept;

/// The current task is over. `code`: as wait4() reports it (exit status << 8, or the signal).
[[noreturn]] void do_exit(int code) noexcept;
/// The whole process is.
[[noreturn]] void do_group_exit(int code) noexcept;

/// Waits for a child: its pid, 0 (nohang and none is over), -ECHILD, or -ERESTARTSYS. pid -1: any.
int do_wait(int pid, int* status, bool nohang) noexcept;

/// The task with this pid, with a reference, or null.
task_struct* find_get_task_by_pid(int pid) noexcept;

/// Runs code that belongs to no running task (a world being built, a test) as `task`: set-up before the first task starts, or
/// after the last is over. The memory operations inside are the hardware's.
class RunAs {
 public:
  explicit RunAs(task_struct* task) noexcept;
  ~RunAs();
  RunAs(const RunAs&) = delete;
  RunAs& operator=(const RunAs&) = delete;

 private:
  task_struct* task_;
  arch::Task* outer_;
  arch::Access access_;
};

}  // namespace uringsim::kernel
