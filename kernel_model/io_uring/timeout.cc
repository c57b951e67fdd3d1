// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/io_uring/timeout.h"

#include <climits>

#include "kernel_model/core/uaccess.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/opcodes.h"
#include "kernel_model/io_uring/request.h"

namespace uringsim::kernel {

io_kiocb* io_get_timeout_req(io_ring_ctx* ctx) noexcept {
  io_kiocb* const req = list_first_entry_or_null(&ctx->timeout_list, io_kiocb, list);
  if (req == nullptr || (req->flags & REQ_F_TIMEOUT_NOSEQ) != 0) return nullptr;
  if (ctx->has(Bug::timeout_seq_skipped_by_batch) ? __io_sequence_defer(ctx, req) : io_sequence_missing(ctx, req) > 0)
    return nullptr;
  list_del_init(&req->list);
  return req;
}

// An entry that io_get_timeout_req() took off the list points to itself, so that removing it again is harmless.
void io_kill_timeout(io_kiocb* req) noexcept {
  KERNEL_FUNCTION;
  if (hrtimer_try_to_cancel(&req->timeout.timer) == -1) return;  // io_timeout_fn runs and will complete it
  atomic_inc(&req->ctx->cq_timeouts);
  list_del(&req->list);
  io_cqring_fill_event(req->ctx, req->user_data, 0, req->id);
  if (req->ctx->has(Bug::timeout_armed_after_unlock))
    __io_free_req(req);
  else
    io_put_req(req);  // who armed it may not have come back from there
}

void io_kill_timeouts(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  spin_lock_irq(&ctx->completion_lock);
  list_for_each_entry_safe(req, tmp, &ctx->timeout_list, io_kiocb, list) io_kill_timeout(req);
  spin_unlock_irq(&ctx->completion_lock);
}

namespace {

struct timespec64 {
  s64 tv_sec;
  s64 tv_nsec;
};

// Models include/linux/ktime.h:timespec64_to_ktime(): no time is too long, and nobody checks tv_nsec.
ktime_t timespec64_to_ktime(const timespec64& ts) noexcept {
  constexpr s64 KTIME_MAX = LLONG_MAX;
  if (ts.tv_sec >= KTIME_MAX / static_cast<s64>(NSEC_PER_SEC)) return KTIME_MAX;
  return static_cast<ktime_t>(static_cast<u64>(ts.tv_sec) * NSEC_PER_SEC + static_cast<u64>(ts.tv_nsec));
}

// Models fs/io_uring.c:io_timeout_fn() (5.4). Interrupt context.
hrtimer_restart io_timeout_fn(hrtimer* timer) noexcept {
  KERNEL_FUNCTION;
  io_timeout_data* const data = container_of(timer, io_timeout_data, timer);
  io_kiocb* const req = container_of(data, io_kiocb, timeout);
  io_ring_ctx* const ctx = req->ctx;
  atomic_inc(&ctx->cq_timeouts);

  unsigned long flags = 0;
  spin_lock_irqsave(&ctx->completion_lock, flags);
  if (req->list.prev == &req->list && ctx->has(Bug::timeout_fn_walks_removed_entry))
    arch::machine().report("io_timeout_fn: walks a list that io_get_timeout_req() took the request off; 5.4 never returns", false,
                           Site::here());
  // This completion takes a CQE that those before it did not count.
  for (list_head* pos = req->list.prev; pos != &ctx->timeout_list && pos != &req->list; pos = pos->prev)
    if (!ctx->has(Bug::timeout_counts_other_timeouts)) list_entry(pos, io_kiocb, list)->sequence++;
  list_del(&req->list);
  io_cqring_fill_event(ctx, req->user_data, -ETIME, req->id);
  io_commit_cqring(ctx);
  spin_unlock_irqrestore(&ctx->completion_lock, flags);

  io_cqring_ev_posted(ctx);
  io_put_req(req);
  return HRTIMER_NORESTART;
}

// Where a timeout with a count belongs: the first in the list is the one that is needed first. completion_lock held.
// sq_head is what it counts from. Returns the entry to insert behind; *span counts those that now come later.
list_head* io_timeout_position(io_ring_ctx* ctx, u32 sq_head, u32 count, u32* span) noexcept {
  list_head* entry = ctx->timeout_list.prev;
  for (; entry != &ctx->timeout_list; entry = entry->prev) {
    io_kiocb* const nxt = list_entry(entry, io_kiocb, list);
    if ((nxt->flags & REQ_F_TIMEOUT_NOSEQ) != 0) continue;

    // Sums may pass 32 bits, hence the wider type; the head may wrap once while a timeout waits.
    if (ctx->has(Bug::timeout_seq_u32_wrap)) {
      const u32 tail = data_race(ctx->cached_cq_tail) - data_race(ctx->cached_sq_dropped);
      if (sq_head + count - 1 - tail >= nxt->sequence - tail) break;
    } else {
      s64 tmp = s64{sq_head} + count - 1;
      const u32 nxt_sq_head = nxt->sequence - nxt->submit.sequence + 1;
      const s64 tmp_nxt = s64{nxt_sq_head} + nxt->submit.sequence - 1;
      if (sq_head < nxt_sq_head) tmp += UINT_MAX;
      if (tmp > tmp_nxt || (tmp == tmp_nxt && ctx->has(Bug::timeout_insert_same_sequence))) break;
    }

    if (ctx->has(Bug::timeout_insert_same_sequence)) continue;
    (*span)++;
    nxt->sequence++;
  }
  return entry;
}

}  // namespace

// Models fs/io_uring.c:io_timeout() (5.4).
int io_timeout(io_kiocb* req, const io_uring_sqe* sqe) noexcept {
  KERNEL_FUNCTION;
  io_ring_ctx* const ctx = req->ctx;
  if ((ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0) return -EINVAL;
  if (data_race(sqe->flags) != 0 || data_race(sqe->ioprio) != 0 || data_race(sqe->buf_index) != 0 ||
      data_race(sqe->timeout_flags) != 0 || data_race(sqe->len) != 1)
    return -EINVAL;
  timespec64 ts;
  if (!get_user(&ts, data_race(sqe->addr))) return -EFAULT;

  req->flags |= REQ_F_TIMEOUT;
  new (&req->timeout) io_timeout_data{};

  // How many completions satisfy it; none: it only fires.
  const u32 count = static_cast<u32>(READ_ONCE(sqe->off));
  if (count == 0) {
    req->flags |= REQ_F_TIMEOUT_NOSEQ;
    spin_lock_irq(&ctx->completion_lock);
    list_add(&req->list, ctx->timeout_list.prev);
  } else {
    // A worker that issues it, because it was deferred, may come here when more has been submitted.
    const u32 sq_head = ctx->has(Bug::timeout_reads_sq_head_async) ? data_race(ctx->cached_sq_head) : req->submit.sequence + 1;
    req->sequence = sq_head + count - 1;
    req->submit.sequence = count;  // kept for io_timeout_position()
    spin_lock_irq(&ctx->completion_lock);
    u32 span = 0;
    list_head* const entry = io_timeout_position(ctx, sq_head, count, &span);
    req->sequence -= span;
    list_add(&req->list, entry);
  }
  // On the list it is anybody's who completes something: who satisfies it now frees it, and there is no timer to cancel yet.
  const bool unlocked = ctx->has(Bug::timeout_armed_after_unlock);
  if (unlocked) spin_unlock_irq(&ctx->completion_lock);
  hrtimer_init(&req->timeout.timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
  req->timeout.timer.function = io_timeout_fn;
  hrtimer_start(&req->timeout.timer, timespec64_to_ktime(ts), HRTIMER_MODE_REL);
  if (!unlocked) spin_unlock_irq(&ctx->completion_lock);
  return 0;
}

}  // namespace uringsim::kernel
