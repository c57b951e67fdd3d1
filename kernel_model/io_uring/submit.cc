// SPDX-License-Identifier: GPL-2.0-only
// What all releases share of submission.
#include "kernel_model/io_uring/submit.h"

#include "kernel_model/arch/cost.h"
#include "kernel_model/io_uring/iopoll.h"
#include "kernel_model/io_uring/opcodes.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/request.h"

namespace uringsim::kernel {

u32 io_sqring_entries(io_ring_ctx* ctx) noexcept {
  // Divergence: Linux acquires the tail here as well. Nothing is read for it before io_get_sqring() acquires it again.
  return READ_ONCE(*ctx->rings.sq_tail) - data_race(ctx->cached_sq_head);
}

bool io_get_sqring(io_ring_ctx* ctx, sqe_submit* s) noexcept {
  KERNEL_FUNCTION;
  const u32 head = data_race(ctx->cached_sq_head);
  // Pairs with the application's release of the tail: the entry and the SQE that it names are whole.
  const u32 tail = ctx->has(Bug::sq_entries_read_before_tail_51rc)
                       ? READ_ONCE(*ctx->rings.sq_tail)
                       : smp_load_acquire(*ctx->rings.sq_tail, "io_get_sqring.sq_tail");
  if (head == tail) return false;

  const u32 index = READ_ONCE(ctx->rings.sq_array[head & ctx->sq_mask]);
  WRITE_ONCE(ctx->cached_sq_head, head + 1);
  if (index < ctx->sq_entries) {
    s->index = static_cast<u16>(index);
    s->sqe = reinterpret_cast<const io_uring_sqe*>(ctx->rings.sqes + u64{index} * ctx->profile->sqe_bytes);
    if (!ctx->profile->opcode_read_again) s->opcode = READ_ONCE(s->sqe->opcode);
    s->sequence = head;
    if (ctx->kernel_->trace.enabled()) [[unlikely]]  // an observer's look at the SQE, no access of the model's
      ctx->kernel_->trace(EventKind::sqe_consumed, ctx->id, head, index, __atomic_load_n(&s->sqe->user_data, __ATOMIC_RELAXED),
                          __atomic_load_n(&s->sqe->flags, __ATOMIC_RELAXED), __atomic_load_n(&s->sqe->opcode, __ATOMIC_RELAXED));
    return true;
  }

  const u32 dropped =
      ctx->profile->dropped_in_ring ? data_race(*ctx->rings.sq_dropped) + 1 : data_race(ctx->cached_sq_dropped) + 1;
  WRITE_ONCE(ctx->cached_sq_dropped, dropped);
  WRITE_ONCE(*ctx->rings.sq_dropped, dropped);
  ctx->kernel_->trace(EventKind::sqe_dropped, ctx->id, head, index, dropped);
  return false;
}

void io_commit_sqring(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  const u32 head = data_race(ctx->cached_sq_head);
  if (head == READ_ONCE(*ctx->rings.sq_head)) return;
  ctx->kernel_->trace(EventKind::sq_head, ctx->id, head);
  // After this the application may write new SQEs over those we read.
  smp_store_release(*ctx->rings.sq_head, head, "io_commit_sqring.sq_head");
}

namespace {

int io_issue(io_ring_ctx* ctx, io_kiocb* req, const sqe_submit* s, bool force_nonblock) noexcept {
  const u8 opcode = io_opcode(ctx, s);
  if (opcode >= ctx->profile->opcodes) return -EINVAL;
  arch::charge(arch::Cost::opcode, opcode);
  ctx->kernel_->trace(EventKind::request_issue, ctx->id, req->id, opcode, force_nonblock ? 1 : 0);
  switch (opcode) {
    case uapi::IORING_OP_NOP:
      return io_nop(req, req->user_data);
    case uapi::IORING_OP_READV:
      if (data_race(s->sqe->buf_index) != 0) return -EINVAL;
      return io_read(req, s, force_nonblock);
    case uapi::IORING_OP_WRITEV:
      if (data_race(s->sqe->buf_index) != 0) return -EINVAL;
      return io_write(req, s, force_nonblock);
    case uapi::IORING_OP_READ_FIXED:
      return io_read(req, s, force_nonblock);
    case uapi::IORING_OP_WRITE_FIXED:
      return io_write(req, s, force_nonblock);
    case uapi::IORING_OP_FSYNC:
      return io_fsync(req, s->sqe, force_nonblock);
    case uapi::IORING_OP_POLL_ADD:
      return io_poll_add(req, s->sqe);
    case uapi::IORING_OP_POLL_REMOVE:
      return io_poll_remove(req, s->sqe);
    case uapi::IORING_OP_SYNC_FILE_RANGE:
      return io_sync_file_range(req, s->sqe, force_nonblock);
    case uapi::IORING_OP_SENDMSG:
      return io_sendmsg(req, s->sqe, force_nonblock);
    case uapi::IORING_OP_RECVMSG:
      return io_recvmsg(req, s->sqe, force_nonblock);
    case uapi::IORING_OP_TIMEOUT:
      return io_timeout(req, s->sqe);
    default:
      return -EINVAL;
  }
}

}  // namespace

int __io_submit_sqe(io_ring_ctx* ctx, io_kiocb* req, const sqe_submit* s, bool force_nonblock) noexcept {
  KERNEL_FUNCTION;
  req->user_data = READ_ONCE(s->sqe->user_data);
  if (s->index >= ctx->sq_entries) return -EINVAL;

  const bool polled = (ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0;
  if (const int ret = io_issue(ctx, req, s, force_nonblock)) return ret;
  if (!polled) return 0;  // the request may be gone

  if (data_race(req->result) == -EAGAIN) return -EAGAIN;  // the device may be completing it
  // A worker does not hold uring_lock, nor does an SQ thread before 5.5; submitters do.
  const bool locks = s->needs_lock && !s->has_lock;
  if (locks) mutex_lock(&ctx->uring_lock);
  io_iopoll_req_issued(req);
  if (locks) mutex_unlock(&ctx->uring_lock);
  return 0;
}

bool io_opcode_needs_user(u8 opcode) noexcept {
  return opcode != uapi::IORING_OP_READ_FIXED && opcode != uapi::IORING_OP_WRITE_FIXED;
}

}  // namespace uringsim::kernel
