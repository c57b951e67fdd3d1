// SPDX-License-Identifier: GPL-2.0-only
// AF_UNIX: stream, datagram and sequenced-packet sockets. Models net/unix/af_unix.c (5.4) and what it needs of net/core/sock.c.
//
// A unix_sock is counted: its socket holds one, a peer one, a name in use one. `lock` (unix_state_lock) covers state, peer,
// shutdown and the queue's order; two are taken in order of id. `iolock` keeps readers apart. Sleepers and pollers are on `wq`;
// who waits for room in this socket's queue is on `peer_wait`.
// Divergences: no credentials, no MSG_OOB (as 5.4), no SO_* options: buffers have the default size.
#pragma once

#include "kernel_model/fs/socket.h"

namespace uringsim::kernel {

enum : u32 { TCP_ESTABLISHED_ = 1, TCP_CLOSE_ = 7, TCP_LISTEN_ = 10 };
enum : u32 { RCV_SHUTDOWN = 1, SEND_SHUTDOWN = 2, SHUTDOWN_MASK = 3 };

/// net.core.wmem_default; net.unix.max_dgram_qlen.
inline constexpr u32 kSendBuffer = 212992;
inline constexpr u32 kMaxDgramQlen = 10;

/// A message in a queue, or a connection waiting for accept.
struct sk_buff {
  list_head link;
  u8* data = nullptr;
  u64 len = 0;
  u64 consumed = 0;            ///< by readers of a stream
  u32 truesize = 0;            ///< what it counts in its sender's buffer
  unix_sock* owner = nullptr;  ///< its sender, counted: gets the room back
  scm_fp_list* fp = nullptr;
  unix_sock* embryo = nullptr;  ///< of a connection: the accepted side, counted
};

struct unix_sock {
  refcount_t refs;
  u32 id = 0;
  int type = 0;
  spinlock_t lock;
  mutex iolock;
  mutex bindlock;
  u32 sk_state = TCP_CLOSE_;  ///< shared word, written under lock
  u32 sk_shutdown = 0;        ///< shared word, written under lock
  int sk_err = 0;             ///< shared word: positive errno, taken by who reports it
  bool dead = false;          ///< SOCK_DEAD: its socket is closed; lock
  unix_sock* peer = nullptr;  ///< counted; shared word, written under lock
  shared_list receive_queue;  ///< sk_buff, under lock
  u32 qlen = 0;               ///< shared word: their number; written under lock, looked at without
  atomic_t wmem_alloc;        ///< bytes of ours in other queues
  u32 max_ack_backlog = kMaxDgramQlen;
  wait_queue_head_t wq;
  wait_queue_head_t peer_wait;
  wait_queue_entry peer_wake;         ///< on the peer's peer_wait while a poller of ours waits for room there
  unix_sock* peer_wake_on = nullptr;  ///< counted; lock
  sockaddr_un name = {};
  int name_len = 0;       ///< 0: unbound; bindlock, then constant
  inode* path = nullptr;  ///< counted: the node it is bound to
  list_head names;        ///< vfs_state::unix_sockets
};

/// A fresh one with one reference; null when memory ran out.
unix_sock* unix_create(int type) noexcept;
void sock_hold(unix_sock* sk) noexcept;
void sock_put(unix_sock* sk) noexcept;
/// The socket is closed. Models unix_release_sock().
void unix_release_sock(unix_sock* sk, bool embryo) noexcept;

int unix_bind(socket* sock, sockaddr_un* address, int length) noexcept;
int unix_listen(socket* sock, int backlog) noexcept;
int unix_connect(socket* sock, sockaddr_un* address, int length, u32 file_flags) noexcept;
void unix_socketpair(socket* a, socket* b) noexcept;
int unix_accept(socket* sock, socket* fresh, u32 file_flags) noexcept;
int unix_shutdown(socket* sock, int how) noexcept;
s64 unix_sendmsg(socket* sock, msghdr* msg) noexcept;
s64 unix_recvmsg(socket* sock, msghdr* msg, u32 flags) noexcept;
u32 unix_poll(file* file, socket* sock, poll_table_struct* table) noexcept;

// ---- between the parts of the family ----

void unix_state_double_lock(unix_sock* a, unix_sock* b) noexcept;
void unix_state_double_unlock(unix_sock* a, unix_sock* b) noexcept;
/// The length of the name, checked: or -EINVAL. Models unix_mkname().
int unix_mkname(sockaddr_un* address, int length) noexcept;
/// The socket of this name and type, counted; ERR_PTR(-ECONNREFUSED, -EPROTOTYPE, -ENOENT ...).
unix_sock* unix_find_other(const sockaddr_un* address, int length, int type) noexcept;
inline bool unix_recvq_full(const unix_sock* sk) noexcept { return data_race(sk->qlen) > data_race(sk->max_ack_backlog); }
/// The queue has `by` messages more or fewer. sk->lock held.
inline void receive_queue_changed(unix_sock* sk, int by) noexcept {
  shared_list_changed(&sk->receive_queue, by);
  WRITE_ONCE(sk->qlen, sk->receive_queue.count);
}
/// Sleeps until the peer's queue has room (other->lock held on entry, dropped). 0 or -ERESTARTSYS. Waker: whoever takes from it.
int unix_wait_for_peer(unix_sock* other) noexcept;
/// Takes and clears the pending error: 0 or -errno. Models sock_error().
int sock_error(unix_sock* sk) noexcept;
void sk_data_ready(unix_sock* sk) noexcept;
void sk_state_change(unix_sock* sk) noexcept;
bool unix_writable(const unix_sock* sk) noexcept;
void kfree_skb(sk_buff* skb) noexcept;
/// The first message of the queue, off it; waits unless `nonblock`. Null, and *err: -EAGAIN, -ERESTARTSYS, a pending error, or 0
/// if the receiving side is shut down. Models skb_recv_datagram(). `peek`: leaves it, and sock's lock is what keeps it.
sk_buff* skb_recv_datagram(unix_sock* sk, bool nonblock, int* err) noexcept;
/// Starts or stops passing wakeups of the peer's queue on to this socket's pollers. sk->lock held.
bool unix_dgram_peer_wake_me(unix_sock* sk, unix_sock* other) noexcept;
void unix_dgram_peer_wake_disconnect(unix_sock* sk) noexcept;

}  // namespace uringsim::kernel
