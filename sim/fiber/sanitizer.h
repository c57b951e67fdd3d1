// SPDX-License-Identifier: GPL-2.0-only
// What the sanitizers must be told by code that switches stacks and hands out memory of its own.
//
// Blocks of memory are marked in AddressSanitizer's builds alone. What is about stacks is told to it in every build, if it is
// there: this library may have been built without it and be linked into a program that has it, whose tasks' frames mark the
// stacks that they run on and are then dropped.
#pragma once

#include <cstddef>

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
extern "C" {
void __asan_unpoison_memory_region(const volatile void* at, size_t bytes) __attribute__((weak));
void __sanitizer_start_switch_fiber(void** fake_stack, const void* stack, size_t bytes) __attribute__((weak));
void __sanitizer_finish_switch_fiber(void* fake_stack, const void** stack, size_t* bytes) __attribute__((weak));
}
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

/// True if AddressSanitizer is part of this program, whether or not it is of this build.
inline bool asan_is_there() noexcept {
#if defined(URINGSIM_ASAN)
  return true;
#else
  return __asan_unpoison_memory_region != nullptr;
#endif
}

/// The `bytes` bytes at `stack` are in nobody's use any more: marks of frames that were dropped go.
inline void forget_frames(const void* stack, u64 bytes) noexcept {
  if (asan_is_there()) __asan_unpoison_memory_region(stack, bytes);
}

/// True if this build reports accesses to poisoned memory.
inline constexpr bool kPoisonIsChecked =
#if defined(URINGSIM_ASAN)
    true;
#else
    false;
#endif

}  // namespace uringsim::sim
