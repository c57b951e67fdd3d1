// SPDX-License-Identifier: GPL-2.0-only
// SENDMSG and RECVMSG (from 5.3).
#include <sys/socket.h>

#include "kernel_model/core/fs_struct.h"
#include "kernel_model/fs/socket.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/opcodes.h"
#include "kernel_model/io_uring/request.h"

namespace uringsim::kernel {

namespace {

// Models fs/io_uring.c:io_send_recvmsg() (5.4).
int io_send_recvmsg(io_kiocb* req, const io_uring_sqe* sqe, bool force_nonblock,
                    long (*fn)(socket*, uptr, unsigned) noexcept) noexcept {
  KERNEL_FUNCTION;
  if ((req->ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0) return -EINVAL;

  int ret = 0;
  if (socket* const sock = sock_from_file(req->file_, &ret)) {
    unsigned flags = READ_ONCE(sqe->msg_flags);
    if ((flags & MSG_DONTWAIT) != 0)
      req->flags |= REQ_F_NOWAIT;
    else if (force_nonblock)
      flags |= MSG_DONTWAIT;

    ret = static_cast<int>(fn(sock, READ_ONCE(sqe->addr), flags));
    if (force_nonblock && ret == -EAGAIN) return ret;
    if (ret == -ERESTARTSYS) ret = -EINTR;
  }

  if (req->fs != nullptr) {
    put_fs_struct(req->fs);
    req->fs = nullptr;
  }
  // A failure here does not fail the chain behind it: 5.4 forgets to.
  io_cqring_add_event(req->ctx, data_race(sqe->user_data), ret, req->id);
  io_put_req(req);
  return 0;
}

}  // namespace

int io_sendmsg(io_kiocb* req, const io_uring_sqe* sqe, bool force_nonblock) noexcept {
  return io_send_recvmsg(req, sqe, force_nonblock, __sys_sendmsg_sock);
}

int io_recvmsg(io_kiocb* req, const io_uring_sqe* sqe, bool force_nonblock) noexcept {
  return io_send_recvmsg(req, sqe, force_nonblock, __sys_recvmsg_sock);
}

}  // namespace uringsim::kernel
