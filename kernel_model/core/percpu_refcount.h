// SPDX-License-Identifier: GPL-2.0-only
// Reference counts that can be killed. Models include/linux/percpu-refcount.h and lib/percpu-refcount.c (5.4).
//
// percpu_ref_kill() takes the initial reference away and marks the count dead; when the last one goes, release() runs. tryget
// succeeds until the count is zero, dead or not; tryget_live only while it is not dead.
//
// Divergence: one counter instead of one a processor, so that all there is to know is a single word: the references and the
// DEAD bit. What a per-processor count does to its users is kept: after a kill the count cannot reach zero before a grace
// period is over (the switch to atomic mode), because it holds a reference of its own until then. tryget_live fails from the
// kill on; Linux lets it succeed for up to a grace period longer.
//
//   count_and_dead   written by                       read by
//   references       get, tryget, put (atomic)        tryget, is_zero
//   DEAD             kill, resurrect (atomic, `lock`) tryget_live, is_dying
// Ordering: get and tryget order nothing; put is a release, and the put that reaches zero is followed by release() in full
// order after all others.
#pragma once

#include "kernel_model/core/rcu.h"
#include "kernel_model/core/refcount.h"
#include "kernel_model/core/spinlock.h"

namespace uringsim::kernel {

struct percpu_ref;
using percpu_ref_func_t = void (*)(percpu_ref* ref);

enum : unsigned { PERCPU_REF_INIT_ATOMIC = 1, PERCPU_REF_INIT_DEAD = 2, PERCPU_REF_ALLOW_REINIT = 4 };

struct percpu_ref {
  static constexpr u64 kDead = u64{1} << 63;

  u64 count_and_dead = 0;
  percpu_ref_func_t release = nullptr;
  percpu_ref_func_t confirm = nullptr;  ///< of a kill whose grace period is not over
  spinlock_t lock;                      ///< kill against resurrect
  rcu_head rcu;
};

/// One reference, the initial one (none with PERCPU_REF_INIT_DEAD). 0 or -ENOMEM (which only an injected fault brings).
[[nodiscard]] int percpu_ref_init(percpu_ref* ref, percpu_ref_func_t release, unsigned flags) noexcept;
/// The count is no longer used.
void percpu_ref_exit(percpu_ref* ref) noexcept;

/// Takes references of a count that the caller knows to be alive.
inline void percpu_ref_get_many(percpu_ref* ref, u64 references, Site site = Site::here()) noexcept {
  (void)fetch_add(ref->count_and_dead, references, Order::relaxed, site);
}
inline void percpu_ref_get(percpu_ref* ref, Site site = Site::here()) noexcept { percpu_ref_get_many(ref, 1, site); }

/// Takes a reference unless the count is zero.
[[nodiscard]] inline bool percpu_ref_tryget(percpu_ref* ref, Site site = Site::here()) noexcept {
  u64 old = READ_ONCE(ref->count_and_dead, site);
  for (;;) {
    if ((old & ~percpu_ref::kDead) == 0) return false;
    const u64 seen = cmpxchg(ref->count_and_dead, old, old + 1, site);
    if (seen == old) return true;
    old = seen;
  }
}
/// Takes a reference unless the count was killed.
[[nodiscard]] inline bool percpu_ref_tryget_live(percpu_ref* ref, Site site = Site::here()) noexcept {
  u64 old = READ_ONCE(ref->count_and_dead, site);
  for (;;) {
    if ((old & percpu_ref::kDead) != 0 || old == 0) return false;
    const u64 seen = cmpxchg(ref->count_and_dead, old, old + 1, site);
    if (seen == old) return true;
    old = seen;
  }
}

/// Drops references; the last one runs release().
inline void percpu_ref_put_many(percpu_ref* ref, u64 references, Site site = Site::here()) noexcept {
  const u64 old = fetch_add(ref->count_and_dead, u64{0} - references, Order::full, site);
  const u64 count = old & ~percpu_ref::kDead;
  if (count > references) [[likely]]
    return;
  if (WARN_ON(count < references, "percpu_ref: more references dropped than taken", site)) return;
  ref->release(ref);
}
inline void percpu_ref_put(percpu_ref* ref, Site site = Site::here()) noexcept { percpu_ref_put_many(ref, 1, site); }

/// Marks it dead and drops the initial reference; confirm(ref), if any, runs once nobody can miss the mark.
void percpu_ref_kill_and_confirm(percpu_ref* ref, percpu_ref_func_t confirm) noexcept;
inline void percpu_ref_kill(percpu_ref* ref) noexcept { percpu_ref_kill_and_confirm(ref, nullptr); }
/// Alive again, with an initial reference: after the count reached zero, or (resurrect) before.
void percpu_ref_reinit(percpu_ref* ref) noexcept;
void percpu_ref_resurrect(percpu_ref* ref) noexcept;

/// Lockless looks; no ordering.
inline bool percpu_ref_is_dying(percpu_ref* ref, Site site = Site::here()) noexcept {
  return (READ_ONCE(ref->count_and_dead, site) & percpu_ref::kDead) != 0;
}
inline bool percpu_ref_is_zero(percpu_ref* ref, Site site = Site::here()) noexcept {
  return (READ_ONCE(ref->count_and_dead, site) & ~percpu_ref::kDead) == 0;
}

}  // namespace uringsim::kernel
