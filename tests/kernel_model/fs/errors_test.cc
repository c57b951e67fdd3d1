// SPDX-License-Identifier: GPL-2.0-only
// Errors that no recorded program meets: sleeps that a signal ends, names and addresses that are wrong, rights that are missing.
#include <poll.h>

#include "kernel_model/core/signal.h"
#include "kernel_model/fs/socket.h"
#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

two_fds socket_pair(int type) {
  const uptr at = ubuf(8);
  EXPECT_EQ(call([&] { return sys_socketpair(AF_UNIX, type, 0, at); }), 0);
  return {peek_as<int>(at), peek_as<int>(at + 4)};
}

struct iovec_values {
  u64 base, length;
};

/// What `sleep` returns when SIGUSR1, whose handler does not ask for a restart, comes two milliseconds later.
void expect_interrupted(const char* what, const std::function<s64()>& sleep) {
  EXPECT_EQ(do_sigaction(SIGUSR1, {.kind = k_sigaction::Kind::handler}), 0);
  const int pid = current()->pid;
  std::function<void()> sender = [pid] {
    nap(2 * NSEC_PER_MSEC);
    EXPECT_EQ(call([&] { return sys_kill(pid, SIGUSR1); }), 0);
  };
  EXPECT_GT(do_fork(0, KernelWorld::run_body, &sender), 0);  // a process of its own, or it might get the signal
  const u64 begin = ktime_get_ns();
  EXPECT_EQ(call([&] { return sleep(); }), -EINTR) << what;
  EXPECT_GE(ktime_get_ns() - begin, NSEC_PER_MSEC) << what;
  nap(2 * NSEC_PER_MSEC);
}

TEST(Interrupted, ReadersOfWhatIsEmptyAndWritersToWhatIsFull) {
  FsWorld world;
  world.app([] {
    const uptr at = ubuf(1 << 17);
    const auto read = [at](int fd) { return [=]() -> s64 { return sys_read(static_cast<unsigned>(fd), at, 8); }; };
    const auto write = [at](int fd, u64 bytes) {
      return [=]() -> s64 { return sys_write(static_cast<unsigned>(fd), at, bytes); };
    };
    const two_fds pipe = upipe();
    expect_interrupted("read of a pipe", read(pipe.r));
    EXPECT_EQ(call(write(pipe.w, 65536)), 65536);
    expect_interrupted("write to a pipe", write(pipe.w, 1));

    const int event = static_cast<int>(call([] { return sys_eventfd2(0, 0); }));
    expect_interrupted("read of an eventfd", read(event));
    const u64 most = ~u64{0} - 1;
    poke(at, &most, sizeof(most));
    EXPECT_EQ(call(write(event, 8)), 8);
    expect_interrupted("write to an eventfd", write(event, 8));

    const int timer = static_cast<int>(call([] { return sys_timerfd_create(CLOCK_MONOTONIC, 0); }));
    expect_interrupted("read of a timer", read(timer));
  });
}

TEST(Interrupted, SleepersOnSocketsEpollAndTheClock) {
  FsWorld world;
  world.app([] {
    const uptr at = ubuf(4096);
    const two_fds stream = socket_pair(SOCK_STREAM);
    expect_interrupted("recv", [=]() -> s64 { return sys_recvfrom(stream.r, at, 8, 0, 0, 0); });

    const int epoll = static_cast<int>(call([] { return sys_epoll_create1(0); }));
    expect_interrupted("epoll_wait", [=]() -> s64 { return sys_epoll_wait(epoll, at, 4, -1); });

    const s64 minute[2] = {60, 0};
    const uptr asked = uval(minute), left = uval(minute);
    expect_interrupted("nanosleep", [=]() -> s64 { return sys_nanosleep(asked, left); });
    EXPECT_EQ(peek_as<s64>(left), 59);
    expect_interrupted("nanosleep that tells nobody", [=]() -> s64 { return sys_nanosleep(left, 0); });
  });
}

TEST(Names, AreNeitherEmptyNorLongerThanAPage) {
  FsWorld world;
  world.app([] {
    const uptr empty = ustr("");
    const uptr long_one = ustr(std::string(5000, 'a'));
    EXPECT_EQ(call([&] { return sys_openat(AT_FDCWD, empty, O_RDONLY, 0); }), -ENOENT);
    EXPECT_EQ(call([&] { return sys_openat(AT_FDCWD, long_one, O_RDONLY, 0); }), -ENAMETOOLONG);
    const uptr dot = ustr("/tmp/.");
    EXPECT_EQ(call([&] { return sys_mkdir(dot, 0755); }), -EEXIST);
  });
}

