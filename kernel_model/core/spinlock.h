// SPDX-License-Identifier: GPL-2.0-only
// Spinlocks. Models include/linux/spinlock.h.
//
// lock is acquire, unlock is release; neither is a full barrier. The _irq forms also keep this processor's interrupts out;
// interrupt context has a processor of its own here, so that they differ from the plain ones in name only, and every
// interleaving that the plain form allows with an interrupt elsewhere is seen.
#pragma once

#include "kernel_model/core/prelude.h"

namespace uringsim::kernel {

struct spinlock_t {
  arch::LockWord word;
};

inline void spin_lock_init(spinlock_t* lock) noexcept { lock->word = {}; }
inline void spin_lock(spinlock_t* lock, Site site = Site::here()) noexcept {
  arch::lock_acquire(lock->word, arch::LockKind::spin, site);
}
inline void spin_unlock(spinlock_t* lock, Site site = Site::here()) noexcept {
  arch::lock_release(lock->word, arch::LockKind::spin, site);
}
inline bool spin_trylock(spinlock_t* lock, Site site = Site::here()) noexcept {
  return arch::lock_try_acquire(lock->word, arch::LockKind::spin, site);
}
inline void spin_lock_irq(spinlock_t* lock, Site site = Site::here()) noexcept { spin_lock(lock, site); }
inline void spin_unlock_irq(spinlock_t* lock, Site site = Site::here()) noexcept { spin_unlock(lock, site); }
inline void spin_lock_irqsave(spinlock_t* lock, unsigned long&, Site site = Site::here()) noexcept { spin_lock(lock, site); }
inline void spin_unlock_irqrestore(spinlock_t* lock, unsigned long, Site site = Site::here()) noexcept {
  spin_unlock(lock, site);
}
inline bool spin_trylock_irqsave(spinlock_t* lock, unsigned long&, Site site = Site::here()) noexcept {
  return spin_trylock(lock, site);
}

}  // namespace uringsim::kernel
