// SPDX-License-Identifier: GPL-2.0-only
// The slow path of locks: who finds one taken waits here, so that the machine knows of it. The fast path is the hardware's
// (arch/lock.h).
#include <sched.h>

#include "kernel_model/arch/lock.h"
#include "sim/live/futex.h"
#include "sim/live/live_task.h"

namespace uringsim::sim {

namespace {
constexpr unsigned kPausesBeforeYield = 64;  // the holder's OS thread may have been preempted, which a kernel's never is
}

void LiveMachine::lock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept {
  LiveTask* const task = self();
  if (task != nullptr) {
    task->waits_kind = kind;
    task->waits_site = site;
    task->since.store(clock_ns() - start_, std::memory_order_relaxed);
    task->waits_for.store(&lock, std::memory_order_release);
    task->place.store(LivePlace::waiting, std::memory_order_seq_cst);
  }
  if (kind == arch::LockKind::mutex) runnable_.fetch_sub(1, std::memory_order_relaxed);
  for (unsigned tries = 1;; tries++) {
    if (task != nullptr && dying_.load(std::memory_order_acquire)) leave(*task);
    if (kind == arch::LockKind::spin) {
      if (arch::direct_try_lock(lock)) break;
      if (tries % kPausesBeforeYield != 0)
        __builtin_ia32_pause();
      else
        sched_yield();
    } else {
      if (__atomic_exchange_n(&lock.word, 2, __ATOMIC_ACQUIRE) == 0) break;
      syscall(SYS_futex, &lock.word, FUTEX_WAIT_PRIVATE, 2, nullptr, nullptr, 0);
    }
  }
  if (kind == arch::LockKind::mutex) runnable_.fetch_add(1, std::memory_order_relaxed);
  if (task == nullptr) return;
  task->waits_for.store(nullptr, std::memory_order_relaxed);
  task->place.store(LivePlace::running, std::memory_order_seq_cst);
  // With the lock held: whoever else wants it waits, too, and counts as standing still.
  if (gate_.load(std::memory_order_seq_cst) != 0) wait_at_gate(*task);
}

bool LiveMachine::try_lock(arch::LockWord& lock, arch::LockKind, arch::Site) noexcept { return arch::direct_try_lock(lock); }

void LiveMachine::unlock(arch::LockWord& lock, arch::LockKind kind, arch::Site) noexcept {
  if (__atomic_exchange_n(&lock.word, 0, __ATOMIC_RELEASE) == 2) arch::direct_unlock(lock, kind);
}

}  // namespace uringsim::sim
