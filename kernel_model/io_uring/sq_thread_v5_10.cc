// SPDX-License-Identifier: GPL-2.0-only
// The SQ thread of 5.10: looks at the ring, is idle, announces that it wants to be woken, and sleeps without another look.
//
// Divergences: one ring a thread (no ATTACH_WQ yet), creator's memory and submission as in 5.4, no task_work. Its look, its
// flag, its sleep and who clears the flag are 5.10's.
#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/kthread.h"
#include "kernel_model/io_uring/bugs.h"
#include "kernel_model/io_uring/iopoll.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/sq_thread.h"
#include "kernel_model/io_uring/submit.h"

namespace uringsim::kernel {

namespace {

enum sq_ret : u8 { SQT_IDLE = 1, SQT_SPIN = 2, SQT_DID_WORK = 4 };

/// The thread's entry on ctx->sqo_wait; whoever wakes it clears the flag.
struct sqo_wait_entry {
  wait_queue_entry wq;
  io_ring_ctx* ctx = nullptr;
};

// Model fs/io_uring.c:io_ring_set_wakeup_flag(), io_ring_clear_wakeup_flag() (5.10): a lock around one store is not a fence
// against the load that follows.
void io_ring_set_wakeup_flag_locked(io_ring_ctx* ctx) noexcept {
  spin_lock_irq(&ctx->completion_lock);
  io_ring_set_wakeup_flag(ctx);
  spin_unlock_irq(&ctx->completion_lock);
}
void io_ring_clear_wakeup_flag_locked(io_ring_ctx* ctx) noexcept {
  spin_lock_irq(&ctx->completion_lock);
  io_ring_clear_wakeup_flag(ctx);
  spin_unlock_irq(&ctx->completion_lock);
}

// Models fs/io_uring.c:io_sq_wake_function() (5.10).
int io_sq_wake_function(wait_queue_entry* entry, unsigned mode, int flags, void* key) noexcept {
  io_ring_ctx* const ctx = container_of(entry, sqo_wait_entry, wq)->ctx;
  const int ret = autoremove_wake_function(entry, mode, flags, key);
  if (ret != 0) io_ring_clear_wakeup_flag_locked(ctx);
  return ret;
}

// Models fs/io_uring.c:__io_sq_thread() (5.10).
sq_ret __io_sq_thread(io_ring_ctx* ctx, sqo_wait_entry* wait, sq_thread_mm* mm, u64 start_jiffies) noexcept {
  KERNEL_FUNCTION;
  const u64 timeout = start_jiffies + ctx->sq_thread_idle;
  if ((ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0) {
    mutex_lock(&ctx->uring_lock);
    unsigned nr_events = 0;
    if (!shared_list_empty(&ctx->poll_list) && !need_resched()) io_do_iopoll(ctx, &nr_events, 0);
    mutex_unlock(&ctx->uring_lock);
  }

  u32 to_submit = io_sqring_entries(ctx);
  if (to_submit == 0 || need_resched()) {
    mm->drop();
    if (need_resched() || (!jiffies_after(timeout) && !percpu_ref_is_dying(&ctx->refs))) return SQT_SPIN;
    prepare_to_wait(&ctx->sqo_wait, &wait->wq, TASK_INTERRUPTIBLE);
    // The last look. NEED_WAKEUP is not set yet: what is published from here on wakes nobody.
    to_submit = io_sqring_entries(ctx);
    if (to_submit == 0) return SQT_IDLE;
  }
  finish_wait(&ctx->sqo_wait, &wait->wq);
  io_ring_clear_wakeup_flag_locked(ctx);

  const bool mm_fault = !mm->take();
  if (to_submit > ctx->sq_entries) to_submit = ctx->sq_entries;
  ctx->kernel_->trace(EventKind::sq_thread_awake, ctx->id, to_submit);
  io_sq_thread_lock(ctx);
  const int submitted = io_submit_sqes_v5_4(ctx, to_submit, mm->held(), mm_fault);
  io_sq_thread_unlock(ctx);
  if (submitted < 0) return SQT_SPIN;
  io_commit_sqring(ctx);
  return SQT_DID_WORK;
}

// Sets the flag and decides whether to sleep. 5.10 always does; 5.13 looks again, and from 5.18 with the barrier that makes the
// look worth something on a machine with store buffers.
bool io_sq_thread_may_sleep(io_ring_ctx* ctx) noexcept {
  io_ring_set_wakeup_flag_locked(ctx);
  if (ctx->has(Bug::sqpoll_flag_set_after_last_check)) return true;
  if (!ctx->has(Bug::sqpoll_need_wakeup_barrier_dropped_58)) smp_mb("io_sq_thread.need_wakeup");
  return io_sqring_entries(ctx) == 0;
}

}  // namespace

// Models fs/io_uring.c:io_sq_thread() (5.10).
int io_sq_thread_v5_10(void* data) noexcept {
  KERNEL_FUNCTION;
  io_ring_ctx* const ctx = static_cast<io_ring_ctx*>(data);
  sq_thread_mm mm(ctx);
  complete(&ctx->sqo_thread_started);
  const cred* const old_cred = override_creds(ctx->creds);
  sqo_wait_entry wait;
  wait.wq.private_ = current();
  wait.wq.func = io_sq_wake_function;
  wait.ctx = ctx;

  u64 start_jiffies = jiffies();
  while (!kthread_should_park()) {
    const sq_ret ret = __io_sq_thread(ctx, &wait, &mm, start_jiffies);
    mm.drop();
    if (ret == SQT_SPIN) {
      cond_resched();
    } else if (ret == SQT_IDLE) {
      if (kthread_should_park()) break;
      if (io_sq_thread_may_sleep(ctx)) {
        ctx->kernel_->trace(EventKind::sq_thread_sleep, ctx->id);
        schedule();
      }
      start_jiffies = jiffies();
      io_ring_clear_wakeup_flag_locked(ctx);
    }
  }
  finish_wait(&ctx->sqo_wait, &wait.wq);
  mm.drop();
  revert_creds(old_cred);
  kthread_parkme();
  return 0;
}

}  // namespace uringsim::kernel
