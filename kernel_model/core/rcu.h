// SPDX-License-Identifier: GPL-2.0-only
// Grace periods. Models the little of include/linux/rcupdate.h that io_uring's behaviour depends on: that what call_rcu() was
// given runs later, in softirq context, after KernelOptions::rcu_grace_ns, and not before every task that ran in the kernel when
// the grace period began has passed a quiescent state. A kernel thread that spins without cond_resched() (5.1's SQ thread) so
// holds up everybody who waits for a grace period, io_uring_register() first of all; one that spins with it (5.4's) does for a
// tenth of a second.
// Ordering: what stands before call_rcu() is seen by func; what a task did before it went quiescent, by whoever waited for that.
// Divergence: there are no read-side sections to wait for. Nothing here reclaims memory that a lockless reader may still look
// at (percpu_ref marks every slot of its own, see there).
#pragma once

#include "kernel_model/core/kernel.h"

namespace uringsim::kernel {

/// What task_struct::rcu_passed grows by when a task sleeps: of cond_resched(), which adds one, only an old grace period takes
/// notice.
constexpr u64 RCU_SLEPT = u64{1} << 32;

struct rcu_head {
  void (*func)(rcu_head* head) = nullptr;
  u64 due = 0;
  list_head link;
};

/// func(head) runs in interrupt context once a grace period is over; callbacks keep their order. Any context.
void call_rcu(rcu_head* head, void (*func)(rcu_head*)) noexcept;
/// Sleeps for a grace period.
void synchronize_rcu() noexcept;

}  // namespace uringsim::kernel
