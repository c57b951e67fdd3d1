// SPDX-License-Identifier: GPL-2.0-only
#include <poll.h>
#include <sys/epoll.h>

#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

int uepoll() {
  return static_cast<int>(call([] { return sys_epoll_create1(0); }));
}
s64 ctl(int epfd, int op, int fd, u32 events, u64 data = 0) {
  const epoll_event event = {events, {.u64 = data}};
  const uptr at = uval(event);
  return call([&] { return sys_epoll_ctl(epfd, op, fd, at); });
}
/// Events as pairs, or one pair {errno, 0}.
std::vector<std::pair<u64, u32>> uwait(int epfd, int timeout_ms = 0, int most = 8) {
  const uptr at = ubuf(sizeof(epoll_event) * 8);
  const s64 n = call([&] { return sys_epoll_wait(epfd, at, most, timeout_ms); });
  if (n < 0) return {{static_cast<u64>(n), 0}};
  std::vector<std::pair<u64, u32>> list;
  for (s64 i = 0; i < n; i++) {
    const epoll_event event = peek_as<epoll_event>(at + static_cast<u64>(i) * sizeof(epoll_event));
    list.emplace_back(u64{event.data.u64}, u32{event.events});  // copies: the structure is packed
  }
  return list;
}
using Events = std::vector<std::pair<u64, u32>>;

TEST(Epoll, LevelTriggeredItemsAreToldAgain) {
  FsWorld world;
  world.app([] {
    const int ep = uepoll();
    const two_fds p = upipe();
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, p.r, EPOLLIN, 7), 0);
    EXPECT_EQ(uwait(ep), Events{});
    EXPECT_EQ(uwrite(p.w, "x"), 1);
    EXPECT_EQ(uwait(ep), (Events{{7, EPOLLIN}}));
    EXPECT_EQ(uwait(ep), (Events{{7, EPOLLIN}}));
    EXPECT_EQ(uread(p.r, 1), "x");
    EXPECT_EQ(uwait(ep), Events{});
  });
}

TEST(Epoll, EdgeTriggeredItemsAreToldOnceAnEvent) {
  FsWorld world;
  world.app([] {
    const int ep = uepoll();
    const two_fds p = upipe();
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, p.r, EPOLLIN | static_cast<u32>(EPOLLET), 7), 0);
    EXPECT_EQ(uwrite(p.w, "x"), 1);
    EXPECT_EQ(uwait(ep).size(), 1u);
    EXPECT_EQ(uwait(ep), Events{});
    EXPECT_EQ(uwrite(p.w, "y"), 1);
    EXPECT_EQ(uwait(ep).size(), 1u);
  });
}

TEST(Epoll, OneshotItemsWaitToBeArmedAgain) {
  FsWorld world;
  world.app([] {
    const int ep = uepoll();
    const two_fds p = upipe();
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, p.r, EPOLLIN | EPOLLONESHOT, 7), 0);
    EXPECT_EQ(uwrite(p.w, "x"), 1);
    EXPECT_EQ(uwait(ep).size(), 1u);
    EXPECT_EQ(uwrite(p.w, "y"), 1);
    EXPECT_EQ(uwait(ep), Events{});
    EXPECT_EQ(ctl(ep, EPOLL_CTL_MOD, p.r, EPOLLIN, 8), 0);
    EXPECT_EQ(uwait(ep), (Events{{8, EPOLLIN}}));
  });
}

TEST(Epoll, ASleeperIsWokenByAnEvent) {
  FsWorld world;
  world.app([] {
    const int ep = uepoll();
    const two_fds p = upipe();
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, p.r, EPOLLIN, 1), 0);
    std::function<void()> writer = [&] {
      nap(5 * NSEC_PER_MSEC);
      EXPECT_EQ(uwrite(p.w, "x"), 1);
    };
    EXPECT_GT(do_fork(kCloneThread, KernelWorld::run_body, &writer), 0);
    EXPECT_EQ(uwait(ep, -1), (Events{{1, EPOLLIN}}));
  });
}

TEST(Epoll, ATimeoutEndsTheWait) {
  FsWorld world;
  world.app([] {
    const int ep = uepoll();
    const u64 start = ktime_get_ns();
    EXPECT_EQ(uwait(ep, 25), Events{});
    EXPECT_GE(ktime_get_ns() - start, 25 * NSEC_PER_MSEC);
  });
}

