// SPDX-License-Identifier: GPL-2.0-only OR MIT
// What the ring library needs of the machine that it runs on: a compile-time policy, `System`.
//
// It works on addresses in the application's address space, never on pointers, so that the same library source drives a
// simulated task and a native program:
//
//   memory  load_relaxed<T>(at), store_relaxed<T>(at, value)       single accesses that others may make at the same time
//           load_acquire<T>(at, name), store_release<T>(at, value, name), full_barrier(name)
//                                                                  the barriers, each with its name, so that a policy can
//                                                                  weaken or leave out one of them
//           load_plain<T>(at), store_plain<T>(at, value)           words that nobody else may touch at that time
//           write_sqe(at, sqe)                                     a whole SQE, plain: one operation
//           copy_out(at, from, bytes), copy_in(to, at, bytes)      plain copies to and from the application's memory
//   calls   io_uring_setup, io_uring_enter, io_uring_register, mmap, munmap, close: each returns -errno on failure
//           publish_argument(value)                                the address of a copy of `value` that a system call can
//                                                                  read, valid until the next publish_argument
//
// A policy is copied into its ring and its SQEs: an empty class, or a handle to a task. All of it is const.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "uapi/abi.h"

namespace uringsim::uapi {

/// An address in the application's address space. Takes integers as well as pointers, so that a native program writes
/// `&iov` and a simulated one the number that its address space gave it.
class user_address {
 public:
  constexpr user_address() noexcept = default;
  template <class T>
  requires std::is_integral_v<T>
  constexpr user_address(T address) noexcept : value_(static_cast<std::uint64_t>(address)) {}  // NOLINT: implicit on purpose
  user_address(const volatile void* pointer) noexcept                                          // NOLINT: implicit on purpose
      : value_(reinterpret_cast<std::uintptr_t>(pointer)) {}
  constexpr user_address(std::nullptr_t) noexcept {}  // NOLINT: implicit on purpose
  [[nodiscard]] constexpr std::uint64_t value() const noexcept { return value_; }
  constexpr explicit operator bool() const noexcept { return value_ != 0; }

 private:
  std::uint64_t value_ = 0;
};

/// Copies all 64 bytes, for a policy's write_sqe(). Field by field, so that the compiler keeps an SQE under construction in
/// registers: built in memory and copied whole, its narrow stores stall the wide loads of the copy (4 ns an SQE).
inline void copy_sqe(io_uring_sqe& to, const io_uring_sqe& from) noexcept {
  to.opcode = from.opcode;
  to.flags = from.flags;
  to.ioprio = from.ioprio;
  to.fd = from.fd;
  to.off = from.off;
  to.addr = from.addr;
  to.len = from.len;
  to.op_flags = from.op_flags;
  to.user_data = from.user_data;
  to.buf_index = from.buf_index;
  to.personality = from.personality;
  to.splice_fd_in = from.splice_fd_in;
  to.addr3 = from.addr3;
  to.pad2_ = from.pad2_;
}

template <class S>
concept System = std::semiregular<S> &&
    requires(const S s, std::uint64_t at, std::uint32_t value, const char* name, const io_uring_sqe& sqe, const void* from,
             void* to, std::size_t bytes, io_uring_params& params, int fd) {
  { s.template load_relaxed<std::uint32_t>(at) } -> std::same_as<std::uint32_t>;
  { s.template load_acquire<std::uint32_t>(at, name) } -> std::same_as<std::uint32_t>;
  { s.template load_plain<std::uint32_t>(at) } -> std::same_as<std::uint32_t>;
  s.template store_relaxed<std::uint32_t>(at, value);
  s.template store_release<std::uint32_t>(at, value, name);
  s.template store_plain<std::uint32_t>(at, value);
  s.full_barrier(name);
  s.write_sqe(at, sqe);
  s.copy_out(at, from, bytes);
  s.copy_in(to, at, bytes);
  { s.publish_argument(value) } -> std::same_as<std::uint64_t>;
  // (entries, params): a descriptor.
  { s.io_uring_setup(value, params) } -> std::same_as<int>;
  // (fd, to_submit, min_complete, flags, argument, its size): how many were submitted.
  { s.io_uring_enter(fd, value, value, value, at, bytes) } -> std::same_as<int>;
  // (fd, operation, argument, count).
  { s.io_uring_register(fd, value, at, value) } -> std::same_as<int>;
  // (fd, bytes, offset), shared, readable, writable and populated: an address, or -errno.
  { s.mmap(fd, at, at) } -> std::same_as<std::int64_t>;
  { s.munmap(at, at) } -> std::same_as<int>;
  { s.close(fd) } -> std::same_as<int>;
};

}  // namespace uringsim::uapi
