// SPDX-License-Identifier: GPL-2.0-only
// The machine and the kernel as an application task of a world sees them: the policy that the ring library (uapi/ring.h) is
// instantiated with.
//
//     uapi::Ring<Application> ring;          // inside a task of the world
//     ring.queue_init(8, uapi::IORING_SETUP_SQPOLL);
//
// Memory operations are those of the seam, at the pages behind the task's addresses; system calls are the model's.
#pragma once

#include "kernel_model/arch/cost.h"
#include "kernel_model/core/sched.h"
#include "sim/world/user_memory.h"
#include "uapi/ring.h"

namespace uringsim::sim {

/// What a world keeps for each of its application tasks; task_struct::application points at it.
struct ApplicationTask {
  UserMemory memory;
  uptr scratch = 0;  ///< a page for arguments of system calls, mapped on first use
  uptr scratch_next = 0;
  bool finished = false;  ///< see stay()
};

/// The current task's.
inline ApplicationTask& application_task() noexcept { return *static_cast<ApplicationTask*>(kernel::current()->application); }

/// The program has done what it is about and stays as it is, ring and all: how a program to be explored ends, so that teardown is
/// a program of its own. Does not return.
[[noreturn]] void stay() noexcept;
/// The scope (arch::Scope) of a task that stays: nobody has to tell of it, or to wonder that it sleeps.
inline constexpr char kStays[] = "stay";

class Application {
 public:
  template <class T>
  [[nodiscard]] T load_relaxed(u64 at) const noexcept {
    const UserMemory::Access access(application_task().memory, at, sizeof(T), false);
    return arch::READ_ONCE(access.as<const T>());
  }
  template <class T>
  [[nodiscard]] T load_acquire(u64 at, const char* barrier) const noexcept {
    const UserMemory::Access access(application_task().memory, at, sizeof(T), false);
    return arch::smp_load_acquire(access.as<const T>(), barrier);
  }
  template <class T>
  [[nodiscard]] T load_plain(u64 at) const noexcept {
    const UserMemory::Access access(application_task().memory, at, sizeof(T), false);
    return arch::plain_load(access.as<const T>());
  }
  template <class T>
  void store_relaxed(u64 at, T value) const noexcept {
    const UserMemory::Access access(application_task().memory, at, sizeof(T), true);
    arch::WRITE_ONCE(access.as<T>(), value);
  }
  template <class T>
  void store_release(u64 at, T value, const char* barrier) const noexcept {
    const UserMemory::Access access(application_task().memory, at, sizeof(T), true);
    arch::smp_store_release(access.as<T>(), value, barrier);
  }
  template <class T>
  void store_plain(u64 at, T value) const noexcept {
    const UserMemory::Access access(application_task().memory, at, sizeof(T), true);
    arch::plain_store(access.as<T>(), value);
  }
  void full_barrier(const char* barrier) const noexcept { arch::smp_mb(barrier); }

  /// One operation, whatever the machine: an SQE is filled by one task and read by one other.
  void write_sqe(u64 at, const uapi::io_uring_sqe& sqe) const noexcept {
    arch::charge(arch::Cost::sqe_fill, 1);
    const UserMemory::Access access(application_task().memory, at, sizeof(sqe), true);
    arch::plain_range(access.data(), sizeof(sqe), true);
    uapi::copy_sqe(access.as<uapi::io_uring_sqe>(), sqe);
  }
  void copy_out(u64 at, const void* from, u64 bytes) const noexcept { application_task().memory.copy_to(at, from, bytes); }
  void copy_in(void* to, u64 at, u64 bytes) const noexcept { application_task().memory.copy_from(to, at, bytes); }

  /// The address of a copy of `value`, valid until the page of arguments is used up by later ones.
  template <class T>
  [[nodiscard]] u64 publish_argument(const T& value) const noexcept {
    return publish(&value, sizeof(value));
  }

  [[nodiscard]] int io_uring_setup(u32 entries, uapi::io_uring_params& params) const noexcept;
  [[nodiscard]] int io_uring_enter(int fd, u32 to_submit, u32 min_complete, u32 flags, u64 argument, u64 size) const noexcept;
  int io_uring_register(int fd, u32 operation, u64 argument, u32 count) const noexcept;
  [[nodiscard]] s64 mmap(int fd, u64 bytes, u64 offset) const noexcept;
  int munmap(u64 at, u64 bytes) const noexcept;
  int close(int fd) const noexcept;

  /// Fresh zeroed memory of the application: its address, or -errno.
  [[nodiscard]] s64 allocate(u64 bytes) const noexcept;

 private:
  [[nodiscard]] u64 publish(const void* value, u64 bytes) const noexcept;
};

/// liburing's ring for a task of a world.
using ApplicationRing = uapi::Ring<Application>;

}  // namespace uringsim::sim
