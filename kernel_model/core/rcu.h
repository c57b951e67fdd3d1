// SPDX-License-Identifier: GPL-2.0-only
// Grace periods. Models the little of include/linux/rcupdate.h that io_uring's behaviour depends on: that what call_rcu() was
// given runs later, in softirq context, after KernelOptions::rcu_grace_ns.
//
// Divergence: there are no read-side sections to wait for. Nothing here reclaims memory that a lockless reader may still look
// at (percpu_ref keeps its whole state in one word), so a grace period is a delay and nothing else.
#pragma once

#include "kernel_model/core/kernel.h"

namespace uringsim::kernel {

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
