// SPDX-License-Identifier: GPL-2.0-only
// Reference counts that can be killed. Models include/linux/percpu-refcount.h and lib/percpu-refcount.c (5.4).
//
// percpu_ref_kill() takes the initial reference away and marks the count dead; when the last one goes, release() runs. tryget
// succeeds until the count is zero, dead or not; tryget_live only while it is not dead.
//
// While the count is alive it is spread over slots, and whoever takes or drops a reference changes a word of its own, in no order
// with anybody. A kill folds the slots into one counter; from then on zero can be reached. A bias keeps that counter away from
// zero until all slots are in it.
//
//   slot[i]   references << 1 | kFolded   get, tryget, put (atomic); kill folds it, resurrect empties it
//   count     kDead | bias | references   kill, resurrect, and get, tryget, put of those who found their slot folded (atomic)
//
// Divergences: a slot belongs to tasks, by their numbers, not to a processor, so that nothing depends on who runs where. The
// mark that a slot is folded stands in the slot itself; Linux has one for all and an RCU grace period in which everybody learns
// of it. What the grace period does to users is kept: zero cannot be reached before it is over, because the kill holds a
// reference of its own until then.
// Ordering: get and tryget order nothing; put is a release, folding acquires it; the put that reaches zero is followed by
// release() in full order after all others.
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
  static constexpr u64 kBias = u64{1} << 56;
  static constexpr u64 kFolded = 1;
  static constexpr unsigned kSlots = 4;

  u64 slot[kSlots] = {};
  u64 count = 0;
  percpu_ref_func_t release = nullptr;
  percpu_ref_func_t confirm = nullptr;  ///< of a kill whose grace period is not over
  spinlock_t lock;                      ///< kill against resurrect
  rcu_head rcu;
};

/// One reference, the initial one (none with PERCPU_REF_INIT_DEAD). 0 or -ENOMEM (which only an injected fault brings).
[[nodiscard]] int percpu_ref_init(percpu_ref* ref, percpu_ref_func_t release, unsigned flags) noexcept;
/// The count is no longer used.
void percpu_ref_exit(percpu_ref* ref) noexcept;

namespace detail {
/// Changes the current task's slot by `references`; false if it is folded, and the change means nothing.
inline bool percpu_ref_add(percpu_ref* ref, u64 references, Order order, Site site) noexcept {
  u64& slot = ref->slot[arch::current_task()->id % percpu_ref::kSlots];
  return (fetch_add(slot, references << 1, order, site) & percpu_ref::kFolded) == 0;
}
}  // namespace detail

/// Takes references of a count that the caller knows to be alive.
inline void percpu_ref_get_many(percpu_ref* ref, u64 references, Site site = Site::here()) noexcept {
  if (detail::percpu_ref_add(ref, references, Order::relaxed, site)) return;
  (void)fetch_add(ref->count, references, Order::relaxed, site);
}
inline void percpu_ref_get(percpu_ref* ref, Site site = Site::here()) noexcept { percpu_ref_get_many(ref, 1, site); }

/// Takes a reference unless the count is zero.
[[nodiscard]] inline bool percpu_ref_tryget(percpu_ref* ref, Site site = Site::here()) noexcept {
  if (detail::percpu_ref_add(ref, 1, Order::relaxed, site)) return true;
  u64 old = READ_ONCE(ref->count, site);
  for (;;) {
    if ((old & ~percpu_ref::kDead) == 0) return false;
    const u64 seen = cmpxchg(ref->count, old, old + 1, site);
    if (seen == old) return true;
    old = seen;
  }
}
/// Takes a reference unless the count was killed.
[[nodiscard]] inline bool percpu_ref_tryget_live(percpu_ref* ref, Site site = Site::here()) noexcept {
  if (detail::percpu_ref_add(ref, 1, Order::relaxed, site)) return true;
  u64 old = READ_ONCE(ref->count, site);
  for (;;) {
    if ((old & percpu_ref::kDead) != 0 || old == 0) return false;
    const u64 seen = cmpxchg(ref->count, old, old + 1, site);
    if (seen == old) return true;
    old = seen;
  }
}

/// Drops references; the last one runs release().
inline void percpu_ref_put_many(percpu_ref* ref, u64 references, Site site = Site::here()) noexcept {
  if (detail::percpu_ref_add(ref, u64{0} - references, Order::release, site)) [[likely]]
    return;
  const u64 old = fetch_add(ref->count, u64{0} - references, Order::full, site);
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
  return (READ_ONCE(ref->count, site) & percpu_ref::kDead) != 0;
}
inline bool percpu_ref_is_zero(percpu_ref* ref, Site site = Site::here()) noexcept {
  return (READ_ONCE(ref->count, site) & ~percpu_ref::kDead) == 0;
}

}  // namespace uringsim::kernel
