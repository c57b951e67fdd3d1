// SPDX-License-Identifier: GPL-2.0-only
// What system calls refuse, in the order in which Linux looks: the returns that no tape can reach, because tapes do not make
// these calls, or not with these arguments.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "kernel_model/core/process.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/core/syscall.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/io_uring/setup.h"
#include "sim/fiber/timed_machine.h"
#include "sim/world/world.h"
#include "uapi/abi.h"

namespace uringsim::sim {
namespace {

using namespace uringsim::kernel;

constexpr uptr kBad = 1;  // nothing is ever mapped there

/// Runs `program` as the only process of a fresh world.
void as_process(const std::function<void()>& program, u32 uid = 0) {
  Arena arena;
  TimedMachine machine(arena);
  World world(machine, {});
  bool done = false;
  ProcessOptions options;
  options.uid = uid;
  world.add_process(options, [&] {
    program();
    done = true;
  });
  EXPECT_EQ(machine.run(world.tasks(), 10'000'000'000).end, RunEnd::finished);
  EXPECT_TRUE(done);
}

template <class Call>
s64 call(Call what) {
  return kernel::system_call([&]() -> s64 { return what(); });
}

/// A page of the process's own memory with something in it.
uptr page_with(const void* content, u64 bytes) {
  const s64 at = call([] { return sys_mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); });
  EXPECT_GT(at, 0);
  application_task().memory.copy_to(static_cast<uptr>(at), content, bytes);
  return static_cast<uptr>(at);
}
uptr text(const std::string& content) { return page_with(content.c_str(), content.size() + 1); }

unsigned opened(const std::string& path, u32 flags) {
  const s64 fd = call([at = text(path), flags] { return sys_openat(AT_FDCWD, at, flags, 0666); });
  EXPECT_GE(fd, 0) << path;
  return static_cast<unsigned>(fd);
}

/// Both ends of a pipe.
std::array<unsigned, 2> a_pipe() {
  std::array<int, 2> ends{};
  const uptr at = page_with(ends.data(), sizeof(ends));
  EXPECT_EQ(call([at] { return sys_pipe2(at, 0); }), 0);
  application_task().memory.copy_from(ends.data(), at, sizeof(ends));
  return {static_cast<unsigned>(ends[0]), static_cast<unsigned>(ends[1])};
}

TEST(Errno, MappingARingWantsOneOfThreeOffsetsAndNoMoreThanIsThere) {
  as_process([] {
    const uapi::io_uring_params none{};
    const uptr params = page_with(&none, sizeof(none));
    const int fd = static_cast<int>(call([params] { return sys_io_uring_setup(8, params); }));
    ASSERT_GE(fd, 0);
    const auto map = [fd](u64 bytes, u64 offset) {
      return call([=] { return sys_mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset); });
    };
    EXPECT_EQ(map(4096, 0x4000000), -EINVAL);
    EXPECT_EQ(map(1 << 20, uapi::IORING_OFF_SQES), -EINVAL);
    EXPECT_GT(map(512, uapi::IORING_OFF_SQES), 0);
  });
}

TEST(Errno, PositionedReadsLookAtThePositionThenTheDescriptorThenTheFile) {
  as_process([] {
    const std::array<char, 8> bytes{};
    const uptr at = page_with(bytes.data(), bytes.size());
    const unsigned pipe = a_pipe()[0];
    EXPECT_EQ(call([=] { return sys_pread64(900, at, 1, -1); }), -EINVAL);
    EXPECT_EQ(call([=] { return sys_pread64(900, at, 1, 0); }), -EBADF);
    EXPECT_EQ(call([=] { return sys_pread64(pipe, at, 1, 0); }), -ESPIPE);
  });
}

TEST(Errno, AVectoredReadKnowsNotEveryFlag) {
  as_process([] {
    const std::array<char, 8> bytes{};
    const uptr at = page_with(bytes.data(), bytes.size());
    const unsigned fd = opened("/tmp/f", O_CREAT | O_RDWR);
    const std::array<u64, 2> vec = {at, 8};
    const uptr vecs = page_with(vec.data(), sizeof(vec));
    EXPECT_EQ(call([=] { return sys_preadv2(fd, vecs, 1, 0, 0x80000000u); }), -EOPNOTSUPP);
    EXPECT_EQ(call([=] { return sys_preadv2(fd, vecs, 1, 0, 0); }), 0);
  });
}

TEST(Errno, SeekingForDataEndsWithTheFileAndPipesHaveNoPlace) {
  as_process([] {
    const unsigned fd = opened("/tmp/f", O_CREAT | O_RDWR), pipe = a_pipe()[1];
    EXPECT_EQ(call([=] { return sys_ftruncate(fd, 100); }), 0);
    EXPECT_EQ(call([=] { return sys_lseek(fd, 100, 3 /* SEEK_DATA */); }), -ENXIO);
    EXPECT_EQ(call([=] { return sys_lseek(fd, -1, 4 /* SEEK_HOLE */); }), -ENXIO);
    EXPECT_EQ(call([=] { return sys_lseek(fd, 99, 4); }), 100);
    EXPECT_EQ(call([=] { return sys_lseek(pipe, 0, SEEK_SET); }), -ESPIPE);
  });
}

TEST(Errno, FallocateRefusesRangeThenModeThenFile) {
  as_process([] {
    const unsigned fd = opened("/tmp/f", O_CREAT | O_RDWR), read_only = opened("/tmp/f", O_RDONLY);
    const unsigned pipe = a_pipe()[1], device = opened("/dev/null", O_RDWR);
    const auto fallocate = [](unsigned on, int mode, s64 offset, s64 length) {
      return call([=] { return sys_fallocate(on, mode, offset, length); });
    };
    EXPECT_EQ(fallocate(900, 0, 0, 1), -EBADF);
    EXPECT_EQ(fallocate(fd, 0x80, 0, 0), -EINVAL);
    EXPECT_EQ(fallocate(fd, 0x80, -1, 1), -EINVAL);
    EXPECT_EQ(fallocate(fd, 0x80, 0, 1), -EOPNOTSUPP);
    EXPECT_EQ(fallocate(read_only, 0, 0, 1), -EBADF);
    EXPECT_EQ(fallocate(pipe, 0, 0, 1), -ESPIPE);
    EXPECT_EQ(fallocate(device, 0, 0, 1), -ENODEV);
    EXPECT_EQ(fallocate(fd, 0, INT64_MAX - 4096, 4095), -EFBIG);
  });
}

TEST(Errno, Dup3RefusesFlagsAndItselfBeforeItLooksAtDescriptors) {
  as_process([] {
    const auto dup3 = [](unsigned from, unsigned to, int flags) { return call([=] { return sys_dup3(from, to, flags); }); };
    EXPECT_EQ(dup3(900, 900, 0), -EINVAL);
    EXPECT_EQ(dup3(900, 901, O_APPEND), -EINVAL);
    EXPECT_EQ(dup3(900, 1u << 30, 0), -EBADF);
    EXPECT_EQ(dup3(900, 901, 0), -EBADF);
  });
}

TEST(Errno, FcntlKnowsItsCommandsAndWhoCanBypassThePageCache) {
  as_process([] {
    const unsigned fd = opened("/tmp/f", O_CREAT | O_RDWR), pipe = a_pipe()[1];
    EXPECT_EQ(call([=] { return sys_fcntl(fd, 4242, 0); }), -EINVAL);
    EXPECT_EQ(call([=] { return sys_fcntl(pipe, F_SETFL, O_DIRECT); }), -EINVAL);
    EXPECT_EQ(call([=] { return sys_fcntl(fd, F_SETOWN, static_cast<u64>(1u << 22)); }), -ESRCH);
  });
}

TEST(Errno, LimitsHaveNumbersAndTheirMemoryMustBeThere) {
  as_process([] {
    const std::array<u64, 2> limit = {10, 10};
    const uptr at = page_with(limit.data(), sizeof(limit));
    EXPECT_EQ(call([=] { return sys_getrlimit(99, at); }), -EINVAL);
    EXPECT_EQ(call([] { return sys_getrlimit(RLIMIT_NOFILE, kBad); }), -EFAULT);
    EXPECT_EQ(call([] { return sys_setrlimit(RLIMIT_NOFILE, kBad); }), -EFAULT);
  });
}

TEST(Errno, ATimerDescriptorIsWantedForATimer) {
  as_process([] {
    const std::array<u64, 4> value{};
    const uptr at = page_with(value.data(), sizeof(value));
    const int pipe = static_cast<int>(a_pipe()[0]);
    EXPECT_EQ(call([=] { return sys_timerfd_gettime(pipe, at); }), -EINVAL);
    const int timer = static_cast<int>(call([] { return sys_timerfd_create(1, 0); }));
    EXPECT_EQ(call([=] { return sys_timerfd_gettime(timer, kBad); }), -EFAULT);
    EXPECT_EQ(call([=] { return sys_timerfd_gettime(timer, at); }), 0);
  });
}

TEST(Errno, ASignalWantsAProcessThatIsThere) {
  as_process([] {
    EXPECT_EQ(call([] { return sys_tgkill(0, 1, SIGUSR1); }), -EINVAL);
    EXPECT_EQ(call([] { return sys_tgkill(1 << 22, 1 << 22, SIGUSR1); }), -ESRCH);
  });
}

TEST(Errno, AnExclusiveWatchIsForAddingAndNotForAnEpollFile) {
  as_process([] {
    const int epoll = static_cast<int>(call([] { return sys_epoll_create1(0); }));
    const int other = static_cast<int>(call([] { return sys_epoll_create1(0); }));
    const int pipe = static_cast<int>(a_pipe()[0]);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    const uptr exclusive = page_with(&event, sizeof(event));
    const auto control = [epoll](int op, int fd, uptr at) { return call([=] { return sys_epoll_ctl(epoll, op, fd, at); }); };
    EXPECT_EQ(control(EPOLL_CTL_ADD, other, exclusive), -EINVAL);
    EXPECT_EQ(control(EPOLL_CTL_ADD, pipe, exclusive), 0);
    EXPECT_EQ(control(EPOLL_CTL_MOD, pipe, exclusive), -EINVAL);
  });
}

/// The answer of a read with this I/O priority, submitted by `uid`.
int answer_to_priority(u16 ioprio, u32 uid) {
  int answer = 1;
  as_process(
      [&] {
        const std::array<char, 8> bytes{};
        const uptr buffer = page_with(bytes.data(), bytes.size());
        const std::array<u64, 2> vec = {buffer, 8};
        const uptr vecs = page_with(vec.data(), sizeof(vec));
        ApplicationRing ring;
        ASSERT_EQ(ring.queue_init(2, 0), 0);
        auto sqe = ring.get_sqe();
        sqe.prep_readv(static_cast<int>(opened("/dev/zero", O_RDONLY)), vecs, 1, 0);
        sqe.set_ioprio(ioprio);
        EXPECT_EQ(ring.submit_and_wait(1), 1);
        ApplicationRing::Cqe cqe;
        ASSERT_EQ(ring.peek_cqe(&cqe), 0);
        answer = cqe.res();
      },
      uid);
  return answer;
}

TEST(Errno, IoPrioritiesAreCheckedByClassDataAndCapability) {
  const auto priority = [](u16 io_class, u16 data) { return static_cast<u16>(io_class << 13 | data); };
  EXPECT_EQ(answer_to_priority(priority(1, 0), 1000), -EPERM);  // real time
  EXPECT_EQ(answer_to_priority(priority(1, 7), 0), 8);
  EXPECT_EQ(answer_to_priority(priority(1, 8), 0), -EINVAL);
  EXPECT_EQ(answer_to_priority(priority(2, 7), 1000), 8);  // best effort
  EXPECT_EQ(answer_to_priority(priority(2, 8), 1000), -EINVAL);
  EXPECT_EQ(answer_to_priority(priority(3, 99), 1000), 8);  // idle: its data is not looked at
  EXPECT_EQ(answer_to_priority(priority(0, 1), 1000), -EINVAL);
  EXPECT_EQ(answer_to_priority(priority(4, 0), 1000), -EINVAL);
}

}  // namespace
}  // namespace uringsim::sim
