// SPDX-License-Identifier: GPL-2.0-only
#include <poll.h>

#include "kernel_model/fs/socket.h"
#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

two_fds upair(int type = SOCK_STREAM) {
  const uptr at = ubuf(8);
  EXPECT_EQ(call([&] { return sys_socketpair(AF_UNIX, type, 0, at); }), 0);
  return {peek_as<int>(at), peek_as<int>(at + 4)};
}
int usocket(int type = SOCK_STREAM) {
  return static_cast<int>(call([&] { return sys_socket(AF_UNIX, type, 0); }));
}
uptr uaddr(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return uval(address);
}
constexpr int kAddr = sizeof(sockaddr_un);
s64 ubind(int fd, const std::string& path) {
  const uptr at = uaddr(path);
  return call([&] { return sys_bind(fd, at, kAddr); });
}
s64 uconnect(int fd, const std::string& path) {
  const uptr at = uaddr(path);
  return call([&] { return sys_connect(fd, at, kAddr); });
}
std::string urecv(int fd, u64 bytes, u32 flags = 0, s64* ret_out = nullptr) {
  const uptr at = ubuf(bytes + 1);
  const s64 ret = call([&] { return sys_recvfrom(fd, at, bytes, flags, 0, 0); });
  if (ret_out != nullptr) *ret_out = ret;
  return ret >= 0 ? peek(at, std::min<u64>(static_cast<u64>(ret), bytes)) : "error " + std::to_string(ret);
}
s64 usend(int fd, const std::string& text, u32 flags = 0) {
  const uptr at = ustr(text);
  return call([&] { return sys_sendto(fd, at, text.size(), flags, 0, 0); });
}
/// A message header over one buffer, with control data.
struct umsg {
  uptr at = 0, buffer = 0, control = 0;
  explicit umsg(u64 bytes, u64 control_bytes = 0, const char* text = nullptr) {
    buffer = ubuf(bytes + 1);
    if (text != nullptr) poke(buffer, text, bytes);
    const user_iovec iov = {buffer, bytes};
    user_msghdr header;
    header.msg_iov = uval(iov);
    header.msg_iovlen = 1;
    if (control_bytes != 0) {
      control = ubuf(control_bytes);
      header.msg_control = control;
      header.msg_controllen = control_bytes;
    }
    at = uval(header);
  }
  user_msghdr header() const { return peek_as<user_msghdr>(at); }
};

TEST(UnixStream, BytesHaveNoBounds) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    EXPECT_EQ(uwrite(s.r, "hello "), 6);
    EXPECT_EQ(uwrite(s.r, "world"), 5);
    EXPECT_EQ(uread(s.w, 8), "hello wo");
    EXPECT_EQ(uread(s.w, 8), "rld");
  });
}

TEST(UnixStream, DontwaitAndNonblock) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    EXPECT_EQ(urecv(s.r, 1, MSG_DONTWAIT), "error -11");
    const two_fds n = upair(SOCK_STREAM | SOCK_NONBLOCK);
    EXPECT_EQ(uread(n.r, 1), "error -11");
  });
}

TEST(UnixStream, AReaderSleepsUntilAWriterComes) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    std::function<void()> writer = [&] {
      nap(NSEC_PER_MSEC);
      EXPECT_EQ(uwrite(s.w, "later"), 5);
    };
    EXPECT_GT(do_fork(kCloneThread, KernelWorld::run_body, &writer), 0);
    EXPECT_EQ(uread(s.r, 10), "later");
  });
}

TEST(UnixStream, WaitallWaitsForAll) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    EXPECT_EQ(uwrite(s.w, "abc"), 3);
    std::function<void()> writer = [&] {
      nap(NSEC_PER_MSEC);
      EXPECT_EQ(uwrite(s.w, "def"), 3);
    };
    EXPECT_GT(do_fork(kCloneThread, KernelWorld::run_body, &writer), 0);
    EXPECT_EQ(urecv(s.r, 6, MSG_WAITALL), "abcdef");
    EXPECT_EQ(uwrite(s.w, "xy"), 2);
    EXPECT_EQ(uclose(s.w), 0);
    EXPECT_EQ(urecv(s.r, 6, MSG_WAITALL), "xy") << "the end of the stream";
  });
}

