// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/socket.h"

#include <poll.h>

#include <algorithm>

#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/af_unix.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

constexpr int kTypeMask = 0xf;
constexpr int kAddressMax = 128;   // struct sockaddr_storage
constexpr u64 kOptmemMax = 20480;  // net.core.optmem_max

// ---- the file --------------------------------------------------------------------------------------------------------

socket* socket_of(file* file) { return static_cast<socket*>(file->private_data); }

// Models net/socket.c:sock_read_iter() (5.4).
s64 sock_read_iter(kiocb* iocb, iov_iter* to) {
  socket* const sock = socket_of(iocb->ki_filp);
  if (iocb->ki_pos != 0) return -ESPIPE;
  if (iov_iter_count(to) == 0) return 0;
  msghdr msg;
  msg.msg_iter = *to;
  const u32 flags = (READ_ONCE(iocb->ki_filp->f_flags) & O_NONBLOCK) != 0 ? static_cast<u32>(MSG_DONTWAIT) : 0;
  const s64 ret = sock_recvmsg(sock, &msg, flags);
  *to = msg.msg_iter;
  return ret;
}

// Models net/socket.c:sock_write_iter() (5.4).
s64 sock_write_iter(kiocb* iocb, iov_iter* from) {
  socket* const sock = socket_of(iocb->ki_filp);
  if (iocb->ki_pos != 0) return -ESPIPE;
  msghdr msg;
  msg.msg_iter = *from;
  if ((READ_ONCE(iocb->ki_filp->f_flags) & O_NONBLOCK) != 0) msg.msg_flags = MSG_DONTWAIT;
  if (sock->type == SOCK_SEQPACKET) msg.msg_flags |= MSG_EOR;
  const s64 ret = sock_sendmsg(sock, &msg);
  *from = msg.msg_iter;
  return ret;
}

u32 sock_poll(file* file, poll_table_struct* table) { return unix_poll(file, socket_of(file), table); }

int sock_close(inode*, file* file) {
  socket* const sock = socket_of(file);
  if (sock->sk != nullptr) unix_release_sock(sock->sk, false);
  sock->sk = nullptr;
  return 0;
}

int sock_fasync(int, file* file, int on) {
  WRITE_ONCE(file->f_flags, on != 0 ? file->f_flags | FASYNC : file->f_flags & ~static_cast<u32>(FASYNC));
  return 0;
}

constexpr file_operations socket_file_ops = {
    .name = "socket",
    .llseek = no_llseek,
    .read_iter = sock_read_iter,
    .write_iter = sock_write_iter,
    .poll = sock_poll,
    .fasync = sock_fasync,
    .release = sock_close,
    .socket_of = socket_of,
};

void evict_socket(inode* inode) { kfree(static_cast<socket*>(inode->i_private)); }

/// A socket and its file. Models sock_create() and sock_alloc_file(): ERR_PTR(-errno).
file* sock_alloc_file(int type, u32 flags) noexcept {
  inode* const node = new_inode(&vfs().anon_sb, S_IFSOCK | 0777);
  if (node == nullptr) return ERR_PTR<file>(-ENFILE);
  node->evict = evict_socket;
  socket* const sock = kmalloc<socket>();
  node->i_private = sock;
  file* const made = sock != nullptr ? alloc_file(node, O_RDWR | (flags & O_NONBLOCK), &socket_file_ops) : nullptr;
  if (made == nullptr) {
    iput(node);
    return ERR_PTR<file>(-ENFILE);
  }
  made->private_data = sock;
  sock->type = type;
  sock->file = made;
  sock->sk = unix_create(type);
  if (sock->sk != nullptr) return made;
  __fput_sync(made);
  return ERR_PTR<file>(-ENOMEM);
}

