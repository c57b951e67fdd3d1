// SPDX-License-Identifier: GPL-2.0-only
// The line between application and kernel. Models arch/x86/entry/common.c (5.4).
//
//     s64 ret = system_call([&]() noexcept { return io_uring_enter(fd, to_submit, ...); });
//
// Entry and exit cost Cost::syscall. In between a task is preempted only where it asks (in_kernel). On the way back the task
// gives way if it is asked to, handles its signals (which may end it, or make the call once more) and runs its task_work. A
// system call is a compiler barrier for the application and, unlike on real processors, promises no ordering: what the kernel
// orders, it orders by name.
#pragma once

#include "kernel_model/core/sched.h"

namespace uringsim::kernel {

inline void syscall_enter() noexcept {
  // Seen by a grace period's end before anything that this task takes a reference to (rcu.cc); the hardware's atomics, not
  // explored.
  __atomic_store_n(&current()->in_kernel, true, __ATOMIC_SEQ_CST);
  arch::machine().charge(arch::Cost::syscall, 1);
}

namespace detail {
/// Something is to be done before the task goes back. Models exit_to_usermode_loop().
s64 exit_to_usermode_loop(s64 ret, bool* restart) noexcept;
}  // namespace detail

/// What the application gets, or *restart: the call is to be made again. May not return.
inline s64 syscall_exit(s64 ret, bool* restart) noexcept {
  *restart = false;
  task_struct* const task = current();
  if ((READ_ONCE(task->thread_flags) & (TIF_SIGPENDING | TIF_NOTIFY_RESUME)) != 0 || need_resched()) [[unlikely]]
    ret = detail::exit_to_usermode_loop(ret, restart);
  rcu_quiescent_state();
  __atomic_store_n(&task->in_kernel, false, __ATOMIC_RELEASE);
  return ret;
}

/// Runs one system call: `body` returns a value or -errno.
template <class Body>
s64 system_call(Body body) noexcept {
  for (;;) {
    bool restart = false;
    syscall_enter();
    const s64 ret = syscall_exit(static_cast<s64>(body()), &restart);
    if (!restart) return ret;
  }
}

}  // namespace uringsim::kernel
