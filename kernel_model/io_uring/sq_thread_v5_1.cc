// SPDX-License-Identifier: GPL-2.0-only
// The SQ thread of 5.1: takes at most eight SQEs a turn, spins without giving way, and its look at the ring takes an entry.
#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/kthread.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/io_uring/bugs.h"
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
    mutex_lock(&ctx->uring_lock);
    ctx->profile->iopoll_check(ctx, &nr_events, 0);
    mutex_unlock(&ctx->uring_lock);
  } else {
    nr_events = inflight;  // nobody has to look for these
  }
  return inflight - nr_events;
}

// Takes what follows the first SQE, up to a batch. Returns how many there are; *all_fixed: none needs the creator's memory.
u32 io_sq_thread_take(io_ring_ctx* ctx, sqe_submit (&sqes)[IO_IOPOLL_BATCH], bool* all_fixed) noexcept {
  u32 i = 0;
  *all_fixed = true;
  do {
    if (*all_fixed && io_opcode_needs_user(READ_ONCE(sqes[i].sqe->opcode))) *all_fixed = false;
    i++;
  } while (i < IO_IOPOLL_BATCH && io_get_sqring(ctx, &sqes[i]));
  return i;
}

// Whether the closer wants the thread to end. It waits until the thread has parked, so that is what to look for; 5.1 looks for
// sqo_stop, which is set before. (5.2 looks for nothing else, and then a thread that was parked before it began never ends: see
// sq-stop-before-thread-runs.)
bool io_sq_thread_should_end(io_ring_ctx* ctx) noexcept {
  if (kthread_should_stop()) return true;
  return ctx->has(Bug::sq_exits_before_park) ? data_race(ctx->sqo_stop) != 0 : kthread_should_park();
}

}  // namespace

// Models fs/io_uring.c:io_sq_thread() (5.1).
int io_sq_thread_v5_1(void* data) noexcept {
  KERNEL_FUNCTION;
  io_ring_ctx* const ctx = static_cast<io_ring_ctx*>(data);
  sq_thread_mm mm(ctx);
  sqe_submit sqes[IO_IOPOLL_BATCH];
  wait_entry wait;
  u32 inflight = 0;
  u64 timeout = 0;
  while (!io_sq_thread_should_end(ctx)) {
    if (inflight != 0) {
      inflight = io_sq_thread_reap(ctx, inflight);
      if (inflight == 0) {
        timeout = jiffies() + ctx->sq_thread_idle;
        ctx->kernel_->trace(EventKind::sq_thread_idle, ctx->id, timeout);
      }
    }

    if (!io_get_sqring(ctx, &sqes[0])) {
      if (!ctx->has(Bug::sqpoll_spins_after_owner_exit)) mm.drop();
      if (inflight != 0 || !jiffies_after(timeout)) {
        cpu_relax();
        continue;
      }
      mm.drop();  // it is not held over a sleep

      prepare_to_wait(&ctx->sqo_wait, &wait, TASK_INTERRUPTIBLE);

      // The same handshake as 5.4's: flag, full barrier, second look. See io_sq_thread_v5_4().
      io_ring_set_wakeup_flag(ctx);
      if (!ctx->has(Bug::sqpoll_need_wakeup_missing_mb_51rc)) smp_mb("io_sq_thread.need_wakeup");

      if (!io_get_sqring(ctx, &sqes[0])) {
        if (kthread_should_stop() || (!ctx->has(Bug::sq_park_before_prepare_wait) && kthread_should_park())) {
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

    bool all_fixed;
    const u32 nr = io_sq_thread_take(ctx, sqes, &all_fixed);
    const bool mm_fault = !all_fixed && !mm.take();
    ctx->kernel_->trace(EventKind::sq_thread_awake, ctx->id, nr);
    io_sq_thread_lock(ctx);
    inflight += static_cast<u32>(io_submit_sqes_v5_1(ctx, sqes, nr, mm.held(), mm_fault));
    io_sq_thread_unlock(ctx);
    io_commit_sqring(ctx);
    io_sq_thread_come_by();
  }

  mm.drop();
  if (!ctx->has(Bug::sq_exits_before_park) || kthread_should_park()) kthread_parkme();
  return 0;
}

// Models fs/io_uring.c:io_sq_thread_stop() (5.1).
void io_sq_thread_stop_v5_1(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  if (ctx->sqo_thread == nullptr) return;
  WRITE_ONCE(ctx->sqo_stop, 1);
  // The thread must see sqo_stop when the park wakes it. Divergence: Linux has a full barrier here; kthread_park() has one of its
  // own before it looks whether the thread sleeps.
  kthread_park(ctx->sqo_thread);
  kthread_stop(ctx->sqo_thread);
  ctx->sqo_thread = nullptr;
}

}  // namespace uringsim::kernel
