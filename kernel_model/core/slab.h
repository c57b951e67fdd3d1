// SPDX-License-Identifier: GPL-2.0-only
// Kernel memory: kmalloc and friends over Machine::alloc. Included by kernel.h.
#pragma once

#include <new>
#include <utility>

#include "kernel_model/core/sched.h"

namespace uringsim::kernel {

/// Whether this allocation is to fail because a scenario asked for it (core/fault.cc). Models lib/fault-inject.c.
bool should_fail_allocation(Kernel& kernel, u64 bytes) noexcept;

namespace detail {
inline void* allocate(u64 bytes, u64 align) noexcept {
  Kernel& k = kernel();
  if (k.allocation_fault != nullptr && should_fail_allocation(k, bytes)) [[unlikely]]
    return nullptr;
  return k.machine.alloc(bytes, align);
}
}  // namespace detail

template <class T, class... Arguments>
T* kmalloc(Arguments&&... arguments) noexcept {
  void* const memory = detail::allocate(sizeof(T), alignof(T));
  return memory != nullptr ? new (memory) T{std::forward<Arguments>(arguments)...} : nullptr;
}

template <class T>
void kfree(T* object) noexcept {
  if (object == nullptr) return;
  object->~T();
  kernel().machine.free(object, sizeof(T));
}

template <class T>
T* kcalloc(u64 count) noexcept {
  if (count == 0 || count > (u64{1} << 40) / sizeof(T)) return nullptr;
  void* const memory = detail::allocate(count * sizeof(T), alignof(T));
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