/// Models the checks of __sys_socket() and sock_create(): 0 or -errno.
int check_kind(int family, int* type, int protocol, u32* flags) noexcept {
  *flags = static_cast<u32>(*type & ~kTypeMask);
  if ((*flags & ~static_cast<u32>(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return -EINVAL;
  *type &= kTypeMask;
  if (family < 0 || family >= AF_MAX) return -EAFNOSUPPORT;
  if (*type >= SOCK_PACKET + 1) return -EINVAL;
  if (family != AF_UNIX) return -EAFNOSUPPORT;
  if (protocol != 0 && protocol != PF_UNIX) return -EPROTONOSUPPORT;
  if (*type == SOCK_RAW) *type = SOCK_DGRAM;
  return *type == SOCK_STREAM || *type == SOCK_DGRAM || *type == SOCK_SEQPACKET ? 0 : -ESOCKTNOSUPPORT;
}

/// A descriptor for the file, which it takes over: fd or -errno.
int map_fd(file* file, u32 flags) noexcept {
  const int fd = get_unused_fd_flags(flags);
  if (fd < 0)
    fput(file);
  else
    fd_install(static_cast<unsigned>(fd), file);
  return fd;
}

/// sockfd_lookup(): the socket of a descriptor, while `guard` lives. Null and *err.
socket* sockfd_lookup(const fd_guard& guard, int* err) noexcept {
  if (!guard) {
    *err = -EBADF;
    return nullptr;
  }
  return sock_from_file(guard.get(), err);
}

// ---- addresses and messages of the application ------------------------------------------------------------------------

/// Models move_addr_to_kernel(). Only AF_UNIX's length is kept.
int move_addr_to_kernel(uptr address, int length, sockaddr_un* to) noexcept {
  if (length < 0 || length > kAddressMax) return -EINVAL;
  u8 bytes[kAddressMax] = {};
  if (length != 0 && copy_from_user(bytes, address, static_cast<u64>(length)) != 0) return -EFAULT;
  *to = {};
  std::copy_n(bytes, std::min<size_t>(static_cast<size_t>(length), sizeof(*to)), reinterpret_cast<u8*>(to));
  return 0;
}

/// Models move_addr_to_user().
int move_addr_to_user(const sockaddr_un& from, int length, uptr address, uptr length_at) noexcept {
  s32 room = 0;
  if (!get_user(&room, length_at)) return -EFAULT;
  room = std::min(room, length);
  if (room < 0) return -EINVAL;
  if (room != 0 && copy_to_user(address, &from, static_cast<u64>(room)) != 0) return -EFAULT;
  return put_user(length, length_at) ? 0 : -EFAULT;
}

/// A msghdr of the application, and the iovec that belongs to it.
struct imported_msg {
  user_msghdr user;
  msghdr msg;
  user_iovec fast[UIO_FASTIOV];
  user_iovec* iov = fast;
  bool imported = false;

  imported_msg() = default;
  imported_msg(const imported_msg&) = delete;
  imported_msg& operator=(const imported_msg&) = delete;
  ~imported_msg() {
    if (imported) import_iovec_free(iov, fast, user.msg_iovlen);
    if (msg.control != nullptr) kfree_array(msg.control, msg.msg_controllen);
  }

  /// Models copy_msghdr_from_user() (5.4), in the order of its checks. `rw`: WRITE when sending.
  int copy(uptr umsg, int rw) noexcept {
    if (!get_user(&user, umsg)) return -EFAULT;
    msg.msg_namelen = user.msg_name != 0 ? user.msg_namelen : 0;
    if (msg.msg_namelen < 0) return -EINVAL;
    msg.msg_namelen = std::min(msg.msg_namelen, kAddressMax);
    if (rw == WRITE && msg.msg_namelen != 0) {
      const int ret = move_addr_to_kernel(user.msg_name, msg.msg_namelen, &msg.name);
      if (ret != 0) return ret;
    }
    msg.wants_name = rw == READ && user.msg_name != 0;
    if (user.msg_iovlen > UIO_MAXIOV) return -EMSGSIZE;
    const s64 total = import_iovec(rw, user.msg_iov, user.msg_iovlen, UIO_FASTIOV, &iov, &msg.msg_iter);
    if (total < 0) return static_cast<int>(total);
    imported = true;
    return 0;
  }
};

/// Models ____sys_sendmsg(): control data, flags, and off it goes. The flags are those of the call alone: what the msghdr says in
/// its own is for messages that come in (only sendmmsg() takes MSG_EOR from there).
s64 do_sendmsg(socket* sock, imported_msg* in, u32 flags) noexcept {
  if (in->user.msg_controllen > 0x7fffffff) return -ENOBUFS;
  if (in->user.msg_controllen != 0) {
    if (in->user.msg_controllen > kOptmemMax) return -ENOBUFS;
    in->msg.control = kcalloc<u8>(in->user.msg_controllen);
    if (in->msg.control == nullptr) return -ENOBUFS;
    in->msg.msg_controllen = in->user.msg_controllen;
    if (copy_from_user(in->msg.control, in->user.msg_control, in->user.msg_controllen) != 0) return -EFAULT;
  }
  in->msg.msg_flags = flags;
  if ((READ_ONCE(sock->file->f_flags) & O_NONBLOCK) != 0) in->msg.msg_flags |= MSG_DONTWAIT;
  return sock_sendmsg(sock, &in->msg);
}

/// Models ____sys_recvmsg(): what comes back goes to three places of the application's header.
s64 do_recvmsg(socket* sock, uptr umsg, imported_msg* in, u32 flags) noexcept {
  in->msg.user_control = in->user.msg_control;
  in->msg.msg_controllen = in->user.msg_controllen;
  in->msg.msg_flags = flags & MSG_CMSG_CLOEXEC;
  in->msg.msg_namelen = 0;
  if ((READ_ONCE(sock->file->f_flags) & O_NONBLOCK) != 0) flags |= MSG_DONTWAIT;
  const s64 len = sock_recvmsg(sock, &in->msg, flags);
  const u64 control_used = in->msg.user_control - in->user.msg_control;
  in->msg.msg_controllen = 0;  // it counts a buffer of the application's
  if (len < 0) return len;
  if (in->user.msg_name != 0) {
    const int ret =
        move_addr_to_user(in->msg.name, in->msg.msg_namelen, in->user.msg_name, umsg + offsetof(user_msghdr, msg_namelen));
    if (ret < 0) return ret;
  }
  if (!put_user(in->msg.msg_flags, umsg + offsetof(user_msghdr, msg_flags))) return -EFAULT;
  if (!put_user(control_used, umsg + offsetof(user_msghdr, msg_controllen))) return -EFAULT;
  return len;
}

}  // namespace

socket* sock_from_file(file* file, int* err) noexcept {
  if (file->f_op->socket_of != nullptr) return file->f_op->socket_of(file);
  *err = -ENOTSOCK;
  return nullptr;
}

s64 sock_sendmsg(socket* sock, msghdr* msg) noexcept { return unix_sendmsg(sock, msg); }
s64 sock_recvmsg(socket* sock, msghdr* msg, u32 flags) noexcept { return unix_recvmsg(sock, msg, flags); }

// Models net/socket.c:__sys_sendmsg_sock() (5.4.59).
s64 __sys_sendmsg_sock(socket* sock, uptr umsg, u32 flags) noexcept {
  imported_msg in;
  const int ret = in.copy(umsg, WRITE);
  if (ret != 0) return ret;
  if (in.user.msg_control != 0 || in.user.msg_controllen != 0) return -EINVAL;
  return do_sendmsg(sock, &in, flags);
}

s64 __sys_recvmsg_sock(socket* sock, uptr umsg, u32 flags) noexcept {
  imported_msg in;
  const int ret = in.copy(umsg, READ);
  if (ret != 0) return ret;
  if (in.user.msg_control != 0 || in.user.msg_controllen != 0) return -EINVAL;
  return do_recvmsg(sock, umsg, &in, flags);
}

s64 sys_sendmsg(int fd, uptr umsg, u32 flags) noexcept {
  fd_guard file(static_cast<unsigned>(fd));
  int err = 0;
  socket* const sock = sockfd_lookup(file, &err);
  if (sock == nullptr) return err;
  imported_msg in;
  err = in.copy(umsg, WRITE);
  return err != 0 ? err : do_sendmsg(sock, &in, flags);
}

s64 sys_recvmsg(int fd, uptr umsg, u32 flags) noexcept {
  fd_guard file(static_cast<unsigned>(fd));
  int err = 0;
  socket* const sock = sockfd_lookup(file, &err);
  if (sock == nullptr) return err;
  imported_msg in;
  err = in.copy(umsg, READ);
  return err != 0 ? err : do_recvmsg(sock, umsg, &in, flags);
}

// Models __sys_sendto() (5.4).
s64 sys_sendto(int fd, uptr buffer, u64 bytes, u32 flags, uptr address, int length) noexcept {
  msghdr msg;
  user_iovec iov;
  int err = import_single_range(WRITE, buffer, bytes, &iov, &msg.msg_iter);
  if (err != 0) return err;
  fd_guard file(static_cast<unsigned>(fd));
  socket* const sock = sockfd_lookup(file, &err);
  if (sock == nullptr) return err;
  if (address != 0) {
    err = move_addr_to_kernel(address, length, &msg.name);
    if (err < 0) return err;
    msg.msg_namelen = length;
  }
  msg.msg_flags = flags;
  if ((READ_ONCE(file->f_flags) & O_NONBLOCK) != 0) msg.msg_flags |= MSG_DONTWAIT;
  return sock_sendmsg(sock, &msg);
}

// Models __sys_recvfrom() (5.4).
s64 sys_recvfrom(int fd, uptr buffer, u64 bytes, u32 flags, uptr address, uptr length) noexcept {
  msghdr msg;
  user_iovec iov;
  int err = import_single_range(READ, buffer, bytes, &iov, &msg.msg_iter);
  if (err != 0) return err;
  fd_guard file(static_cast<unsigned>(fd));
  socket* const sock = sockfd_lookup(file, &err);
  if (sock == nullptr) return err;
  msg.wants_name = address != 0;
  if ((READ_ONCE(file->f_flags) & O_NONBLOCK) != 0) flags |= MSG_DONTWAIT;
  const s64 ret = sock_recvmsg(sock, &msg, flags);
  if (ret < 0 || address == 0) return ret;
  err = move_addr_to_user(msg.name, msg.msg_namelen, address, length);
  return err < 0 ? err : ret;
}

int sys_socket(int family, int type, int protocol) noexcept {
  u32 flags = 0;
  const int err = check_kind(family, &type, protocol, &flags);
  if (err != 0) return err;
  file* const made = sock_alloc_file(type, flags);
  return IS_ERR(made) ? PTR_ERR(made) : map_fd(made, flags);
}

// Models __sys_socketpair() (5.4): the numbers are told first, so that a bad address costs nothing.
int sys_socketpair(int family, int type, int protocol, uptr fds) noexcept {
  u32 flags = 0;
  int err = (type & ~kTypeMask & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0 ? -EINVAL : 0;
  if (err != 0) return err;
  const int fd1 = get_unused_fd_flags(static_cast<u32>(type) & O_CLOEXEC);
  if (fd1 < 0) return fd1;
  const int fd2 = get_unused_fd_flags(static_cast<u32>(type) & O_CLOEXEC);
  if (fd2 < 0) {
    put_unused_fd(static_cast<unsigned>(fd1));
    return fd2;
  }
  file* made[2] = {};
  if (!put_user(fd1, fds) || !put_user(fd2, fds + sizeof(int))) err = -EFAULT;
  if (err == 0) err = check_kind(family, &type, protocol, &flags);
  for (file*& end : made) {
    if (err != 0) break;
    end = sock_alloc_file(type, flags);
    if (IS_ERR(end)) {
      err = PTR_ERR(end);
      end = nullptr;
    }
  }
  if (err != 0) {
    for (file* end : made)
      if (end != nullptr) fput(end);
    put_unused_fd(static_cast<unsigned>(fd1));
    put_unused_fd(static_cast<unsigned>(fd2));
    return err;
  }
  unix_socketpair(socket_of(made[0]), socket_of(made[1]));
  fd_install(static_cast<unsigned>(fd1), made[0]);
  fd_install(static_cast<unsigned>(fd2), made[1]);
  return 0;
}

int sys_bind(int fd, uptr address, int length) noexcept {
  fd_guard file(static_cast<unsigned>(fd));
  int err = 0;
  socket* const sock = sockfd_lookup(file, &err);
  if (sock == nullptr) return err;
  sockaddr_un name;
  err = move_addr_to_kernel(address, length, &name);
  return err != 0 ? err : unix_bind(sock, &name, length);
}

int sys_listen(int fd, int backlog) noexcept {
  constexpr u32 kSomaxconn = 128;  // net.core.somaxconn of 5.4 is 4096 from 5.4 on; below it nobody can tell
  fd_guard file(static_cast<unsigned>(fd));
  int err = 0;
  socket* const sock = sockfd_lookup(file, &err);
  if (sock == nullptr) return err;
  return unix_listen(sock, static_cast<int>(std::min(static_cast<u32>(backlog), kSomaxconn)));
}

int __sys_connect_file(file* file, u32 file_flags, uptr address, int length) noexcept {
  int err = 0;
  socket* const sock = sock_from_file(file, &err);
  if (sock == nullptr) return err;
  sockaddr_un name;
  err = move_addr_to_kernel(address, length, &name);
  return err != 0 ? err : unix_connect(sock, &name, length, READ_ONCE(file->f_flags) | file_flags);
}

int sys_connect(int fd, uptr address, int length) noexcept {
  fd_guard file(static_cast<unsigned>(fd));
  return file ? __sys_connect_file(file.get(), 0, address, length) : -EBADF;
}

// Models __sys_accept4_file(): a descriptor for the accepted socket.
int __sys_accept4_file(file* file, u32 file_flags, uptr address, uptr length, int flags) noexcept {
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return -EINVAL;
  int err = 0;
  socket* const sock = sock_from_file(file, &err);
  if (sock == nullptr) return err;
  struct file* const made = sock_alloc_file(sock->type, static_cast<u32>(flags));
  if (IS_ERR(made)) return PTR_ERR(made);
  const int fd = get_unused_fd_flags(static_cast<u32>(flags));
  if (fd < 0) {
    fput(made);
    return fd;
  }
  err = unix_accept(sock, socket_of(made), READ_ONCE(file->f_flags) | file_flags);
  if (err == 0 && address != 0) {
    unix_sock* const peer = READ_ONCE(socket_of(made)->sk->peer);
    const int name_len = peer != nullptr ? smp_load_acquire(peer->name_len, "unix_getname.name") : 0;
    sockaddr_un name = {};
    if (name_len != 0) {
      arch::plain_range(&peer->name, sizeof(peer->name), false);
      name = peer->name;
    }
    name.sun_family = AF_UNIX;
    err = peer == nullptr
              ? -ECONNABORTED
              : move_addr_to_user(name, name_len != 0 ? name_len : static_cast<int>(sizeof(sa_family_t)), address, length);
  }
  if (err < 0) {
    put_unused_fd(static_cast<unsigned>(fd));
    fput(made);
    return err;
  }
  fd_install(static_cast<unsigned>(fd), made);
  return fd;
}

int sys_accept4(int fd, uptr address, uptr length, int flags) noexcept {
  fd_guard file(static_cast<unsigned>(fd));
  return file ? __sys_accept4_file(file.get(), 0, address, length, flags) : -EBADF;
}

int sys_shutdown(int fd, int how) noexcept {
  fd_guard file(static_cast<unsigned>(fd));
  int err = 0;
  socket* const sock = sockfd_lookup(file, &err);
  return sock != nullptr ? unix_shutdown(sock, how) : err;
}

}  // namespace uringsim::kernel
