// SPDX-License-Identifier: GPL-2.0-only
// Messages of AF_UNIX sockets: queues, buffers, sending and receiving. Models the second half of net/unix/af_unix.c (5.4).
#include <poll.h>

#include <algorithm>
#include <bit>

#include "kernel_model/core/signal.h"
#include "kernel_model/fs/af_unix.h"

namespace uringsim::kernel {

namespace {

constexpr u64 kSkbOverhead = 320;                        // struct skb_shared_info, aligned
constexpr u64 kSkbHead = 256;                            // struct sk_buff, aligned
constexpr u64 kMaxHead = PAGE_SIZE - kSkbOverhead;       // SKB_MAX_HEAD(0)
constexpr u64 kMaxStreamSkb = kMaxHead + 8 * PAGE_SIZE;  // SKB_MAX_HEAD(0) + UNIX_SKB_FRAGS_SZ
constexpr u64 kMaxStreamSize = kSendBuffer / 2 - 64;
constexpr u32 kWriteKey = POLLOUT | POLLWRNORM | POLLWRBAND;

/// What a message of `bytes` bytes counts in its sender's buffer: a head of up to a page, from a cache of powers of two, and
/// whole pages for the rest. Models skb->truesize of alloc_skb_with_frags().
u32 skb_truesize(u64 bytes) noexcept {
  const u64 head = std::min(bytes, kMaxHead);
  const u64 rest = (bytes - head + PAGE_SIZE - 1) & PAGE_MASK;
  return static_cast<u32>(std::bit_ceil(((head + 63) & ~u64{63}) + kSkbOverhead) + kSkbHead + rest);
}

/// Sleeps until the sender's buffer has room. Waker: kfree_skb(), or a shutdown. Models sock_wait_for_wmem().
int wait_for_wmem(unix_sock* sk) noexcept {
  wait_entry wait;
  int ret = 0;
  for (;;) {
    prepare_to_wait(&sk->wq, &wait, TASK_INTERRUPTIBLE);
    if (signal_pending(current())) {
      ret = -ERESTARTSYS;
      break;
    }
    if (static_cast<u32>(atomic_read(&sk->wmem_alloc)) < kSendBuffer) break;
    if ((READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN) != 0 || READ_ONCE(sk->sk_err) != 0) break;
    schedule();
  }
  finish_wait(&sk->wq, &wait);
  return ret;
}

/// A message of `bytes` bytes from `iter`, or ERR_PTR(-errno). Models sock_alloc_send_pskb() and skb_copy_datagram_from_iter().
sk_buff* alloc_send_skb(unix_sock* sk, iov_iter* iter, u64 bytes, bool nonblock) noexcept {
  for (;;) {
    const int err = sock_error(sk);
    if (err != 0) return ERR_PTR<sk_buff>(err);
    if ((READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN) != 0) return ERR_PTR<sk_buff>(-EPIPE);
    if (static_cast<u32>(atomic_read(&sk->wmem_alloc)) < kSendBuffer) break;
    if (nonblock) return ERR_PTR<sk_buff>(-EAGAIN);
    const int ret = wait_for_wmem(sk);
    if (ret != 0) return ERR_PTR<sk_buff>(ret);
  }
  sk_buff* const skb = kmalloc<sk_buff>();
  if (skb == nullptr) return ERR_PTR<sk_buff>(-ENOBUFS);
  if (bytes != 0) {
    skb->data = kcalloc<u8>(bytes);
    if (skb->data == nullptr) {
      kfree(skb);
      return ERR_PTR<sk_buff>(-ENOBUFS);
    }
  }
  skb->len = bytes;
  skb->truesize = skb_truesize(bytes);
  sock_hold(sk);
  skb->owner = sk;
  atomic_add(static_cast<int>(skb->truesize), &sk->wmem_alloc);
  if (copy_from_iter(skb->data, bytes, iter) == bytes) return skb;
  kfree_skb(skb);
  return ERR_PTR<sk_buff>(-EFAULT);
}

/// Who sent it, if it has a name. Models unix_copy_addr().
void unix_copy_addr(msghdr* msg, const unix_sock* from) noexcept {
  if (from == nullptr) return;
  msg->msg_namelen = smp_load_acquire(from->name_len, "unix_copy_addr.name");
  if (msg->msg_namelen == 0) return;
  arch::plain_range(&from->name, sizeof(from->name), false);
  msg->name = from->name;
}

/// other->lock held.
void queue_tail(unix_sock* other, sk_buff* skb) noexcept {
  list_add_tail(&skb->link, &other->receive_queue.head);
  receive_queue_changed(other, 1);
}

/// sk->lock held.
void unlink(unix_sock* sk, sk_buff* skb) noexcept {
  list_del(&skb->link);
  receive_queue_changed(sk, -1);
}

s64 stream_pipe_error(s64 sent, const msghdr* msg) noexcept {
  if (sent != 0) return sent;
  if ((msg->msg_flags & MSG_NOSIGNAL) == 0) (void)send_sig(SIGPIPE, current(), 0);
  return -EPIPE;
}

// Models unix_stream_sendmsg() (5.4).
s64 unix_stream_sendmsg(unix_sock* sk, msghdr* msg, scm_cookie* scm) noexcept {
  if ((msg->msg_flags & MSG_OOB) != 0) return -EOPNOTSUPP;
  if (msg->msg_namelen != 0) return READ_ONCE(sk->sk_state) == TCP_ESTABLISHED_ ? -EISCONN : -EOPNOTSUPP;
  unix_sock* const other = READ_ONCE(sk->peer);
  if (other == nullptr) return -ENOTCONN;
  if ((READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN) != 0) return stream_pipe_error(0, msg);
  const u64 total = iov_iter_count(&msg->msg_iter);
  s64 sent = 0;
  while (static_cast<u64>(sent) < total) {
    const u64 bytes = std::min({total - static_cast<u64>(sent), kMaxStreamSize, kMaxStreamSkb});
    sk_buff* const skb = alloc_send_skb(sk, &msg->msg_iter, bytes, (msg->msg_flags & MSG_DONTWAIT) != 0);
    if (IS_ERR(skb)) {
      const int err = PTR_ERR(skb);
      if (err == -EPIPE) return stream_pipe_error(sent, msg);
      return sent != 0 ? sent : err;
    }
    skb->fp = std::exchange(scm->fp, nullptr);  // with the first piece only
    spin_lock(&other->lock);
    if (other->dead || (READ_ONCE(other->sk_shutdown) & RCV_SHUTDOWN) != 0) {
      spin_unlock(&other->lock);
      kfree_skb(skb);
      return stream_pipe_error(sent, msg);
    }
    queue_tail(other, skb);
    spin_unlock(&other->lock);
    sk_data_ready(other);
    sent += static_cast<s64>(bytes);
  }
  return sent;
}

/// Where a datagram goes, counted, or ERR_PTR.
unix_sock* dgram_target(unix_sock* sk, msghdr* msg, int namelen) noexcept {
  if (msg->msg_namelen != 0) return unix_find_other(&msg->name, namelen, sk->type);
  spin_lock(&sk->lock);
  unix_sock* const peer = READ_ONCE(sk->peer);
  if (peer != nullptr) sock_hold(peer);
  spin_unlock(&sk->lock);
  return peer != nullptr ? peer : ERR_PTR<unix_sock>(-ENOTCONN);
}

/// The peer is gone: 0 if it was only named (look for the name again), -ECONNREFUSED if it was ours.
int dgram_target_dead(unix_sock* sk, unix_sock* other) noexcept {
  spin_lock(&sk->lock);
  const bool ours = READ_ONCE(sk->peer) == other;
  if (ours) WRITE_ONCE(sk->peer, nullptr);
  if (ours) unix_dgram_peer_wake_disconnect(sk);
  spin_unlock(&sk->lock);
  if (!ours) return 0;
  if (wq_has_sleeper(&sk->wq, "unix_dgram_sendmsg.dead_peer")) wake_up_interruptible_poll(&sk->wq, kWriteKey);
  sock_put(other);
  return -ECONNREFUSED;
}

/// Puts the message into `other`'s queue: 0; -errno; 1 to find the target anew. Models unix_dgram_sendmsg() from `restart` on.
int dgram_deliver(unix_sock* sk, unix_sock* other, sk_buff* skb, bool nonblock) noexcept {
  spin_lock(&other->lock);
  unix_sock* const its_peer = READ_ONCE(other->peer);
  int ret = 0;
  if (its_peer != nullptr && its_peer != sk) {
    ret = -EPERM;
  } else if (other->dead) {
    spin_unlock(&other->lock);
    ret = dgram_target_dead(sk, other);
    return ret != 0 ? ret : 1;
  } else if ((READ_ONCE(other->sk_shutdown) & RCV_SHUTDOWN) != 0) {
    ret = -EPIPE;
  } else if (other != sk && its_peer != sk && unix_recvq_full(other)) {
    if (!nonblock) {
      ret = unix_wait_for_peer(other);  // unlocks
      return ret != 0 ? ret : 1;
    }
    spin_unlock(&other->lock);
    spin_lock(&sk->lock);
    const bool full = READ_ONCE(sk->peer) != other || unix_dgram_peer_wake_me(sk, other);
    spin_unlock(&sk->lock);
    return full ? -EAGAIN : 1;
  }
  if (ret == 0) queue_tail(other, skb);
  spin_unlock(&other->lock);
  if (ret == 0) sk_data_ready(other);
  return ret;
}

// Models unix_dgram_sendmsg() (5.4), for sequenced packets too.
s64 unix_dgram_sendmsg(unix_sock* sk, msghdr* msg, scm_cookie* scm) noexcept {
  if ((msg->msg_flags & MSG_OOB) != 0) return -EOPNOTSUPP;
  int namelen = 0;
  if (msg->msg_namelen != 0) {
    namelen = unix_mkname(&msg->name, msg->msg_namelen);
    if (namelen < 0) return namelen;
  } else if (READ_ONCE(sk->peer) == nullptr) {
    return -ENOTCONN;
  }
  const u64 bytes = iov_iter_count(&msg->msg_iter);
  if (bytes > kSendBuffer - 32) return -EMSGSIZE;
  const bool nonblock = (msg->msg_flags & MSG_DONTWAIT) != 0;
  sk_buff* const skb = alloc_send_skb(sk, &msg->msg_iter, bytes, nonblock);
  if (IS_ERR(skb)) return PTR_ERR(skb);
  skb->fp = std::exchange(scm->fp, nullptr);
  for (;;) {
    unix_sock* const other = dgram_target(sk, msg, namelen);
    int ret = IS_ERR(other) ? PTR_ERR(other) : 0;
    if (ret == -ENOTCONN) ret = -ECONNRESET;  // it was there a moment ago
    if (ret == 0) {
      ret = dgram_deliver(sk, other, skb, nonblock);
      sock_put(other);
    }
    if (ret == 1) continue;
    if (ret == 0) return static_cast<s64>(bytes);
    kfree_skb(skb);
    return ret;
  }
}

/// Sleeps until something changed. 0 or -ERESTARTSYS. Waker: sk_data_ready(), sk_state_change().
int wait_for_data(unix_sock* sk, const sk_buff* last, u64 last_consumed) noexcept {
  wait_entry wait;
  int ret = 0;
  for (;;) {
    prepare_to_wait(&sk->wq, &wait, TASK_INTERRUPTIBLE);
    spin_lock(&sk->lock);
    const sk_buff* const tail =
        list_empty(&sk->receive_queue.head) ? nullptr : list_last_entry(&sk->receive_queue.head, sk_buff, link);
    const bool changed = tail != last || (tail != nullptr && tail->consumed != last_consumed) || READ_ONCE(sk->sk_err) != 0 ||
                         (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN) != 0 || sk->dead;
    spin_unlock(&sk->lock);
    if (signal_pending(current())) {
      ret = -ERESTARTSYS;
      break;
    }
    if (changed) break;
    schedule();
  }
  finish_wait(&sk->wq, &wait);
  return ret;
}

/// The first message, left in the queue; as skb_recv_datagram(). iolock held on success.
sk_buff* dgram_first(unix_sock* sk, bool nonblock, int* err) noexcept {
  for (;;) {
    mutex_lock(&sk->iolock);
    spin_lock(&sk->lock);
    sk_buff* const skb = list_first_entry_or_null(&sk->receive_queue.head, sk_buff, link);
    const bool over = (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN) != 0;
    spin_unlock(&sk->lock);
    *err = sock_error(sk);
    if (*err == 0 && skb != nullptr) return skb;
    mutex_unlock(&sk->iolock);
    if (*err != 0) return nullptr;
    // A reader that may not wait hears of an end only on sequenced packets.
    const bool listening = READ_ONCE(sk->sk_state) == TCP_LISTEN_;
    if (nonblock) {
      *err = over && sk->type == SOCK_SEQPACKET && !listening ? 0 : -EAGAIN;
      return nullptr;
    }
    if (over) return nullptr;
    *err = wait_for_data(sk, nullptr, 0);
    if (*err != 0) return nullptr;
  }
}

// Models unix_dgram_recvmsg() (5.4), for sequenced packets too.
s64 unix_dgram_recvmsg(unix_sock* sk, msghdr* msg, u32 flags) noexcept {
  if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
  int err = 0;
  sk_buff* const skb = dgram_first(sk, (flags & MSG_DONTWAIT) != 0, &err);
  if (skb == nullptr) return err;
  const bool peek = (flags & MSG_PEEK) != 0;
  if (!peek) {
    spin_lock(&sk->lock);
    unlink(sk, skb);
    spin_unlock(&sk->lock);
  }
  if (wq_has_sleeper(&sk->peer_wait, "unix_dgram_recvmsg.peer_wait")) wake_up_interruptible_sync_poll(&sk->peer_wait, kWriteKey);
  if (msg->wants_name) unix_copy_addr(msg, skb->owner);
  const u64 bytes = std::min(skb->len, iov_iter_count(&msg->msg_iter));
  if (bytes < skb->len) msg->msg_flags |= MSG_TRUNC;
  s64 ret = (flags & MSG_TRUNC) != 0 ? static_cast<s64>(skb->len) : static_cast<s64>(bytes);
  scm_cookie scm;
  if (copy_to_iter(skb->data, bytes, &msg->msg_iter) < bytes)
    ret = -EFAULT;
  else if (skb->fp != nullptr)
    scm.fp = peek ? scm_fp_dup(skb->fp) : std::exchange(skb->fp, nullptr);
  if (ret >= 0) scm_recv(msg, &scm, flags);
  if (!peek) kfree_skb(skb);
  mutex_unlock(&sk->iolock);
  return ret;
}

/// One reading of a stream.
struct stream_read {
  unix_sock* sk;
  msghdr* msg;
  u32 flags;
  scm_cookie scm;
  s64 copied = 0;
  int err = 0;

