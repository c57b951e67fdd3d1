// SPDX-License-Identifier: GPL-2.0-only
// The ring library on the running kernel, where it has io_uring.
#include "uapi/native.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "uapi/ring.h"

namespace uringsim::uapi {
namespace {

template <LiburingVersion V>
struct Version {
  static constexpr LiburingVersion value = V;
};

template <class V>
class NativeRing : public testing::Test {
 protected:
  /// Sets the ring up, or skips the test with the host's reason.
  void init(unsigned entries, std::uint32_t setup_flags = 0) {
    const int error = ring.queue_init(entries, setup_flags);
    if (error < 0) GTEST_SKIP() << "io_uring_setup: " << std::strerror(-error);
    ready = true;
  }
  void TearDown() override {
    if (ready) ring.queue_exit();
  }

  Ring<Native, V::value> ring;
  cqe_ref<Native> cqe;
  bool ready = false;
};

using Versions = testing::Types<Version<LiburingVersion::v2_1>, Version<LiburingVersion::v2_2>>;
TYPED_TEST_SUITE(NativeRing, Versions);

#define INIT_OR_SKIP(...)  \
  this->init(__VA_ARGS__); \
  if (!this->ready) return

TYPED_TEST(NativeRing, NopsComeBackInOrderThroughManyWraps) {
  INIT_OR_SKIP(8);
  std::uint64_t submitted = 0, seen = 0;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 5; ++i) {
      auto sqe = this->ring.get_sqe();
      ASSERT_TRUE(sqe);
      sqe.prep_nop();
      sqe.set_data64(submitted++);
    }
    ASSERT_EQ(this->ring.submit(), 5);
    unsigned n = 0;
    for (auto cqe : this->ring.for_each_cqe()) {
      EXPECT_EQ(cqe->user_data, seen++);
      EXPECT_EQ(cqe->res, 0);
      ++n;
    }
    EXPECT_EQ(n, 5u);
    this->ring.cq_advance(n);
  }
}

TYPED_TEST(NativeRing, ATimeoutRunsOut) {
  INIT_OR_SKIP(4);
  const kernel_timespec ts{0, 1'000'000};
  auto sqe = this->ring.get_sqe();
  sqe.prep_timeout(&ts, 0, 0);
  sqe.set_data64(1);
  ASSERT_EQ(this->ring.submit(), 1);
  ASSERT_EQ(this->ring.wait_cqe(&this->cqe), 0);
  EXPECT_EQ(this->cqe->res, -ETIME);
  this->ring.cqe_seen(this->cqe);
}

TYPED_TEST(NativeRing, ATimedWaitForNothingSaysEtime) {
  INIT_OR_SKIP(4);
  const kernel_timespec ts{0, 1'000'000};
  EXPECT_EQ(this->ring.wait_cqe_timeout(&this->cqe, &ts), -ETIME);
  EXPECT_EQ(this->ring.cq_ready(), 0u);
}

TYPED_TEST(NativeRing, ATimedWaitByATimeoutOfItsOwnSaysEtime) {
  INIT_OR_SKIP(4);
  this->ring.features &= ~IORING_FEAT_EXT_ARG;  // as on a kernel before 5.11
  const kernel_timespec ts{0, 1'000'000};
  EXPECT_EQ(this->ring.wait_cqe_timeout(&this->cqe, &ts), -ETIME);
  EXPECT_EQ(this->ring.cq_ready(), 0u);
}

TYPED_TEST(NativeRing, ATimedWaitByATimeoutOfItsOwnEndsWithACqe) {
  INIT_OR_SKIP(4);
  this->ring.features &= ~IORING_FEAT_EXT_ARG;
  auto sqe = this->ring.get_sqe();
  sqe.prep_nop();
  sqe.set_data64(17);
  const kernel_timespec ts{3600, 0};
  ASSERT_EQ(this->ring.wait_cqe_timeout(&this->cqe, &ts), 0);
  EXPECT_EQ(this->cqe->user_data, 17u);
  this->ring.cqe_seen(this->cqe);
}