TEST(Epoll, ErrorsOfControl) {
  FsWorld world;
  world.app([] {
    const int ep = uepoll();
    const two_fds p = upipe();
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 77, EPOLLIN), -EBADF);
    EXPECT_EQ(ctl(77, EPOLL_CTL_ADD, p.r, EPOLLIN), -EBADF);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, uopen("/tmp/f", O_RDWR | O_CREAT), EPOLLIN), -EPERM);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN), -EINVAL);
    EXPECT_EQ(ctl(p.r, EPOLL_CTL_ADD, p.w, EPOLLIN), -EINVAL);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_MOD, p.r, EPOLLIN), -ENOENT);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, p.r, EPOLLIN), 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, p.r, EPOLLIN), -EEXIST);
    EXPECT_EQ(ctl(ep, 9, p.r, EPOLLIN), -EINVAL);
    EXPECT_EQ(call([&] { return sys_epoll_ctl(ep, EPOLL_CTL_DEL, p.r, 0); }), 0);
    EXPECT_EQ(call([&] { return sys_epoll_ctl(ep, EPOLL_CTL_ADD, p.r, 4096); }), -EFAULT);
    EXPECT_EQ(uwait(ep, 0, 0), (Events{{static_cast<u64>(-EINVAL), 0}}));
  });
}

TEST(Epoll, NestedOnesPassReadinessOn) {
  FsWorld world;
  world.app([] {
    const int inner = uepoll(), outer = uepoll();
    const two_fds p = upipe();
    EXPECT_EQ(ctl(inner, EPOLL_CTL_ADD, p.r, EPOLLIN, 1), 0);
    EXPECT_EQ(ctl(outer, EPOLL_CTL_ADD, inner, EPOLLIN, 2), 0);
    EXPECT_EQ(uwait(outer), Events{});
    EXPECT_EQ(uwrite(p.w, "x"), 1);
    EXPECT_EQ(uwait(outer), (Events{{2, EPOLLIN}}));
    EXPECT_EQ(upoll(inner, POLLIN), POLLIN);
    EXPECT_EQ(ctl(inner, EPOLL_CTL_ADD, outer, EPOLLIN), -ELOOP);
  });
}

TEST(Epoll, AClosedFileIsNotWatchedAnyMore) {
  FsWorld world;
  world.app([] {
    const int ep = uepoll();
    const two_fds p = upipe();
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, p.r, EPOLLIN, 1), 0);
    EXPECT_EQ(uwrite(p.w, "x"), 1);
    EXPECT_EQ(uclose(p.r), 0);
    EXPECT_EQ(uwait(ep), Events{});
    EXPECT_EQ(uclose(ep), 0);
  });
}

TEST(Epoll, HangupsComeUnasked) {
  FsWorld world;
  world.app([] {
    const int ep = uepoll();
    const two_fds p = upipe();
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, p.r, 0, 3), 0);
    EXPECT_EQ(uwrite(p.w, "x"), 1);
    EXPECT_EQ(uwait(ep), Events{});
    EXPECT_EQ(uclose(p.w), 0);
    EXPECT_EQ(uwait(ep), (Events{{3, EPOLLHUP}}));
  });
}

TEST(Poll, SaysWhatIsReadyAndWhatIsNotOpen) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe();
    const pollfd list[3] = {{p.r, POLLIN, 0}, {p.w, POLLOUT, 0}, {77, POLLIN, 0}};
    const uptr at = uval(list);
    EXPECT_EQ(call([&] { return sys_poll(at, 3, -1); }), 2);
    EXPECT_EQ(peek_as<pollfd>(at).revents, 0);
    EXPECT_EQ(peek_as<pollfd>(at + 8).revents, POLLOUT);
    EXPECT_EQ(peek_as<pollfd>(at + 16).revents, POLLNVAL);
    EXPECT_EQ(upoll(uopen("/dev/null", O_RDWR), POLLIN | POLLOUT), POLLIN | POLLOUT);
    EXPECT_EQ(upoll(-1, POLLIN), 0);
    EXPECT_EQ(call([] { return sys_poll(4096, 1, 0); }), -EFAULT);
  });
}

TEST(Poll, SleepsUntilAnEventOrItsTime) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe();
    const u64 start = ktime_get_ns();
    EXPECT_EQ(upoll(p.r, POLLIN, 30), 0);
    EXPECT_GE(ktime_get_ns() - start, 30 * NSEC_PER_MSEC);
    std::function<void()> writer = [&] {
      nap(5 * NSEC_PER_MSEC);
      EXPECT_EQ(uwrite(p.w, "x"), 1);
    };
    EXPECT_GT(do_fork(kCloneThread, KernelWorld::run_body, &writer), 0);
    EXPECT_EQ(upoll(p.r, POLLIN, -1), POLLIN);
  });
}

TEST(Poll, ASignalInterruptsIt) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe();
    EXPECT_EQ(do_sigaction(SIGUSR1, {.kind = k_sigaction::Kind::handler}), 0);
    const int pid = current()->pid;
    std::function<void()> sender = [&] {
      nap(5 * NSEC_PER_MSEC);
      EXPECT_EQ(call([&] { return sys_kill(pid, SIGUSR1); }), 0);
    };
    EXPECT_GT(do_fork(0, KernelWorld::run_body, &sender), 0);
    EXPECT_EQ(upoll(p.r, POLLIN, -1), -EINTR);
  });
}

}  // namespace
}  // namespace uringsim::kernel
