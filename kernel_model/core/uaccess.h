// SPDX-License-Identifier: GPL-2.0-only
// Reading and writing user memory of current's address space. Models include/linux/uaccess.h.
// Ordering: none; a word of user memory is not even read in one piece.
// The application may write what is being read: copies are racy by intent (arch::copy_racy), each charged by the byte.
#pragma once

#include "kernel_model/core/mm.h"

namespace uringsim::kernel {

/// Copies; returns the number of bytes that could not be copied (0: all), as Linux.
[[nodiscard]] u64 copy_from_user(void* to, uptr from, u64 bytes) noexcept;
[[nodiscard]] u64 copy_to_user(uptr to, const void* from, u64 bytes) noexcept;
[[nodiscard]] u64 clear_user(uptr to, u64 bytes) noexcept;

template <class T>
[[nodiscard]] bool get_user(T* to, uptr from) noexcept {
  return copy_from_user(to, from, sizeof(T)) == 0;
}
template <class T>
[[nodiscard]] bool put_user(const T& from, uptr to) noexcept {
  return copy_to_user(to, &from, sizeof(T)) == 0;
}
/// True if the range lies in user address space at all (says nothing of mappings).
[[nodiscard]] bool access_ok(uptr start, u64 bytes) noexcept;

/// The address at which the kernel maps a page. Models kmap(): beyond user address space, so that the functions above fault on
/// it in a task that works on user memory. A kernel thread that has borrowed no address space may hand it to them all the same
/// (5.4: its get_fs() is KERNEL_DS until it takes an mm and calls set_fs(USER_DS)).
[[nodiscard]] uptr kmap(const page* page) noexcept;

}  // namespace uringsim::kernel
