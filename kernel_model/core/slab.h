// SPDX-License-Identifier: GPL-2.0-only
// Kernel memory: kmalloc and friends over Machine::alloc. Included by kernel.h.
#pragma once

#include <new>
#include <utility>

#include "kernel_model/core/sched.h"

namespace uringsim::kernel {

/// Whether this allocation, made by the kernel function `site`, is to fail because a scenario asked for it (core/fault.cc).
bool should_fail_allocation(Kernel& kernel, u64 bytes, const char* site) noexcept;

namespace detail {
inline void* allocate(u64 bytes, u64 align, const char* site) noexcept {
  Kernel& k = kernel();
  if (__atomic_load_n(&k.allocation_fault, __ATOMIC_RELAXED) != nullptr && should_fail_allocation(k, bytes, site)) [[unlikely]]
    return nullptr;
  return k.machine.alloc(bytes, align);
}
}  // namespace detail

template <class T>
T* kmalloc(const char* site) noexcept {
  void* const memory = detail::allocate(sizeof(T), alignof(T), site);
  return memory != nullptr ? new (memory) T{} : nullptr;
}

template <class T>
T* kmemdup(const T& from, const char* site) noexcept {
  void* const memory = detail::allocate(sizeof(T), alignof(T), site);
  return memory != nullptr ? new (memory) T{from} : nullptr;
}

template <class T>
void kfree(T* object) noexcept {
  if (object == nullptr) return;
  object->~T();
  kernel().machine.free(object, sizeof(T));
}

template <class T>
T* kcalloc(u64 count, const char* site) noexcept {
  if (count == 0 || count > (u64{1} << 40) / sizeof(T)) return nullptr;
  void* const memory = detail::allocate(count * sizeof(T), alignof(T), site);
  if (memory == nullptr) return nullptr;
  T* const objects = static_cast<T*>(memory);
  for (u64 i = 0; i < count; i++) new (&objects[i]) T{};
  return objects;
}

template <class T>
void kfree_array(T* objects, u64 count) noexcept {
  if (objects == nullptr) return;
  for (u64 i = 0; i < count; i++) objects[i].~T();
  kernel().machine.free(objects, count * sizeof(T));
}

}  // namespace uringsim::kernel
