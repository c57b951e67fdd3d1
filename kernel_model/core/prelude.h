// SPDX-License-Identifier: GPL-2.0-only
// What every file of the kernel sees: short integers, the seam's operations under their Linux names, kernel-internal errnos.
#pragma once

#include <cerrno>

#include "kernel_model/arch/lock.h"
#include "kernel_model/arch/machine.h"
#include "kernel_model/arch/memory.h"

namespace uringsim::kernel {

using arch::cmpxchg;
using arch::data_race;
using arch::fetch_add;
using arch::fetch_and;
using arch::fetch_or;
using arch::Order;
using arch::plain_load;
using arch::plain_store;
using arch::rcu_dereference;
using arch::READ_ONCE;
using arch::Site;
using arch::smp_load_acquire;
using arch::smp_mb;
using arch::smp_mb__after_atomic;
using arch::smp_mb__before_atomic;
using arch::smp_rmb;
using arch::smp_store_mb;
using arch::smp_store_release;
using arch::smp_wmb;
using arch::TASK_INTERRUPTIBLE;
using arch::TASK_NORMAL;
using arch::TASK_PARKED;
using arch::TASK_RUNNING;
using arch::TASK_UNINTERRUPTIBLE;
using arch::WRITE_ONCE;
using arch::xchg;

/// Errnos that never leave the kernel (include/linux/errno.h).
enum : int {
  ERESTARTSYS = 512,
  ERESTARTNOINTR = 513,
  ERESTARTNOHAND = 514,
  ERESTART_RESTARTBLOCK = 516,
  ENOTSUPP = 524,
  EIOCBQUEUED = 529,
};

/// A pointer or an errno, as include/linux/err.h has it.
inline constexpr u64 MAX_ERRNO = 4095;
template <class T>
inline T* ERR_PTR(long error) noexcept {
  return reinterpret_cast<T*>(error);
}
template <class T>
inline bool IS_ERR(T* pointer) noexcept {
  return reinterpret_cast<u64>(pointer) >= ~u64{0} - MAX_ERRNO + 1;
}
template <class T>
inline int PTR_ERR(T* pointer) noexcept {
  return static_cast<int>(reinterpret_cast<s64>(pointer));
}

inline constexpr unsigned PAGE_SHIFT = 12;
inline constexpr u64 PAGE_SIZE = u64{1} << PAGE_SHIFT;
inline constexpr u64 PAGE_MASK = ~(PAGE_SIZE - 1);

}  // namespace uringsim::kernel
