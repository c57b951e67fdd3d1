// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/eventfd.h"

#include <poll.h>

#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

constexpr int kSemaphore = 1;

int ueventfd(u32 count, int flags = 0) {
  return static_cast<int>(call([&] { return sys_eventfd2(count, flags); }));
}
s64 add(int fd, u64 n) {
  const uptr at = uval(n);
  return call([&] { return sys_write(static_cast<unsigned>(fd), at, 8); });
}
/// The value read, or -errno.
s64 take(int fd) {
  const uptr at = ubuf(8);
  const s64 ret = call([&] { return sys_read(static_cast<unsigned>(fd), at, 8); });
  return ret == 8 ? static_cast<s64>(peek_as<u64>(at)) : ret;
}

TEST(Eventfd, ReadsTakeTheSum) {
  FsWorld world;
  world.app([] {
    const int fd = ueventfd(3, O_NONBLOCK);
    EXPECT_EQ(add(fd, 4), 8);
    EXPECT_EQ(take(fd), 7);
    EXPECT_EQ(take(fd), -EAGAIN);
  });
}

TEST(Eventfd, ASemaphoreGivesOneAtATime) {
  FsWorld world;
  world.app([] {
    const int fd = ueventfd(2, kSemaphore | O_NONBLOCK);
    EXPECT_EQ(take(fd), 1);
    EXPECT_EQ(take(fd), 1);
    EXPECT_EQ(take(fd), -EAGAIN);
  });
}

TEST(Eventfd, ChecksItsArguments) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(ueventfd(0, 2), -EINVAL);
    const int fd = ueventfd(0);
    const uptr at = ubuf(8);
    EXPECT_EQ(call([&] { return sys_write(static_cast<unsigned>(fd), at, 7); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_read(static_cast<unsigned>(fd), at, 7); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_write(static_cast<unsigned>(fd), 4096, 8); }), -EFAULT);
    EXPECT_EQ(add(fd, ~u64{0}), -EINVAL);
    EXPECT_EQ(upread(fd, 8, 0), "error -29");
  });
}

TEST(Eventfd, AFullCounterHoldsWritersUp) {
  FsWorld world;
  world.app([] {
    const int fd = ueventfd(0, O_NONBLOCK);
    EXPECT_EQ(add(fd, ~u64{0} - 1), 8);
    EXPECT_EQ(add(fd, 1), -EAGAIN);
    EXPECT_EQ(upoll(fd, POLLIN | POLLOUT), POLLIN);
    EXPECT_EQ(take(fd), static_cast<s64>(~u64{0} - 1));
    EXPECT_EQ(upoll(fd, POLLIN | POLLOUT), POLLOUT);
  });
}

TEST(Eventfd, ASleepingReaderIsWokenByAWriter) {
  FsWorld world;
  world.app([] {
    const int fd = ueventfd(0);
    std::function<void()> writer = [&] {
      nap(NSEC_PER_MSEC);
      EXPECT_EQ(add(fd, 5), 8);
    };
    EXPECT_GT(do_fork(kCloneThread, KernelWorld::run_body, &writer), 0);
    EXPECT_EQ(take(fd), 5);
  });
}

TEST(Eventfd, TheKernelSignalsACounterWhoseFileIsClosed) {
  FsWorld world;
  world.app([] {
    const int fd = ueventfd(0);
    eventfd_ctx* const ctx = eventfd_ctx_fdget(fd);
    ASSERT_FALSE(IS_ERR(ctx));
    EXPECT_EQ(eventfd_signal(ctx, 2), 2u);
    EXPECT_EQ(take(fd), 2);
    EXPECT_EQ(uclose(fd), 0);
    EXPECT_EQ(eventfd_signal(ctx, 1), 1u);
    eventfd_ctx_put(ctx);
    EXPECT_EQ(PTR_ERR(eventfd_ctx_fdget(fd)), -EBADF);
    EXPECT_EQ(PTR_ERR(eventfd_ctx_fdget(uopen("/dev/null", O_RDWR))), -EINVAL);
  });
}

/// A waiter that signals another eventfd when it is woken.
struct Relay : wait_queue_entry {
  eventfd_ctx* other = nullptr;
  u64 added = 99;
};
int relay(wait_queue_entry* entry, unsigned, int, void*) {
  Relay* const self = static_cast<Relay*>(entry);
  self->added = eventfd_signal(self->other, 1);
  return 0;
}

TEST(Eventfd, ASignalFromAnEventfdsWakeupIsLost) {
  FsWorld world;
  world.app([&] {
    eventfd_ctx* const a = eventfd_ctx_fdget(ueventfd(0));
    eventfd_ctx* const b = eventfd_ctx_fdget(ueventfd(0));
    Relay entry;
    entry.other = b;
    init_waitqueue_func_entry(&entry, relay);
    add_wait_queue(&a->wqh, &entry);
    EXPECT_EQ(eventfd_signal(a, 1), 1u);
    EXPECT_EQ(entry.added, 0u);
    EXPECT_EQ(b->count, 0u);
    remove_wait_queue(&a->wqh, &entry);
    eventfd_ctx_put(a);
    eventfd_ctx_put(b);
  });
  ASSERT_EQ(world.reports().size(), 1u);
}

}  // namespace
}  // namespace uringsim::kernel
