// SPDX-License-Identifier: GPL-2.0-only
// Sleeping locks. Models include/linux/mutex.h and, with readers excluding each other, rwsem.h.
#pragma once

#include "kernel_model/core/prelude.h"

namespace uringsim::kernel {

struct mutex {
  arch::LockWord word;
};

inline void mutex_init(mutex* lock) noexcept { lock->word = {}; }
/// Acquire. May sleep.
inline void mutex_lock(mutex* lock, Site site = Site::here()) noexcept {
  arch::lock_acquire(lock->word, arch::LockKind::mutex, site);
}
/// Release.
inline void mutex_unlock(mutex* lock, Site site = Site::here()) noexcept {
  arch::lock_release(lock->word, arch::LockKind::mutex, site);
}
inline bool mutex_trylock(mutex* lock, Site site = Site::here()) noexcept {
  return arch::lock_try_acquire(lock->word, arch::LockKind::mutex, site);
}

/// Divergence: readers exclude each other too. Nothing that an application sees of io_uring depends on their sharing.
struct rw_semaphore {
  mutex lock;
};
inline void down_read(rw_semaphore* sem, Site site = Site::here()) noexcept { mutex_lock(&sem->lock, site); }
inline void up_read(rw_semaphore* sem, Site site = Site::here()) noexcept { mutex_unlock(&sem->lock, site); }
inline void down_write(rw_semaphore* sem, Site site = Site::here()) noexcept { mutex_lock(&sem->lock, site); }
inline bool down_write_trylock(rw_semaphore* sem, Site site = Site::here()) noexcept { return mutex_trylock(&sem->lock, site); }
inline void up_write(rw_semaphore* sem, Site site = Site::here()) noexcept { mutex_unlock(&sem->lock, site); }

}  // namespace uringsim::kernel
