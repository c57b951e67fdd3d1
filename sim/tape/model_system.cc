// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/model_system.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <csignal>
#include <string>
#include <string_view>

#include "kernel_model/core/process.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/core/syscall.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/io_uring/enter.h"
#include "kernel_model/io_uring/register.h"
#include "kernel_model/io_uring/setup.h"
#include "sim/world/world.h"
#include "uapi/abi.h"

namespace uringsim::sim::tape {

namespace {

using namespace uringsim::kernel;

/// AT_FDCWD, as openat(2) knows it.
constexpr int kCurrentDirectory = -100;

s32 signed_word(u64 v) { return static_cast<s32>(static_cast<u32>(v)); }
u32 word(u64 v) { return static_cast<u32>(v); }

/// The kernel's function for a system call number of x86-64. Arguments are cut to the types that the kernel declares.
s64 dispatch(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) noexcept {
  switch (number) {
    case uapi::NR_io_uring_setup:
      return sys_io_uring_setup(word(a), b);
    case uapi::NR_io_uring_enter:
      return sys_io_uring_enter(word(a), word(b), word(c), word(d), e, f);
    case uapi::NR_io_uring_register:
      return sys_io_uring_register(word(a), word(b), c, word(d));
    case SYS_mmap:
      return sys_mmap(a, b, signed_word(c), signed_word(d), signed_word(e), f);
    case SYS_munmap:
      return sys_munmap(a, b);
    case SYS_open:
      return sys_openat(kCurrentDirectory, a, word(b), word(c));
    case SYS_close:
      return sys_close(word(a));
    case SYS_read:
      return sys_read(word(a), b, c);
    case SYS_write:
      return sys_write(word(a), b, c);
    case SYS_pread64:
      return sys_pread64(word(a), b, c, static_cast<s64>(d));
    case SYS_lseek:
      return sys_lseek(word(a), static_cast<s64>(b), word(c));
    case SYS_fstat:
      return sys_fstat(word(a), b);
    case SYS_lstat:
      return sys_lstat(a, b);
    case SYS_fsync:
      return sys_fsync(word(a));
    case SYS_ftruncate:
      return sys_ftruncate(word(a), static_cast<s64>(b));
    case SYS_fchmod:
      return sys_fchmod(word(a), word(b));
    case SYS_poll:
      return sys_poll(a, word(b), signed_word(c));
    case SYS_epoll_create1:
      return sys_epoll_create1(signed_word(a));
    case SYS_epoll_wait:
      return sys_epoll_wait(signed_word(a), b, signed_word(c), signed_word(d));
    case SYS_pipe2:
      return sys_pipe2(a, signed_word(b));
    case SYS_eventfd2:
      return sys_eventfd2(word(a), signed_word(b));
    case SYS_timerfd_create:
      return sys_timerfd_create(signed_word(a), signed_word(b));
    case SYS_timerfd_settime:
      return sys_timerfd_settime(signed_word(a), signed_word(b), c, d);
    case SYS_memfd_create:
      return sys_memfd_create(a, word(b));
    case SYS_socket:
      return sys_socket(signed_word(a), signed_word(b), signed_word(c));
    case SYS_socketpair:
      return sys_socketpair(signed_word(a), signed_word(b), signed_word(c), d);
    case SYS_bind:
      return sys_bind(signed_word(a), b, signed_word(c));
    case SYS_listen:
      return sys_listen(signed_word(a), signed_word(b));
    case SYS_setgroups:
      return sys_setgroups(signed_word(a), b);
    case SYS_setresgid:
      return sys_setresgid(word(a), word(b), word(c));
    case SYS_setresuid:
      return sys_setresuid(word(a), word(b), word(c));
    case SYS_setrlimit:
      return sys_setrlimit(word(a), b);
    default:
      return -ENOSYS;
  }
}

}  // namespace

s64 ModelSystem::call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  const s64 ret = kernel::system_call([=] { return dispatch(number, a, b, c, d, e, f); });
  constexpr s64 kMaxErrno = 4095;
  if (ret >= 0 || current() != leader_) return ret;
  if (ret >= -kMaxErrno) errno_ = -ret;
  return -errno_;
}

void ModelSystem::load(void* to, uptr from, u64 bytes) { application_task().memory.copy_from(to, from, bytes); }

void ModelSystem::store(uptr to, const void* from, u64 bytes) { application_task().memory.copy_to(to, from, bytes); }

u32 ModelSystem::load_acquire(uptr where) { return Application().load_acquire<u32>(where, "tape.load_acquire"); }

void ModelSystem::store_release(uptr where, u32 value) { Application().store_release<u32>(where, value, "tape.store_release"); }

u64 ModelSystem::now() { return arch::machine().now(); }

void ModelSystem::sleep_until(u64 time) {
  // A system call of its own, as nanosleep(2) is one: signals and task work are seen at its end.
  while (now() < time)
    kernel::system_call([=]() -> s64 {
      set_current_state(TASK_INTERRUPTIBLE);
      return schedule_hrtimeout(time);
    });
}

void ModelSystem::thread_main(void* argument) {
  become_application();
  static_cast<Thread*>(argument)->body();
}

void ModelSystem::start_thread(std::function<void()> body) {
  Thread& thread = threads_.emplace_back(Thread{std::move(body), nullptr});
  process_options options;
  options.name = "later";
  thread.task = create_thread(leader_, options, &ModelSystem::thread_main, &thread);
  wake_up_new_task(thread.task);
}

void ModelSystem::join_threads() {
  for (Thread& thread : threads_) {
    arch::machine().join(*thread.task);
    put_task_struct(thread.task);
  }
  threads_.clear();
}

void ModelSystem::interrupt_first_thread() {
  k_sigaction action;
  action.kind = k_sigaction::Kind::handler;
  kernel::system_call([&]() -> s64 { return do_sigaction(SIGUSR1, action); });
  kernel::system_call([&]() -> s64 { return sys_tgkill(leader_->pid, leader_->pid, SIGUSR1); });
}

void ModelSystem::prepare() {
  leader_ = current();
  const auto page =
      static_cast<uptr>(call(SYS_mmap, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~u64{0}, 0));
  const auto text = [&](std::string_view path) {
    store(page, std::string(path).c_str(), path.size() + 1);
    return page;
  };
  kernel::system_call([]() -> s64 { return sys_umask(0); });
  kernel::system_call([at = text("/tmp/tape")]() -> s64 { return sys_mkdir(at, 0777); });
  kernel::system_call([at = text("/tmp/tape")]() -> s64 { return sys_chdir(at); });
  for (int open = 0; open <= kLastOpened; open++) call(SYS_open, text("/dev/null"), O_RDWR, 0, 0, 0, 0);
  kernel::system_call([]() -> s64 { return sys_dup3(kLastOpened, kFarDescriptor, 0); });
  k_sigaction ignore;
  ignore.kind = k_sigaction::Kind::ignore;
  kernel::system_call([&]() -> s64 { return do_sigaction(SIGPIPE, ignore); });
  call(SYS_munmap, page, PAGE_SIZE, 0, 0, 0, 0);
}

}  // namespace uringsim::sim::tape
