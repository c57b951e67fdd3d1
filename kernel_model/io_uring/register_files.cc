// SPDX-License-Identifier: GPL-2.0-only
// Fixed files.
//
// Divergence: Linux hands the files to a UNIX socket of its own so that its garbage collector sees cycles of rings and sockets
// (io_sqe_files_scm). Rings cannot be registered, and what remains visible is that files are put when the set goes, after the
// workqueues have run dry (io_destruct_skb), in 5.1 with the SQ thread and the workqueue.
#include "kernel_model/core/uaccess.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/register.h"
#include "kernel_model/io_uring/ring_file.h"

namespace uringsim::kernel {

namespace {

void io_sqe_files_drop(io_ring_ctx* ctx) noexcept {
  for (unsigned i = 0; i < ctx->nr_user_files; i++) fput(ctx->user_files[i]);
  kfree_array(ctx->user_files, ctx->user_files_capacity);
  ctx->user_files = nullptr;
  ctx->nr_user_files = 0;
  ctx->user_files_capacity = 0;
}

}  // namespace

// Models fs/io_uring.c:io_sqe_files_unregister().
int io_sqe_files_unregister(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  if (ctx->user_files == nullptr) return -ENXIO;
  if (ctx->profile->files_end_async_work) {
    // 5.1 wants nobody to use the files any more, and takes for that what is meant for the ring's end: nothing starts them again.
    io_finish_async(ctx);
  } else {
    for (workqueue_struct* const wq : ctx->sqo_wq)
      if (wq != nullptr) flush_workqueue(wq);
  }
  io_sqe_files_drop(ctx);
  return 0;
}

// Models fs/io_uring.c:io_sqe_files_register().
int io_sqe_files_register(io_ring_ctx* ctx, uptr arg, unsigned nr_args) noexcept {
  KERNEL_FUNCTION;
  if (ctx->user_files != nullptr) return -EBUSY;
  if (nr_args == 0) return -EINVAL;
  if (nr_args > ctx->profile->max_fixed_files) return -EMFILE;

  ctx->user_files = kcalloc<file*>(nr_args);
  if (ctx->user_files == nullptr) return -ENOMEM;
  ctx->user_files_capacity = nr_args;

  int ret = 0;
  for (unsigned i = 0; i < nr_args && ret == 0; i++) {
    s32 fd;
    if (!get_user(&fd, arg + u64{i} * sizeof(fd))) {
      ret = -EFAULT;
      break;
    }
    file* const file = fget(static_cast<unsigned>(fd));
    // A ring in a ring's set would keep itself alive.
    if (file == nullptr || is_io_uring_file(file)) {
      if (file != nullptr) fput(file);
      ret = -EBADF;
      break;
    }
    ctx->user_files[ctx->nr_user_files++] = file;
  }
  if (ret != 0) io_sqe_files_drop(ctx);
  return ret;
}

}  // namespace uringsim::kernel
