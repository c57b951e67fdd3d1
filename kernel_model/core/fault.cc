// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/fault.h"

#include <cstring>

namespace uringsim::kernel {

namespace {

// Models lib/fault-inject.c:should_fail(), with the function that allocates in place of its stack trace filter.
bool should_fail(Kernel& kernel, fault_attr& fault, u64 bytes, const char* site) noexcept {
  if (bytes < fault.min_bytes) return false;
  if (fault.site != nullptr && std::strcmp(fault.site, site) != 0) return false;
  const arch::Task* const task = arch::current_task();
  if (fault.task != 0 && (task->in_interrupt || task->id != fault.task)) return false;
  if (fault.from_ns > 0 || fault.until_ns != ~u64{0}) {
    const u64 now = kernel.machine.now();
    if (now < fault.from_ns || now >= fault.until_ns) return false;
  }
  const u64 number = __atomic_add_fetch(&fault.seen, 1, __ATOMIC_RELAXED);
  if (fault.nth != 0 && number != fault.nth) return false;
  if (fault.every != 0 && number % fault.every != 0) return false;
  if (fault.probability_ppm < 1000000 && kernel.machine.random() % 1000000 >= fault.probability_ppm) return false;
  if (__atomic_add_fetch(&fault.failed, 1, __ATOMIC_RELAXED) > fault.times) {
    __atomic_sub_fetch(&fault.failed, 1, __ATOMIC_RELAXED);
    return false;
  }
  return true;
}

}  // namespace

bool should_fail_allocation(Kernel& kernel, u64 bytes, const char* site) noexcept {
  bool fails = false;
  for (fault_attr* fault = __atomic_load_n(&kernel.allocation_fault, __ATOMIC_RELAXED); fault != nullptr; fault = fault->next)
    fails = should_fail(kernel, *fault, bytes, site) || fails;
  return fails;
}

}  // namespace uringsim::kernel