  /// Copies out of `skb`, from the first byte nobody has read. False: stop.
  bool take(sk_buff* skb) noexcept {
    if (msg->wants_name) unix_copy_addr(msg, skb->owner);
    const u64 chunk = std::min(skb->len - skb->consumed, iov_iter_count(&msg->msg_iter));
    if (copy_to_iter(skb->data + skb->consumed, chunk, &msg->msg_iter) < chunk) {
      if (copied == 0) copied = -EFAULT;
      return false;
    }
    copied += static_cast<s64>(chunk);
    if ((flags & MSG_PEEK) != 0) {
      if (skb->fp != nullptr) scm.fp = scm_fp_dup(skb->fp);
      return skb->fp == nullptr;
    }
    skb->consumed += chunk;
    if (skb->fp != nullptr) scm.fp = std::exchange(skb->fp, nullptr);
    if (skb->consumed < skb->len) return false;
    spin_lock(&sk->lock);
    unlink(sk, skb);
    spin_unlock(&sk->lock);
    kfree_skb(skb);
    return scm.fp == nullptr;  // files end a reading
  }
};

/// The message to read next: `after` the one that was peeked at, or the first.
sk_buff* next_to_read(unix_sock* sk, const sk_buff* after) noexcept {
  list_head* const head = &sk->receive_queue.head;
  list_head* const at = after != nullptr ? after->link.next : head->next;
  return at == head ? nullptr : list_entry(at, sk_buff, link);
}

// Models unix_stream_read_generic() (5.4). A message that a reader is copying stays in the queue: iolock keeps others away.
s64 unix_stream_recvmsg(unix_sock* sk, msghdr* msg, u32 flags) noexcept {
  if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED_) return -EINVAL;
  if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
  const u64 size = iov_iter_count(&msg->msg_iter);
  const u64 target = (flags & MSG_WAITALL) != 0 ? size : std::min<u64>(1, size);  // sock_rcvlowat(): 1, or all
  stream_read reading{sk, msg, flags, {}};
  const sk_buff* peeked = nullptr;
  mutex_lock(&sk->iolock);
  do {
    spin_lock(&sk->lock);
    sk_buff* const skb = sk->dead ? nullptr : next_to_read(sk, peeked);
    const bool dead = sk->dead;
    const bool over = (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN) != 0;
    const sk_buff* const last =
        list_empty(&sk->receive_queue.head) ? nullptr : list_last_entry(&sk->receive_queue.head, sk_buff, link);
    const u64 last_consumed = last != nullptr ? last->consumed : 0;
    spin_unlock(&sk->lock);
    if (dead) {
      reading.err = -ECONNRESET;
      break;
    }
    if (skb != nullptr) {
      if (!reading.take(skb)) break;
      if ((flags & MSG_PEEK) != 0) peeked = skb;
      continue;
    }
    // A peek that reached the end of the queue is over; only the first look waits.
    if (peeked != nullptr && reading.copied != 0 && (flags & MSG_WAITALL) == 0) break;
    if (reading.copied >= 0 && static_cast<u64>(reading.copied) >= target && reading.copied != 0) break;
    reading.err = sock_error(sk);
    if (reading.err != 0 || over) break;
    if ((flags & MSG_DONTWAIT) != 0) {
      reading.err = -EAGAIN;
      break;
    }
    mutex_unlock(&sk->iolock);
    reading.err = wait_for_data(sk, last, last_consumed);
    if (reading.err != 0) {
      scm_destroy(&reading.scm);
      return reading.copied != 0 ? reading.copied : reading.err;
    }
    mutex_lock(&sk->iolock);
  } while (iov_iter_count(&msg->msg_iter) != 0);
  mutex_unlock(&sk->iolock);
  scm_recv(msg, &reading.scm, flags);
  return reading.copied != 0 ? reading.copied : reading.err;
}

}  // namespace

