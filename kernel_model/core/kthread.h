// SPDX-License-Identifier: GPL-2.0-only
// Kernel threads: create, park, stop. Models include/linux/kthread.h and kernel/kthread.c (5.4).
//
// Divergence: no kthreadd. The creator makes the thread itself, and waits for it to report only if it says so
// (kthread_await_creation): Linux's creators always do.
//
// A thread begins stopped. Its first wakeup lets it look at its bits once: SHOULD_STOP, then it is over without ever having
// called its function; SHOULD_PARK, then it parks first. After that the function itself decides when to look.
//
//   flags bit        set by                    cleared by          read by
//   SHOULD_STOP      kthread_stop              nobody              the thread
//   SHOULD_PARK      kthread_park              kthread_unpark      the thread
// Setting and clearing are atomic and order nothing; the wakeup after them does (wake_up_state).
//
//   parker                                    thread
//   flags |= SHOULD_PARK        (rmw)         set_current_state(S)       (store, full barrier)
//   full barrier in wake_up                   if (kthread_should_park()) (load)
//   state of the thread         (load)          do not sleep
// A thread that looks at SHOULD_PARK before it sets its state, or only at SHOULD_STOP, sleeps through the request, and
// kthread_park() waits for ever: as io_sq_thread of 5.1 can.
#pragma once

#include "kernel_model/core/completion.h"

namespace uringsim::kernel {

enum : u64 { KTHREAD_IS_PER_CPU = 1, KTHREAD_SHOULD_STOP = 2, KTHREAD_SHOULD_PARK = 4 };

struct kthread {
  u64 flags = 0;  ///< KTHREAD_*; shared word
  int cpu = -1;
  int (*threadfn)(void* data) = nullptr;
  void* data = nullptr;
  bool reports = false;  ///< somebody waits for `created`; set before the first wakeup, never again
  completion created;
  completion parked;
  completion exited;  ///< Linux's vfork_done of a kernel thread: completed early in do_exit()
};

/// A thread that will run threadfn(data) once woken (wake_up_process). ERR_PTR(-ENOMEM) when memory ran out.
/// The thread's last reference is dropped by its own exit: who looks at it after kthread_stop() takes one.
task_struct* kthread_create(int (*threadfn)(void*), void* data, const char* name) noexcept;
/// The same, bound to `cpu`.
task_struct* kthread_create_on_cpu(int (*threadfn)(void*), void* data, unsigned cpu, const char* name) noexcept;
/// Created and woken.
task_struct* kthread_run(int (*threadfn)(void*), void* data, const char* name) noexcept;
void kthread_bind(task_struct* task, unsigned cpu) noexcept;
/// Sleeps until the thread, just created and never woken, has run for the first time and stopped again, as kthread_create() of
/// Linux does: whoever waited for the caller's processor, or for time to pass, has had some of it by then.
void kthread_await_creation(task_struct* task) noexcept;

/// Asks the thread to park and waits until it has: 0, -ENOSYS if it is on its way out, -EBUSY if somebody else asked.
/// Divergence: does not wait for the switch away from the parked thread, which nobody can tell from its state.
int kthread_park(task_struct* task) noexcept;
void kthread_unpark(task_struct* task) noexcept;
/// Asks the thread to end, waits until it is past its function, and returns what that returned (-EINTR if it never ran).
int kthread_stop(task_struct* task) noexcept;

bool kthread_should_stop(Site site = Site::here()) noexcept;
bool kthread_should_park(Site site = Site::here()) noexcept;
/// Parks while SHOULD_PARK is set. The thread itself calls it.
void kthread_parkme() noexcept;
void* kthread_data(task_struct* task) noexcept;

}  // namespace uringsim::kernel
