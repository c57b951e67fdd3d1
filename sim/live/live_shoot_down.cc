// SPDX-License-Identifier: GPL-2.0-only
// Waiting for those who are inside an access to user memory (kernel_model/arch/user_access.h).
#include <sched.h>

#include "sim/live/live_task.h"

namespace uringsim::sim {

namespace {
/// What the task is just accessing. The machine's mutex_ is held, or the task might be gone.
uptr access_of(const LiveTask& part) noexcept {
  return part.task != nullptr ? __atomic_load_n(&part.task->user_access, __ATOMIC_ACQUIRE) : 0;
}
}  // namespace

/// The barrier comes first: who begins an access after it sees the new generation. Another access that is seen in the place of
/// the one that is waited for, of the same task or of the next task with its part, has begun later.
void LiveMachine::shoot_down(uptr start, uptr end) noexcept {
  host_barrier_.issue();
  std::unique_lock lock(mutex_);
  for (size_t i = 0; i < parts_.size(); i++) {
    const uptr seen = access_of(*parts_[i]);
    if (seen == 0 || seen < start || seen >= end) continue;
    while (access_of(*parts_[i]) == seen) {
      // Inside nothing waits: the host keeps its thread from running, or it is just about to be done.
      lock.unlock();
      sched_yield();
      lock.lock();
    }
  }
}

}  // namespace uringsim::sim
