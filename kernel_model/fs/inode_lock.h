// SPDX-License-Identifier: GPL-2.0-only
// inode_lock(): readers together or one writer. Models inode::i_rwsem (include/linux/rwsem.h) as far as anybody can tell:
// direct readers of one file do not hold each other up, and IOCB_NOWAIT asks before it takes.
//
//   count   0 free, -1 a writer, n readers     everybody, fully ordered read-modify-write; taking is acquire, releasing release
//   wait    who could not take it; woken by whoever leaves it free
// Divergence: no hand-over and no queue: a waiter may be overtaken.
#pragma once

#include "kernel_model/core/wait.h"

namespace uringsim::kernel {

struct inode_rwsem {
  int count = 0;
  wait_queue_head_t wait;
};

inline bool inode_rwsem_trylock(inode_rwsem* sem, Site site = Site::here()) noexcept {
  return cmpxchg(sem->count, 0, -1, site) == 0;
}
inline bool inode_rwsem_trylock_shared(inode_rwsem* sem, Site site = Site::here()) noexcept {
  int seen = READ_ONCE(sem->count, site);
  while (seen >= 0) {
    const int old = cmpxchg(sem->count, seen, seen + 1, site);
    if (old == seen) return true;
    seen = old;
  }
  return false;
}
inline void inode_rwsem_lock(inode_rwsem* sem, Site site = Site::here()) noexcept {
  wait_event(
      &sem->wait, [sem, site] { return inode_rwsem_trylock(sem, site); }, site);
}
inline void inode_rwsem_lock_shared(inode_rwsem* sem, Site site = Site::here()) noexcept {
  wait_event(
      &sem->wait, [sem, site] { return inode_rwsem_trylock_shared(sem, site); }, site);
}
/// Either kind. The fully ordered release pairs with the barrier in prepare_to_wait() of a waiter.
inline void inode_rwsem_unlock(inode_rwsem* sem, Site site = Site::here()) noexcept {
  const bool writer = READ_ONCE(sem->count, site) < 0;
  if (fetch_add(sem->count, writer ? 1 : -1, Order::full, site) != (writer ? -1 : 1)) return;
  if (waitqueue_active(&sem->wait, site)) wake_up_all(&sem->wait, site);
}

}  // namespace uringsim::kernel