TEST(UnixStream, PeekLeavesTheBytes) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    EXPECT_EQ(uwrite(s.w, "abc"), 3);
    EXPECT_EQ(urecv(s.r, 2, MSG_PEEK), "ab");
    EXPECT_EQ(urecv(s.r, 9, MSG_PEEK), "abc");
    EXPECT_EQ(urecv(s.r, 9), "abc");
  });
}

TEST(UnixStream, AClosedPeerIsTheEndAndAnErrorToWriters) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    EXPECT_EQ(do_sigaction(SIGPIPE, {.kind = k_sigaction::Kind::ignore}), 0);
    EXPECT_EQ(uclose(s.w), 0);
    EXPECT_EQ(uread(s.r, 1), "");
    EXPECT_EQ(uwrite(s.r, "x"), -EPIPE);
    EXPECT_EQ(upoll(s.r, POLLIN | POLLOUT), POLLIN | POLLOUT | POLLHUP);
  });
}

TEST(UnixStream, UnreadBytesResetTheConnection) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    EXPECT_EQ(uwrite(s.r, "unread"), 6);
    EXPECT_EQ(uclose(s.w), 0);
    EXPECT_EQ(uread(s.r, 1), "error -104");
    EXPECT_EQ(uread(s.r, 1), "") << "the error is told once";
  });
}

TEST(UnixStream, ShutdownOfWritingIsTheReadersEnd) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    EXPECT_EQ(do_sigaction(SIGPIPE, {.kind = k_sigaction::Kind::ignore}), 0);
    EXPECT_EQ(uwrite(s.r, "last"), 4);
    EXPECT_EQ(call([&] { return sys_shutdown(s.r, SHUT_WR); }), 0);
    EXPECT_EQ(uwrite(s.r, "x"), -EPIPE);
    EXPECT_EQ(uread(s.w, 9), "last");
    EXPECT_EQ(uread(s.w, 9), "");
    EXPECT_EQ(uwrite(s.w, "back"), 4);
    EXPECT_EQ(uread(s.r, 9), "back");
    EXPECT_EQ(call([&] { return sys_shutdown(s.r, 3); }), -EINVAL);
  });
}

TEST(UnixStream, AFullBufferHoldsTheWriterUp) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair(SOCK_STREAM | SOCK_NONBLOCK);
    u64 sent = 0;
    for (;;) {
      const s64 ret = uwrite(s.r, std::string(4096, 'x'));
      if (ret < 0) {
        EXPECT_EQ(ret, -EAGAIN);
        break;
      }
      sent += static_cast<u64>(ret);
    }
    EXPECT_GT(sent, 80'000u);
    EXPECT_EQ(upoll(s.r, POLLOUT), 0);
    u64 received = 0;
    while (received < sent) received += uread(s.w, 8192).size();
    EXPECT_EQ(received, sent);
    EXPECT_EQ(upoll(s.r, POLLOUT), POLLOUT);
  });
}

TEST(UnixStream, PositionsAreEspipe) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    EXPECT_EQ(upread(s.r, 1, 4), "error -29");
  });
}

TEST(UnixDgram, MessagesKeepTheirBounds) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair(SOCK_DGRAM);
    EXPECT_EQ(usend(s.w, "first"), 5);
    EXPECT_EQ(usend(s.w, "second"), 6);
    s64 ret = 0;
    EXPECT_EQ(urecv(s.r, 3, 0, &ret), "fir");
    EXPECT_EQ(urecv(s.r, 3, MSG_TRUNC, &ret), "sec");
    EXPECT_EQ(ret, 6) << "the real length";
    EXPECT_EQ(urecv(s.r, 3, MSG_DONTWAIT), "error -11");
    EXPECT_EQ(usend(s.w, std::string(300000, 'x')), -EMSGSIZE);
  });
}

TEST(UnixDgram, AClosedPeerRefuses) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair(SOCK_DGRAM);
    EXPECT_EQ(uclose(s.w), 0);
    EXPECT_EQ(usend(s.r, "x"), -ECONNREFUSED);
    EXPECT_EQ(usend(s.r, "x"), -ENOTCONN);
  });
}

