// SPDX-License-Identifier: GPL-2.0-only
#include "sim/world/application.h"

#include <sys/mman.h>

#include "kernel_model/core/process.h"
#include "kernel_model/core/syscall.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/io_uring/enter.h"
#include "kernel_model/io_uring/register.h"
#include "kernel_model/io_uring/setup.h"

namespace uringsim::sim {

static_assert(uapi::System<Application>);

void stay() noexcept {
  application_task().finished = true;
  const arch::Scope scope(kStays);
  for (;;) {
    kernel::__set_current_state(kernel::TASK_UNINTERRUPTIBLE);
    kernel::schedule();
  }
}

u64 Application::publish(const void* value, u64 bytes) const noexcept {
  ApplicationTask& task = application_task();
  if (task.scratch == 0) {
    const s64 page = allocate(kernel::PAGE_SIZE);
    if (page < 0) kernel::do_group_exit(SIGSEGV);
    task.scratch = static_cast<uptr>(page);
  }
  const u64 step = (bytes + 15) & ~u64{15};
  if (task.scratch_next + step > kernel::PAGE_SIZE) task.scratch_next = 0;
  const uptr at = task.scratch + task.scratch_next;
  task.scratch_next += step;
  task.memory.copy_to(at, value, bytes);
  return at;
}

int Application::io_uring_setup(u32 entries, uapi::io_uring_params& params) const noexcept {
  const u64 at = publish(&params, sizeof(params));
  const s64 fd = kernel::system_call([&]() noexcept { return kernel::sys_io_uring_setup(entries, at); });
  copy_in(&params, at, sizeof(params));
  return static_cast<int>(fd);
}

int Application::io_uring_enter(int fd, u32 to_submit, u32 min_complete, u32 flags, u64 argument, u64 size) const noexcept {
  return static_cast<int>(kernel::system_call([&]() noexcept {
    return kernel::sys_io_uring_enter(static_cast<unsigned>(fd), to_submit, min_complete, flags, argument, size);
  }));
}

int Application::io_uring_register(int fd, u32 operation, u64 argument, u32 count) const noexcept {
  return static_cast<int>(kernel::system_call(
      [&]() noexcept { return kernel::sys_io_uring_register(static_cast<unsigned>(fd), operation, argument, count); }));
}

s64 Application::mmap(int fd, u64 bytes, u64 offset) const noexcept {
  return kernel::system_call(
      [&]() noexcept { return kernel::sys_mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset); });
}

int Application::munmap(u64 at, u64 bytes) const noexcept {
  return static_cast<int>(kernel::system_call([&]() noexcept { return kernel::sys_munmap(at, bytes); }));
}

int Application::close(int fd) const noexcept {
  return static_cast<int>(kernel::system_call([&]() noexcept { return kernel::sys_close(static_cast<unsigned>(fd)); }));
}

s64 Application::allocate(u64 bytes) const noexcept {
  return kernel::system_call(
      [&]() noexcept { return kernel::sys_mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); });
}

}  // namespace uringsim::sim
