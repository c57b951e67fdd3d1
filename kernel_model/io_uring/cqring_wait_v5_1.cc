// SPDX-License-Identifier: GPL-2.0-only
// Waiting for completions as 5.1 does it: every waiter wakes at every completion.
#include "kernel_model/core/signal.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/enter.h"

namespace uringsim::kernel {

// Models fs/io_uring.c:io_cqring_wait() (5.1).
int io_cqring_wait_v5_1(io_ring_ctx* ctx, int min_events, uptr sig, u64 sigsz) noexcept {
  KERNEL_FUNCTION;
  if (io_cqring_events(ctx) >= static_cast<u32>(min_events)) return 0;

  if (sig != 0) {
    if (const int ret = set_user_sigmask(sig, sigsz)) return ret;
  }
  ctx->kernel_->trace(EventKind::io_uring_cqring_wait, ctx->id, min_events);

  wait_entry wait;
  int ret = 0;
  do {
    // Its barrier pairs with the completion's: either the look below sees the new tail, or the poster sees us on the queue.
    prepare_to_wait(&ctx->wait, &wait, TASK_INTERRUPTIBLE);
    ret = 0;
    if (io_cqring_events(ctx) >= static_cast<u32>(min_events)) break;
    schedule();
    ret = -EINTR;
    if (signal_pending(current())) break;
  } while (true);
  finish_wait(&ctx->wait, &wait);

  // The mask comes back once the signal was delivered, if there is one.
  if (sig != 0) restore_saved_sigmask_unless(ret == -EINTR && signal_pending(current()));
  return io_cqring_ready(ctx) == 0 ? ret : 0;
}

}  // namespace uringsim::kernel
