// SPDX-License-Identifier: GPL-2.0-only
// Punted requests as 5.4 runs them: two workqueues, the creator's memory and credentials, cancellation by signal.
#include <csignal>

#include "kernel_model/core/fs_struct.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/io_uring/async_list.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/request.h"
#include "kernel_model/io_uring/submit.h"

namespace uringsim::kernel {

// Models fs/io_uring.c:io_queue_async_work() (5.4).
void io_queue_async_work_v5_4(io_ring_ctx* ctx, io_kiocb* req) noexcept {
  KERNEL_FUNCTION;
  // Buffered writes have a queue of their own: they contend for their inode.
  int rw = 0;
  if (req->submit.sqe != nullptr &&
      (req->submit.opcode == uapi::IORING_OP_WRITEV || req->submit.opcode == uapi::IORING_OP_WRITE_FIXED))
    rw = (req->rw.ki_flags & IOCB_DIRECT) == 0 ? 1 : 0;

  req->task = current();
  unsigned long flags = 0;
  spin_lock_irqsave(&ctx->task_lock, flags);
  // A poll that a worker is still arming may be woken, and queued once more, while it is on the list.
  // Divergence: 5.4 adds it twice, and what is left of the list leads to its freed memory.
  if (req->task_list_initialised && !list_empty(&req->task_list)) {
    list_del(&req->task_list);
    shared_list_changed(&ctx->task_list, -1);
  }
  list_add(&req->task_list, &ctx->task_list.head);
  shared_list_changed(&ctx->task_list, 1);
  req->task_list_initialised = true;
  WRITE_ONCE(req->work_task, nullptr);
  spin_unlock_irqrestore(&ctx->task_lock, flags);

  ctx->kernel_->trace(EventKind::io_uring_queue_async_work, ctx->id, req->id, req->flags, rw, req->id);
  queue_work(ctx->sqo_wq[rw], &req->work);
}

namespace {

/// What a worker has taken on for the request that it runs, and gives back at the end.
struct worker_identity {
  io_ring_ctx* ctx;
  mm_struct* mm = nullptr;
  fs_struct* own_fs;
  const cred* old_cred;

  explicit worker_identity(io_ring_ctx* of) noexcept : ctx(of), own_fs(current()->fs), old_cred(override_creds(of->creds)) {}

  void take_fs(fs_struct* fs) noexcept {
    if (fs != current()->fs && current()->fs != own_fs) current()->fs = fs != nullptr ? fs : own_fs;
  }
  bool take_mm() noexcept {
    if (mm != nullptr) return true;
    if (!mmget_not_zero(ctx->sqo_mm)) return false;
    mm = ctx->sqo_mm;
    use_mm(mm);
    return true;
  }
  void drop() noexcept {
    if (mm != nullptr) {
      unuse_mm(mm);
      mmput(mm);
    }
    revert_creds(old_cred);
    current()->fs = own_fs;
  }
};

// Off the ring's list of work that can be cancelled. A request that io_add_to_prev_work() took along was never put there and its
// links hold what the memory held before: 5.4 follows them.
void io_task_list_leave(io_ring_ctx* ctx, io_kiocb* req) noexcept {
  if (!req->task_list_initialised) {
    arch::machine().report(
        "io_sq_wq_submit_work: io_add_to_prev_work() left req->task_list uninitialised; 5.4 follows it and may crash", false,
        Site::here());
    return;
  }
  spin_lock_irq(&ctx->task_lock);
  if (!list_empty(&req->task_list)) {
    list_del_init(&req->task_list);
    shared_list_changed(&ctx->task_list, -1);
  }
  req->task_list_initialised = false;  // __io_free_req() need not look again
  spin_unlock_irq(&ctx->task_lock);
}

// Issues one request, where it may block. Returns what __io_submit_sqe() says, or why it was not even tried.
int io_wq_submit_one(io_ring_ctx* ctx, io_kiocb* req, worker_identity* who) noexcept {
  KERNEL_FUNCTION;
  sqe_submit* const s = &req->submit;
  // The first attempt asked not to block; this one may.
  req->rw.ki_flags &= ~u32{IOCB_NOWAIT};
  who->take_fs(req->fs);

  int ret = 0;
  if (io_opcode_needs_user(s->opcode) && !who->take_mm()) ret = -EFAULT;
  if (ret == 0) {
    WRITE_ONCE(req->work_task, current());
    if (!ctx->has(Bug::cancel_async_work_missing_mb)) smp_mb("io_sq_wq_submit_work.work_task");
    if (READ_ONCE(req->canceled)) {
      ret = -ECANCELED;
    } else {
      s->has_user = who->mm != nullptr;
      s->needs_lock = true;
      s->has_lock = false;
      // The block layer may be out of requests to poll for; there is nothing to sleep on.
      while ((ret = __io_submit_sqe(ctx, req, s, false)) == -EAGAIN) cond_resched();
    }
  }
  return ret;
}

}  // namespace

// Models fs/io_uring.c:io_sq_wq_submit_work() (5.4).
void io_sq_wq_submit_work_v5_4(work_struct* work) noexcept {
  KERNEL_FUNCTION;
  io_kiocb* req = container_of(work, io_kiocb, work);
  io_ring_ctx* const ctx = req->ctx;
  async_list* const list = io_async_list(ctx, req->submit.opcode);
  worker_identity who(ctx);
  list_head own;

  allow_kernel_signal(SIGINT);
  while (req != nullptr) {
    const io_uring_sqe* const sqe = req->submit.sqe;
    const u32 flags = req->flags;
    // The submission reference keeps the request while it is issued.
    const int ret = io_wq_submit_one(ctx, req, &who);
    io_task_list_leave(ctx, req);
    io_put_req(req);
    if (ret != 0) {
      io_worker_add_event(ctx, data_race(sqe->user_data), ret, req->id);
      io_put_req(req);
    }
    kfree(const_cast<io_uring_sqe*>(sqe));

    req = nullptr;
    // Drained requests and chain members were never counted in the list.
    const bool counted = (flags & (REQ_F_IO_DRAINED | REQ_F_LINK_DONE)) == 0 || ctx->has(Bug::async_list_count_mismatch);
    if (!counted || list == nullptr) break;
    req = io_async_list_next(list, &own);
    if (req == nullptr) req = io_async_list_leave(list, &own);
  }
  disallow_signal(SIGINT);
  who.drop();
}

}  // namespace uringsim::kernel