sk_buff* skb_recv_datagram(unix_sock* sk, bool nonblock, int* err) noexcept {
  for (;;) {
    sk_buff* const skb = dgram_first(sk, nonblock, err);
    if (skb == nullptr) return nullptr;
    spin_lock(&sk->lock);
    unlink(sk, skb);
    spin_unlock(&sk->lock);
    mutex_unlock(&sk->iolock);
    return skb;
  }
}

s64 unix_sendmsg(socket* sock, msghdr* msg) noexcept {
  unix_sock* const sk = sock->sk;
  scm_cookie scm;
  if (sk->type == SOCK_SEQPACKET) {
    // Models unix_seqpacket_sendmsg().
    const int err = sock_error(sk);
    if (err != 0) return err;
    if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED_) return -ENOTCONN;
    msg->msg_namelen = 0;
  }
  const int ret = scm_send(msg, &scm);
  if (ret != 0) return ret;
  const s64 sent = sk->type == SOCK_STREAM ? unix_stream_sendmsg(sk, msg, &scm) : unix_dgram_sendmsg(sk, msg, &scm);
  scm_destroy(&scm);
  return sent;
}

s64 unix_recvmsg(socket* sock, msghdr* msg, u32 flags) noexcept {
  unix_sock* const sk = sock->sk;
  if (sk->type == SOCK_STREAM) return unix_stream_recvmsg(sk, msg, flags);
  if (sk->type == SOCK_SEQPACKET && READ_ONCE(sk->sk_state) != TCP_ESTABLISHED_) return -ENOTCONN;
  return unix_dgram_recvmsg(sk, msg, flags);
}

}  // namespace uringsim::kernel