TEST(Rights, AreAskedForBeforeOwnersAndGroupsChange) {
  FsWorld world;
  world.app(
      [] {
        const uptr path = ustr("/tmp");
        EXPECT_EQ(call([&] { return sys_chown(path, 7, 7); }), -EPERM);
        EXPECT_EQ(call([] { return sys_setresgid(0, 0, 0); }), -EPERM);
        EXPECT_EQ(call([] { return sys_setresgid(1000, ~0u, 1000); }), 0);
        EXPECT_EQ(call([] { return sys_fchmod(77, 0); }), -EBADF);
      },
      {.uid = 1000, .gid = 1000, .capabilities = 0});
}

TEST(Addresses, OfAPeerNeedRoomAndItsLength) {
  FsWorld world;
  world.app([] {
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, "/tmp/sock", 10);
    const uptr address = uval(name);
    const auto made = [] { return static_cast<int>(call([] { return sys_socket(AF_UNIX, SOCK_STREAM, 0); })); };
    const int server = made();
    EXPECT_EQ(call([&] { return sys_bind(server, address, sizeof(name)); }), 0);
    EXPECT_EQ(call([&] { return sys_listen(server, 8); }), 0);
    const uptr peer = ubuf(256);
    const auto accept_with = [&](s32 room, uptr at, bool length_there) {
      const int client = made();
      EXPECT_EQ(call([&] { return sys_connect(client, address, sizeof(name)); }), 0);
      const uptr length = length_there ? uval(room) : uptr{8};
      const s64 ret = call([&] { return sys_accept4(server, at, length, 0); });
      return std::pair(ret < 0 ? ret : 0, length_there ? peek_as<s32>(length) : -1);
    };
    EXPECT_EQ(accept_with(128, peer, true), std::pair(s64{0}, 2)) << "a client without a name has a family";
    EXPECT_EQ(accept_with(1, peer, true), std::pair(s64{0}, 2)) << "what there was, not what fitted";
    EXPECT_EQ(accept_with(-1, peer, true).first, -EINVAL);
    EXPECT_EQ(accept_with(128, 8, true).first, -EFAULT);
    EXPECT_EQ(accept_with(128, peer, false).first, -EFAULT);
  });
}

TEST(ControlMessages, OfAnUnknownKindAreRefused) {
  FsWorld world;
  world.app([] {
    const two_fds pair = socket_pair(SOCK_STREAM);
    const user_iovec iov = {ustr("x"), 1};
    const auto send = [&](int level, int type, u64 length) {
      const u64 control[4] = {length, static_cast<u32>(level) | u64{static_cast<u32>(type)} << 32, 0, 0};  // a cmsghdr and data
      user_msghdr header;
      header.msg_iov = uval(iov);
      header.msg_iovlen = 1;
      header.msg_control = uval(control);
      header.msg_controllen = sizeof(control);
      const uptr at = uval(header);
      return call([&] { return sys_sendmsg(pair.w, at, 0); });
    };
    EXPECT_EQ(send(SOL_SOCKET, 99, 28), -EINVAL);
    EXPECT_EQ(send(SOL_SOCKET, SCM_CREDENTIALS, 27), -EINVAL);
    EXPECT_EQ(send(SOL_SOCKET, SCM_CREDENTIALS, 28), 1);
    EXPECT_EQ(send(SOL_SOCKET + 1, 99, 28), 1) << "for a protocol that is not asked";
  });
}

TEST(Lengths, ThatFallocateCannotGive) {
  FsWorld world;
  world.app([] {
    constexpr int kPunchHole = 2, kKeepSize = 1;
    constexpr s64 kHuge = s64{1} << 62;
    const auto allocate = [](int fd, int mode, s64 offset, s64 length) {
      return call([&] { return sys_fallocate(static_cast<unsigned>(fd), mode, offset, length); });
    };
    const int fd = uopen("/f", O_RDWR | O_CREAT), read_only = uopen("/f", O_RDONLY);
    EXPECT_EQ(allocate(1000, 0, 0, 1), -EBADF);
    EXPECT_EQ(allocate(read_only, 0, 0, 1), -EBADF);
    EXPECT_EQ(allocate(fd, 0, -1, 1), -EINVAL);
    EXPECT_EQ(allocate(fd, 0, 0, 0), -EINVAL);
    EXPECT_EQ(allocate(fd, kPunchHole | kKeepSize, 0, 1), -EOPNOTSUPP);
    EXPECT_EQ(allocate(fd, 0, kHuge, kHuge), -EFBIG);
    EXPECT_EQ(allocate(upipe().w, 0, 0, 1), -ESPIPE);
    EXPECT_EQ(allocate(uopen("/dev/null", O_RDWR), 0, 0, 1), -ENODEV);
    EXPECT_EQ(allocate(fd, 0, 10, 90), 0);
    EXPECT_EQ(call([&] { return sys_lseek(static_cast<unsigned>(fd), 0, SEEK_END); }), 100);
  });
}

