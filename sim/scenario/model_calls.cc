// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/model_calls.h"

#include <sys/syscall.h>

#include <cerrno>

#include "kernel_model/core/syscall.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/io_uring/enter.h"
#include "kernel_model/io_uring/register.h"
#include "kernel_model/io_uring/setup.h"

namespace uringsim::sim {

namespace {

s64 dispatch(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) noexcept {
  const auto fd = static_cast<unsigned>(a);
  const auto as_int = [](u64 word) { return static_cast<int>(word); };
  switch (number) {
    case SYS_io_uring_setup:
      return kernel::sys_io_uring_setup(static_cast<u32>(a), b);
    case SYS_io_uring_enter:
      return kernel::sys_io_uring_enter(fd, static_cast<u32>(b), static_cast<u32>(c), static_cast<u32>(d), e, f);
    case SYS_io_uring_register:
      return kernel::sys_io_uring_register(fd, static_cast<unsigned>(b), c, static_cast<unsigned>(d));
    case SYS_mmap:
      return kernel::sys_mmap(a, b, as_int(c), as_int(d), as_int(e), f);
    case SYS_munmap:
      return kernel::sys_munmap(a, b);
    case SYS_close:
      return kernel::sys_close(fd);
    case SYS_read:
      return kernel::sys_read(fd, b, c);
    case SYS_write:
      return kernel::sys_write(fd, b, c);
    case SYS_pread64:
      return kernel::sys_pread64(fd, b, c, static_cast<s64>(d));
    case SYS_pwrite64:
      return kernel::sys_pwrite64(fd, b, c, static_cast<s64>(d));
    case SYS_poll:
      return kernel::sys_poll(a, static_cast<u32>(b), as_int(c));
    case SYS_openat:
      return kernel::sys_openat(as_int(a), b, static_cast<u32>(c), static_cast<u32>(d));
    case SYS_ftruncate:
      return kernel::sys_ftruncate(fd, static_cast<s64>(b));
    case SYS_lseek:
      return kernel::sys_lseek(fd, static_cast<s64>(b), static_cast<unsigned>(c));
    case SYS_fsync:
      return kernel::sys_fsync(fd);
    case SYS_pipe2:
      return kernel::sys_pipe2(a, as_int(b));
    case SYS_socketpair:
      return kernel::sys_socketpair(as_int(a), as_int(b), as_int(c), d);
    case SYS_eventfd2:
      return kernel::sys_eventfd2(static_cast<u32>(a), as_int(b));
    case SYS_timerfd_create:
      return kernel::sys_timerfd_create(as_int(a), as_int(b));
    case SYS_timerfd_settime:
      return kernel::sys_timerfd_settime(as_int(a), as_int(b), c, d);
    case SYS_setrlimit:
      return kernel::sys_setrlimit(fd, b);
    default:
      return -ENOSYS;
  }
}

}  // namespace

s64 model_call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) noexcept {
  return kernel::system_call([&]() noexcept { return dispatch(number, a, b, c, d, e, f); });
}

}  // namespace uringsim::sim