TYPED_TEST(NativeRing, RegisteredBuffersCarryDataBothWays) {
  INIT_OR_SKIP(4);
  std::vector<char> buffer(8192, 'a');
  const iovec iov{buffer.data(), buffer.size()};
  const int error = this->ring.register_buffers(&iov, 1);
  if (error == -ENOMEM) GTEST_SKIP() << "RLIMIT_MEMLOCK is too low for a registered buffer";
  ASSERT_EQ(error, 0);
  std::array<int, 2> pipe_fds;
  ASSERT_EQ(pipe(pipe_fds.data()), 0);

  const auto run = [&](auto prepare) {
    auto sqe = this->ring.get_sqe();
    prepare(sqe);
    EXPECT_EQ(this->ring.submit_and_wait(1), 1);
    EXPECT_EQ(this->ring.peek_cqe(&this->cqe), 0);
    const int result = this->cqe->res;
    this->ring.cqe_seen(this->cqe);
    return result;
  };
  EXPECT_EQ(run([&](auto sqe) { sqe.prep_write_fixed(pipe_fds[1], buffer.data(), 100, 0, 0); }), 100);
  std::array<char, 100> got;
  ASSERT_EQ(read(pipe_fds[0], got.data(), got.size()), 100);
  EXPECT_EQ(std::string(got.data(), got.size()), std::string(100, 'a'));
  ASSERT_EQ(write(pipe_fds[1], "hello", 5), 5);
  EXPECT_EQ(run([&](auto sqe) { sqe.prep_read_fixed(pipe_fds[0], buffer.data() + 4096, 5, 0, 0); }), 5);
  EXPECT_EQ(std::string(buffer.data() + 4096, 5), "hello");
  EXPECT_EQ(run([&](auto sqe) { sqe.prep_read_fixed(pipe_fds[0], buffer.data() + 8190, 5, 0, 0); }), -EFAULT)
      << "past the end of the buffer";
  EXPECT_EQ(this->ring.unregister_buffers(), 0);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

TYPED_TEST(NativeRing, PollAndEventfdAnswer) {
  INIT_OR_SKIP(4);
  const int event = eventfd(0, EFD_NONBLOCK);
  const int watched = eventfd(0, EFD_NONBLOCK);
  ASSERT_EQ(this->ring.register_eventfd(event), 0);
  auto sqe = this->ring.get_sqe();
  sqe.prep_poll_add(watched, POLLIN);
  ASSERT_EQ(this->ring.submit(), 1);
  EXPECT_EQ(this->ring.peek_cqe(&this->cqe), -EAGAIN);
  ASSERT_EQ(eventfd_write(watched, 1), 0);
  ASSERT_EQ(this->ring.wait_cqe(&this->cqe), 0);
  EXPECT_EQ(this->cqe->res & POLLIN, POLLIN);
  this->ring.cqe_seen(this->cqe);
  eventfd_t count = 0;
  EXPECT_EQ(eventfd_read(event, &count), 0);
  EXPECT_EQ(this->ring.unregister_eventfd(), 0);
  close(event);
  close(watched);
}

TYPED_TEST(NativeRing, WideEntriesWork) {
  INIT_OR_SKIP(4, IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
  for (std::uint64_t i = 0; i < 10; ++i) {
    auto sqe = this->ring.get_sqe();
    sqe.prep_nop();
    sqe.set_data64(i);
    ASSERT_EQ(this->ring.submit_and_wait(1), 1);
    ASSERT_EQ(this->ring.peek_cqe(&this->cqe), 0);
    EXPECT_EQ(this->cqe.user_data(), i);
    EXPECT_EQ(this->cqe.big_cqe(0), 0u);
    this->ring.cqe_seen(this->cqe);
  }
}

// Only with the barrier: without it this waits forever once in a long while.
using NativeSqpoll = NativeRing<Version<LiburingVersion::v2_2>>;

TEST_F(NativeSqpoll, TheSqThreadTakesNopsAndIsWokenWhenItSleeps) {
  io_uring_params params{};
  params.flags = IORING_SETUP_SQPOLL;
  params.sq_thread_idle = 1;
  if (const int error = ring.queue_init_params(8, params); error < 0)
    GTEST_SKIP() << "io_uring_setup with SQPOLL: " << std::strerror(-error);
  ready = true;
  for (std::uint64_t i = 0; i < 20; ++i) {
    // Every other round finds it asleep.
    if (i % 2)
      while (!(ring.system.load_relaxed<std::uint32_t>(ring.sq.kflags) & IORING_SQ_NEED_WAKEUP)) std::this_thread::yield();
    auto sqe = ring.get_sqe();
    ASSERT_TRUE(sqe);
    sqe.prep_nop();
    sqe.set_data64(i);
    ASSERT_GE(ring.submit(), 0);
    ASSERT_EQ(ring.wait_cqe(&cqe), 0);
    EXPECT_EQ(cqe.user_data(), i);
    ring.cqe_seen(cqe);
  }
}

TYPED_TEST(NativeRing, ABadSetupReturnsItsErrno) {
  Ring<Native> bad;
  const int error = bad.queue_init(0, 0);
  if (error == -ENOSYS || error == -EPERM) GTEST_SKIP() << "io_uring_setup: " << std::strerror(-error);
  EXPECT_EQ(error, -EINVAL);
}

}  // namespace
}  // namespace uringsim::uapi
