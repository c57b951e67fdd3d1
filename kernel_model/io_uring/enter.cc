// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/io_uring/enter.h"

#include "kernel_model/core/signal.h"
#include "kernel_model/io_uring/bugs.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/request.h"
#include "kernel_model/io_uring/ring_file.h"

namespace uringsim::kernel {

namespace {

/// enter on a ring whose SQ thread submits: nothing but a wakeup, if asked for. It is wake_up(), taken apart so that the trace
/// learns under the queue's lock whether anybody was there, and looks at nothing that the kernel does not look at.
void io_sq_wakeup(io_ring_ctx* ctx, u32 flags) noexcept {
  if ((flags & uapi::IORING_ENTER_SQ_WAKEUP) == 0) return;
  spin_lock(&ctx->sqo_wait.lock);
  ctx->kernel_->trace(EventKind::sq_wakeup_asked, ctx->id, ctx->sqo_wait.list.count != 0 ? 1 : 0);
  __wake_up_locked_key(&ctx->sqo_wait, TASK_NORMAL, 1, nullptr);
  spin_unlock(&ctx->sqo_wait.lock);
}

}  // namespace

// Models fs/io_uring.c:io_uring_enter() (5.4), from where the ring is held.
long io_uring_enter_v5_4(io_ring_ctx* ctx, u32 to_submit, u32 min_complete, u32 flags, uptr sig, u64 sigsz) noexcept {
  KERNEL_FUNCTION;
  int submitted = 0;
  long ret = 0;
  if ((ctx->flags & uapi::IORING_SETUP_SQPOLL) != 0) {
    io_sq_wakeup(ctx, flags);
    submitted = static_cast<int>(to_submit);  // whatever the thread makes of it
    if (ctx->has(Bug::sqpoll_wakeup_and_getevents_exclusive)) return submitted;
  } else if (to_submit != 0) {
    if (to_submit > ctx->sq_entries) to_submit = ctx->sq_entries;
    mutex_lock(&ctx->uring_lock);
    submitted = ctx->profile->ring_submit(ctx, to_submit);
    mutex_unlock(&ctx->uring_lock);
    if (static_cast<u32>(submitted) != to_submit) return submitted;
  }
  if ((flags & uapi::IORING_ENTER_GETEVENTS) != 0) {
    if (min_complete > ctx->cq_entries) min_complete = ctx->cq_entries;
    if ((ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0) {
      unsigned nr_events = 0;
      ret = ctx->profile->iopoll_check(ctx, &nr_events, min_complete);
    } else {
      ret = ctx->profile->cqring_wait(ctx, static_cast<int>(min_complete), sig, sigsz);
    }
  }
  return submitted != 0 ? submitted : ret;
}

// Models fs/io_uring.c:io_uring_enter() (5.1), from where the ring is held. On an SQPOLL ring it never waits, and with nothing
// to submit returns the -ENXIO that it began with.
long io_uring_enter_v5_1(io_ring_ctx* ctx, u32 to_submit, u32 min_complete, u32 flags, uptr sig, u64 sigsz) noexcept {
  KERNEL_FUNCTION;
  if ((ctx->flags & uapi::IORING_SETUP_SQPOLL) != 0) {
    io_sq_wakeup(ctx, flags);
    const int submitted = static_cast<int>(to_submit);
    if (ctx->has(Bug::sqpoll_wakeup_and_getevents_exclusive)) return submitted != 0 ? submitted : -ENXIO;
    long waited = 0;
    if ((flags & uapi::IORING_ENTER_GETEVENTS) != 0)
      waited = ctx->profile->cqring_wait(ctx, static_cast<int>(min_complete < ctx->cq_entries ? min_complete : ctx->cq_entries),
                                         sig, sigsz);
    return submitted != 0 ? submitted : waited;
  }
  int submitted = 0;
  long ret = 0;
  if (to_submit != 0) {
    if (to_submit > ctx->sq_entries) to_submit = ctx->sq_entries;
    mutex_lock(&ctx->uring_lock);
    submitted = ctx->profile->ring_submit(ctx, to_submit);
    mutex_unlock(&ctx->uring_lock);
  }
  if ((flags & uapi::IORING_ENTER_GETEVENTS) != 0) {
    if (min_complete > ctx->cq_entries) min_complete = ctx->cq_entries;
    if ((ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0) {
      unsigned nr_events = 0;
      mutex_lock(&ctx->uring_lock);
      ret = ctx->profile->iopoll_check(ctx, &nr_events, min_complete);
      mutex_unlock(&ctx->uring_lock);
    } else {
      ret = ctx->profile->cqring_wait(ctx, static_cast<int>(min_complete), sig, sigsz);
    }
  }
  return submitted != 0 ? submitted : ret;
}

long sys_io_uring_enter(unsigned fd, u32 to_submit, u32 min_complete, u32 flags, uptr sig, u64 sigsz) noexcept {
  KERNEL_FUNCTION;
  kernel().trace(EventKind::sys_enter_io_uring_enter, fd, to_submit, min_complete, flags);
  const auto done = [](long ret) {
    kernel().trace(EventKind::sys_exit_io_uring_enter, ret);
    return ret;
  };
  if ((flags & ~kernel().profile.enter_flags) != 0) return done(-EINVAL);
  file* const file = fget(fd);
  if (file == nullptr) return done(-EBADF);

  long ret = -EOPNOTSUPP;
  if (is_io_uring_file(file)) {
    io_ring_ctx* const ctx = static_cast<io_ring_ctx*>(file->private_data);
    ret = -ENXIO;
    // Succeeds until the count is zero, also while a register waits for it to become zero.
    if (percpu_ref_tryget(&ctx->refs)) {
      ret = ctx->profile->enter(ctx, to_submit, min_complete, flags, sig, sigsz);
      io_ring_drop_ctx_refs(ctx, 1);
    }
  }
  fput(file);
  return done(ret);
}

}  // namespace uringsim::kernel
