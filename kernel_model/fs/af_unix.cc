// SPDX-License-Identifier: GPL-2.0-only
// Birth, death, names and connections of AF_UNIX sockets.
#include "kernel_model/fs/af_unix.h"

#include <poll.h>

#include <cstddef>
#include <cstring>
#include <utility>

#include "kernel_model/core/signal.h"
#include "kernel_model/fs/namei.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

constexpr u32 kReadKey = POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND;
constexpr u32 kWriteKey = POLLOUT | POLLWRNORM | POLLWRBAND;

bool connection_based(const unix_sock* sk) noexcept { return sk->type == SOCK_STREAM || sk->type == SOCK_SEQPACKET; }

/// Models unix_dgram_peer_wake_relay(): room in the peer's queue is news for our pollers, once.
int peer_wake_relay(wait_queue_entry* entry, unsigned, int, void* key) {
  unix_sock* const sk = container_of(entry, unix_sock, peer_wake);
  __remove_wait_queue(entry->head, entry);
  if (wq_has_sleeper(&sk->wq, "unix_dgram_peer_wake_relay")) wake_up_interruptible_poll(&sk->wq, key_to_poll(key));
  return 0;
}

unix_sock* find_by_name(const sockaddr_un* address, int length, int type) noexcept {
  unix_sock* found = nullptr;
  vfs_state& state = vfs();
  spin_lock(&state.unix_table_lock);
  list_for_each_entry(sk, &state.unix_sockets, unix_sock, names) {
    if (sk->path != nullptr || sk->name_len != length || sk->type != type) continue;
    if (std::memcmp(&sk->name, address, static_cast<size_t>(length)) != 0) continue;
    sock_hold(sk);
    found = sk;
    break;
  }
  spin_unlock(&state.unix_table_lock);
  return found;
}

unix_sock* find_by_inode(const inode* node) noexcept {
  unix_sock* found = nullptr;
  vfs_state& state = vfs();
  spin_lock(&state.unix_table_lock);
  list_for_each_entry(sk, &state.unix_sockets, unix_sock, names) {
    if (sk->path != node) continue;
    sock_hold(sk);
    found = sk;
    break;
  }
  spin_unlock(&state.unix_table_lock);
  return found;
}

/// Enters the socket's name into the table, or says that it is taken. bindlock held.
int insert_name(unix_sock* sk, const sockaddr_un* address, int length, inode* path) noexcept {
  if (path == nullptr) {
    unix_sock* const holder = find_by_name(address, length, sk->type);
    if (holder != nullptr) {
      sock_put(holder);
      return -EADDRINUSE;
    }
  }
  vfs_state& state = vfs();
  arch::plain_range(&sk->name, sizeof(sk->name), true);
  sk->name = *address;
  sk->path = path;
  spin_lock(&state.unix_table_lock);
  smp_store_release(sk->name_len, length, "unix_bind.name");  // who sees the length sees the name
  list_add_tail(&sk->names, &state.unix_sockets);
  spin_unlock(&state.unix_table_lock);
  return 0;
}

/// A free abstract name of five hexadecimal digits. Models unix_autobind().
int unix_autobind(unix_sock* sk) noexcept {
  mutex_lock(&sk->bindlock);
  int ret = 0;
  while (sk->name_len == 0) {
    const u32 number = fetch_add(vfs().unix_ordernum, 1, Order::relaxed) & 0xfffff;
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    for (unsigned i = 0; i < 5; i++) address.sun_path[1 + i] = "0123456789abcdef"[number >> (4 * (4 - i)) & 15];
    ret = insert_name(sk, &address, static_cast<int>(sizeof(short)) + 6, nullptr);
    if (ret != -EADDRINUSE) break;
  }
  mutex_unlock(&sk->bindlock);
  return ret;
}

