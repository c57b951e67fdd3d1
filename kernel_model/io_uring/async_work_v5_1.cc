// SPDX-License-Identifier: GPL-2.0-only
// Punted requests as 5.1 runs them: one workqueue, the creator's memory, the worker's own credentials.
#include "kernel_model/io_uring/async_list.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/request.h"
#include "kernel_model/io_uring/submit.h"

namespace uringsim::kernel {

void io_queue_async_work_v5_1(io_ring_ctx* ctx, io_kiocb* req) noexcept {
  KERNEL_FUNCTION;
  ctx->kernel_->trace(EventKind::io_uring_queue_async_work, ctx->id, req->id, req->flags, 0, req->id);
  // After UNREGISTER_FILES there is none, and Linux 5.1 dies of it.
  BUG_ON(ctx->sqo_wq[0] == nullptr, "io_queue_async_work: the workqueue went with the registered files");
  queue_work(ctx->sqo_wq[0], &req->work);
}

// Models fs/io_uring.c:io_sq_wq_submit_work() (5.1).
void io_sq_wq_submit_work_v5_1(work_struct* work) noexcept {
  KERNEL_FUNCTION;
  io_kiocb* req = container_of(work, io_kiocb, work);
  io_ring_ctx* const ctx = req->ctx;
  async_list* const list = io_async_list(ctx, req->submit.sqe->opcode);
  mm_struct* cur_mm = nullptr;
  list_head own;

  while (req != nullptr) {
    sqe_submit* const s = &req->submit;
    const io_uring_sqe* const sqe = s->sqe;
    req->rw.ki_flags &= ~u32{IOCB_NOWAIT};

    int ret = 0;
    if (io_opcode_needs_user(READ_ONCE(sqe->opcode)) && cur_mm == nullptr) {
      if (!mmget_not_zero(ctx->sqo_mm)) {
        ret = -EFAULT;
      } else {
        cur_mm = ctx->sqo_mm;
        use_mm(cur_mm);
      }
    }
    if (ret == 0) {
      s->has_user = cur_mm != nullptr;
      s->needs_lock = true;
      s->has_lock = false;
      // The block layer may be out of requests to poll for; there is nothing to sleep on.
      while ((ret = __io_submit_sqe(ctx, req, s, false)) == -EAGAIN) cond_resched();
    }
    io_put_req(req);
    if (ret != 0) {
      io_worker_add_event(ctx, data_race(sqe->user_data), ret, req->id);
      io_put_req(req);
    }
    kfree(const_cast<io_uring_sqe*>(sqe));

    if (list == nullptr) break;
    req = io_async_list_next(list, &own);
    if (req == nullptr) req = io_async_list_leave(list, &own);
  }
  if (cur_mm != nullptr) {
    unuse_mm(cur_mm);
    mmput(cur_mm);
  }
}

}  // namespace uringsim::kernel
