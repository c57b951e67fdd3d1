// SPDX-License-Identifier: GPL-2.0-only
// Many tasks use everything at once, by random numbers; in the end nothing is left over and nobody hangs.
#include <poll.h>

#include "kernel_model/fs/socket.h"
#include "sim/fiber/random.h"
#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

/// Descriptors opened by the steps so far; some of them closed, some never valid.
class Hostile {
 public:
  explicit Hostile(u64 seed) : random_(seed) {}

  void step() {
    switch (pick(16)) {
      case 0:
        keep(upipe(pick(2) != 0 ? O_NONBLOCK : O_NONBLOCK | O_DIRECT));
        break;
      case 1:
        keep(pair(pick(3)));
        break;
      case 2:
        fds_.push_back(static_cast<int>(call([&] { return sys_eventfd2(pick(3), O_NONBLOCK); })));
        break;
      case 3:
        fds_.push_back(uopen("/tmp/f" + std::to_string(pick(3)), O_RDWR | O_CREAT | (pick(4) == 0 ? O_TRUNC : 0)));
        break;
      case 4:
        fds_.push_back(uopen("/tmp/f" + std::to_string(pick(3)), O_RDWR | O_CREAT | O_DIRECT));
        break;
      case 5:
        fds_.push_back(static_cast<int>(call([] { return sys_epoll_create1(0); })));
        break;
      case 6:
        uclose(any());
        break;
      case 7: {
        const uptr event = uval(u64{pick(1u << 5)});
        const int ep = any(), fd = any();
        const int op = static_cast<int>(pick(4));
        call([&] { return sys_epoll_ctl(ep, op, fd, event); });
        break;
      }
      case 8: {
        const int fd = any();
        const int how = static_cast<int>(pick(3));
        call([&] { return sys_shutdown(fd, how); });
        break;
      }
      case 9: {
        const uptr name = ustr("/tmp/f" + std::to_string(pick(3)));
        call([&] { return sys_unlink(name); });
        break;
      }
      case 10:
        pass_descriptor();
        break;
      case 11: {
        const int fd = any();
        const s64 length = pick(20000);
        call([&] { return sys_ftruncate(static_cast<unsigned>(fd), length); });
        break;
      }
      case 12:
        call([fd = any()] { return sys_fsync(static_cast<unsigned>(fd)); });
        break;
      case 13:
        upoll(any(), POLLIN | POLLOUT);
        break;
      case 14:
        transfer(READ);
        break;
      default:
        transfer(WRITE);
        break;
    }
  }

 private:
  u32 pick(u32 options) { return static_cast<u32>(random_.next() % options); }
  int any() { return fds_.empty() || pick(16) == 0 ? static_cast<int>(pick(100)) : fds_[pick(static_cast<u32>(fds_.size()))]; }
  void keep(two_fds two) {
    fds_.push_back(two.r);
    fds_.push_back(two.w);
  }
  two_fds pair(u32 kind) {
    const uptr at = ubuf(8);
    const int type = kind == 0 ? SOCK_STREAM : kind == 1 ? SOCK_DGRAM : SOCK_SEQPACKET;
    call([&] { return sys_socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, at); });
    return {peek_as<int>(at), peek_as<int>(at + 4)};
  }
  void transfer(int rw) {
    const unsigned fd = static_cast<unsigned>(any());
    const u64 bytes = pick(4) == 0 ? 4096 * (1 + pick(4)) : pick(9000);
    const uptr at = pick(20) == 0 ? 4096 : buffer();
    const s64 position = pick(3) * 4096;
    if (pick(2) == 0)
      call([&] { return rw == READ ? sys_read(fd, at, bytes) : sys_write(fd, at, bytes); });
    else
      call([&] { return rw == READ ? sys_pread64(fd, at, bytes, position) : sys_pwrite64(fd, at, bytes, position); });
  }
  uptr buffer() {
    if (buffer_ == 0) buffer_ = ubuf(5 * 4096);
    return buffer_;
  }
  void pass_descriptor() {
    // Never a socket: what is in flight inside of itself is not collected.
    const int carried = uopen("/dev/null", O_RDWR);
    cmsghdr header = {};
    header.cmsg_len = sizeof(header) + sizeof(int);
    header.cmsg_level = SOL_SOCKET;
    header.cmsg_type = SCM_RIGHTS;
    const uptr control = ubuf(24);
    poke(control, &header, sizeof(header));
    poke(control + sizeof(header), &carried, sizeof(carried));
    user_msghdr msg;
    const user_iovec iov = {buffer(), 10};
    msg.msg_iov = uval(iov);
    msg.msg_iovlen = 1;
    msg.msg_control = control;
    msg.msg_controllen = 24;
    const uptr at = uval(msg);
    const int fd = any();
    if (pick(2) == 0)
      call([&] { return sys_sendmsg(fd, at, MSG_NOSIGNAL); });
    else
      call([&] { return sys_recvmsg(fd, at, 0); });
    uclose(carried);
  }

  sim::Random random_;
  std::vector<int> fds_;
  uptr buffer_ = 0;
};

TEST(Files, NothingIsLeftOfHostilePrograms) {
  for (u64 seed = 1; seed <= 6; seed++) {
    TestDisk disk(1 << 20);
    FsWorld world(&disk, {.cpus = 2, .seed = seed});
    for (int i = 0; i < 3; i++)
      world.process("hostile", [seed, i] {
        EXPECT_EQ(do_sigaction(SIGPIPE, {.kind = k_sigaction::Kind::ignore}), 0);
        Hostile hostile(seed * 10 + static_cast<u64>(i));
        for (int step = 0; step < 600; step++) hostile.step();
      });
    ASSERT_EQ(world.run(), sim::RunEnd::finished) << world.result().describe();
    EXPECT_TRUE(world.reports().empty()) << world.reports().front();
    world.app([] {
      for (const char* name : {"/tmp/f0", "/tmp/f1", "/tmp/f2"}) {
        const uptr at = ustr(name);
        call([&] { return sys_unlink(at); });
      }
      nap(20 * NSEC_PER_MSEC);
    });
    EXPECT_EQ(world->pages_used, 0u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace uringsim::kernel
