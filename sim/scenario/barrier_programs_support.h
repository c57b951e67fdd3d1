// SPDX-License-Identifier: GPL-2.0-only
// What the programs of barrier_programs.h are written in: steps that make system calls by name.
#pragma once

#include "kernel_model/core/syscall.h"
#include "kernel_model/fs/syscalls.h"
#include "sim/scenario/barrier_programs.h"
#include "sim/world/application.h"

namespace uringsim::sim::barrier {

/// What setting up leaves for the threads: descriptors and addresses, the same for every execution.
struct Shared {
  int fd[4] = {-1, -1, -1, -1};
  u64 at[4] = {};
};

/// One system call: what the application gets.
template <class Body>
s64 call(Body body) noexcept {
  return kernel::system_call([&]() noexcept { return body(); });
}

/// The program is wrong about itself, or the kernel is.
inline void must(bool holds, const char* what) noexcept {
  if (!holds) arch::machine().report(what, true, arch::Site::here());
}

/// A copy of `value` in user memory.
template <class T>
u64 in_user_memory(const T& value) noexcept {
  return Application().publish_argument(value);
}

/// `bytes` of user memory.
inline u64 user_memory(u64 bytes) noexcept {
  const s64 at = Application().allocate(bytes);
  must(at > 0, "no memory");
  return static_cast<u64>(at);
}

}  // namespace uringsim::sim::barrier
