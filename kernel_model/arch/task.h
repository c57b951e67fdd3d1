// SPDX-License-Identifier: GPL-2.0-only
// A thread of execution as the machine sees it, and "current".
#pragma once

#include "kernel_model/arch/types.h"

namespace uringsim::arch {

class Machine;

/// How memory operations of a task are carried out (see memory.h).
enum class Access : u8 {
  direct,    ///< by the hardware: real atomics on real threads (live), or set-up before an exploration starts
  counted,   ///< plainly, on one OS thread, each adding its cost to the task's clock (timed)
  explored,  ///< by the machine: every operation is a point where it may switch tasks, delay a store or return an older value
};

/// What the machine knows of a task. The kernel's task_struct derives from it; interrupt contexts are tasks too.
///
/// Owner of every field: the engine that runs the task. In counted mode `clock` is the virtual time that the task has
/// reached and `deadline` the time at which something else is due: an operation is "add cost, compare with deadline".
struct Task {
  Access access = Access::direct;
  bool in_interrupt = false;  ///< runs in interrupt context: must not sleep
  bool in_kernel = false;     ///< is inside a system call: under voluntary preemption it gives way only where it asks
  u32 id = 0;                 ///< small, stable, in order of creation; never an address
  Machine* machine = nullptr;
  u64 clock = 0;           ///< counted: nanoseconds
  u64 deadline = ~u64{0};  ///< counted: nanoseconds
  u64 memory_cost = 0;     ///< counted: nanoseconds that one memory operation adds
  u64 effects = 0;         ///< counted: stores, wakes and other effects so far; a polling pass that adds none may be skipped over
  void* engine = nullptr;  ///< the engine's own part of this task
  uptr user_access = 0;    ///< user memory that the task is just accessing, 0: none; its own to write (user_access.h)
  u32 eventfd_wakes = 0;   ///< the kernel's: wakeups of eventfds that this context is inside of (fs/eventfd.h)
  char name[16] = {};      ///< as comm, at most 15 characters
};

namespace detail {
/// What code outside every task runs as: builders, tests, the tool itself. Never written to.
inline constinit Task outside;
/// The one thread-local of the project. constinit: an access is one load, without a check whether it is initialised.
inline constinit thread_local Task* current = &outside;
}  // namespace detail

/// The task that runs on this OS thread. Never null.
inline Task* current_task() noexcept { return detail::current; }

/// Makes `task` current (null: nobody's code). For engines only, at a switch.
inline void set_current_task(Task* task) noexcept { detail::current = task != nullptr ? task : &detail::outside; }

}  // namespace uringsim::arch
