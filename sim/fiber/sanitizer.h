// SPDX-License-Identifier: GPL-2.0-only
// What the sanitizers must be told by code that switches stacks and hands out memory of its own. All of it compiles to nothing
// in an ordinary build.
#pragma once

#include "kernel_model/arch/memory.h"
#include "kernel_model/arch/types.h"

#if defined(__SANITIZE_ADDRESS__)
#define URINGSIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define URINGSIM_ASAN 1
#endif
#endif

#if defined(URINGSIM_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define URINGSIM_NO_ASAN __attribute__((no_sanitize_address))
#else
#define URINGSIM_NO_ASAN
#endif
#if defined(URINGSIM_TSAN)
#include <sanitizer/tsan_interface.h>
extern "C" void __tsan_func_entry(void* pc);
#endif

namespace uringsim::sim {

/// Declares `bytes` bytes at `at` out of bounds: AddressSanitizer reports every access until unpoison().
inline void poison([[maybe_unused]] const void* at, [[maybe_unused]] u64 bytes) noexcept {
#if defined(URINGSIM_ASAN)
  __asan_poison_memory_region(at, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const void* at, [[maybe_unused]] u64 bytes) noexcept {
#if defined(URINGSIM_ASAN)
  __asan_unpoison_memory_region(at, bytes);
#endif
}

/// True if this build reports accesses to poisoned memory.
inline constexpr bool kPoisonIsChecked =
#if defined(URINGSIM_ASAN)
    true;
#else
    false;
#endif

}  // namespace uringsim::sim
