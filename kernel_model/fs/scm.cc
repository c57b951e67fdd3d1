// SPDX-License-Identifier: GPL-2.0-only
// Control messages. Models net/core/scm.c (5.4). Divergences: SCM_RIGHTS only (credentials are checked for length and ignored: no
// socket here asks for them); sockets that are in flight inside of each other are not collected.
#include <algorithm>
#include <cstring>

#include "kernel_model/core/cred.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/socket.h"

namespace uringsim::kernel {

namespace {

constexpr u64 kHeader = sizeof(cmsghdr);  // 16: length, level, type
constexpr u64 align8(u64 bytes) noexcept { return (bytes + 7) & ~u64{7}; }

/// Models scm_fp_copy().
int scm_fp_copy(const u8* data, u64 bytes, scm_fp_list** list) noexcept {
  const u64 count = bytes / sizeof(int);
  if (count == 0) return 0;
  if (count > SCM_MAX_FD) return -EINVAL;
  if (*list == nullptr) *list = kmalloc<scm_fp_list>();
  if (*list == nullptr) return -ENOMEM;
  if ((*list)->count + count > SCM_MAX_FD) return -EINVAL;
  for (u64 i = 0; i < count; i++) {
    int fd = -1;
    std::memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
    file* const file = fd < 0 ? nullptr : fget(static_cast<unsigned>(fd));
    if (file == nullptr) return -EBADF;
    (*list)->fp[(*list)->count++] = file;
  }
  return 0;
}

/// One control message at the head of `left` bytes; *length is what it takes. 0 or -errno.
int scm_send_one(const u8* at, u64 left, scm_cookie* scm, u64* length) noexcept {
  cmsghdr header;
  std::memcpy(&header, at, kHeader);
  if (header.cmsg_len < kHeader || header.cmsg_len > left) return -EINVAL;
  *length = align8(header.cmsg_len);
  if (header.cmsg_level != SOL_SOCKET) return 0;
  if (header.cmsg_type == SCM_RIGHTS) return scm_fp_copy(at + kHeader, header.cmsg_len - kHeader, &scm->fp);
  if (header.cmsg_type == SCM_CREDENTIALS) return header.cmsg_len == kHeader + sizeof(ucred) ? 0 : -EINVAL;
  return -EINVAL;
}

/// Models scm_detach_fds(): descriptors until the buffer, or the numbers, are used up.
void scm_detach_fds(msghdr* msg, scm_cookie* scm, u32 flags) noexcept {
  scm_fp_list* const list = scm->fp;
  const u64 room = msg->msg_controllen > kHeader ? (msg->msg_controllen - kHeader) / sizeof(int) : 0;
  unsigned done = 0;
  for (; done < std::min<u64>(list->count, room); done++) {
    const int fd = get_unused_fd_flags((flags & MSG_CMSG_CLOEXEC) != 0 ? O_CLOEXEC : 0);
    if (fd < 0) break;
    if (!put_user(fd, msg->user_control + kHeader + done * sizeof(int))) {
      put_unused_fd(static_cast<unsigned>(fd));
      break;
    }
    fd_install(static_cast<unsigned>(fd), get_file(list->fp[done]));
  }
  if (done != 0) {
    cmsghdr header = {};
    header.cmsg_len = kHeader + done * sizeof(int);
    header.cmsg_level = SOL_SOCKET;
    header.cmsg_type = SCM_RIGHTS;
    if (copy_to_user(msg->user_control, &header, kHeader) == 0) {
      const u64 used = std::min(align8(header.cmsg_len), msg->msg_controllen);
      msg->user_control += used;
      msg->msg_controllen -= used;
    }
  }
  if (done < list->count) msg->msg_flags |= MSG_CTRUNC;
}

}  // namespace

int scm_send(const msghdr* msg, scm_cookie* scm) noexcept {
  for (u64 at = 0; at + kHeader <= msg->msg_controllen;) {
    u64 length = 0;
    const int ret = scm_send_one(msg->control + at, msg->msg_controllen - at, scm, &length);
    if (ret != 0) {
      scm_destroy(scm);
      return ret;
    }
    at += length;
  }
  if (scm->fp != nullptr && scm->fp->count == 0) scm_destroy(scm);
  return 0;
}

void scm_recv(msghdr* msg, scm_cookie* scm, u32 flags) noexcept {
  if (scm->fp == nullptr) return;
  if (msg->user_control == 0)
    msg->msg_flags |= MSG_CTRUNC;
  else
    scm_detach_fds(msg, scm, flags);
  scm_destroy(scm);
}

void scm_destroy(scm_cookie* scm) noexcept {
  if (scm->fp != nullptr) scm_fp_free(scm->fp);
  scm->fp = nullptr;
}

scm_fp_list* scm_fp_dup(const scm_fp_list* list) noexcept {
  scm_fp_list* const copy = kmalloc<scm_fp_list>();
  if (copy == nullptr) return nullptr;
  for (copy->count = 0; copy->count < list->count; copy->count++) copy->fp[copy->count] = get_file(list->fp[copy->count]);
  return copy;
}

void scm_fp_free(scm_fp_list* list) noexcept {
  for (unsigned i = 0; i < list->count; i++) fput(list->fp[i]);
  kfree(list);
}

}  // namespace uringsim::kernel
