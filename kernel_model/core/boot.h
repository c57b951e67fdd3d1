// SPDX-License-Identifier: GPL-2.0-only
// What Kernel's constructor calls, in this order.
#pragma once

#include "kernel_model/core/kernel.h"

namespace uringsim::kernel {

void process_init(Kernel* kernel) noexcept;    ///< process.cc
void rcu_init(Kernel* kernel) noexcept;        ///< rcu.cc
void workqueue_init(Kernel* kernel) noexcept;  ///< workqueue.cc

}  // namespace uringsim::kernel