TEST(UnixDgram, AnyoneMaySendToAName) {
  FsWorld world;
  world.app([] {
    const int server = usocket(SOCK_DGRAM), client = usocket(SOCK_DGRAM | SOCK_NONBLOCK);
    EXPECT_EQ(ubind(server, "/tmp/server"), 0);
    const uptr name = uaddr("/tmp/server"), text = ustr("hi");
    EXPECT_EQ(call([&] { return sys_sendto(client, text, 2, 0, name, kAddr); }), 2);
    EXPECT_EQ(urecv(server, 9), "hi");
    EXPECT_EQ(uconnect(client, "/tmp/server"), 0);
    for (int i = 0; i < 11; i++) EXPECT_EQ(usend(client, "m"), 1);
    EXPECT_EQ(usend(client, "m"), -EAGAIN) << "max_dgram_qlen";
    EXPECT_EQ(upoll(client, POLLOUT), 0);
    EXPECT_EQ(urecv(server, 9), "m");
    EXPECT_EQ(upoll(client, POLLOUT), POLLOUT);
  });
}

TEST(UnixDgram, APollerForRoomHearsOfIt) {
  FsWorld world;
  world.app([] {
    const int server = usocket(SOCK_DGRAM), client = usocket(SOCK_DGRAM | SOCK_NONBLOCK);
    EXPECT_EQ(ubind(server, "/tmp/server"), 0);
    EXPECT_EQ(uconnect(client, "/tmp/server"), 0);
    while (usend(client, "m") == 1) {
    }
    std::function<void()> reader = [&] {
      nap(NSEC_PER_MSEC);
      EXPECT_EQ(urecv(server, 9), "m");
    };
    EXPECT_GT(do_fork(kCloneThread, KernelWorld::run_body, &reader), 0);
    EXPECT_EQ(upoll(client, POLLOUT, -1), POLLOUT);
  });
}

TEST(UnixSeqpacket, IsConnectedAndKeepsBounds) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair(SOCK_SEQPACKET);
    EXPECT_EQ(usend(s.w, "abc"), 3);
    EXPECT_EQ(usend(s.w, "def"), 3);
    EXPECT_EQ(urecv(s.r, 9), "abc");
    EXPECT_EQ(uclose(s.w), 0);
    EXPECT_EQ(urecv(s.r, 9), "def");
    EXPECT_EQ(urecv(s.r, 9), "");
    EXPECT_EQ(urecv(s.r, 9, MSG_DONTWAIT), "");
    EXPECT_EQ(usend(usocket(SOCK_SEQPACKET), "x"), -ENOTCONN);
  });
}

TEST(UnixConnect, AcceptGivesTheOtherEnd) {
  FsWorld world;
  world.app([] {
    const int server = usocket(), client = usocket();
    EXPECT_EQ(call([&] { return sys_listen(server, 8); }), -EINVAL) << "not bound";
    EXPECT_EQ(ubind(server, "/tmp/sock"), 0);
    EXPECT_EQ(ubind(usocket(), "/tmp/sock"), -EADDRINUSE);
    EXPECT_EQ(uconnect(client, "/tmp/sock"), -ECONNREFUSED) << "nobody listens";
    EXPECT_EQ(call([&] { return sys_listen(server, 8); }), 0);
    EXPECT_EQ(uconnect(client, "/tmp/sock"), 0);
    EXPECT_EQ(uconnect(client, "/tmp/sock"), -EISCONN);
    EXPECT_EQ(upoll(server, POLLIN), POLLIN);
    const int accepted = static_cast<int>(call([&] { return sys_accept4(server, 0, 0, 0); }));
    ASSERT_GE(accepted, 0);
    EXPECT_EQ(uwrite(client, "ping"), 4);
    EXPECT_EQ(uread(accepted, 9), "ping");
    EXPECT_EQ(uconnect(usocket(), "/tmp/none"), -ENOENT);
    EXPECT_EQ(uconnect(usocket(SOCK_DGRAM), "/tmp/sock"), -EPROTOTYPE);
    EXPECT_EQ(uopen("/tmp/sock", O_RDWR), -ENXIO);
  });
}

TEST(UnixConnect, AcceptSleepsUntilSomebodyConnects) {
  FsWorld world;
  world.app([] {
    const int server = usocket();
    EXPECT_EQ(ubind(server, "/tmp/sock"), 0);
    EXPECT_EQ(call([&] { return sys_listen(server, 1); }), 0);
    std::function<void()> connecter = [&] {
      nap(NSEC_PER_MSEC);
      EXPECT_EQ(uconnect(usocket(), "/tmp/sock"), 0);
    };
    EXPECT_GT(do_fork(kCloneThread, KernelWorld::run_body, &connecter), 0);
    EXPECT_GE(call([&] { return sys_accept4(server, 0, 0, SOCK_CLOEXEC); }), 0);
    EXPECT_EQ(call([&] { return sys_accept4(usocket(), 0, 0, 0); }), -EINVAL);
  });
}