/// The listener takes one more connection: joins sk, fresh and `other` (both locked). Models the heart of unix_stream_connect().
void join(socket* sock, unix_sock* fresh, unix_sock* other) noexcept {
  unix_sock* const sk = sock->sk;
  sock_hold(sk);
  fresh->peer = sk;
  fresh->sk_state = TCP_ESTABLISHED_;
  fresh->type = sk->type;
  fresh->name = other->name;
  fresh->name_len = other->name_len;
  sock->state = SS_CONNECTED;
  WRITE_ONCE(sk->sk_state, TCP_ESTABLISHED_);
  sock_hold(fresh);
  smp_mb__after_atomic("unix_stream_connect.peer");
  WRITE_ONCE(sk->peer, fresh);
}

/// The listener, locked, or ERR_PTR. Models the checks of unix_stream_connect().
unix_sock* lock_listener(const sockaddr_un* address, int length, int type, bool nonblock) noexcept {
  for (;;) {
    unix_sock* const other = unix_find_other(address, length, type);
    if (IS_ERR(other)) return other;
    spin_lock(&other->lock);
    int ret = 0;
    if (other->dead) {
      spin_unlock(&other->lock);
      sock_put(other);
      continue;
    }
    if (READ_ONCE(other->sk_state) != TCP_LISTEN_ || (READ_ONCE(other->sk_shutdown) & RCV_SHUTDOWN) != 0) ret = -ECONNREFUSED;
    if (ret == 0 && !unix_recvq_full(other)) return other;
    if (ret == 0 && !nonblock) {
      ret = unix_wait_for_peer(other);  // unlocks
      sock_put(other);
      if (ret != 0) return ERR_PTR<unix_sock>(ret);
      continue;
    }
    spin_unlock(&other->lock);
    sock_put(other);
    return ERR_PTR<unix_sock>(ret != 0 ? ret : -EAGAIN);
  }
}

// Models unix_stream_connect() (5.4).
int unix_stream_connect(socket* sock, sockaddr_un* address, int length, bool nonblock) noexcept {
  unix_sock* const sk = sock->sk;
  length = unix_mkname(address, length);
  if (length < 0) return length;
  unix_sock* const fresh = unix_create(sk->type);
  sk_buff* const skb = kmalloc<sk_buff>();
  if (fresh == nullptr || skb == nullptr) {
    if (fresh != nullptr) unix_release_sock(fresh, false);
    kfree(skb);
    return -ENOMEM;
  }
  unix_sock* const other = lock_listener(address, length, sk->type, nonblock);
  int ret = IS_ERR(other) ? PTR_ERR(other) : 0;
  if (ret == 0) {
    const u32 state = READ_ONCE(sk->sk_state);
    if (state != TCP_CLOSE_) {
      ret = state == TCP_ESTABLISHED_ ? -EISCONN : -EINVAL;
      spin_unlock(&other->lock);
    }
  }
  if (ret != 0) {
    kfree(skb);
    unix_release_sock(fresh, false);
    if (!IS_ERR(other)) sock_put(other);
    return ret;
  }
  spin_lock(&sk->lock);  // in this order only here: a listener never connects
  join(sock, fresh, other);
  spin_unlock(&sk->lock);
  skb->embryo = fresh;
  list_add_tail(&skb->link, &other->receive_queue.head);
  receive_queue_changed(other, 1);
  spin_unlock(&other->lock);
  sk_data_ready(other);
  sock_put(other);
  return 0;
}

