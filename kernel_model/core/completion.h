// SPDX-License-Identifier: GPL-2.0-only
// Completions: wait until somebody says so. Models include/linux/completion.h and kernel/sched/completion.c (5.4).
//
// Ordering: what stands before complete() is seen after the wait_for_completion() that it ends, by the lock of the queue; nothing
// more. `done` counts calls of complete() that nobody has used yet; kAll after complete_all().
#pragma once

#include "kernel_model/core/wait.h"

namespace uringsim::kernel {

struct completion {
  static constexpr u32 kAll = ~u32{0};
  u32 done = 0;  ///< wait.lock
  wait_queue_head wait;
};

inline void init_completion(completion* x) noexcept {
  x->done = 0;
  init_waitqueue_head(&x->wait);
}
/// Ready for another use. The caller knows that nobody waits or completes now.
inline void reinit_completion(completion* x) noexcept { x->done = 0; }

/// Lets one waiter go on, now or when it comes. Any context.
void complete(completion* x, Site site = Site::here()) noexcept;
/// Lets every waiter go on, and all that will ever come.
void complete_all(completion* x, Site site = Site::here()) noexcept;

void wait_for_completion(completion* x, Site site = Site::here()) noexcept;
/// 0, or -ERESTARTSYS when a signal came first.
int wait_for_completion_interruptible(completion* x, Site site = Site::here()) noexcept;
/// 0 if `timeout` jiffies passed first, else what is left of them, at least 1.
u64 wait_for_completion_timeout(completion* x, u64 timeout, Site site = Site::here()) noexcept;
/// Uses up a complete() if there is one.
bool try_wait_for_completion(completion* x, Site site = Site::here()) noexcept;
/// Whether a wait would end at once. Divergence: always takes the lock, which 5.4 leaves out when it reads 0.
bool completion_done(completion* x, Site site = Site::here()) noexcept;

}  // namespace uringsim::kernel