TEST(UnixConnect, AFullBacklogIsEagainWithoutWaiting) {
  FsWorld world;
  world.app([] {
    const int server = usocket();
    EXPECT_EQ(ubind(server, "/tmp/sock"), 0);
    EXPECT_EQ(call([&] { return sys_listen(server, 1); }), 0);
    EXPECT_EQ(uconnect(usocket(SOCK_STREAM | SOCK_NONBLOCK), "/tmp/sock"), 0);
    EXPECT_EQ(uconnect(usocket(SOCK_STREAM | SOCK_NONBLOCK), "/tmp/sock"), 0);
    EXPECT_EQ(uconnect(usocket(SOCK_STREAM | SOCK_NONBLOCK), "/tmp/sock"), -EAGAIN);
  });
}

TEST(UnixConnect, AbstractNamesNeedNoFile) {
  FsWorld world;
  world.app([] {
    const int server = usocket();
    EXPECT_EQ(ubind(server, std::string("\0name", 5)), 0);
    EXPECT_EQ(call([&] { return sys_listen(server, 1); }), 0);
    EXPECT_EQ(uconnect(usocket(), std::string("\0name", 5)), 0);
    EXPECT_EQ(uclose(server), 0);
    EXPECT_EQ(uconnect(usocket(), std::string("\0name", 5)), -ECONNREFUSED);
  });
}

TEST(Sendmsg, GathersAndScatters) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    const umsg out(10, 0, "0123456789"), in(64);
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, out.at, 0); }), 10);
    EXPECT_EQ(call([&] { return sys_recvmsg(s.w, in.at, 0); }), 10);
    EXPECT_EQ(peek(in.buffer, 10), "0123456789");
    EXPECT_EQ(in.header().msg_flags, 0u);
    EXPECT_EQ(in.header().msg_controllen, 0u);
  });
}

TEST(Sendmsg, FlagsOfTheHeaderAreNotLookedAt) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    const umsg out(4, 0, "0123");
    user_msghdr header = out.header();
    header.msg_flags = MSG_OOB | MSG_EOR | MSG_DONTWAIT;
    const uptr at = uval(header);
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, at, 0); }), 4);
    int err = 0;
    file* const f = fget(static_cast<unsigned>(s.r));
    EXPECT_EQ(__sys_sendmsg_sock(sock_from_file(f, &err), at, 0), 4);
    EXPECT_EQ(__sys_sendmsg_sock(sock_from_file(f, &err), at, MSG_OOB), -EOPNOTSUPP);
    fput(f);
  });
}

TEST(Sendmsg, ErrorsInOrder) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    EXPECT_EQ(call([&] { return sys_sendmsg(77, 4096, 0); }), -EBADF);
    EXPECT_EQ(call([&] { return sys_sendmsg(upipe().r, 4096, 0); }), -ENOTSOCK);
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, 4096, 0); }), -EFAULT);
    user_msghdr header;
    header.msg_iov = 4096;
    header.msg_iovlen = 1025;
    const uptr many = uval(header);
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, many, 0); }), -EMSGSIZE);
    header.msg_iovlen = 1;
    const uptr bad = uval(header);
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, bad, 0); }), -EFAULT);
    header.msg_iovlen = 0;
    const uptr none = uval(header);
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, none, 0); }), 0);
    header.msg_name = 4096;
    header.msg_namelen = -1;
    const uptr negative = uval(header);
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, negative, 0); }), -EINVAL);
    header.msg_namelen = 16;
    const uptr nowhere = uval(header);
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, nowhere, 0); }), -EFAULT);
    EXPECT_EQ(usend(s.r, "x", MSG_OOB), -EOPNOTSUPP);
  });
}

TEST(Sendmsg, DatagramsThatAreCutSayTrunc) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair(SOCK_DGRAM);
    EXPECT_EQ(usend(s.w, "longer than that"), 16);
    const umsg in(4);
    EXPECT_EQ(call([&] { return sys_recvmsg(s.r, in.at, 0); }), 4);
    EXPECT_EQ(in.header().msg_flags, static_cast<u32>(MSG_TRUNC));
  });
}

