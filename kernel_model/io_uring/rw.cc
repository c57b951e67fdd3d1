// SPDX-License-Identifier: GPL-2.0-only
// READV, WRITEV, READ_FIXED, WRITE_FIXED.
#include "kernel_model/block/ioprio.h"
#include "kernel_model/core/rlimit.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/opcodes.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/request.h"
#include "kernel_model/io_uring/ring_file.h"

namespace uringsim::kernel {

namespace {

// Models fs/io_uring.c:io_complete_rw() (5.1, 5.4).
void io_complete_rw(kiocb* kiocb, s64 res, s64) noexcept {
  KERNEL_FUNCTION;
  io_kiocb* const req = container_of(kiocb, io_kiocb, rw);
  if ((req->flags & REQ_F_LINK) != 0 && res != req->result) req->flags |= REQ_F_FAIL_LINK;
  io_cqring_add_event(req->ctx, req->user_data, res, req->id);
  io_put_req(req);
}

// Models fs/io_uring.c:io_complete_rw_iopoll() (5.1, 5.4). Runs in the poller, or in the submitter when the device refused.
void io_complete_rw_iopoll(kiocb* kiocb, s64 res, s64) noexcept {
  KERNEL_FUNCTION;
  io_kiocb* const req = container_of(kiocb, io_kiocb, rw);
  if ((req->flags & REQ_F_LINK) != 0 && res != req->result) req->flags |= REQ_F_FAIL_LINK;
  WRITE_ONCE(req->result, static_cast<s32>(res));
  // A device without poll queues completes by interrupt while the poller looks. Divergence: Linux writes and reads the flag
  // unmarked; that the result is seen with it is what x86 gives there.
  if (res != -EAGAIN) smp_store_release(req->flags, req->flags | REQ_F_IOPOLL_COMPLETED, "io_complete_rw_iopoll.completed");
}

// Models fs/io_uring.c:io_file_supports_async(): can this file be asked not to block?
bool io_file_supports_async(file* file) noexcept {
  const u32 mode = file_inode(file)->i_mode;
  if (S_ISBLK(mode) || S_ISCHR(mode)) return true;
  return S_ISREG(mode) && !is_io_uring_file(file);
}

// Models fs/io_uring.c:io_prep_rw() (5.1, 5.4).
int io_prep_rw(io_kiocb* req, const sqe_submit* s, bool force_nonblock) noexcept {
  KERNEL_FUNCTION;
  const io_uring_sqe* const sqe = s->sqe;
  io_ring_ctx* const ctx = req->ctx;
  const io_uring_profile& release = *ctx->profile;
  kiocb* const kiocb = &req->rw;

  if (req->file_ == nullptr) return -EBADF;
  if (release.prep_is_kept && (req->flags & REQ_F_PREPPED) != 0) return 0;

  if (S_ISREG(file_inode(req->file_)->i_mode)) req->flags |= REQ_F_ISREG;
  if (release.blocks_inline) {
    if (force_nonblock && !io_file_supports_async(req->file_)) force_nonblock = false;
  } else {
    if (force_nonblock) req->fsize = rlimit(RLIMIT_FSIZE);
    // Punted even if it was opened O_NONBLOCK.
    if (force_nonblock && !io_file_supports_async(req->file_)) {
      req->flags |= REQ_F_MUST_PUNT;
      return -EAGAIN;
    }
  }

  kiocb->ki_filp = req->file_;
  kiocb->ki_pos = static_cast<s64>(READ_ONCE(sqe->off));
  kiocb->ki_flags = iocb_flags(kiocb->ki_filp);

  const u16 ioprio = READ_ONCE(sqe->ioprio);
  if (ioprio != 0) {
    if (const int ret = ioprio_check_cap(ioprio)) return ret;
    kiocb->ki_ioprio = ioprio;
  } else {
    kiocb->ki_ioprio = static_cast<u16>(current()->ioprio);
  }

  if (const int ret = kiocb_set_rw_flags(kiocb, READ_ONCE(sqe->rw_flags))) return ret;

  // No punt where the application asked not to wait.
  if ((kiocb->ki_flags & IOCB_NOWAIT) != 0 || (!release.prep_is_kept && (req->file_->f_flags & O_NONBLOCK) != 0))
    req->flags |= REQ_F_NOWAIT;
  if (force_nonblock) kiocb->ki_flags |= IOCB_NOWAIT;

  if ((ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0) {
    if ((kiocb->ki_flags & IOCB_DIRECT) == 0 || kiocb->ki_filp->f_op->iopoll == nullptr) return -EOPNOTSUPP;
    kiocb->ki_flags |= IOCB_HIPRI;
    kiocb->ki_complete = io_complete_rw_iopoll;
    req->result = 0;
  } else {
    if ((kiocb->ki_flags & IOCB_HIPRI) != 0) return -EINVAL;
    kiocb->ki_complete = io_complete_rw;
  }
  if (release.prep_is_kept) req->flags |= REQ_F_PREPPED;
  return 0;
}

// Models fs/io_uring.c:io_rw_done().
void io_rw_done(kiocb* kiocb, s64 ret) noexcept {
  switch (ret) {
    case -EIOCBQUEUED:
      return;
    case -ERESTARTSYS:
    case -ERESTARTNOINTR:
    case -ERESTARTNOHAND:
    case -ERESTART_RESTARTBLOCK:
      // The system call cannot be restarted: other SQEs of it may be under way.
      ret = -EINTR;
      break;
    default:
      break;
  }
  kiocb->ki_complete(kiocb, ret, 0);
}

// Models fs/io_uring.c:io_import_fixed().
s64 io_import_fixed(io_ring_ctx* ctx, int rw, const io_uring_sqe* sqe, iov_iter* iter) noexcept {
  const u64 len = READ_ONCE(sqe->len);
  if (ctx->user_bufs == nullptr) return -EFAULT;
  const unsigned buf_index = READ_ONCE(sqe->buf_index);
  if (buf_index >= ctx->nr_user_bufs) return -EFAULT;
  const io_mapped_ubuf* const imu = &ctx->user_bufs[buf_index];
  const uptr buf_addr = READ_ONCE(sqe->addr);

  if (buf_addr + len < buf_addr) return -EFAULT;
  if (buf_addr < imu->ubuf || buf_addr + len > imu->ubuf + imu->len) return -EFAULT;

  const u64 offset = buf_addr - imu->ubuf;
  iov_iter_bvec(iter, rw, imu->bvec, imu->nr_bvecs, offset + len);
  if (offset != 0) iov_iter_advance(iter, offset);
  return static_cast<s64>(len);
}

// Models fs/io_uring.c:io_import_iovec(). Returns the bytes or -errno; *iovec is null for a registered buffer.
s64 io_import_iovec(io_ring_ctx* ctx, int rw, const sqe_submit* s, user_iovec** iovec, iov_iter* iter) noexcept {
  const uptr buf = READ_ONCE(s->sqe->addr);
  const u64 sqe_len = READ_ONCE(s->sqe->len);
  const u8 opcode = io_opcode(ctx, s);
  if (opcode == uapi::IORING_OP_READ_FIXED || opcode == uapi::IORING_OP_WRITE_FIXED) {
    *iovec = nullptr;
    return io_import_fixed(ctx, rw, s->sqe, iter);
  }
  if (!s->has_user) return -EFAULT;
  return import_iovec(rw, buf, sqe_len, UIO_FASTIOV, iovec, iter);
}

/// The iovecs of one request, released when it is over.
struct imported {
  user_iovec inline_vecs[UIO_FASTIOV];
  user_iovec* iovec = inline_vecs;
  u64 segments = 0;
  iov_iter iter;

  imported() = default;
  imported(const imported&) = delete;
  imported& operator=(const imported&) = delete;
  ~imported() {
    if (iovec != nullptr && iovec != inline_vecs) import_iovec_free(iovec, inline_vecs, segments);
  }

  s64 import(const io_kiocb* req, int rw, const sqe_submit* s) noexcept {
    if (const io_kept_iovec* const kept = req->kept) {
      iov_iter_init(&iter, rw, kept->iov, kept->segments, kept->bytes);
      return static_cast<s64>(kept->bytes);
    }
    const s64 ret = io_import_iovec(req->ctx, rw, s, &iovec, &iter);
    segments = iovec != nullptr ? iter.nr_segs : 0;
    return ret;
  }
};

// Models fs/io_uring.c:loop_rw_iter() (5.4): files that know read and write only. They cannot be asked not to block.
// A registered buffer is handed over where the kernel has its page mapped, a page at a time and without bv_offset, as 5.4 does:
// a buffer that starts within a page is read and written from the start of that page. A worker that has borrowed the submitter's
// memory for an earlier request may not follow such an address: the file answers -EFAULT.
s64 loop_rw_iter(int rw, file* file, kiocb* kiocb, iov_iter* iter) noexcept {
  KERNEL_FUNCTION;
  if ((kiocb->ki_flags & IOCB_HIPRI) != 0) return -EOPNOTSUPP;
  if ((kiocb->ki_flags & IOCB_NOWAIT) != 0) return -EAGAIN;
  s64 ret = 0;
  while (iov_iter_count(iter) != 0) {
    const bool fixed = iter->kind == iov_iter::Kind::bvec;
    const uptr base = (fixed ? kmap(iter->bvec->bv_page) : iter->iov->iov_base) + iter->iov_offset;
    u64 len = (fixed ? iter->bvec->bv_len : iter->iov->iov_len) - iter->iov_offset;
    if (len > iter->count) len = iter->count;
    const s64 nr =
        rw == READ ? file->f_op->read(file, base, len, &kiocb->ki_pos) : file->f_op->write(file, base, len, &kiocb->ki_pos);
    if (nr < 0) {
      if (ret == 0) ret = nr;
      break;
    }
    ret += nr;
    if (static_cast<u64>(nr) != len) break;
    iov_iter_advance(iter, len);
  }
  return ret;
}

/// The file's own read or write, in whichever form it has one.
s64 call_rw(int rw, io_kiocb* req, iov_iter* iter) noexcept {
  const file_operations* const ops = req->file_->f_op;
  const bool loops = req->ctx->profile->loops_over_read_write;
  if (rw == READ) {
    if (ops->read_iter != nullptr) return ops->read_iter(&req->rw, iter);
    if (loops && ops->read != nullptr) return loop_rw_iter(READ, req->file_, &req->rw, iter);
  } else {
    if (ops->write_iter != nullptr) return ops->write_iter(&req->rw, iter);
    if (loops && ops->write != nullptr) return loop_rw_iter(WRITE, req->file_, &req->rw, iter);
  }
  return -EINVAL;
}

}  // namespace

void io_keep_iovec(io_kiocb* req, const sqe_submit* s) noexcept {
  if ((s->opcode != uapi::IORING_OP_READV && s->opcode != uapi::IORING_OP_WRITEV) || !s->has_user) return;
  user_iovec* const own = kcalloc<user_iovec>(UIO_FASTIOV);
  if (own == nullptr) return;
  user_iovec* vecs = own;
  iov_iter iter;
  const int rw = s->opcode == uapi::IORING_OP_READV ? READ : WRITE;
  const s64 ret = import_iovec(rw, READ_ONCE(s->sqe->addr), READ_ONCE(s->sqe->len), UIO_FASTIOV, &vecs, &iter);
  if (ret < 0 || vecs != own) kfree_array(own, UIO_FASTIOV);
  if (ret < 0) return;  // the worker finds the same error
  const u64 capacity = vecs == own ? UIO_FASTIOV : iter.nr_segs;
  req->kept = kmalloc<io_kept_iovec>();
  if (req->kept == nullptr) return kfree_array(vecs, capacity);
  *req->kept = {vecs, capacity, iter.nr_segs, iter.count};
}

void io_forget_iovec(io_kiocb* req) noexcept {
  if (req->kept == nullptr) return;
  kfree_array(req->kept->iov, req->kept->capacity);
  kfree(req->kept);
}

int io_read(io_kiocb* req, const sqe_submit* s, bool force_nonblock) noexcept {
  KERNEL_FUNCTION;
  const io_uring_profile& release = *req->ctx->profile;
  if (const int ret = io_prep_rw(req, s, force_nonblock)) return ret;
  file* const file = req->rw.ki_filp;
  if ((file->f_mode & FMODE_READ) == 0) return -EBADF;
  if (!release.loops_over_read_write && file->f_op->read_iter == nullptr) return -EINVAL;

  imported data;
  const s64 read_size = data.import(req, READ, s);
  if (read_size < 0) return static_cast<int>(read_size);
  if ((req->flags & REQ_F_LINK) != 0) req->result = static_cast<s32>(read_size);

  const u64 iov_count = iov_iter_count(&data.iter);
  if (const int ret = rw_verify_area(READ, file, &req->rw.ki_pos, iov_count)) return ret;

  // The request may be complete and gone once it is issued: nothing of it is touched after io_rw_done().
  const bool may_punt =
      force_nonblock && release.short_read_punts && (req->flags & REQ_F_NOWAIT) == 0 && (req->flags & REQ_F_ISREG) != 0;
  s64 ret2 = call_rw(READ, req, &data.iter);
  // Part of it was in the page cache: a worker reads all of it again rather than the application the rest.
  if (ret2 > 0 && ret2 < read_size && may_punt) ret2 = -EAGAIN;
  if (!force_nonblock || ret2 != -EAGAIN) {
    io_rw_done(&req->rw, ret2);
    return 0;
  }
  if (!s->needs_lock) release.async_list_note(READ, req, iov_count);
  return -EAGAIN;
}

int io_write(io_kiocb* req, const sqe_submit* s, bool force_nonblock) noexcept {
  KERNEL_FUNCTION;
  const io_uring_profile& release = *req->ctx->profile;
  if (const int ret = io_prep_rw(req, s, force_nonblock)) return ret;
  file* const file = req->rw.ki_filp;
  if ((file->f_mode & FMODE_WRITE) == 0) return -EBADF;
  if (!release.loops_over_read_write && file->f_op->write_iter == nullptr) return -EINVAL;

  imported data;
  const s64 bytes = data.import(req, WRITE, s);
  if (bytes < 0) return static_cast<int>(bytes);
  if ((req->flags & REQ_F_LINK) != 0) req->result = static_cast<s32>(bytes);

  const u64 iov_count = iov_iter_count(&data.iter);
  // Buffered writes always go to a worker: they may block on anything.
  if (force_nonblock && (req->rw.ki_flags & IOCB_DIRECT) == 0) {
    if (!s->needs_lock) release.async_list_note(WRITE, req, iov_count);
    return -EAGAIN;
  }

  if (const int ret = rw_verify_area(WRITE, file, &req->rw.ki_pos, iov_count)) return ret;
  req->rw.ki_flags |= IOCB_WRITE;

  // A worker writes under the submitter's file size limit, and under none afterwards.
  const bool lend_limit = !release.prep_is_kept && !force_nonblock;
  u64& limit = current()->signal->rlim[RLIMIT_FSIZE].rlim_cur;
  if (lend_limit) WRITE_ONCE(limit, req->fsize);
  const s64 ret2 = call_rw(WRITE, req, &data.iter);
  if (lend_limit) WRITE_ONCE(limit, RLIM_INFINITY);

  if (!force_nonblock || ret2 != -EAGAIN) {
    io_rw_done(&req->rw, ret2);
    return 0;
  }
  if (!s->needs_lock) release.async_list_note(WRITE, req, iov_count);
  return -EAGAIN;
}

}  // namespace uringsim::kernel
