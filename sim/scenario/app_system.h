// SPDX-License-Identifier: GPL-2.0-only
// The ring library's policy for a scenario's task: every access and call goes through its Environment.
#pragma once

#include "sim/scenario/environment.h"
#include "uapi/ring.h"

namespace uringsim::sim {

struct AppSystem {
  Environment* app = nullptr;
  uptr scratch = 0;  ///< a page of the task's own: arguments of system calls

  template <class T>
  [[nodiscard]] T load_relaxed(u64 at) const {
    return static_cast<T>(app->load(at, sizeof(T), LoadOrder::relaxed, nullptr));
  }
  template <class T>
  [[nodiscard]] T load_acquire(u64 at, const char* name) const {
    return static_cast<T>(app->load(at, sizeof(T), LoadOrder::acquire, name));
  }
  template <class T>
  [[nodiscard]] T load_plain(u64 at) const {
    return static_cast<T>(app->load(at, sizeof(T), LoadOrder::plain, nullptr));
  }
  template <class T>
  void store_relaxed(u64 at, T value) const {
    app->store(at, sizeof(T), static_cast<u64>(value), StoreOrder::relaxed, nullptr);
  }
  template <class T>
  void store_release(u64 at, T value, const char* name) const {
    app->store(at, sizeof(T), static_cast<u64>(value), StoreOrder::release, name);
  }
  template <class T>
  void store_plain(u64 at, T value) const {
    app->store(at, sizeof(T), static_cast<u64>(value), StoreOrder::plain, nullptr);
  }
  void full_barrier(const char* name) const { app->fence(FenceKind::full, name); }
  void write_sqe(u64 at, const uapi::io_uring_sqe& sqe) const { app->write_sqe(at, sqe); }
  void copy_out(u64 at, const void* from, std::size_t bytes) const { app->copy_out(at, from, bytes); }
  void copy_in(void* to, u64 at, std::size_t bytes) const { app->copy_in(to, at, bytes); }

  template <class T>
  u64 publish_argument(const T& value) const {
    app->copy_out(scratch, &value, sizeof value);
    return scratch;
  }
  int io_uring_setup(u32 entries, uapi::io_uring_params& params) const {
    app->copy_out(scratch, &params, sizeof params);
    const s64 fd = app->call(SYS_io_uring_setup, entries, scratch);
    if (fd >= 0) app->copy_in(&params, scratch, sizeof params);
    return static_cast<int>(fd);
  }
  int io_uring_enter(int fd, u32 to_submit, u32 min_complete, u32 flags, u64 argument, std::size_t size) const {
    return static_cast<int>(app->call(SYS_io_uring_enter, static_cast<u64>(fd), to_submit, min_complete, flags, argument, size));
  }
  int io_uring_register(int fd, u32 operation, u64 argument, u32 count) const {
    return static_cast<int>(app->call(SYS_io_uring_register, static_cast<u64>(fd), operation, argument, count));
  }
  s64 mmap(int fd, u64 bytes, u64 offset) const {
    constexpr u64 prot_read_write = 3, map_shared_populate = 0x8001;
    return app->call(SYS_mmap, 0, bytes, prot_read_write, map_shared_populate, static_cast<u64>(fd), offset);
  }
  int munmap(u64 at, u64 bytes) const { return static_cast<int>(app->call(SYS_munmap, at, bytes)); }
  int close(int fd) const { return static_cast<int>(app->call(SYS_close, static_cast<u64>(fd))); }
};

static_assert(uapi::System<AppSystem>);

using AppRing = uapi::Ring<AppSystem, uapi::LiburingVersion::v2_2>;
using OldAppRing = uapi::Ring<AppSystem, uapi::LiburingVersion::v2_1>;

}  // namespace uringsim::sim