/// Control data that carries descriptors.
void put_rights(uptr control, const std::vector<int>& fds) {
  cmsghdr header = {};
  header.cmsg_len = sizeof(header) + fds.size() * sizeof(int);
  header.cmsg_level = SOL_SOCKET;
  header.cmsg_type = SCM_RIGHTS;
  poke(control, &header, sizeof(header));
  poke(control + sizeof(header), fds.data(), fds.size() * sizeof(int));
}

TEST(ScmRights, ADescriptorTravels) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair(), p = upipe();
    const umsg out(1, 24, "x"), in(1, 24);
    put_rights(out.control, {p.w});
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, out.at, 0); }), 1);
    EXPECT_EQ(uclose(p.w), 0);
    EXPECT_EQ(call([&] { return sys_recvmsg(s.w, in.at, 0); }), 1);
    EXPECT_EQ(in.header().msg_controllen, 24u);
    const int received = peek_as<int>(in.control + sizeof(cmsghdr));
    EXPECT_EQ(uwrite(received, "through"), 7);
    EXPECT_EQ(uread(p.r, 9), "through");
    EXPECT_EQ(uclose(received), 0);
    EXPECT_EQ(uread(p.r, 9), "") << "no reference is left behind";
  });
}

TEST(ScmRights, WithoutRoomTheFilesAreDropped) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair(), p = upipe();
    const umsg out(1, 24, "x"), in(1);
    put_rights(out.control, {p.w});
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, out.at, 0); }), 1);
    EXPECT_EQ(uclose(p.w), 0);
    EXPECT_EQ(call([&] { return sys_recvmsg(s.w, in.at, 0); }), 1);
    EXPECT_EQ(in.header().msg_flags, static_cast<u32>(MSG_CTRUNC));
    EXPECT_EQ(uread(p.r, 9), "");
  });
}

TEST(ScmRights, FilesInAQueueGoWithTheSocket) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair(), p = upipe();
    const umsg out(1, 24, "x");
    put_rights(out.control, {p.w});
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, out.at, 0); }), 1);
    EXPECT_EQ(uclose(p.w), 0);
    EXPECT_EQ(uclose(s.w), 0);
    EXPECT_EQ(uread(p.r, 9), "");
  });
}

TEST(ScmRights, BadControlDataIsRefused) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    const umsg closed(1, 24, "x"), empty(1, 24, "x");
    put_rights(closed.control, {77});
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, closed.at, 0); }), -EBADF);
    EXPECT_EQ(call([&] { return sys_sendmsg(s.r, empty.at, 0); }), -EINVAL) << "a length of 0";
  });
}

TEST(Socket, KindsThatAreNotThere) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(call([] { return sys_socket(AF_INET, SOCK_STREAM, 0); }), -EAFNOSUPPORT);
    EXPECT_EQ(call([] { return sys_socket(AF_UNIX, SOCK_STREAM, 9); }), -EPROTONOSUPPORT);
    EXPECT_EQ(call([] { return sys_socket(AF_UNIX, SOCK_RDM, 0); }), -ESOCKTNOSUPPORT);
    EXPECT_EQ(call([] { return sys_socket(AF_UNIX, SOCK_STREAM | 0x100, 0); }), -EINVAL);
  });
}

TEST(SysMsgSock, RefusesAncillaryData) {
  FsWorld world;
  world.app([] {
    const two_fds s = upair();
    const umsg with(1, 24, "x"), without(1, 0, "x");
    int err = 0;
    file* const f = fget(static_cast<unsigned>(s.r));
    socket* const sock = sock_from_file(f, &err);
    ASSERT_NE(sock, nullptr);
    EXPECT_EQ(__sys_sendmsg_sock(sock, with.at, 0), -EINVAL);
    EXPECT_EQ(__sys_sendmsg_sock(sock, without.at, 0), 1);
    EXPECT_EQ(__sys_recvmsg_sock(sock, without.at, MSG_DONTWAIT), -EAGAIN);
    fput(f);
    file* const p = fget(static_cast<unsigned>(upipe().r));
    EXPECT_EQ(sock_from_file(p, &err), nullptr);
    EXPECT_EQ(err, -ENOTSOCK);
    fput(p);
  });
}

}  // namespace
}  // namespace uringsim::kernel