// Models unix_dgram_connect() (5.4).
int unix_dgram_connect(socket* sock, sockaddr_un* address, int length) noexcept {
  unix_sock* const sk = sock->sk;
  if (length < static_cast<int>(sizeof(sa_family_t))) return -EINVAL;
  unix_sock* other = nullptr;
  if (address->sun_family != AF_UNSPEC) {
    length = unix_mkname(address, length);
    if (length < 0) return length;
    other = unix_find_other(address, length, sk->type);
    if (IS_ERR(other)) return PTR_ERR(other);
    unix_sock* const its_peer = READ_ONCE(other->peer);
    if (its_peer != nullptr && its_peer != sk) {
      sock_put(other);
      return -EPERM;
    }
  }
  unix_state_double_lock(sk, other);
  unix_sock* const old = READ_ONCE(sk->peer);
  WRITE_ONCE(sk->peer, other);
  unix_dgram_peer_wake_disconnect(sk);
  unix_state_double_unlock(sk, other);
  if (old == nullptr) return 0;
  if (wq_has_sleeper(&sk->wq, "unix_dgram_connect")) wake_up_interruptible_poll(&sk->wq, kWriteKey);
  if (old != other && !shared_list_empty(&sk->receive_queue)) {  // unix_dgram_disconnected(): what came from the old peer is void
    list_head stale;
    spin_lock(&sk->lock);
    list_splice_init(&sk->receive_queue.head, &stale);
    receive_queue_changed(sk, -static_cast<int>(sk->receive_queue.count));
    spin_unlock(&sk->lock);
    list_for_each_entry_safe(skb, next, &stale, sk_buff, link) kfree_skb(skb);
    wake_up_interruptible_all(&sk->peer_wait);
    if (READ_ONCE(old->peer) == sk) {
      WRITE_ONCE(old->sk_err, ECONNRESET);
      sk_state_change(old);
    }
  }
  sock_put(old);
  return 0;
}

}  // namespace

unix_sock* unix_create(int type) noexcept {
  unix_sock* const sk = kmalloc<unix_sock>();
  if (sk == nullptr) return nullptr;
  refcount_set(&sk->refs, 1);
  sk->id = fetch_add(vfs().last_socket, 1, Order::relaxed) + 1;
  sk->type = type;
  init_waitqueue_head(&sk->wq);
  init_waitqueue_head(&sk->peer_wait);
  init_waitqueue_func_entry(&sk->peer_wake, peer_wake_relay);
  return sk;
}

void sock_hold(unix_sock* sk) noexcept { refcount_inc(&sk->refs); }
void sock_put(unix_sock* sk) noexcept {
  if (!refcount_dec_and_test(&sk->refs)) return;
  iput(sk->path);
  kfree(sk);
}

void unix_state_double_lock(unix_sock* a, unix_sock* b) noexcept {
  if (b == nullptr || a == b) return spin_lock(&a->lock);
  if (b->id < a->id) std::swap(a, b);
  spin_lock(&a->lock);
  spin_lock(&b->lock);
}

void unix_state_double_unlock(unix_sock* a, unix_sock* b) noexcept {
  spin_unlock(&a->lock);
  if (b != nullptr && a != b) spin_unlock(&b->lock);
}

int sock_error(unix_sock* sk) noexcept { return READ_ONCE(sk->sk_err) != 0 ? -xchg(sk->sk_err, 0) : 0; }

void sk_data_ready(unix_sock* sk) noexcept {
  if (wq_has_sleeper(&sk->wq, "sock_def_readable")) wake_up_interruptible_sync_poll(&sk->wq, kReadKey);
}

void sk_state_change(unix_sock* sk) noexcept {
  if (wq_has_sleeper(&sk->wq, "sock_def_wakeup")) wake_up_interruptible_all(&sk->wq);
}

bool unix_writable(const unix_sock* sk) noexcept {
  return READ_ONCE(sk->sk_state) != TCP_LISTEN_ && static_cast<u32>(atomic_read(&sk->wmem_alloc)) << 2 <= kSendBuffer;
}

// The room goes back to the sender, whose pollers hear of it. Models sock_wfree() and unix_write_space().
void kfree_skb(sk_buff* skb) noexcept {
  if (skb->fp != nullptr) scm_fp_free(skb->fp);
  unix_sock* const owner = skb->owner;
  const u32 truesize = skb->truesize;
  if (skb->data != nullptr) kfree_array(skb->data, skb->len);
  kfree(skb);
  if (owner == nullptr) return;
  (void)fetch_add(owner->wmem_alloc.counter, -static_cast<int>(truesize));
  if (unix_writable(owner) && wq_has_sleeper(&owner->wq, "unix_write_space"))
    wake_up_interruptible_sync_poll(&owner->wq, kWriteKey);
  sock_put(owner);
}

