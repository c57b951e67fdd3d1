// SPDX-License-Identifier: GPL-2.0-only
// FSYNC and SYNC_FILE_RANGE: both always need a worker.
#include <climits>

#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/opcodes.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/request.h"

namespace uringsim::kernel {

namespace {

// Models fs/io_uring.c:io_prep_fsync(), io_prep_sfr().
int io_prep_sync(io_kiocb* req, const io_uring_sqe* sqe) noexcept {
  if (req->file_ == nullptr) return -EBADF;
  if (req->ctx->profile->prep_is_kept && (req->flags & REQ_F_PREPPED) != 0) return 0;
  if ((req->ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0) return -EINVAL;
  if (data_race(sqe->addr) != 0 || data_race(sqe->ioprio) != 0 || data_race(sqe->buf_index) != 0) return -EINVAL;
  if (req->ctx->profile->prep_is_kept) req->flags |= REQ_F_PREPPED;
  return 0;
}

void io_sync_done(io_kiocb* req, const io_uring_sqe* sqe, int ret) noexcept {
  if (ret < 0 && (req->flags & REQ_F_LINK) != 0) req->flags |= REQ_F_FAIL_LINK;
  io_cqring_add_event(req->ctx, data_race(sqe->user_data), ret, req->id);
  io_put_req(req);
}

}  // namespace

// Models fs/io_uring.c:io_fsync().
int io_fsync(io_kiocb* req, const io_uring_sqe* sqe, bool force_nonblock) noexcept {
  KERNEL_FUNCTION;
  const s64 off = static_cast<s64>(READ_ONCE(sqe->off));
  const s64 len = READ_ONCE(sqe->len);
  const s64 end = static_cast<s64>(static_cast<u64>(off) + static_cast<u64>(len));
  const u32 fsync_flags = READ_ONCE(sqe->fsync_flags);
  if ((fsync_flags & ~uapi::IORING_FSYNC_DATASYNC) != 0) return -EINVAL;
  if (const int ret = io_prep_sync(req, sqe)) return ret;
  if (force_nonblock) return -EAGAIN;

  const int ret = vfs_fsync_range(req->file_, off, end > 0 ? end : LLONG_MAX, (fsync_flags & uapi::IORING_FSYNC_DATASYNC) != 0);
  io_sync_done(req, sqe, ret);
  return 0;
}

// Models fs/io_uring.c:io_sync_file_range() (5.4).
int io_sync_file_range(io_kiocb* req, const io_uring_sqe* sqe, bool force_nonblock) noexcept {
  KERNEL_FUNCTION;
  if (const int ret = io_prep_sync(req, sqe)) return ret;
  if (force_nonblock) return -EAGAIN;

  const s64 off = static_cast<s64>(READ_ONCE(sqe->off));
  const s64 len = READ_ONCE(sqe->len);
  const u32 flags = READ_ONCE(sqe->sync_range_flags);
  io_sync_done(req, sqe, sync_file_range(req->file_, off, len, flags));
  return 0;
}

}  // namespace uringsim::kernel
