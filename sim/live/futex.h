// SPDX-License-Identifier: GPL-2.0-only
// The host's futex, for the live engine's sleepers.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <climits>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

/// Sleeps while `word` is `value`, until `deadline` (ns of CLOCK_MONOTONIC, ~0: without limit). May return early for no reason.
inline void futex_wait(const std::atomic<u32>& word, u32 value, u64 deadline) noexcept {
  timespec at{};
  at.tv_sec = static_cast<time_t>(deadline / 1'000'000'000);
  at.tv_nsec = static_cast<long>(deadline % 1'000'000'000);
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, value, deadline == ~u64{0} ? nullptr : &at, nullptr,
          FUTEX_BITSET_MATCH_ANY);
}

inline void futex_wake(const void* word, int count = INT_MAX) noexcept {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

}  // namespace uringsim::sim
