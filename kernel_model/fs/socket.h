// SPDX-License-Identifier: GPL-2.0-only
// Sockets: the file side and the system calls' side. Models include/linux/net.h, include/linux/socket.h and net/socket.c (5.4).
// The only family is AF_UNIX (af_unix.h); others are -EAFNOSUPPORT.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

struct unix_sock;
struct scm_cookie;

enum : u32 { SS_UNCONNECTED = 1, SS_CONNECTED = 3 };

/// What a socket's file stands on; lives with its inode.
struct socket {
  u32 state = SS_UNCONNECTED;
  int type = 0;
  unix_sock* sk = nullptr;
  struct file* file = nullptr;  ///< not counted
};

/// A message under way, in the kernel.
struct msghdr {
  sockaddr_un name = {};
  int msg_namelen = 0;  ///< 0: no address
  bool wants_name = false;
  iov_iter msg_iter;
  u8* control = nullptr;  ///< sending: copied
  uptr user_control = 0;  ///< receiving: where it goes; advanced
  u64 msg_controllen = 0;
  u32 msg_flags = 0;  ///< MSG_*
};

/// struct msghdr of the application.
struct user_msghdr {
  uptr msg_name = 0;
  s32 msg_namelen = 0;
  u32 pad1 = 0;
  uptr msg_iov = 0;
  u64 msg_iovlen = 0;
  uptr msg_control = 0;
  u64 msg_controllen = 0;
  u32 msg_flags = 0;
  u32 pad2 = 0;
};
static_assert(sizeof(user_msghdr) == 56);

/// The socket behind a file: null, and *err = -ENOTSOCK, if it is none.
socket* sock_from_file(file* file, int* err) noexcept;
s64 sock_sendmsg(socket* sock, msghdr* msg) noexcept;
s64 sock_recvmsg(socket* sock, msghdr* msg, u32 flags) noexcept;

/// sendmsg(2) and recvmsg(2) on a socket that is already found: what io_uring calls. Ancillary data is refused (-EINVAL).
s64 __sys_sendmsg_sock(socket* sock, uptr umsg, u32 flags) noexcept;
s64 __sys_recvmsg_sock(socket* sock, uptr umsg, u32 flags) noexcept;
/// accept4(2) and connect(2) on a file that is already found. `file_flags`: O_NONBLOCK of the call.
int __sys_accept4_file(file* file, u32 file_flags, uptr address, uptr length, int flags) noexcept;
int __sys_connect_file(file* file, u32 file_flags, uptr address, int length) noexcept;

// ---- ancillary data: net/core/scm.c ----

inline constexpr unsigned SCM_MAX_FD = 253;

/// Files in a message, each with a reference.
struct scm_fp_list {
  unsigned count = 0;
  file* fp[SCM_MAX_FD] = {};
};
struct scm_cookie {
  scm_fp_list* fp = nullptr;
};

/// Reads the sender's control messages. 0 or -errno; then scm_destroy() is not needed.
int scm_send(const msghdr* msg, scm_cookie* scm) noexcept;
/// Gives the receiver what came along, as far as its control buffer holds it, and drops the rest.
void scm_recv(msghdr* msg, scm_cookie* scm, u32 flags) noexcept;
void scm_destroy(scm_cookie* scm) noexcept;
/// A second list of the same files (MSG_PEEK). Null when memory ran out.
scm_fp_list* scm_fp_dup(const scm_fp_list* list) noexcept;
void scm_fp_free(scm_fp_list* list) noexcept;

}  // namespace uringsim::kernel
