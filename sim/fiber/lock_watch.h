// SPDX-License-Identifier: GPL-2.0-only
// What an engine tells of locks, for the check of their order. Told where the current task is counted or explored: direct tasks
// (the live engine) use the hardware's locks and tell nobody.
#pragma once

#include "kernel_model/arch/machine.h"

namespace uringsim::sim {

class LockWatch {
 public:
  virtual ~LockWatch() = default;
  /// `task` has it now. `tried`: it would not have waited (spin_trylock, mutex_trylock).
  virtual void on_lock(u32 task, const arch::LockWord& lock, bool tried, arch::Site site) noexcept = 0;
  virtual void on_unlock(u32 task, const arch::LockWord& lock) noexcept = 0;
  /// Memory is given back: locks in it are gone, others may be made there.
  virtual void on_free(const void* at, u64 bytes) noexcept = 0;
};

}  // namespace uringsim::sim
