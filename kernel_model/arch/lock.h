// SPDX-License-Identifier: GPL-2.0-only
// The two locks that need the machine: one that spins and one that sleeps. Everything else is built on them in core/.
//
// Ordering, as Linux documents it: lock is acquire, unlock is release; unlock followed by lock of another lock is not a full
// barrier, and a critical section orders nothing that stands outside of it against something else outside.
#pragma once

#include "kernel_model/arch/machine.h"
#include "kernel_model/arch/memory.h"

namespace uringsim::arch {

/// The hardware's locks (direct tasks). Out of line: the contended path waits, after a while in Machine::lock(), so that the
/// machine knows who waits for what.
void direct_lock(LockWord& lock, LockKind kind, Site site = Site::here()) noexcept;
bool direct_try_lock(LockWord& lock) noexcept;
void direct_unlock(LockWord& lock, LockKind kind) noexcept;

/// Acquires. Spinning in interrupt context is allowed, sleeping is not.
inline void lock_acquire(LockWord& lock, LockKind kind, Site site = Site::here()) noexcept {
  Task* const task = current_task();
  if (task->access != Access::direct) [[unlikely]]
    return task->machine->lock(lock, kind, site);
  u32 free = 0;
  if (!__atomic_compare_exchange_n(&lock.word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    direct_lock(lock, kind, site);
  __atomic_store_n(&lock.waiters, task->id + 1, __ATOMIC_RELAXED);
}

inline bool lock_try_acquire(LockWord& lock, LockKind kind, Site site = Site::here()) noexcept {
  Task* const task = current_task();
  if (task->access != Access::direct) [[unlikely]]
    return task->machine->try_lock(lock, kind, site);
  if (!direct_try_lock(lock)) return false;
  __atomic_store_n(&lock.waiters, task->id + 1, __ATOMIC_RELAXED);
  return true;
}

inline void lock_release(LockWord& lock, LockKind kind, Site site = Site::here()) noexcept {
  Task* const task = current_task();
  if (task->access != Access::direct) [[unlikely]]
    return task->machine->unlock(lock, kind, site);
  // A free lock is all zero in every mode: what is built directly may run counted or explored.
  __atomic_store_n(&lock.waiters, 0, __ATOMIC_RELAXED);
  if (__atomic_exchange_n(&lock.word, 0, __ATOMIC_RELEASE) == 2) direct_unlock(lock, kind);
}

}  // namespace uringsim::arch