// Models unix_release_sock() (5.4).
void unix_release_sock(unix_sock* sk, bool embryo) noexcept {
  vfs_state& state = vfs();
  spin_lock(&state.unix_table_lock);
  if (sk->names.next != &sk->names) list_del_init(&sk->names);
  spin_unlock(&state.unix_table_lock);
  spin_lock(&sk->lock);
  sk->dead = true;
  WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
  const u32 old_state = READ_ONCE(sk->sk_state);
  WRITE_ONCE(sk->sk_state, TCP_CLOSE_);
  unix_sock* const peer = READ_ONCE(sk->peer);
  WRITE_ONCE(sk->peer, nullptr);
  unix_dgram_peer_wake_disconnect(sk);
  spin_unlock(&sk->lock);
  wake_up_interruptible_all(&sk->peer_wait);
  if (peer != nullptr) {
    if (connection_based(sk)) {
      spin_lock(&peer->lock);
      WRITE_ONCE(peer->sk_shutdown, SHUTDOWN_MASK);
      if (!shared_list_empty(&sk->receive_queue) || embryo) WRITE_ONCE(peer->sk_err, ECONNRESET);
      spin_unlock(&peer->lock);
      sk_state_change(peer);
    }
    sock_put(peer);
  }
  for (;;) {
    spin_lock(&sk->lock);
    sk_buff* const skb = list_first_entry_or_null(&sk->receive_queue.head, sk_buff, link);
    if (skb != nullptr) {
      list_del(&skb->link);
      receive_queue_changed(sk, -1);
    }
    spin_unlock(&sk->lock);
    if (skb == nullptr) break;
    if (old_state == TCP_LISTEN_ && skb->embryo != nullptr) unix_release_sock(skb->embryo, true);
    kfree_skb(skb);
  }
  sock_put(sk);
}

int unix_mkname(sockaddr_un* address, int length) noexcept {
  if (length <= static_cast<int>(sizeof(sa_family_t)) || length > static_cast<int>(sizeof(*address))) return -EINVAL;
  if (address->sun_family != AF_UNIX) return -EINVAL;
  if (address->sun_path[0] == '\0') return length;  // abstract: every byte counts
  const size_t most = static_cast<size_t>(length) - offsetof(sockaddr_un, sun_path);
  const size_t text = strnlen(address->sun_path, most);
  if (text < sizeof(address->sun_path)) address->sun_path[text] = '\0';
  return static_cast<int>(offsetof(sockaddr_un, sun_path) + text + 1);
}

unix_sock* unix_find_other(const sockaddr_un* address, int length, int type) noexcept {
  unix_sock* found = nullptr;
  if (address->sun_path[0] == '\0') {
    found = find_by_name(address, length, type);
    return found != nullptr ? found : ERR_PTR<unix_sock>(-ECONNREFUSED);
  }
  char path[sizeof(address->sun_path) + 1] = {};
  std::memcpy(path, address->sun_path, sizeof(address->sun_path));
  inode* const node = user_path_at(AT_FDCWD, path);
  if (IS_ERR(node)) return ERR_PTR<unix_sock>(PTR_ERR(node));
  int ret = inode_permission(node, MAY_WRITE_);
  if (ret == 0 && !S_ISSOCK(node->i_mode)) ret = -ECONNREFUSED;
  if (ret == 0) {
    found = find_by_inode(node);
    if (found == nullptr) ret = -ECONNREFUSED;
  }
  iput(node);
  if (found != nullptr && found->type != type) {
    sock_put(found);
    return ERR_PTR<unix_sock>(-EPROTOTYPE);
  }
  return ret == 0 ? found : ERR_PTR<unix_sock>(ret);
}

