// SPDX-License-Identifier: GPL-2.0-only
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel_model/arch/lock.h"

namespace uringsim::arch {

#if defined(__clang__)
#define URINGSIM_UNINSTRUMENTED __attribute__((no_sanitize("thread")))
#else
#define URINGSIM_UNINSTRUMENTED __attribute__((no_sanitize_thread))
#endif

URINGSIM_UNINSTRUMENTED void copy_racy(void* to, const void* from, u64 bytes) noexcept {
  // rep movsb: the copy is invisible to instrumentation and cannot be turned back into a call of memcpy.
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

namespace {
constexpr unsigned kSpins = 200;  // about a microsecond, longer than any critical section under an uncontended spinlock

void futex_wait(u32& word, u32 value) noexcept { syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0); }
void futex_wake_one(u32& word) noexcept { syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0); }
}  // namespace

void direct_lock(LockWord& lock, LockKind kind, Site site) noexcept {
  Machine* const machine = current_task()->machine;
  for (unsigned spins = 0;; spins++) {
    u32 free = 0;
    if (__atomic_load_n(&lock.word, __ATOMIC_RELAXED) == 0 &&
        __atomic_compare_exchange_n(&lock.word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      return;
    if (spins < kSpins) {
      __builtin_ia32_pause();
    } else if (machine != nullptr) {
      return machine->lock(lock, kind, site);
    } else if (kind == LockKind::spin) {
      sched_yield();  // the holder's OS thread may have been preempted, which a kernel's spinlock never is
    } else {
      break;
    }
  }
  while (__atomic_exchange_n(&lock.word, 2, __ATOMIC_ACQUIRE) != 0) futex_wait(lock.word, 2);
}

bool direct_try_lock(LockWord& lock) noexcept {
  u32 free = 0;
  return __atomic_compare_exchange_n(&lock.word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void direct_unlock(LockWord& lock, LockKind kind) noexcept {
  if (kind == LockKind::mutex) futex_wake_one(lock.word);
}

}  // namespace uringsim::arch
