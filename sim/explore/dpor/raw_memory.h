// SPDX-License-Identifier: GPL-2.0-only
// The programs' words as they lie in memory: what plain accesses of checkers and of the machine itself see.
#pragma once

#include <cstring>

#include "kernel_model/arch/types.h"
#include "sim/fiber/sanitizer.h"

namespace uringsim::sim::dpor {

namespace detail {
inline u64 peek(const void* at, unsigned size) noexcept {
  u64 value = 0;
  std::memcpy(&value, at, size);
  return value;
}
inline void poke(void* at, unsigned size, u64 value) noexcept {
  switch (size) {
    case 1:
      __atomic_store_n(static_cast<u8*>(at), static_cast<u8>(value), __ATOMIC_RELAXED);
      return;
    case 2:
      __atomic_store_n(static_cast<u16*>(at), static_cast<u16>(value), __ATOMIC_RELAXED);
      return;
    case 4:
      __atomic_store_n(static_cast<u32*>(at), static_cast<u32>(value), __ATOMIC_RELAXED);
      return;
    default:
      __atomic_store_n(static_cast<u64*>(at), value, __ATOMIC_RELAXED);
  }
}
/// poke() when the execution is over: a word that was on a stack may lie where a scope has ended, which AddressSanitizer marks.
URINGSIM_NO_ASAN inline void poke_after_the_end(void* at, unsigned size, u64 value) noexcept {
  volatile u8* const to = static_cast<u8*>(at);
  for (unsigned i = 0; i < size; i++) to[i] = static_cast<u8>(value >> (8 * i));
}
}  // namespace detail

}  // namespace uringsim::sim::dpor
