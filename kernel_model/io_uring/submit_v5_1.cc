// SPDX-License-Identifier: GPL-2.0-only
// Submission as 5.1 has it: one SQE at a time, no chains. The SQE is read in place, again and again, until it is punted.
#include "kernel_model/arch/cost.h"
#include "kernel_model/io_uring/async_list.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/request.h"
#include "kernel_model/io_uring/submit.h"

namespace uringsim::kernel {

namespace {

// Gives a request that would block to a worker, with a copy of its SQE. False if there is no memory for the copy.
bool io_punt(io_ring_ctx* ctx, io_kiocb* req, sqe_submit* s) noexcept {
  io_uring_sqe* const sqe_copy = io_dup_sqe(s->sqe);
  if (sqe_copy == nullptr) return false;
  s->sqe = sqe_copy;
  req->submit = *s;
  // Which list is decided by the copy: the application may have changed the opcode since the request was issued.
  async_list* const list = io_async_list(ctx, sqe_copy->opcode);
  if (!io_add_to_prev_work(list, req)) {
    if (list != nullptr) atomic_inc(&list->cnt);
    INIT_WORK(&req->work, ctx->profile->submit_work);
    ctx->profile->queue_async_work(ctx, req);
  }
  return true;
}

// Models fs/io_uring.c:io_submit_sqe() (5.1). 0, or -errno which the caller turns into a CQE.
int io_submit_sqe(io_ring_ctx* ctx, sqe_submit* s, io_submit_state* state) noexcept {
  KERNEL_FUNCTION;
  arch::charge(arch::Cost::request, 1);
  if ((data_race(s->sqe->flags) & ~ctx->profile->sqe_flags) != 0) return -EINVAL;
  io_kiocb* const req = io_get_req(ctx);
  if (req == nullptr) return -EAGAIN;
  ctx->kernel_->trace(EventKind::request_take, ctx->id, req->id, s->sequence);

  int ret = io_req_set_file(ctx, s, state, req);
  if (ret == 0) {
    ctx->kernel_->trace(EventKind::io_uring_submit_sqe, ctx->id, s->sqe->opcode, s->sqe->user_data, 1,
                        s->needs_fixed_file ? 1 : 0);
    ret = __io_submit_sqe(ctx, req, s, true);
    if (ret == -EAGAIN && (req->flags & REQ_F_NOWAIT) == 0 && io_punt(ctx, req, s)) return 0;
  }
  io_put_req(req);
  if (ret != 0) io_put_req(req);
  return ret;
}

}  // namespace

int io_ring_submit_v5_1(io_ring_ctx* ctx, u32 to_submit) noexcept {
  KERNEL_FUNCTION;
  io_submit_state state, *statep = nullptr;
  int submit = 0;
  if (to_submit > IO_PLUG_THRESHOLD) {
    io_submit_state_start(&state, to_submit);
    statep = &state;
  }
  for (u32 i = 0; i < to_submit; i++) {
    sqe_submit s;
    if (!io_get_sqring(ctx, &s)) break;
    s.has_user = true;
    s.needs_lock = false;
    s.needs_fixed_file = false;
    submit++;
    if (const int ret = io_submit_sqe(ctx, &s, statep)) io_cqring_add_event(ctx, data_race(s.sqe->user_data), ret, 0);
  }
  io_commit_sqring(ctx);
  if (statep != nullptr) io_submit_state_end(statep);
  return submit;
}

int io_submit_sqes_v5_1(io_ring_ctx* ctx, sqe_submit* sqes, u32 nr, bool has_user, bool mm_fault) noexcept {
  KERNEL_FUNCTION;
  io_submit_state state, *statep = nullptr;
  int submitted = 0;
  if (nr > IO_PLUG_THRESHOLD) {
    io_submit_state_start(&state, nr);
    statep = &state;
  }
  for (u32 i = 0; i < nr; i++) {
    int ret = -EFAULT;
    if (!mm_fault) {
      sqes[i].has_user = has_user;
      sqes[i].needs_lock = true;
      sqes[i].has_lock = io_sq_thread_locks(ctx);
      sqes[i].needs_fixed_file = true;
      ret = io_submit_sqe(ctx, &sqes[i], statep);
    }
    if (ret == 0)
      submitted++;
    else
      io_cqring_add_event(ctx, data_race(sqes[i].sqe->user_data), ret, 0);
  }
  if (statep != nullptr) io_submit_state_end(statep);
  return submitted;
}

}  // namespace uringsim::kernel
