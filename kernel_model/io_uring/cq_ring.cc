// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/io_uring/cq_ring.h"

#include <csignal>

#include "kernel_model/fs/eventfd.h"
#include "kernel_model/fs/fasync.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/request.h"
#include "kernel_model/io_uring/timeout.h"

namespace uringsim::kernel {

s32 io_sequence_missing(io_ring_ctx* ctx, io_kiocb* req) noexcept {
  const u32 lost = ctx->has(Bug::drain_ignores_overflow) ? 0 : static_cast<u32>(atomic_read(&ctx->cached_cq_overflow));
  return static_cast<s32>(req->sequence - (data_race(ctx->cached_cq_tail) + data_race(ctx->cached_sq_dropped) + lost));
}

// Models fs/io_uring.c:__io_sequence_defer() (5.4).
bool __io_sequence_defer(io_ring_ctx* ctx, io_kiocb* req) noexcept { return io_sequence_missing(ctx, req) != 0; }

// Models fs/io_uring.c:io_sequence_defer() (5.4).
bool io_sequence_defer(io_ring_ctx* ctx, io_kiocb* req) noexcept {
  if ((req->flags & (REQ_F_IO_DRAIN | REQ_F_IO_DRAINED)) != REQ_F_IO_DRAIN) return false;
  return __io_sequence_defer(ctx, req);
}

namespace {

// Models fs/io_uring.c:io_get_deferred_req() (5.4).
io_kiocb* io_get_deferred_req(io_ring_ctx* ctx) noexcept {
  io_kiocb* const req = list_first_entry_or_null(&ctx->defer_list.head, io_kiocb, list);
  if (req == nullptr || io_sequence_defer(ctx, req)) return nullptr;
  list_del_init(&req->list);
  shared_list_changed(&ctx->defer_list, -1);
  return req;
}

// Models fs/io_uring.c:__io_commit_cqring() (5.4), io_commit_cqring() (5.1).
void __io_commit_cqring(io_ring_ctx* ctx) noexcept {
  const u32 tail = data_race(ctx->cached_cq_tail);
  if (tail == READ_ONCE(*ctx->rings.cq_tail)) return;
  if (ctx->kernel_->trace.enabled()) [[unlikely]]  // an observer's look at the head, no access of the model's
    ctx->kernel_->trace(EventKind::cq_tail, ctx->id, tail, __atomic_load_n(ctx->rings.cq_head, __ATOMIC_RELAXED));
  // Orders the CQEs' stores before the tail: an application that acquires the tail sees whole entries.
  smp_store_release(*ctx->rings.cq_tail, tail, "io_commit_cqring.cq_tail");
  // The barrier in wq_has_sleeper pairs with the one after poll_wait in io_uring_poll: either the poller sees the tail, or we
  // see the poller.
  if (wq_has_sleeper(&ctx->cq_wait, "io_commit_cqring.cq_wait")) {
    wake_up_interruptible(&ctx->cq_wait);
    kill_fasync(&ctx->cq_fasync, SIGIO);  // only where somebody polls, too
  }
}

}  // namespace

void io_commit_cqring(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  while (io_kiocb* const req = io_get_timeout_req(ctx)) io_kill_timeout(req);

  __io_commit_cqring(ctx);

  while (io_kiocb* const req = io_get_deferred_req(ctx)) {
    if ((req->flags & REQ_F_SHADOW_DRAIN) != 0) {
      __io_free_req(req);  // only held others back
      continue;
    }
    req->flags |= REQ_F_IO_DRAINED;
    ctx->profile->queue_async_work(ctx, req);
  }
}

io_uring_cqe* io_get_cqring(io_ring_ctx* ctx) noexcept {
  const u32 tail = data_race(ctx->cached_cq_tail);
  // The CQE's stores stay after this load by control dependency, so that no entry is overwritten before the application gave
  // it back.
  if (tail - READ_ONCE(*ctx->rings.cq_head) == data_race(*ctx->rings.cq_ring_entries)) return nullptr;
  WRITE_ONCE(ctx->cached_cq_tail, tail + 1);
  return reinterpret_cast<io_uring_cqe*>(ctx->rings.cqes + u64{tail & ctx->cq_mask} * ctx->profile->cqe_bytes);
}

void io_cqring_fill_event(io_ring_ctx* ctx, u64 user_data, s64 res, u32 request) noexcept {
  KERNEL_FUNCTION;
  ctx->kernel_->trace(EventKind::io_uring_complete, ctx->id, user_data, res, request);
  if (io_uring_cqe* const cqe = io_get_cqring(ctx)) {
    WRITE_ONCE(cqe->user_data, user_data);
    WRITE_ONCE(cqe->res, static_cast<s32>(res));
    WRITE_ONCE(cqe->flags, 0u);
    if (ctx->kernel_->trace.enabled())
      ctx->kernel_->trace(EventKind::cqe_posted, ctx->id, data_race(ctx->cached_cq_tail) - 1, user_data, static_cast<s32>(res), 0,
                          request);
    return;
  }
  u32 lost;
  if (ctx->profile->overflow_in_ring || ctx->has(Bug::cq_overflow_counter_race))
    lost = READ_ONCE(*ctx->rings.cq_overflow) + 1;
  else
    lost = static_cast<u32>(atomic_inc_return(&ctx->cached_cq_overflow));
  WRITE_ONCE(*ctx->rings.cq_overflow, lost);
  ctx->kernel_->trace(EventKind::cqe_overflow, ctx->id, user_data, static_cast<s32>(res), lost, request);
}

namespace {

// Who posts for a request holds the ring's reference by it, and io_eventfd_unregister() comes when there are none. An SQ thread
// of 5.4 that refuses an SQE has none to hold, and signals what may have been freed.
void io_signal_eventfd(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  // Not an access of the model's: rings that never had an eventfd pay nothing, and searches see the look at one that may go.
  if (!__atomic_load_n(&ctx->cq_ev_used, __ATOMIC_RELAXED)) return;
  eventfd_ctx* const eventfd = READ_ONCE(ctx->cq_ev_fd);
  if (eventfd != nullptr) eventfd_signal(eventfd, 1);
}

}  // namespace

// Models fs/io_uring.c:io_cqring_ev_posted() (5.4).
void io_cqring_ev_posted(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  if (waitqueue_active(&ctx->wait)) wake_up(&ctx->wait);
  if (waitqueue_active(&ctx->sqo_wait)) wake_up(&ctx->sqo_wait);
  io_signal_eventfd(ctx);
}

// Models fs/io_uring.c:io_cqring_add_event() (5.1, 5.4).
void io_cqring_add_event(io_ring_ctx* ctx, u64 user_data, s64 res, u32 request) noexcept {
  KERNEL_FUNCTION;
  unsigned long flags = 0;
  spin_lock_irqsave(&ctx->completion_lock, flags);
  io_cqring_fill_event(ctx, user_data, res, request);
  io_commit_cqring(ctx);
  spin_unlock_irqrestore(&ctx->completion_lock, flags);

  io_cqring_ev_posted(ctx);
}

void io_worker_add_event(io_ring_ctx* ctx, u64 user_data, s64 res, u32 request) noexcept {
  const bool locks = (ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0 && !ctx->has(Bug::iopoll_worker_refusal_unlocked);
  if (locks) mutex_lock(&ctx->uring_lock);
  io_cqring_add_event(ctx, user_data, res, request);
  if (locks) mutex_unlock(&ctx->uring_lock);
}

u32 io_cqring_events(const io_ring_ctx* ctx) noexcept {
  // Divergence: Linux has a read barrier here. All who look come from something that is at least as strong: the mutex of a
  // poller, the full barrier at the end of prepare_to_wait(), or their own system call.
  return io_cqring_ready(ctx);
}

}  // namespace uringsim::kernel