TEST(Positions, ThatNoFileHas) {
  FsWorld world;
  world.app([] {
    const uptr at = ubuf(16);
    const iovec_values vec = {at, 16};
    const uptr vecs = uval(vec);
    const auto fd = static_cast<unsigned>(uopen("/f", O_RDWR | O_CREAT));
    const auto pipe = static_cast<unsigned>(upipe().r);
    EXPECT_EQ(call([&] { return sys_preadv2(fd, vecs, 1, -2, 0); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_preadv2(1000, vecs, 1, 0, 0); }), -EBADF);
    EXPECT_EQ(call([&] { return sys_preadv2(pipe, vecs, 1, 0, 0); }), -ESPIPE);
    EXPECT_EQ(call([&] { return sys_pwritev2(fd, vecs, 1, -2, 0); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_lseek(pipe, 0, SEEK_SET); }), -ESPIPE);
    EXPECT_EQ(call([&] { return sys_pwrite64(fd, at, 16, 0); }), 16);
    EXPECT_EQ(call([&] { return sys_lseek(fd, 16, SEEK_DATA); }), -ENXIO);
    EXPECT_EQ(call([&] { return sys_lseek(fd, 16, SEEK_HOLE); }), -ENXIO);
    EXPECT_EQ(call([&] { return sys_lseek(fd, 3, SEEK_HOLE); }), 16);
  });
}

TEST(Names, OfDirectoriesAreNoFiles) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(call([at = ustr("/d")] { return sys_mkdir(at, 0755); }), 0);
    EXPECT_EQ(call([at = ustr("/d/..")] { return sys_unlink(at); }), -EISDIR);
    EXPECT_EQ(call([at = ustr("/")] { return sys_rmdir(at); }), -EBUSY);
    EXPECT_EQ(call([at = ustr("/d/.")] { return sys_rmdir(at); }), -EINVAL);
    EXPECT_EQ(call([at = ustr("/d/..")] { return sys_rmdir(at); }), -ENOTEMPTY);
    EXPECT_EQ(call([at = ustr("/d/.")] { return sys_mkdir(at, 0755); }), -EEXIST);
  });
}

TEST(Limits, AreReadOnlyWhereThereAreAny) {
  FsWorld world;
  world.app([] {
    const uptr at = ubuf(16);
    EXPECT_EQ(call([&] { return sys_getrlimit(1000, at); }), -EINVAL);
    EXPECT_EQ(call([] { return sys_getrlimit(RLIMIT_NOFILE, 8); }), -EFAULT);
    EXPECT_EQ(call([&] { return sys_getrlimit(RLIMIT_NOFILE, at); }), 0);
  });
}

TEST(Timers, AreAskedForTheirTimeAndNothingElseIs) {
  FsWorld world;
  world.app([] {
    const uptr at = ubuf(32);
    const int timer = static_cast<int>(call([] { return sys_timerfd_create(CLOCK_MONOTONIC, 0); }));
    EXPECT_EQ(call([&] { return sys_timerfd_gettime(1000, at); }), -EBADF);
    EXPECT_EQ(call([&] { return sys_timerfd_gettime(uopen("/dev/null", O_RDWR), at); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_timerfd_gettime(timer, 8); }), -EFAULT);
    EXPECT_EQ(call([&] { return sys_timerfd_gettime(timer, at); }), 0);
  });
}

TEST(Owners, OfAFileAreThere) {
  FsWorld world;
  world.app([] {
    constexpr unsigned kSetOwner = 8;
    const auto fd = static_cast<unsigned>(upipe().r);
    EXPECT_EQ(call([&] { return sys_fcntl(fd, kSetOwner, static_cast<u64>(-5)); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_fcntl(fd, kSetOwner, 30'000); }), -ESRCH);
    EXPECT_EQ(call([&] { return sys_fcntl(fd, kSetOwner, static_cast<u64>(current()->pid)); }), 0);
  });
}

TEST(SignalMasks, AreGivenWholeAndByAKnownVerb) {
  FsWorld world;
  world.app([] {
    const uptr at = ubuf(8);
    u64 saved = 0;
    EXPECT_EQ(call([] { return sigprocmask(17, 0, nullptr); }), -EINVAL);
    EXPECT_EQ(call([&] { return set_user_sigmask_v5_1(at, &saved, 4); }), -EINVAL);
    EXPECT_EQ(call([&] { return set_user_sigmask_v5_1(8, &saved, 8); }), -EFAULT);
    EXPECT_EQ(call([&] { return set_user_sigmask_v5_1(at, &saved, 8); }), 0);
  });
}

}  // namespace
}  // namespace uringsim::kernel
