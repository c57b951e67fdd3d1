// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/barrier_programs.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <memory>
#include <string>

#include "kernel_model/core/workqueue.h"
#include "kernel_model/fs/vfs_state.h"
#include "sim/explore/world_program.h"
#include "sim/scenario/barrier_programs_support.h"

namespace uringsim::sim {

namespace {

using barrier::call;
using barrier::in_user_memory;
using barrier::must;
using barrier::Shared;
using barrier::user_memory;

// ---- files ------------------------------------------------------------------------------------------------------------------

void make_memfd(Shared& shared) {
  const u64 name = in_user_memory(u64{'m'});
  shared.fd[0] = static_cast<int>(call([&]() noexcept { return kernel::sys_memfd_create(name, 0); }));
  must(shared.fd[0] >= 0, "memfd_create");
  shared.at[0] = user_memory(64);
}

template <int Offset>
void write_there(Shared& shared) {
  must(call([&]() noexcept { return kernel::sys_pwrite64(static_cast<unsigned>(shared.fd[0]), shared.at[0], 8, Offset); }) == 8,
       "pwrite");
}

void read_there(Shared& shared) {
  (void)call([&]() noexcept { return kernel::sys_pread64(static_cast<unsigned>(shared.fd[0]), shared.at[0] + 32, 8, 0); });
}

void make_file_with_a_page(Shared& shared) {
  make_memfd(shared);
  write_there<0>(shared);
}

// ---- time -------------------------------------------------------------------------------------------------------------------

void nothing(Shared&) {}

void sleep_awhile(Shared&) {
  struct {
    s64 sec, nsec;
  } const time{0, 1000};
  const u64 at = in_user_memory(time);
  must(call([&]() noexcept { return kernel::sys_nanosleep(at, 0); }) == 0, "nanosleep");
}

void make_timerfd(Shared& shared) {
  shared.fd[0] = static_cast<int>(call([]() noexcept { return kernel::sys_timerfd_create(1, 0); }));
  must(shared.fd[0] >= 0, "timerfd_create");
  shared.at[0] = user_memory(8);
}

void wait_for_timer(Shared& shared) {
  struct {
    s64 interval_sec, interval_nsec, value_sec, value_nsec;
  } const time{0, 0, 0, 1000};
  const u64 at = in_user_memory(time);
  must(call([&]() noexcept { return kernel::sys_timerfd_settime(shared.fd[0], 0, at, 0); }) == 0, "timerfd_settime");
  must(call([&]() noexcept { return kernel::sys_read(static_cast<unsigned>(shared.fd[0]), shared.at[0], 8); }) == 8, "read");
}

// ---- work -------------------------------------------------------------------------------------------------------------------

/// A work item in the machine's memory that does nothing.
struct Work {
  kernel::work_struct work;
};

void make_work(Shared& shared) {
  Work* const made = kernel::kmalloc<Work>();
  must(made != nullptr && kernel::system_wq() != nullptr, "no memory");
  kernel::INIT_WORK(&made->work, [](kernel::work_struct*) noexcept {});
  shared.at[0] = reinterpret_cast<u64>(made);
}

void queue_and_cancel(Shared& shared) {
  Work* const made = reinterpret_cast<Work*>(shared.at[0]);
  (void)kernel::queue_work(kernel::system_wq(), &made->work);
  (void)kernel::cancel_work_sync(&made->work);
}

void cancel(Shared& shared) { (void)kernel::cancel_work_sync(&reinterpret_cast<Work*>(shared.at[0])->work); }

void make_work_only(Shared& shared) {
  Work* const made = kernel::kmalloc<Work>();
  must(made != nullptr, "no memory");
  kernel::INIT_WORK(&made->work, [](kernel::work_struct*) noexcept {});
  shared.at[0] = reinterpret_cast<u64>(made);
}

void queue_on_unbound(Shared& shared) {
  (void)kernel::queue_work(kernel::system_unbound_wq(), &reinterpret_cast<Work*>(shared.at[0])->work);
}

// ---- epoll ------------------------------------------------------------------------------------------------------------------

/// struct epoll_event as x86-64 has it.
struct [[gnu::packed]] Interest {
  u32 events;
  u64 data;
};

void watch_eventfd(Shared& shared) {
  shared.fd[0] = static_cast<int>(call([]() noexcept { return kernel::sys_epoll_create1(0); }));
  shared.fd[1] = static_cast<int>(call([]() noexcept { return kernel::sys_eventfd2(0, 0); }));
  shared.at[0] = in_user_memory(Interest{EPOLLIN, 7});
  must(call([&]() noexcept { return kernel::sys_epoll_ctl(shared.fd[0], EPOLL_CTL_ADD, shared.fd[1], shared.at[0]); }) == 0,
       "epoll_ctl");
  shared.at[1] = user_memory(64);
  shared.at[2] = in_user_memory(u64{1});
}

void wait_for_event(Shared& shared) {
  must(call([&]() noexcept { return kernel::sys_epoll_wait(shared.fd[0], shared.at[1], 1, -1); }) == 1, "epoll_wait");
}

void change_and_wait(Shared& shared) {
  must(call([&]() noexcept { return kernel::sys_epoll_ctl(shared.fd[0], EPOLL_CTL_MOD, shared.fd[1], shared.at[0]); }) == 0,
       "epoll_ctl");
  wait_for_event(shared);
}

/// With a socket: its sender has a full barrier between the data and the look for readers.
void watch_socket_for_nothing(Shared& shared) {
  watch_eventfd(shared);
  const u64 fds = in_user_memory(u64{0});
  must(call([&]() noexcept { return kernel::sys_socketpair(AF_UNIX, SOCK_STREAM, 0, fds); }) == 0, "socketpair");
  Application().copy_in(&shared.fd[2], fds, 2 * sizeof(int));
  shared.fd[1] = shared.fd[2];
  const u64 nothing = in_user_memory(Interest{0, 7});
  must(call([&]() noexcept { return kernel::sys_epoll_ctl(shared.fd[0], EPOLL_CTL_ADD, shared.fd[1], nothing); }) == 0,
       "epoll_ctl");
}

void write_socket(Shared& shared) {
  must(call([&]() noexcept { return kernel::sys_write(static_cast<unsigned>(shared.fd[3]), shared.at[2], 8); }) == 8, "write");
}

void write_eventfd(Shared& shared) {
  must(call([&]() noexcept { return kernel::sys_write(static_cast<unsigned>(shared.fd[1]), shared.at[2], 8); }) == 8, "write");
}

void ask_for_unbound(Shared&) { must(kernel::system_unbound_wq() != nullptr, "no memory"); }

constexpr BarrierProgram kPrograms[] = {
    {"programs/inode-lock", "two threads write a file in memory: one waits for the lock of the inode", make_memfd, write_there<0>,
     write_there<16>},
    {"programs/page-cache", "one thread writes a page that another reads", make_file_with_a_page, write_there<0>, read_there},
    {"programs/nanosleep", "a task sleeps until a timer fires", nothing, sleep_awhile, nullptr},
    {"programs/timerfd-read", "a task sets a timer and reads it", make_timerfd, wait_for_timer, nullptr},
    {"programs/system-wq", "two threads are the first to ask for a workqueue of the system's, and one queues work",
     make_work_only, queue_on_unbound, ask_for_unbound},
    {"programs/cancel-work", "two threads cancel one work item", make_work, cancel, cancel},
    {"programs/cancel-queued-work", "one thread queues a work item and cancels it, as another does", make_work, queue_and_cancel,
     cancel},
    {"programs/epoll-wait", "one thread waits with epoll for an eventfd that another writes", watch_eventfd, wait_for_event,
     write_eventfd},
    {"programs/epoll-modify", "one thread begins to watch a socket for data while another sends some", watch_socket_for_nothing,
     change_and_wait, write_socket},
};

std::unique_ptr<Program> make(const BarrierProgram& of) {
  return std::make_unique<WorldProgram>(std::string(of.name), WorldOptions{}, [of](World& world) {
    const auto shared = std::make_shared<Shared>();
    kernel::task_struct* const leader = world.add_process({.name = "app"}, [shared, of] {
      of.set_up(*shared);
      arch::machine().ready();
      of.first(*shared);
      stay();
    });
    if (of.second == nullptr) return;
    world.add_thread(leader, {.name = "other"}, [shared, of] {
      arch::machine().ready();
      of.second(*shared);
      stay();
    });
  });
}

}  // namespace

std::span<const BarrierProgram> barrier_programs() noexcept { return kPrograms; }

std::unique_ptr<Program> make_barrier_program(std::string_view name) {
  for (const std::span<const BarrierProgram> some : {barrier_programs(), barrier_programs_of_sockets()})
    for (const BarrierProgram& program : some)
      if (program.name == name) return make(program);
  return nullptr;
}

}  // namespace uringsim::sim