int unix_wait_for_peer(unix_sock* other) noexcept {
  wait_entry wait;
  prepare_to_wait_exclusive(&other->peer_wait, &wait, TASK_INTERRUPTIBLE);
  const bool sleep = !other->dead && (READ_ONCE(other->sk_shutdown) & RCV_SHUTDOWN) == 0 && unix_recvq_full(other);
  spin_unlock(&other->lock);
  if (sleep) schedule();
  finish_wait(&other->peer_wait, &wait);
  return signal_pending(current()) ? -ERESTARTSYS : 0;
}

bool unix_dgram_peer_wake_me(unix_sock* sk, unix_sock* other) noexcept {
  if (sk->peer_wake_on == nullptr) {
    sock_hold(other);
    sk->peer_wake_on = other;
  }
  spin_lock(&other->peer_wait.lock);  // the relay takes it off under this lock
  if (sk->peer_wake.head == nullptr) __add_wait_queue(&other->peer_wait, &sk->peer_wake);
  spin_unlock(&other->peer_wait.lock);
  if (unix_recvq_full(other)) return true;
  unix_dgram_peer_wake_disconnect(sk);
  return false;
}

void unix_dgram_peer_wake_disconnect(unix_sock* sk) noexcept {
  unix_sock* const other = sk->peer_wake_on;
  if (other == nullptr) return;
  remove_wait_queue(&other->peer_wait, &sk->peer_wake);
  sk->peer_wake_on = nullptr;
  sock_put(other);
}

// Models unix_bind() (5.4).
int unix_bind(socket* sock, sockaddr_un* address, int length) noexcept {
  unix_sock* const sk = sock->sk;
  if (length < static_cast<int>(sizeof(sa_family_t)) || address->sun_family != AF_UNIX) return -EINVAL;
  if (length == static_cast<int>(sizeof(sa_family_t))) return unix_autobind(sk);
  length = unix_mkname(address, length);
  if (length < 0) return length;
  inode* node = nullptr;
  if (address->sun_path[0] != '\0') {
    char path[sizeof(address->sun_path) + 1] = {};
    std::memcpy(path, address->sun_path, sizeof(address->sun_path));
    node = vfs_mknod_at(AT_FDCWD, path, S_IFSOCK | 0777, nullptr);
    if (IS_ERR(node)) return PTR_ERR(node) == -EEXIST ? -EADDRINUSE : PTR_ERR(node);
  }
  mutex_lock(&sk->bindlock);
  const int ret = sk->name_len != 0 ? -EINVAL : insert_name(sk, address, length, node);
  mutex_unlock(&sk->bindlock);
  if (ret != 0) iput(node);
  return ret;
}

int unix_listen(socket* sock, int backlog) noexcept {
  unix_sock* const sk = sock->sk;
  if (!connection_based(sk)) return -EOPNOTSUPP;
  if (READ_ONCE(sk->name_len) == 0) return -EINVAL;
  spin_lock(&sk->lock);
  int ret = -EINVAL;
  if (READ_ONCE(sk->sk_state) == TCP_CLOSE_ || READ_ONCE(sk->sk_state) == TCP_LISTEN_) {
    if (static_cast<u32>(backlog) > sk->max_ack_backlog) wake_up_interruptible_all(&sk->peer_wait);
    WRITE_ONCE(sk->max_ack_backlog, static_cast<u32>(backlog));
    WRITE_ONCE(sk->sk_state, TCP_LISTEN_);
    ret = 0;
  }
  spin_unlock(&sk->lock);
  return ret;
}

int unix_connect(socket* sock, sockaddr_un* address, int length, u32 file_flags) noexcept {
  if (!connection_based(sock->sk)) return unix_dgram_connect(sock, address, length);
  return unix_stream_connect(sock, address, length, (file_flags & O_NONBLOCK) != 0);
}

void unix_socketpair(socket* a, socket* b) noexcept {
  sock_hold(a->sk);
  sock_hold(b->sk);
  a->sk->peer = b->sk;
  b->sk->peer = a->sk;
  if (!connection_based(a->sk)) return;
  a->sk->sk_state = b->sk->sk_state = TCP_ESTABLISHED_;
  a->state = b->state = SS_CONNECTED;
}

