// SPDX-License-Identifier: GPL-2.0-only
// Models lib/percpu-refcount.c (5.4).
#include "kernel_model/core/percpu_refcount.h"

namespace uringsim::kernel {

namespace {

/// Moves what the slots hold into the counter, and the bias out of it. Models percpu_ref_switch_to_atomic_rcu()'s sum.
void fold_slots(percpu_ref* ref) noexcept {
  u64 references = 0;
  for (u64& slot : ref->slot) references += static_cast<u64>(static_cast<s64>(fetch_or(slot, percpu_ref::kFolded)) >> 1);
  (void)fetch_add(ref->count, references - percpu_ref::kBias);
}

/// The opposite: from here on references are counted in the slots. Models __percpu_ref_switch_to_percpu().
void unfold_slots(percpu_ref* ref) noexcept {
  (void)fetch_add(ref->count, percpu_ref::kBias);
  for (u64& slot : ref->slot) WRITE_ONCE(slot, u64{0});
}

}  // namespace

int percpu_ref_init(percpu_ref* ref, percpu_ref_func_t release, unsigned flags) noexcept {
  Kernel& k = kernel();
  // Stands for the per-processor counters that Linux allocates here.
  if (__atomic_load_n(&k.allocation_fault, __ATOMIC_RELAXED) != nullptr &&
      should_fail_allocation(k, sizeof(u64), "percpu_ref_init"))
    return -ENOMEM;
  const bool dead = (flags & PERCPU_REF_INIT_DEAD) != 0;
  const bool folded = dead || (flags & PERCPU_REF_INIT_ATOMIC) != 0;
  for (u64& slot : ref->slot) slot = folded ? percpu_ref::kFolded : 0;
  ref->count = dead ? percpu_ref::kDead : folded ? 1 : percpu_ref::kBias + 1;
  ref->release = release;
  ref->confirm = nullptr;
  return 0;
}

void percpu_ref_exit(percpu_ref* ref) noexcept {
  WARN_ON(ref->confirm != nullptr, "percpu_ref_exit: a kill is not confirmed yet");
  for (u64& slot : ref->slot) WRITE_ONCE(slot, percpu_ref::kFolded);
  WRITE_ONCE(ref->count, percpu_ref::kDead);
}

namespace {
void no_confirmation(percpu_ref*) noexcept {}

/// The grace period after a kill is over: every processor knows. Models percpu_ref_switch_to_atomic_rcu().
void killed_everywhere(rcu_head* head) noexcept {
  percpu_ref* const ref = container_of(head, percpu_ref, rcu);
  spin_lock(&ref->lock);
  const percpu_ref_func_t confirm = ref->confirm;
  ref->confirm = nullptr;
  spin_unlock(&ref->lock);
  confirm(ref);
  percpu_ref_put(ref);  // the one taken by the kill: from here on zero can be reached
}
}  // namespace

void percpu_ref_kill_and_confirm(percpu_ref* ref, percpu_ref_func_t confirm) noexcept {
  spin_lock(&ref->lock);
  WARN_ON(percpu_ref_is_dying(ref), "percpu_ref_kill: called more than once");
  const bool switching = ref->confirm != nullptr;
  if (!switching) {
    ref->confirm = confirm != nullptr ? confirm : no_confirmation;
    percpu_ref_get(ref);
  }
  (void)fetch_or(ref->count, percpu_ref::kDead, Order::relaxed);
  if ((READ_ONCE(ref->slot[0]) & percpu_ref::kFolded) == 0) fold_slots(ref);
  spin_unlock(&ref->lock);
  if (!switching) call_rcu(&ref->rcu, killed_everywhere);
  percpu_ref_put(ref);
}

void percpu_ref_reinit(percpu_ref* ref) noexcept {
  WARN_ON(!percpu_ref_is_zero(ref), "percpu_ref_reinit: references are left");
  percpu_ref_resurrect(ref);
}

void percpu_ref_resurrect(percpu_ref* ref) noexcept {
  spin_lock(&ref->lock);
  WARN_ON(!percpu_ref_is_dying(ref), "percpu_ref_resurrect: not dead");
  percpu_ref_get(ref);
  (void)fetch_and(ref->count, ~percpu_ref::kDead, Order::relaxed);
  unfold_slots(ref);
  spin_unlock(&ref->lock);
}

}  // namespace uringsim::kernel
