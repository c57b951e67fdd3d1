// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/opcodes.h"
#include "kernel_model/io_uring/request.h"

namespace uringsim::kernel {

// Models fs/io_uring.c:io_nop().
int io_nop(io_kiocb* req, u64 user_data) noexcept {
  KERNEL_FUNCTION;
  if ((req->ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0) return -EINVAL;
  io_cqring_add_event(req->ctx, user_data, 0, req->id);
  io_put_req(req);
  return 0;
}

}  // namespace uringsim::kernel