// Models unix_accept() (5.4).
int unix_accept(socket* sock, socket* fresh, u32 file_flags) noexcept {
  unix_sock* const sk = sock->sk;
  if (!connection_based(sk)) return -EOPNOTSUPP;
  if (READ_ONCE(sk->sk_state) != TCP_LISTEN_) return -EINVAL;
  int err = 0;
  sk_buff* const skb = skb_recv_datagram(sk, (file_flags & O_NONBLOCK) != 0, &err);
  if (skb == nullptr) return err == 0 ? -EINVAL : err;
  unix_sock* const accepted = std::exchange(skb->embryo, nullptr);
  kfree_skb(skb);
  wake_up_interruptible(&sk->peer_wait);
  unix_release_sock(std::exchange(fresh->sk, accepted), false);  // the one that came with the fresh socket is of no use
  fresh->state = SS_CONNECTED;
  return 0;
}

// Models unix_shutdown() (5.4).
int unix_shutdown(socket* sock, int how) noexcept {
  unix_sock* const sk = sock->sk;
  if (how < SHUT_RD || how > SHUT_RDWR) return -EINVAL;
  const u32 mode = static_cast<u32>(how) + 1;
  spin_lock(&sk->lock);
  WRITE_ONCE(sk->sk_shutdown, READ_ONCE(sk->sk_shutdown) | mode);
  unix_sock* const other = READ_ONCE(sk->peer);
  if (other != nullptr) sock_hold(other);
  spin_unlock(&sk->lock);
  sk_state_change(sk);
  if (other == nullptr) return 0;
  if (connection_based(sk)) {
    const u32 theirs =
        ((mode & RCV_SHUTDOWN) != 0 ? u32{SEND_SHUTDOWN} : 0) | ((mode & SEND_SHUTDOWN) != 0 ? u32{RCV_SHUTDOWN} : 0);
    spin_lock(&other->lock);
    WRITE_ONCE(other->sk_shutdown, READ_ONCE(other->sk_shutdown) | theirs);
    spin_unlock(&other->lock);
    sk_state_change(other);
  }
  sock_put(other);
  return 0;
}

namespace {

// Models unix_dgram_poll()'s look at the queue of a peer that is connected to somebody else.
bool peer_has_room(unix_sock* sk) noexcept {
  spin_lock(&sk->lock);
  unix_sock* const other = READ_ONCE(sk->peer);
  const bool full =
      other != nullptr && READ_ONCE(other->peer) != sk && unix_recvq_full(other) && unix_dgram_peer_wake_me(sk, other);
  spin_unlock(&sk->lock);
  return !full;
}

}  // namespace

// Models unix_poll() and unix_dgram_poll() (5.4).
u32 unix_poll(file* file, socket* sock, poll_table_struct* table) noexcept {
  unix_sock* const sk = sock->sk;
  if (!poll_does_not_wait(table)) {
    poll_wait(file, &sk->wq, table);
    smp_mb("sock_poll_wait");  // pairs with wq_has_sleeper() of whoever changes what is looked at below
  }
  u32 mask = 0;
  const u32 shutdown = READ_ONCE(sk->sk_shutdown);
  if (READ_ONCE(sk->sk_err) != 0) mask |= POLLERR;
  if (shutdown == SHUTDOWN_MASK) mask |= POLLHUP;
  if ((shutdown & RCV_SHUTDOWN) != 0) mask |= POLLRDHUP | POLLIN | POLLRDNORM;
  if (!shared_list_empty(&sk->receive_queue)) mask |= POLLIN | POLLRDNORM;
  if (connection_based(sk) && READ_ONCE(sk->sk_state) == TCP_CLOSE_) mask |= POLLHUP;
  const bool asks_for_room = table == nullptr || (table->_key & kWriteKey) != 0;
  if (sk->type != SOCK_STREAM && !asks_for_room) return mask;
  if (unix_writable(sk) && (sk->type == SOCK_STREAM || peer_has_room(sk))) mask |= kWriteKey;
  return mask;
}

}  // namespace uringsim::kernel
