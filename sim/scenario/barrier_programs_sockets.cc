// SPDX-License-Identifier: GPL-2.0-only
// Programs of two threads over AF_UNIX sockets: names, connections, room in queues and buffers.
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>

#include "kernel_model/fs/af_unix.h"
#include "sim/scenario/barrier_programs_support.h"

namespace uringsim::sim {

namespace {

using barrier::call;
using barrier::in_user_memory;
using barrier::must;
using barrier::Shared;
using barrier::user_memory;

/// An abstract name of one letter, as bind() and connect() take it.
struct Name {
  u16 family = AF_UNIX;
  char path[2] = {0, 0};
};

constexpr u64 kScratch = 512;  // in at[0]: a byte to send, room for a name and its length

int make_socket(int type) {
  const int fd = static_cast<int>(call([&]() noexcept { return kernel::sys_socket(AF_UNIX, type, 0); }));
  must(fd >= 0, "socket");
  return fd;
}

s64 name_it(int fd, char letter) {
  const u64 at = in_user_memory(Name{AF_UNIX, {0, letter}});
  return call([&]() noexcept { return kernel::sys_bind(fd, at, sizeof(Name)); });
}

s64 connect_to(int fd, char letter) {
  const u64 at = in_user_memory(Name{AF_UNIX, {0, letter}});
  return call([&]() noexcept { return kernel::sys_connect(fd, at, sizeof(Name)); });
}

s64 send_from(int fd, u64 at, u64 bytes, u32 flags = 0) {
  return call([&]() noexcept { return kernel::sys_sendto(fd, at, bytes, flags | MSG_NOSIGNAL, 0, 0); });
}

s64 receive(int fd, u64 at, u64 bytes) {
  return call([&]() noexcept { return kernel::sys_recvfrom(fd, at, bytes, 0, 0, 0); });
}

void pair_of(Shared& shared, int type) {
  shared.at[0] = user_memory(kScratch);
  const u64 at = shared.at[0];
  must(call([&]() noexcept { return kernel::sys_socketpair(AF_UNIX, type, 0, at); }) == 0, "socketpair");
  Application().copy_in(shared.fd, at, 2 * sizeof(int));
}

// ---- names ------------------------------------------------------------------------------------------------------------------

void message_without_a_name(Shared& shared) {
  pair_of(shared, SOCK_DGRAM);
  must(send_from(shared.fd[0], shared.at[0], 1) == 1, "send");
}

void name_the_sender(Shared& shared) { must(name_it(shared.fd[0], 'a') == 0, "bind"); }

void receive_with_name(Shared& shared) {
  const u64 at = shared.at[0];
  Application().store_relaxed<u32>(at + 128, 110);
  must(call([&]() noexcept { return kernel::sys_recvfrom(shared.fd[1], at, 1, 0, at + 256, at + 128); }) == 1, "recvfrom");
}

void listen_and_connect(Shared& shared) {
  shared.at[0] = user_memory(kScratch);
  shared.fd[0] = make_socket(SOCK_STREAM);
  shared.fd[1] = make_socket(SOCK_STREAM);
  must(name_it(shared.fd[1], 'l') == 0 && call([&]() noexcept { return kernel::sys_listen(shared.fd[1], 4); }) == 0, "listen");
}

void connection_that_waits(Shared& shared) {
  listen_and_connect(shared);
  must(connect_to(shared.fd[0], 'l') == 0, "connect");
}

void accept_with_name(Shared& shared) {
  const u64 at = shared.at[0];
  Application().store_relaxed<u32>(at + 128, 110);
  must(call([&]() noexcept { return kernel::sys_accept4(shared.fd[1], at + 256, at + 128, 0); }) >= 0, "accept");
}

// ---- connections ------------------------------------------------------------------------------------------------------------

void connect_stream(Shared& shared) { must(connect_to(shared.fd[0], 'l') == 0, "connect"); }

void send_if_connected(Shared& shared) {
  const s64 sent = send_from(shared.fd[0], shared.at[0], 1);
  must(sent == 1 || sent == -ENOTCONN, "send");
}

/// A datagram socket connected to 'a', who is nobody's peer and whose queue is full of messages from a third; 'b' has room.
void full_queue(Shared& shared) {
  shared.at[0] = user_memory(kScratch);
  for (int i = 0; i < 4; i++) shared.fd[i] = make_socket(SOCK_DGRAM);
  must(name_it(shared.fd[1], 'a') == 0 && name_it(shared.fd[2], 'b') == 0, "bind");
  must(connect_to(shared.fd[0], 'a') == 0 && connect_to(shared.fd[3], 'a') == 0, "connect");
  // Not until it says that the queue is full: it would be told of room from then on, and its place in the queue of those who are
  // would let the others be found.
  for (u32 i = 0; i <= kernel::kMaxDgramQlen; i++) must(send_from(shared.fd[3], shared.at[0], 1, MSG_DONTWAIT) == 1, "send");
}

/// The same, and the socket has asked for room before: it is told of it from then on.
void full_queue_known(Shared& shared) {
  full_queue(shared);
  must(send_from(shared.fd[0], shared.at[0], 1, MSG_DONTWAIT) == -EAGAIN, "send");
}

void poll_for_room(Shared& shared) {
  struct {
    int fd;
    short events, revents;
  } asked{shared.fd[0], POLLOUT, 0};
  const u64 at = in_user_memory(asked);
  must(call([&]() noexcept { return kernel::sys_poll(at, 1, -1); }) == 1, "poll");
}

void connect_elsewhere(Shared& shared) { must(connect_to(shared.fd[0], 'b') == 0, "connect"); }

void take_one(Shared& shared) { must(receive(shared.fd[1], shared.at[0] + 64, 1) == 1, "recv"); }

void send_one(Shared& shared) { must(send_from(shared.fd[0], shared.at[0], 1) == 1, "send"); }

void dead_peer(Shared& shared) {
  shared.at[0] = user_memory(kScratch);
  for (int i = 0; i < 2; i++) shared.fd[i] = make_socket(SOCK_DGRAM);
  must(name_it(shared.fd[1], 'a') == 0 && connect_to(shared.fd[0], 'a') == 0, "connect");
  must(Application().close(shared.fd[1]) == 0, "close");
}

void send_to_nobody(Shared& shared) { must(send_from(shared.fd[0], shared.at[0], 1) == -ECONNREFUSED, "send"); }

// ---- buffers ----------------------------------------------------------------------------------------------------------------

constexpr u64 kPiece = 100'000;

void full_buffer(Shared& shared) {
  pair_of(shared, SOCK_STREAM);
  shared.at[1] = user_memory(4 * kPiece);
  s64 sent = 1;
  while (sent > 0) sent = send_from(shared.fd[0], shared.at[1], kPiece, MSG_DONTWAIT);
  must(sent == -EAGAIN, "send");
}

void take_all(Shared& shared) { must(receive(shared.fd[1], shared.at[1], 4 * kPiece) > 0, "recv"); }

constexpr BarrierProgram kSocketPrograms[] = {
    {"programs/unix-bind", "one thread gives a name to a socket whose message another receives", message_without_a_name,
     name_the_sender, receive_with_name},
    {"programs/unix-accept", "one thread gives a name to a socket whose connection another accepts", connection_that_waits,
     name_the_sender, accept_with_name},
    {"programs/unix-connect", "one thread connects a stream socket that another sends on", listen_and_connect, connect_stream,
     send_if_connected},
    {"programs/unix-reconnect", "one thread polls for room in a peer's queue, another connects the socket to one that has room",
     full_queue, poll_for_room, connect_elsewhere},
    {"programs/unix-room-poll", "one thread polls for room in a peer's queue, another takes a message from there",
     full_queue_known, poll_for_room, take_one},
    {"programs/unix-room-first-poll", "the same, and the poller has never asked for room before", full_queue, poll_for_room,
     take_one},
    {"programs/unix-room-send", "one thread waits for room in a peer's queue to send, another takes a message from there",
     full_queue, send_one, take_one},
    {"programs/unix-dead-peer", "one thread polls a socket, another finds out that its peer is gone", dead_peer, poll_for_room,
     send_to_nobody},
    {"programs/unix-full-buffer", "one thread waits for room in its own buffer, another receives what fills it", full_buffer,
     send_one, take_all},
};

}  // namespace

std::span<const BarrierProgram> barrier_programs_of_sockets() noexcept { return kSocketPrograms; }

}  // namespace uringsim::sim
