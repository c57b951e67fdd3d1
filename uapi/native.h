// SPDX-License-Identifier: GPL-2.0-only OR MIT
// The ring library on the running kernel: its own system calls and the processor's own atomics.
//
//     Ring<Native> ring;
//     if (int error = ring.queue_init(8, 0); error < 0) ...
#pragma once

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "uapi/abi.h"
#include "uapi/system.h"

#if defined(__SANITIZE_THREAD__)
#define URINGSIM_UAPI_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define URINGSIM_UAPI_TSAN 1
#endif
#endif

namespace uringsim::uapi {

/// The policy of an ordinary program. An address is a pointer's value; barrier names mean nothing here.
struct Native {
  template <class T>
  [[nodiscard]] T load_relaxed(std::uint64_t at) const noexcept {
    return __atomic_load_n(word<T>(at), __ATOMIC_RELAXED);
  }
  template <class T>
  [[nodiscard]] T load_acquire(std::uint64_t at, const char*) const noexcept {
    return __atomic_load_n(word<T>(at), __ATOMIC_ACQUIRE);
  }
  template <class T>
  [[nodiscard]] T load_plain(std::uint64_t at) const noexcept {
    return *word<T>(at);
  }
  template <class T>
  void store_relaxed(std::uint64_t at, T value) const noexcept {
    __atomic_store_n(word<T>(at), value, __ATOMIC_RELAXED);
  }
  template <class T>
  void store_release(std::uint64_t at, T value, const char*) const noexcept {
    __atomic_store_n(word<T>(at), value, __ATOMIC_RELEASE);
  }
  template <class T>
  void store_plain(std::uint64_t at, T value) const noexcept {
    *word<T>(at) = value;
  }

  void full_barrier(const char*) const noexcept {
#if defined(URINGSIM_UAPI_TSAN)
    // ThreadSanitizer does not follow fences; it follows an exchange.
    unsigned word = 0;
    __atomic_exchange_n(&word, 1u, __ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
  }

  void write_sqe(std::uint64_t at, const io_uring_sqe& sqe) const noexcept { copy_sqe(*word<io_uring_sqe>(at), sqe); }
  void copy_out(std::uint64_t at, const void* from, std::size_t bytes) const noexcept { std::memcpy(pointer(at), from, bytes); }
  void copy_in(void* to, std::uint64_t at, std::size_t bytes) const noexcept { std::memcpy(to, pointer(at), bytes); }

  int io_uring_setup(std::uint32_t entries, io_uring_params& params) const noexcept {
    return result(::syscall(NR_io_uring_setup, entries, &params));
  }
  int io_uring_enter(int fd, std::uint32_t to_submit, std::uint32_t min_complete, std::uint32_t flags, std::uint64_t argument,
                     std::size_t size) const noexcept {
    return result(::syscall(NR_io_uring_enter, fd, to_submit, min_complete, flags, pointer(argument), size));
  }
  int io_uring_register(int fd, std::uint32_t operation, std::uint64_t argument, std::uint32_t count) const noexcept {
    return result(::syscall(NR_io_uring_register, fd, operation, pointer(argument), count));
  }
  std::int64_t mmap(int fd, std::uint64_t bytes, std::uint64_t offset) const noexcept {
    void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, static_cast<off_t>(offset));
    return at == MAP_FAILED ? -errno : static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(at));
  }
  int munmap(std::uint64_t at, std::uint64_t bytes) const noexcept { return result(::munmap(pointer(at), bytes)); }
  int close(int fd) const noexcept { return result(::close(fd)); }

  /// The caller's own object serves: here every address is one that the kernel can read.
  template <class T>
  std::uint64_t publish_argument(const T& value) const noexcept {
    return reinterpret_cast<std::uintptr_t>(&value);
  }
  template <class T>
  std::uint64_t publish_argument(const T&& value) const noexcept = delete;

 private:
  static void* pointer(std::uint64_t at) noexcept { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(at)); }
  template <class T>
  static T* word(std::uint64_t at) noexcept {
    return static_cast<T*>(pointer(at));
  }
  static int result(long value) noexcept { return value < 0 ? -errno : static_cast<int>(value); }
};

}  // namespace uringsim::uapi

#undef URINGSIM_UAPI_TSAN
