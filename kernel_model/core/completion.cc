// SPDX-License-Identifier: GPL-2.0-only
// Models kernel/sched/completion.c (5.4).
#include "kernel_model/core/completion.h"

#include "kernel_model/core/signal.h"

namespace uringsim::kernel {

void complete(completion* x, Site site) noexcept {
  spin_lock(&x->wait.lock, site);
  if (x->done != completion::kAll) x->done++;
  __wake_up_locked_key(&x->wait, TASK_NORMAL, 1, nullptr);
  spin_unlock(&x->wait.lock, site);
}

void complete_all(completion* x, Site site) noexcept {
  spin_lock(&x->wait.lock, site);
  x->done = completion::kAll;
  __wake_up_locked_key(&x->wait, TASK_NORMAL, 0, nullptr);
  spin_unlock(&x->wait.lock, site);
}

namespace {
/// Models do_wait_for_common(): a negative errno, 0 when the time ran out, else what is left of it and at least 1.
long wait_for_common(completion* x, long timeout, u32 state, Site site) noexcept {
  spin_lock(&x->wait.lock, site);
  if (x->done == 0) {
    // Stays on the queue while it sleeps: default_wake_function, not the autoremoving one.
    wait_entry wait;
    wait.func = default_wake_function;
    wait.flags = WQ_FLAG_EXCLUSIVE;
    __add_wait_queue_entry_tail(&x->wait, &wait);
    do {
      if (signal_pending_state(state, current())) {
        timeout = -ERESTARTSYS;
        break;
      }
      // No barrier: `done` changes and the waker looks under the lock that is released after this store.
      __set_current_state(state);
      spin_unlock(&x->wait.lock, site);
      timeout = schedule_timeout(timeout);
      spin_lock(&x->wait.lock, site);
    } while (x->done == 0 && timeout != 0);
    __remove_wait_queue(&x->wait, &wait);
  }
  if (x->done == 0) {
    spin_unlock(&x->wait.lock, site);
    return timeout;
  }
  if (x->done != completion::kAll) x->done--;
  spin_unlock(&x->wait.lock, site);
  return timeout != 0 ? timeout : 1;
}
}  // namespace

void wait_for_completion(completion* x, Site site) noexcept {
  (void)wait_for_common(x, MAX_SCHEDULE_TIMEOUT, TASK_UNINTERRUPTIBLE, site);
}

int wait_for_completion_interruptible(completion* x, Site site) noexcept {
  const long ret = wait_for_common(x, MAX_SCHEDULE_TIMEOUT, TASK_INTERRUPTIBLE, site);
  return ret == -ERESTARTSYS ? -ERESTARTSYS : 0;
}

u64 wait_for_completion_timeout(completion* x, u64 timeout, Site site) noexcept {
  return static_cast<u64>(wait_for_common(x, static_cast<long>(timeout), TASK_UNINTERRUPTIBLE, site));
}

bool try_wait_for_completion(completion* x, Site site) noexcept {
  spin_lock(&x->wait.lock, site);
  const bool done = x->done != 0;
  if (done && x->done != completion::kAll) x->done--;
  spin_unlock(&x->wait.lock, site);
  return done;
}

bool completion_done(completion* x, Site site) noexcept {
  spin_lock(&x->wait.lock, site);
  const bool done = x->done != 0;
  spin_unlock(&x->wait.lock, site);
  return done;
}

}  // namespace uringsim::kernel
