// SPDX-License-Identifier: GPL-2.0-only
// The SQ thread of 5.4: spins for the idle time after its last work, then announces that it wants to be woken, looks once more,
// and sleeps.
#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/kthread.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/io_uring/bugs.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/iopoll.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/sq_thread.h"
#include "kernel_model/io_uring/submit.h"

namespace uringsim::kernel {

namespace {

// What completed since the last turn. Returns how much is still in flight.
u32 io_sq_thread_reap(io_ring_ctx* ctx, u32 inflight) noexcept {
  unsigned nr_events = 0;
  if ((ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0) {
    // inflight counts what was submitted at most; with nothing on the poll list there is nothing to poll for, unless a worker is
    // about to put something there (which 5.4 forgets).
    mutex_lock(&ctx->uring_lock);
    if (!shared_list_empty(&ctx->poll_list)) {
      // Who waits for several CQEs at once leaves the first unread: that is no reason not to look for the others.
      if (!ctx->has(Bug::iopoll_sqpoll_pending_cqe_loop) || io_cqring_events(ctx) == 0)
        ctx->profile->iopoll_getevents(ctx, &nr_events, 0);
    } else if (ctx->has(Bug::iopoll_sqpoll_inflight_zeroed) || shared_list_empty(&ctx->task_list)) {
      inflight = 0;
    }
    mutex_unlock(&ctx->uring_lock);
  } else {
    nr_events = inflight;  // nobody has to look for these
  }
  return inflight - nr_events;
}

}  // namespace

// Models fs/io_uring.c:io_sq_thread() (5.4).
int io_sq_thread_v5_4(void* data) noexcept {
  KERNEL_FUNCTION;
  io_ring_ctx* const ctx = static_cast<io_ring_ctx*>(data);
  sq_thread_mm mm(ctx);
  complete(&ctx->sqo_thread_started);
  const cred* const old_cred = override_creds(ctx->creds);

  wait_entry wait;
  u32 inflight = 0;
  u64 timeout = 0;
  while (!kthread_should_park()) {
    if (inflight != 0) {
      inflight = io_sq_thread_reap(ctx, inflight);
      if (inflight == 0) {
        timeout = jiffies() + ctx->sq_thread_idle;
        ctx->kernel_->trace(EventKind::sq_thread_idle, ctx->id, timeout);
      }
    }

    u32 to_submit = io_sqring_entries(ctx);
    if (to_submit == 0) {
      // The creator's memory is held neither while there is nothing to do nor over a sleep: its mappings keep the ring of a
      // process that has ended. Giving it back may sleep, so it goes before the wait queue.
      if (!ctx->has(Bug::sqpoll_spins_after_owner_exit)) mm.drop();

      // Within the idle time: look again.
      if (inflight != 0 || !jiffies_after(timeout)) {
        cond_resched();
        continue;
      }
      mm.drop();

      prepare_to_wait(&ctx->sqo_wait, &wait, TASK_INTERRUPTIBLE);

      // The handshake with a submitter (liburing's sq_ring_needs_enter):
      //
      //     SQ thread                               application
      //     sq_flags = NEED_WAKEUP    (store)       sq_tail = new tail        (store)
      //     smp_mb()                                smp_mb()
      //     sq_tail == cached head?   (load)        sq_flags & NEED_WAKEUP?   (load)
      //     then sleep                              then enter(SQ_WAKEUP)
      //
      // One of the two sees the other's store. Without either barrier both may miss it, and the entry lies there unseen.
      io_ring_set_wakeup_flag(ctx);
      if (!ctx->has(Bug::sqpoll_need_wakeup_missing_mb_51rc)) smp_mb("io_sq_thread.need_wakeup");

      to_submit = io_sqring_entries(ctx);
      if (to_submit == 0) {
        if (ctx->has(Bug::sq_park_before_prepare_wait) ? kthread_should_stop() : kthread_should_park()) {
          finish_wait(&ctx->sqo_wait, &wait);
          break;
        }
        if (signal_pending(current())) flush_signals(current());
        ctx->kernel_->trace(EventKind::sq_thread_sleep, ctx->id);
        schedule();
        finish_wait(&ctx->sqo_wait, &wait);
        io_ring_clear_wakeup_flag(ctx);
        continue;
      }
      finish_wait(&ctx->sqo_wait, &wait);
      io_ring_clear_wakeup_flag(ctx);
    }

    const bool mm_fault = !mm.take();
    if (to_submit > ctx->sq_entries) to_submit = ctx->sq_entries;
    if (ctx->has(Bug::sqpoll_link_split_batch) && to_submit > IO_IOPOLL_BATCH) to_submit = IO_IOPOLL_BATCH;
    ctx->kernel_->trace(EventKind::sq_thread_awake, ctx->id, to_submit);
    io_sq_thread_lock(ctx);
    const int submitted = io_submit_sqes_v5_4(ctx, to_submit, mm.held(), mm_fault);
    io_sq_thread_unlock(ctx);
    if (submitted < 0) {
      cond_resched();
      continue;
    }
    inflight += static_cast<u32>(submitted);
    io_commit_sqring(ctx);
    io_sq_thread_come_by();
  }

  mm.drop();
  revert_creds(old_cred);
  kthread_parkme();
  return 0;
}

// Models fs/io_uring.c:io_sq_thread_stop() (5.4).
void io_sq_thread_stop_v5_4(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  if (ctx->sqo_thread == nullptr) return;
  // A thread that was stopped before it ran would never have called complete(), nor seen that it should park.
  if (!ctx->has(Bug::sq_stop_before_thread_runs)) wait_for_completion(&ctx->sqo_thread_started);
  kthread_park(ctx->sqo_thread);
  kthread_stop(ctx->sqo_thread);
  ctx->sqo_thread = nullptr;
}

}  // namespace uringsim::kernel
