// SPDX-License-Identifier: GPL-2.0-only
#include <poll.h>
#include <sys/timerfd.h>

#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

/// A timer that fires after `ms`, then every `every_ms`.
int utimer(s64 ms, s64 every_ms = 0, int flags = 0) {
  const int fd = static_cast<int>(call([&] { return sys_timerfd_create(CLOCK_MONOTONIC, flags); }));
  const itimerspec spec = {{every_ms / 1000, every_ms % 1000 * 1'000'000}, {ms / 1000, ms % 1000 * 1'000'000}};
  const uptr at = uval(spec);
  EXPECT_EQ(call([&] { return sys_timerfd_settime(fd, 0, at, 0); }), 0);
  return fd;
}
s64 ticks(int fd) {
  const uptr at = ubuf(8);
  const s64 ret = call([&] { return sys_read(static_cast<unsigned>(fd), at, 8); });
  return ret == 8 ? static_cast<s64>(peek_as<u64>(at)) : ret;
}

TEST(Timerfd, AReaderSleepsUntilItFires) {
  FsWorld world;
  world.app([] {
    const u64 start = ktime_get_ns();
    EXPECT_EQ(ticks(utimer(40)), 1);
    EXPECT_GE(ktime_get_ns() - start, 40 * NSEC_PER_MSEC);
  });
}

TEST(Timerfd, APeriodicOneCountsWhatWasMissed) {
  FsWorld world;
  world.app([] {
    const int fd = utimer(10, 10, O_NONBLOCK);
    EXPECT_EQ(ticks(fd), -EAGAIN);
    EXPECT_EQ(upoll(fd, POLLIN), 0);
    nap(35 * NSEC_PER_MSEC);
    EXPECT_EQ(upoll(fd, POLLIN), POLLIN);
    EXPECT_EQ(ticks(fd), 3);
    nap(6 * NSEC_PER_MSEC);
    EXPECT_EQ(ticks(fd), 1);
  });
}

TEST(Timerfd, SettingItAgainForgetsTheOldTime) {
  FsWorld world;
  world.app([] {
    const int fd = utimer(10, 0, O_NONBLOCK);
    const itimerspec never = {};
    const uptr at = uval(never), old = ubuf(sizeof(itimerspec));
    nap(4 * NSEC_PER_MSEC);
    EXPECT_EQ(call([&] { return sys_timerfd_settime(fd, 0, at, old); }), 0);
    const itimerspec was = peek_as<itimerspec>(old);
    EXPECT_GT(was.it_value.tv_nsec, 5'000'000);
    EXPECT_LE(was.it_value.tv_nsec, 6'000'000);
    nap(20 * NSEC_PER_MSEC);
    EXPECT_EQ(ticks(fd), -EAGAIN);
  });
}

TEST(Timerfd, ChecksItsArguments) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(call([] { return sys_timerfd_create(CLOCK_MONOTONIC, 1); }), -EINVAL);
    EXPECT_EQ(call([] { return sys_timerfd_create(2, 0); }), -EINVAL);
    const int fd = utimer(0);
    const itimerspec bad = {{0, 0}, {0, 1'000'000'000}};
    const uptr at = uval(bad);
    EXPECT_EQ(call([&] { return sys_timerfd_settime(fd, 0, at, 0); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_timerfd_settime(fd, 0, 4096, 0); }), -EFAULT);
    EXPECT_EQ(call([&] { return sys_timerfd_gettime(77, at); }), -EBADF);
    EXPECT_EQ(uwrite(fd, "12345678"), -EINVAL);
  });
}

}  // namespace
}  // namespace uringsim::kernel
