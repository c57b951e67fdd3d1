// SPDX-License-Identifier: GPL-2.0-only
// Waiting for completions as 5.4 does it: exclusively, and woken only when there is enough for this waiter.
#include "kernel_model/core/signal.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/enter.h"

namespace uringsim::kernel {

namespace {

struct io_wait_queue {
  wait_queue_entry wq;
  io_ring_ctx* ctx = nullptr;
  u32 to_wait = 0;
  int nr_timeouts = 0;
};

// Models fs/io_uring.c:io_should_wake() (5.4). A timeout that fired ends the wait however few events there are.
bool io_should_wake(const io_wait_queue* iowq) noexcept {
  const io_ring_ctx* const ctx = iowq->ctx;
  return io_cqring_events(ctx) >= iowq->to_wait || atomic_read(&ctx->cq_timeouts) != iowq->nr_timeouts;
}

// Models fs/io_uring.c:io_wake_function() (5.4). Whoever wants more than there is stops the walk: those behind it sleep on.
int io_wake_function(wait_queue_entry* curr, unsigned mode, int flags, void* key) noexcept {
  if (!io_should_wake(container_of(curr, io_wait_queue, wq))) return -1;
  return autoremove_wake_function(curr, mode, flags, key);
}

}  // namespace

// Models fs/io_uring.c:io_cqring_wait() (5.4).
int io_cqring_wait_v5_4(io_ring_ctx* ctx, int min_events, uptr sig, u64 sigsz) noexcept {
  KERNEL_FUNCTION;
  if (io_cqring_events(ctx) >= static_cast<u32>(min_events)) return 0;

  if (sig != 0) {
    if (const int ret = set_user_sigmask(sig, sigsz)) return ret;
  }
  ctx->kernel_->trace(EventKind::io_uring_cqring_wait, ctx->id, min_events);

  io_wait_queue iowq;
  iowq.wq.private_ = current();
  iowq.wq.func = io_wake_function;
  iowq.ctx = ctx;
  iowq.to_wait = static_cast<u32>(min_events);
  iowq.nr_timeouts = atomic_read(&ctx->cq_timeouts);
  int ret = 0;
  do {
    // Its barrier pairs with the completion's: either the look below sees the new tail, or the poster sees us on the queue.
    prepare_to_wait_exclusive(&ctx->wait, &iowq.wq, TASK_INTERRUPTIBLE);
    if (io_should_wake(&iowq)) break;
    schedule();
    if (signal_pending(current())) {
      ret = -ERESTARTSYS;
      break;
    }
  } while (true);
  finish_wait(&ctx->wait, &iowq.wq);

  restore_saved_sigmask_unless(ret == -ERESTARTSYS);
  if (ret == -ERESTARTSYS) ret = -EINTR;
  return io_cqring_ready(ctx) == 0 ? ret : 0;
}

}  // namespace uringsim::kernel
