// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/io_uring/register.h"

#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/eventfd.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/ring_file.h"

namespace uringsim::kernel {

namespace {

void io_set_eventfd(io_ring_ctx* ctx, eventfd_ctx* eventfd) noexcept {
  WRITE_ONCE(ctx->cq_ev_fd, eventfd);
  __atomic_store_n(&ctx->cq_ev_used, true, __ATOMIC_RELAXED);
}

}  // namespace

// Models fs/io_uring.c:io_eventfd_register() (5.4).
// Divergence: 5.4 puts what eventfd_ctx_fdget() says into the ring before it looks whether it is an error.
int io_eventfd_register(io_ring_ctx* ctx, uptr arg) noexcept {
  if (ctx->cq_ev_fd != nullptr) return -EBUSY;
  s32 fd;
  if (!get_user(&fd, arg)) return -EFAULT;
  eventfd_ctx* const eventfd = eventfd_ctx_fdget(fd);
  if (IS_ERR(eventfd)) return static_cast<int>(PTR_ERR(eventfd));
  io_set_eventfd(ctx, eventfd);
  return 0;
}

// Models fs/io_uring.c:io_eventfd_unregister() (5.4).
int io_eventfd_unregister(io_ring_ctx* ctx) noexcept {
  eventfd_ctx* const eventfd = ctx->cq_ev_fd;
  if (eventfd == nullptr) return -ENXIO;
  eventfd_ctx_put(eventfd);
  io_set_eventfd(ctx, nullptr);
  return 0;
}

namespace {

int io_register_op(io_ring_ctx* ctx, unsigned opcode, uptr arg, unsigned nr_args) noexcept {
  if (opcode >= ctx->profile->register_ops) return -EINVAL;
  const bool no_arguments = arg == 0 && nr_args == 0;
  switch (opcode) {
    case uapi::IORING_REGISTER_BUFFERS:
      return io_sqe_buffer_register(ctx, arg, nr_args);
    case uapi::IORING_UNREGISTER_BUFFERS:
      return no_arguments ? io_sqe_buffer_unregister(ctx) : -EINVAL;
    case uapi::IORING_REGISTER_FILES:
      return io_sqe_files_register(ctx, arg, nr_args);
    case uapi::IORING_UNREGISTER_FILES:
      return no_arguments ? io_sqe_files_unregister(ctx) : -EINVAL;
    case uapi::IORING_REGISTER_EVENTFD:
      return nr_args == 1 ? io_eventfd_register(ctx, arg) : -EINVAL;
    case uapi::IORING_UNREGISTER_EVENTFD:
      return no_arguments ? io_eventfd_unregister(ctx) : -EINVAL;
    default:
      return -EINVAL;
  }
}

// Models fs/io_uring.c:__io_uring_register() (5.1, 5.4): stops the world of this ring, even for an opcode it does not know.
int __io_uring_register(io_ring_ctx* ctx, unsigned opcode, uptr arg, unsigned nr_args) noexcept {
  KERNEL_FUNCTION;
  // Somebody else is at it, or the ring is going away.
  if (percpu_ref_is_dying(&ctx->refs)) return -ENXIO;
  percpu_ref_kill(&ctx->refs);

  // A task inside enter may need the lock to get out: waiting with it would be a deadlock. New references do not come in
  // any more, so letting go of it is safe.
  const bool keep_lock = ctx->has(Bug::register_quiesce_vs_enter_deadlock);
  if (!keep_lock) mutex_unlock(&ctx->uring_lock);
  wait_for_completion(&ctx->ctx_done);
  if (!keep_lock) mutex_lock(&ctx->uring_lock);

  const int ret = io_register_op(ctx, opcode, arg, nr_args);

  reinit_completion(&ctx->ctx_done);
  percpu_ref_reinit(&ctx->refs);
  return ret;
}

}  // namespace

long sys_io_uring_register(unsigned fd, unsigned opcode, uptr arg, unsigned nr_args) noexcept {
  KERNEL_FUNCTION;
  kernel().trace(EventKind::sys_enter_io_uring_register, fd, opcode, arg, nr_args);
  const auto done = [](long ret) {
    kernel().trace(EventKind::sys_exit_io_uring_register, ret);
    return ret;
  };
  file* const file = fget(fd);
  if (file == nullptr) return done(-EBADF);
  long ret = -EOPNOTSUPP;
  if (is_io_uring_file(file)) {
    io_ring_ctx* const ctx = static_cast<io_ring_ctx*>(file->private_data);
    mutex_lock(&ctx->uring_lock);
    ret = __io_uring_register(ctx, opcode, arg, nr_args);
    kernel().trace(EventKind::io_uring_register, ctx->id, opcode, ctx->nr_user_files, ctx->nr_user_bufs,
                   ctx->cq_ev_fd != nullptr ? 1 : 0, ret);
    mutex_unlock(&ctx->uring_lock);
  }
  fput(file);
  return done(ret);
}

}  // namespace uringsim::kernel
