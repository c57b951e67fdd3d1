// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/io_uring/request.h"

#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/opcodes.h"
#include "kernel_model/io_uring/profile.h"

namespace uringsim::kernel {

namespace {

// Ids are for traces, so rings on different processors must not meet over them: a ring takes many at a time. Requests of one
// ring are made by one task at a time (uring_lock, or its SQ thread).
u32 io_next_req_id(io_ring_ctx* ctx) noexcept {
  constexpr u32 kAtOnce = 256;
  if (ctx->req_ids_left == 0) {
    ctx->next_req_id = ctx->kernel_->trace.take_ids(ObjectClass::request, kAtOnce);
    ctx->req_ids_left = kAtOnce;
  }
  ctx->req_ids_left--;
  return ctx->next_req_id++;
}

}  // namespace

io_kiocb* io_get_req(io_ring_ctx* ctx) noexcept {
  if (!percpu_ref_tryget(&ctx->refs)) return nullptr;
  io_kiocb* const req = kmalloc<io_kiocb>();
  if (req == nullptr) {
    io_ring_drop_ctx_refs(ctx, 1);
    return nullptr;
  }
  req->ctx = ctx;
  req->fsize = ctx->profile->stale_fsize;
  req->id = io_next_req_id(ctx);
  // One is dropped after submission, the other at completion.
  refcount_set(&req->refs, 2);
  ctx->kernel_->trace(EventKind::request_alloc, ctx->id, req->id);
  return req;
}

void io_ring_drop_ctx_refs(io_ring_ctx* ctx, unsigned refs) noexcept {
  // Nobody else may need the ring any more, and then the closer frees it: after the put it is not ours to look at. 5.1 does.
  const bool looks = ctx->profile->puts_wake_waiters, late = ctx->has(Bug::put_touches_freed_ring);
  if (looks && !late && waitqueue_active(&ctx->wait)) wake_up(&ctx->wait);
  percpu_ref_put_many(&ctx->refs, refs);
  if (looks && late && waitqueue_active(&ctx->wait)) wake_up(&ctx->wait);
}

namespace {

// A cancelled poll goes to a worker without ever leaving the ring's list of queued work, where 5.4 finds its freed memory when
// the ring goes: io_cancel_async_work() then unlinks it, and nobody notices.
// Divergence: it leaves the list before its memory is freed. Whoever cancels takes it off first and looks at it then, all under
// the lock: so the lock comes before the look whether it is there.
void io_task_list_forget(io_ring_ctx* ctx, io_kiocb* req) noexcept {
  if (!req->task_list_initialised) return;
  unsigned long flags = 0;
  spin_lock_irqsave(&ctx->task_lock, flags);
  if (!list_empty(&req->task_list)) {
    list_del_init(&req->task_list);
    shared_list_changed(&ctx->task_list, -1);
  }
  spin_unlock_irqrestore(&ctx->task_lock, flags);
}

}  // namespace

void __io_free_req(io_kiocb* req) noexcept {
  io_ring_ctx* const ctx = req->ctx;
  io_task_list_forget(ctx, req);
  if (req->file_ != nullptr && (req->flags & REQ_F_FIXED_FILE) == 0) fput(req->file_);
  io_forget_iovec(req);
  ctx->kernel_->trace(EventKind::request_free, ctx->id, req->id);
  kfree(req);
  io_ring_drop_ctx_refs(ctx, 1);
}

namespace {

// Models fs/io_uring.c:io_req_link_next() (5.4).
void io_req_link_next(io_kiocb* req) noexcept {
  KERNEL_FUNCTION;
  io_kiocb* const nxt = list_first_entry_or_null(&req->link_list, io_kiocb, list);
  if (nxt == nullptr) return;
  list_del(&nxt->list);
  if (!list_empty(&req->link_list)) {
    INIT_LIST_HEAD(&nxt->link_list);
    list_splice(&req->link_list, &nxt->link_list);
    nxt->flags |= REQ_F_LINK;
  }
  nxt->flags |= REQ_F_LINK_DONE;
  INIT_WORK(&nxt->work, req->ctx->profile->submit_work);
  req->ctx->profile->queue_async_work(req->ctx, nxt);
}

// Models fs/io_uring.c:io_fail_links() (5.4).
void io_fail_links(io_kiocb* req) noexcept {
  KERNEL_FUNCTION;
  while (!list_empty(&req->link_list)) {
    io_kiocb* const link = list_first_entry(&req->link_list, io_kiocb, list);
    list_del(&link->list);
    req->ctx->kernel_->trace(EventKind::io_uring_fail_link, req->id, link->id);
    io_cqring_add_event(req->ctx, link->user_data, -ECANCELED, link->id);
    kfree(const_cast<io_uring_sqe*>(link->submit.sqe));  // divergence: 5.4.59 leaks the copy
    __io_free_req(link);
  }
}

}  // namespace

void io_free_req(io_kiocb* req) noexcept {
  if ((req->flags & REQ_F_LINK) != 0) {
    if ((req->flags & REQ_F_FAIL_LINK) != 0)
      io_fail_links(req);
    else
      io_req_link_next(req);
  }
  __io_free_req(req);
}

void io_put_req(io_kiocb* req) noexcept {
  if (refcount_dec_and_test(&req->refs)) io_free_req(req);
}

void io_copy_sqe(io_uring_sqe* to, const io_uring_sqe* from) noexcept {
  to->opcode = READ_ONCE(from->opcode);
  to->flags = READ_ONCE(from->flags);
  to->ioprio = READ_ONCE(from->ioprio);
  to->fd = READ_ONCE(from->fd);
  to->off = READ_ONCE(from->off);
  to->addr = READ_ONCE(from->addr);
  to->len = READ_ONCE(from->len);
  to->rw_flags = READ_ONCE(from->rw_flags);
  to->user_data = READ_ONCE(from->user_data);
  to->buf_index = READ_ONCE(from->buf_index);
}

io_uring_sqe* io_dup_sqe(const io_uring_sqe* from) noexcept {
  io_uring_sqe* const copy = kmalloc<io_uring_sqe>();
  if (copy != nullptr) io_copy_sqe(copy, from);
  return copy;
}

u8 io_opcode(const io_ring_ctx* ctx, const sqe_submit* s) noexcept {
  return ctx->profile->opcode_read_again ? READ_ONCE(s->sqe->opcode) : s->opcode;
}

void io_file_put(io_submit_state* state) noexcept {
  if (state->file_ == nullptr) return;
  const unsigned diff = state->has_refs - state->used_refs;
  if (diff != 0) fput_many(state->file_, diff);
  state->file_ = nullptr;
}

// Takes as many references as the batch has SQEs left: most batches are for one file.
file* io_file_get(io_submit_state* state, unsigned fd) noexcept {
  if (state == nullptr) return fget(fd);
  if (state->file_ != nullptr) {
    if (state->fd == fd) {
      state->used_refs++;
      state->ios_left--;
      return state->file_;
    }
    io_file_put(state);
  }
  state->file_ = fget_many(fd, state->ios_left);
  if (state->file_ == nullptr) return nullptr;
  state->fd = fd;
  state->has_refs = state->ios_left;
  state->used_refs = 1;
  state->ios_left--;
  return state->file_;
}

void io_submit_state_start(io_submit_state* state, unsigned max_ios) noexcept {
  *state = {};
  blk_start_plug(&state->plug);
  state->ios_left = max_ios;
}

void io_submit_state_end(io_submit_state* state) noexcept {
  blk_finish_plug(&state->plug);
  io_file_put(state);
}

namespace {

// Models fs/io_uring.c:io_op_needs_file().
bool io_op_needs_file(u8 opcode) noexcept {
  switch (opcode) {
    case uapi::IORING_OP_NOP:
    case uapi::IORING_OP_POLL_REMOVE:
    case uapi::IORING_OP_TIMEOUT:
      return false;
    default:
      return true;
  }
}

}  // namespace

int io_req_set_file(io_ring_ctx* ctx, const sqe_submit* s, io_submit_state* state, io_kiocb* req) noexcept {
  KERNEL_FUNCTION;
  const u32 flags = READ_ONCE(s->sqe->flags);
  const s32 fd = READ_ONCE(s->sqe->fd);

  if ((flags & ctx->profile->sqe_flags & uapi::IOSQE_IO_DRAIN) != 0) req->flags |= REQ_F_IO_DRAIN;
  // Every request remembers its place: it marks where a chain began if a member drains.
  req->sequence = s->sequence + s->ahead;

  // Under 5.1 TIMEOUT is an unknown opcode like any other, and those need a file.
  const u8 opcode = io_opcode(ctx, s);
  if (opcode < ctx->profile->opcodes && !io_op_needs_file(opcode)) return 0;

  if ((flags & uapi::IOSQE_FIXED_FILE) != 0) {
    if (ctx->user_files == nullptr || static_cast<u32>(fd) >= ctx->nr_user_files) return -EBADF;
    req->file_ = ctx->user_files[fd];
    req->flags |= REQ_F_FIXED_FILE;
    return 0;
  }
  if (s->needs_fixed_file) return -EBADF;
  ctx->kernel_->trace(EventKind::io_uring_file_get, ctx->id, fd);
  req->file_ = io_file_get(state, static_cast<unsigned>(fd));
  return req->file_ != nullptr ? 0 : -EBADF;
}

}  // namespace uringsim::kernel
