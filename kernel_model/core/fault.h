// SPDX-License-Identifier: GPL-2.0-only
// Allocations that fail on request. Models lib/fault-inject.c (failslab).
#pragma once

#include "kernel_model/core/kernel.h"

namespace uringsim::kernel {

/// Which allocations fail. All conditions that are set must hold. Point Kernel::allocation_fault at one, or at the first of
/// several; it may be changed between allocations.
struct fault_attr {
  const char* site = nullptr;     ///< only allocations of the kernel function so called; null: any
  u32 task = 0;                   ///< only on behalf of the task with this arch::Task::id, not in interrupts; 0: any
  u64 nth = 0;                    ///< only the nth of these, counted from now, 1 being the next; 0: any
  u64 every = 0;                  ///< only each so many of these; 0: any
  u32 probability_ppm = 1000000;  ///< of failing, in millionths
  u64 from_ns = 0;                ///< not before this time of the machine's clock
  u64 until_ns = ~u64{0};         ///< not at or after this time
  u64 min_bytes = 0;              ///< only allocations at least this large
  u64 times = ~u64{0};            ///< how many may fail in all
  u64 seen = 0;                   ///< allocations looked at; the hardware's atomics
  u64 failed = 0;                 ///< of them failed
  fault_attr* next = nullptr;     ///< another one, which may strike where this does not
};

}  // namespace uringsim::kernel
