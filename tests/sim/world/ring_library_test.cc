// SPDX-License-Identifier: GPL-2.0-only
// The ring library of uapi/ over the model: every call and every opcode of v5.4, on the timed and the live engine, in both of
// liburing's ways. tests/uapi/native_test.cc runs the library over the host's kernel.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <tuple>

#include "sim/scenario/model_calls.h"
#include "tests/sim/devices/device_support.h"

namespace uringsim::sim {
namespace {

using uapi::LiburingVersion;

struct Iovec {
  u64 base, length;
};
struct Message {
  u64 name = 0;
  u32 name_length = 0, pad = 0;
  u64 iov = 0, iov_length = 1, control = 0, control_length = 0;
  u32 flags = 0, pad2 = 0;
};

s64 call(long number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0) { return model_call(number, a, b, c, d, 0, 0); }

template <class T>
u64 in_memory(const T& value) {
  const u64 at = DeviceWorld::allocate(4096);
  Application().copy_out(at, &value, sizeof value);
  return at;
}

u64 bytes_in_memory(const std::string& text) {
  const u64 at = DeviceWorld::allocate(4096);
  Application().copy_out(at, text.data(), text.size());
  return at;
}

std::string text_at(u64 at, std::size_t bytes) {
  std::string text(bytes, '\0');
  Application().copy_in(text.data(), at, bytes);
  return text;
}

/// Both ends of a pipe or socket pair.
struct Ends {
  int first, second;
};
Ends ends_of(u64 at) {
  s32 fds[2];
  Application().copy_in(fds, at, sizeof fds);
  return {fds[0], fds[1]};
}
Ends make_pipe() {
  const u64 at = DeviceWorld::allocate(4096);
  EXPECT_EQ(call(SYS_pipe2, at, 0), 0);
  return ends_of(at);
}
Ends make_sockets() {
  const u64 at = DeviceWorld::allocate(4096);
  EXPECT_EQ(call(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, at), 0);
  return ends_of(at);
}
int make_file() {
  return static_cast<int>(
      call(SYS_openat, static_cast<u64>(AT_FDCWD), bytes_in_memory(std::string("/f\0", 3)), O_RDWR | O_CREAT, 0644));
}

/// Waits for one CQE, takes it, and gives its res.
template <class Ring>
s32 next_result(Ring& ring, u64 user_data) {
  typename Ring::Cqe cqe;
  const int waited = ring.wait_cqe(&cqe);
  EXPECT_EQ(waited, 0);
  if (waited != 0) return waited;
  EXPECT_EQ(cqe.user_data(), user_data);
  const s32 res = cqe.res();
  ring.cqe_seen(cqe);
  return res;
}

/// Submits what is prepared, one SQE, and gives its res.
template <class Ring>
s32 result_of(Ring& ring, u64 user_data) {
  EXPECT_EQ(ring.submit(), 1);
  return next_result(ring, user_data);
}

template <class Ring>
auto vacant(Ring& ring, u64 user_data, auto prepare) {
  auto sqe = ring.get_sqe();
  EXPECT_TRUE(static_cast<bool>(sqe));
  prepare(sqe);
  sqe.set_data64(user_data);
}

class RingLibrary : public testing::TestWithParam<std::tuple<OnEngine, LiburingVersion>> {
 protected:
  /// `program(ring)` with a ring of 8 entries, as one process.
  template <class Program>
  void with_ring(Program program) {
    DeviceWorld world(std::get<0>(GetParam()));
    const bool old = std::get<1>(GetParam()) == LiburingVersion::v2_1;
    bool ran = false;
    world.run([&] {
      const auto body = [&](auto ring) {
        ASSERT_EQ(ring.queue_init(8, 0), 0);
        program(ring);
        ring.queue_exit();
        ran = true;
      };
      if (old)
        body(uapi::Ring<Application, LiburingVersion::v2_1>());
      else
        body(uapi::Ring<Application, LiburingVersion::v2_2>());
    });
    EXPECT_TRUE(ran);
  }
};

TEST_P(RingLibrary, CountsWhatIsPreparedAndWhatIsReady) {
  with_ring([](auto& ring) {
    typename std::decay_t<decltype(ring)>::Cqe cqe, batch[8];
    EXPECT_EQ(ring.sq_space_left(), 8u);
    EXPECT_EQ(ring.peek_cqe(&cqe), -EAGAIN);
    for (u64 i = 0; i < 8; i++) vacant(ring, i, [](auto& sqe) { sqe.prep_nop(); });
    EXPECT_FALSE(static_cast<bool>(ring.get_sqe()));
    EXPECT_EQ(ring.sq_ready(), 8u);
    EXPECT_EQ(ring.submit_and_wait(8), 8);
    EXPECT_EQ(ring.sq_ready(), 0u);
    EXPECT_EQ(ring.cq_ready(), 8u);
    EXPECT_EQ(ring.peek_batch_cqe(batch, 3), 3u);
    EXPECT_EQ(batch[2].user_data(), 2u);
    ring.cq_advance(3);
    u64 expected = 3;
    for (auto one : ring.for_each_cqe()) EXPECT_EQ(one.user_data(), expected++);
    EXPECT_EQ(expected, 8u);
    ring.cq_advance(5);
    EXPECT_EQ(ring.cq_ready(), 0u);
  });
}

TEST_P(RingLibrary, WaitsForManyForOneAndForTime) {
  with_ring([](auto& ring) {
    typename std::decay_t<decltype(ring)>::Cqe cqe;
    const u64 soon = in_memory(uapi::kernel_timespec{0, 1'000'000}), later = in_memory(uapi::kernel_timespec{100, 0});
    EXPECT_EQ(ring.wait_cqe_timeout(&cqe, soon), -ETIME);
    for (u64 i = 0; i < 3; i++) vacant(ring, i, [](auto& sqe) { sqe.prep_nop(); });
    EXPECT_EQ(ring.submit(), 3);
    EXPECT_EQ(ring.wait_cqes(&cqe, 3, later, nullptr), 0);
    EXPECT_EQ(cqe.user_data(), 0u);
    EXPECT_GE(ring.cq_ready(), 3u);
    ring.cq_advance(ring.cq_ready());
    vacant(ring, 9, [&](auto& sqe) { sqe.prep_timeout(soon, 0, 0); });
    EXPECT_EQ(result_of(ring, 9), -ETIME);
  });
}

TEST_P(RingLibrary, FilesAreReadWrittenAndFlushed) {
  with_ring([](auto& ring) {
    const int fd = make_file();
    ASSERT_GE(fd, 0);
    const u64 out = bytes_in_memory("written"), in = DeviceWorld::allocate(4096);
    const u64 from = in_memory(Iovec{out, 7}), to = in_memory(Iovec{in, 7});
    vacant(ring, 1, [&](auto& sqe) { sqe.prep_writev(fd, from, 1, 3); });
    EXPECT_EQ(result_of(ring, 1), 7);
    vacant(ring, 2, [&](auto& sqe) { sqe.prep_readv(fd, to, 1, 3); });
    EXPECT_EQ(result_of(ring, 2), 7);
    EXPECT_EQ(text_at(in, 7), "written");
    vacant(ring, 3, [&](auto& sqe) { sqe.prep_fsync(fd, uapi::IORING_FSYNC_DATASYNC); });
    EXPECT_EQ(result_of(ring, 3), 0);
    vacant(ring, 4, [&](auto& sqe) { sqe.prep_sync_file_range(fd, 4096, 0, SYNC_FILE_RANGE_WRITE); });
    EXPECT_EQ(result_of(ring, 4), 0);
  });
}

TEST_P(RingLibrary, RegisteredFilesAndBuffersAreUsedByIndex) {
  with_ring([](auto& ring) {
    const int fd = make_file();
    const u64 data = bytes_in_memory("through a registered buffer"), back = DeviceWorld::allocate(4096);
    const Iovec buffers[2] = {{data, 4096}, {back, 4096}};
    EXPECT_EQ(ring.register_buffers(in_memory(buffers), 2), 0);
    EXPECT_EQ(ring.register_files(in_memory(static_cast<s32>(fd)), 1), 0);
    vacant(ring, 1, [&](auto& sqe) {
      sqe.prep_write_fixed(0, data, 10, 0, 0);
      sqe.set_flags(uapi::IOSQE_FIXED_FILE);
    });
    EXPECT_EQ(result_of(ring, 1), 10);
    vacant(ring, 2, [&](auto& sqe) {
      sqe.prep_read_fixed(0, back, 10, 0, 1);
      sqe.set_flags(uapi::IOSQE_FIXED_FILE);
    });
    EXPECT_EQ(result_of(ring, 2), 10);
    EXPECT_EQ(text_at(back, 10), "through a ");
    EXPECT_EQ(ring.unregister_files(), 0);
    EXPECT_EQ(ring.unregister_files(), -ENXIO);
    EXPECT_EQ(ring.unregister_buffers(), 0);
    EXPECT_EQ(ring.unregister_buffers(), -ENXIO);
    EXPECT_EQ(ring.register_personality(), -EINVAL);  // came with 5.6
  });
}

TEST_P(RingLibrary, AnEventfdCountsCompletions) {
  with_ring([](auto& ring) {
    const int fd = static_cast<int>(call(SYS_eventfd2, 0, 0));
    EXPECT_EQ(ring.register_eventfd(fd), 0);
    EXPECT_EQ(ring.register_eventfd(fd), -EBUSY);
    for (u64 i = 0; i < 2; i++) vacant(ring, i, [](auto& sqe) { sqe.prep_nop(); });
    EXPECT_EQ(ring.submit_and_wait(2), 2);
    const u64 counter = DeviceWorld::allocate(4096);
    EXPECT_EQ(call(SYS_read, static_cast<u64>(fd), counter, 8), 8);
    u64 count = 0;
    Application().copy_in(&count, counter, sizeof count);
    EXPECT_EQ(count, 2u);
    EXPECT_EQ(ring.unregister_eventfd(), 0);
    ring.cq_advance(2);
  });
}

TEST_P(RingLibrary, PollsFireAndAreTakenBack) {
  with_ring([](auto& ring) {
    const Ends pipe = make_pipe();
    vacant(ring, 1, [&](auto& sqe) { sqe.prep_poll_add(pipe.first, POLLIN); });
    EXPECT_EQ(ring.submit(), 1);
    EXPECT_EQ(call(SYS_write, static_cast<u64>(pipe.second), bytes_in_memory("x"), 1), 1);
    EXPECT_EQ(next_result(ring, 1), POLLIN | POLLRDNORM);  // 5.4 tells all that the waker said
    const Ends other = make_pipe();
    vacant(ring, 2, [&](auto& sqe) { sqe.prep_poll_add(other.first, POLLIN); });
    EXPECT_EQ(ring.submit(), 1);
    vacant(ring, 3, [&](auto& sqe) { sqe.prep_poll_remove(2); });
    EXPECT_EQ(ring.submit(), 1);
    s32 of_poll = 1, of_removal = 1;
    for (int i = 0; i < 2; i++) {
      typename std::decay_t<decltype(ring)>::Cqe cqe;
      ASSERT_EQ(ring.wait_cqe(&cqe), 0);
      (cqe.user_data() == 2 ? of_poll : of_removal) = cqe.res();
      ring.cqe_seen(cqe);
    }
    EXPECT_EQ(of_poll, 0);  // -ECANCELED from 5.5 on
    EXPECT_EQ(of_removal, 0);
    vacant(ring, 4, [&](auto& sqe) { sqe.prep_poll_remove(2); });
    EXPECT_EQ(result_of(ring, 4), -ENOENT);
  });
}

TEST_P(RingLibrary, MessagesGoThroughSockets) {
  with_ring([](auto& ring) {
    const Ends sockets = make_sockets();
    const u64 out = bytes_in_memory("message"), in = DeviceWorld::allocate(4096);
    Message send, receive;
    send.iov = in_memory(Iovec{out, 7});
    receive.iov = in_memory(Iovec{in, 4096});
    vacant(ring, 1, [&](auto& sqe) { sqe.prep_sendmsg(sockets.first, in_memory(send), 0); });
    EXPECT_EQ(result_of(ring, 1), 7);
    vacant(ring, 2, [&](auto& sqe) { sqe.prep_recvmsg(sockets.second, in_memory(receive), 0); });
    EXPECT_EQ(result_of(ring, 2), 7);
    EXPECT_EQ(text_at(in, 7), "message");
  });
}

TEST_P(RingLibrary, MapsARingThatWasSetUpElsewhere) {
  with_ring([](auto& ring) {
    uapi::io_uring_params params{};
    const int fd = Application().io_uring_setup(4, params);
    ASSERT_GE(fd, 0);
    std::decay_t<decltype(ring)> other;
    ASSERT_EQ(other.queue_mmap(fd, params), 0);
    vacant(other, 7, [](auto& sqe) { sqe.prep_nop(); });
    EXPECT_EQ(result_of(other, 7), 0);
    other.queue_exit();
  });
}

INSTANTIATE_TEST_SUITE_P(Engines, RingLibrary,
                         testing::Combine(testing::Values(OnEngine::timed, OnEngine::live),
                                          testing::Values(LiburingVersion::v2_1, LiburingVersion::v2_2)),
                         [](const auto& tested) {
                           return std::string(std::get<0>(tested.param) == OnEngine::timed ? "Timed" : "Live") +
                                  (std::get<1>(tested.param) == LiburingVersion::v2_1 ? "21" : "22");
                         });

}  // namespace
}  // namespace uringsim::sim
