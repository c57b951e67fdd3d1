// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/fault.h"

namespace uringsim::kernel {

bool should_fail_allocation(Kernel& kernel, u64 bytes) noexcept {
  fault_attr& fault = *kernel.allocation_fault;
  if (bytes < fault.min_bytes) return false;
  const u64 number = __atomic_add_fetch(&fault.seen, 1, __ATOMIC_RELAXED);
  if (fault.nth != 0 && number != fault.nth) return false;
  if (fault.from_ns > 0 || fault.until_ns != ~u64{0}) {
    const u64 now = kernel.machine.now();
    if (now < fault.from_ns || now >= fault.until_ns) return false;
  }
  if (fault.probability_ppm < 1000000 && kernel.machine.random() % 1000000 >= fault.probability_ppm) return false;
  if (__atomic_add_fetch(&fault.failed, 1, __ATOMIC_RELAXED) > fault.times) {
    __atomic_sub_fetch(&fault.failed, 1, __ATOMIC_RELAXED);
    return false;
  }
  return true;
}

}  // namespace uringsim::kernel
