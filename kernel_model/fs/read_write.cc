// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/read_write.h"

#include <algorithm>

#include "kernel_model/core/rlimit.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/syscalls.h"

namespace uringsim::kernel {

namespace {

/// preadv2's flags (include/uapi/linux/fs.h).
enum : u32 { kRwfHipri = 1, kRwfDsync = 2, kRwfSync = 4, kRwfNowait = 8, kRwfAppend = 16, kRwfSupported = 31 };

/// The file's position for the length of a system call, alone where other holders of the file could use it too. Models
/// fs/file.c:__fdget_pos().
class PositionGuard {
 public:
  explicit PositionGuard(file* file) noexcept : file_(file) {
    locked_ = (file->f_mode & FMODE_ATOMIC_POS) != 0;
    if (locked_) mutex_lock(&file->f_pos_lock);
    position_ = file->f_pos;
  }
  ~PositionGuard() {
    if (locked_) mutex_unlock(&file_->f_pos_lock);
  }
  PositionGuard(const PositionGuard&) = delete;
  PositionGuard& operator=(const PositionGuard&) = delete;

  /// Null for a stream.
  s64* position() noexcept { return (file_->f_mode & FMODE_STREAM) != 0 ? nullptr : &position_; }
  s64 settle(s64 ret) noexcept {
    if (ret >= 0 && position() != nullptr) file_->f_pos = position_;
    return ret;
  }

 private:
  file* file_;
  s64 position_ = 0;
  bool locked_ = false;
};

/// Runs an _iter operation to its end. Models fs/read_write.c:do_iter_readv_writev().
s64 do_iter_readv_writev(file* file, iov_iter* iter, s64* position, int rw, u32 rwf) noexcept {
  kiocb kiocb;
  init_sync_kiocb(&kiocb, file, position != nullptr ? *position : 0);
  const int ret = kiocb_set_rw_flags(&kiocb, rwf);
  if (ret != 0) return ret;
  if (rw == WRITE) kiocb.ki_flags |= IOCB_WRITE;
  const s64 done = rw == READ ? file->f_op->read_iter(&kiocb, iter) : file->f_op->write_iter(&kiocb, iter);
  BUG_ON(done == -EIOCBQUEUED, "a synchronous kiocb was queued");
  if (position != nullptr) *position = kiocb.ki_pos;
  return done;
}

/// Models fs/read_write.c:do_loop_readv_writev(): files without _iter forms take one buffer after the other.
s64 do_loop_readv_writev(file* file, iov_iter* iter, s64* position, int rw, u32 rwf) noexcept {
  if ((rwf & ~static_cast<u32>(kRwfHipri)) != 0) return -EOPNOTSUPP;
  s64 done = 0;
  while (iov_iter_count(iter) != 0) {
    const user_iovec& segment = *iter->iov;
    const uptr base = segment.iov_base + iter->iov_offset;
    const u64 length = std::min(segment.iov_len - iter->iov_offset, iov_iter_count(iter));
    const s64 ret = rw == READ ? file->f_op->read(file, base, length, position) : file->f_op->write(file, base, length, position);
    if (ret < 0) return done != 0 ? done : ret;
    done += ret;
    if (static_cast<u64>(ret) != length) break;
    iov_iter_advance(iter, length);
  }
  return done;
}

s64 do_iter(file* file, iov_iter* iter, s64* position, int rw, u32 rwf) noexcept {
  if ((file->f_mode & (rw == READ ? FMODE_READ : FMODE_WRITE)) == 0) return -EBADF;
  if ((file->f_mode & (rw == READ ? FMODE_CAN_READ : FMODE_CAN_WRITE)) == 0) return -EINVAL;
  const u64 count = iov_iter_count(iter);
  if (count == 0) return 0;
  const int ret = rw_verify_area(rw, file, position, count);
  if (ret < 0) return ret;
  const bool has_iter = rw == READ ? file->f_op->read_iter != nullptr : file->f_op->write_iter != nullptr;
  return has_iter ? do_iter_readv_writev(file, iter, position, rw, rwf) : do_loop_readv_writev(file, iter, position, rw, rwf);
}

/// One buffer. Models vfs_read() and vfs_write(), which check more in this order: mode, operation, address, area.
s64 vfs_rw(file* file, uptr buffer, u64 bytes, s64* position, int rw) noexcept {
  if ((file->f_mode & (rw == READ ? FMODE_READ : FMODE_WRITE)) == 0) return -EBADF;
  if ((file->f_mode & (rw == READ ? FMODE_CAN_READ : FMODE_CAN_WRITE)) == 0) return -EINVAL;
  if (!access_ok(buffer, bytes)) return -EFAULT;
  const int ret = rw_verify_area(rw, file, position, bytes);
  if (ret < 0) return ret;
  bytes = std::min(bytes, MAX_RW_COUNT);
  const auto plain = rw == READ ? file->f_op->read : file->f_op->write;
  if (plain != nullptr)
    return rw == READ ? file->f_op->read(file, buffer, bytes, position) : file->f_op->write(file, buffer, bytes, position);
  const user_iovec segment = {buffer, bytes};
  iov_iter iter;
  iov_iter_init(&iter, rw, &segment, 1, bytes);
  return do_iter_readv_writev(file, &iter, position, rw, 0);
}

/// The iovec forms of system calls. Models fs/read_write.c:vfs_readv() and vfs_writev().
s64 vfs_vec(file* file, uptr vec, u64 count, s64* position, int rw, u32 rwf) noexcept {
  user_iovec fast[UIO_FASTIOV];
  user_iovec* iov = fast;
  iov_iter iter;
  const s64 total = import_iovec(rw, vec, count, UIO_FASTIOV, &iov, &iter);
  if (total < 0) return total;
  const s64 ret = do_iter(file, &iter, position, rw, rwf);
  import_iovec_free(iov, fast, count);
  return ret;
}

s64 do_rw(unsigned fd, uptr buffer, u64 bytes, int rw) noexcept {
  fd_guard file(fd);
  if (!file) return -EBADF;
  PositionGuard guard(file.get());
  return guard.settle(vfs_rw(file.get(), buffer, bytes, guard.position(), rw));
}

s64 do_prw(unsigned fd, uptr buffer, u64 bytes, s64 position, int rw) noexcept {
  if (position < 0) return -EINVAL;
  fd_guard file(fd);
  if (!file) return -EBADF;
  if ((file->f_mode & (rw == READ ? FMODE_PREAD : FMODE_PWRITE)) == 0) return -ESPIPE;
  return vfs_rw(file.get(), buffer, bytes, &position, rw);
}

s64 do_vec(unsigned fd, uptr vec, u64 count, u32 rwf, int rw) noexcept {
  fd_guard file(fd);
  if (!file) return -EBADF;
  PositionGuard guard(file.get());
  return guard.settle(vfs_vec(file.get(), vec, count, guard.position(), rw, rwf));
}

s64 do_pvec(unsigned fd, uptr vec, u64 count, s64 position, u32 rwf, int rw) noexcept {
  if (position < 0) return -EINVAL;
  fd_guard file(fd);
  if (!file) return -EBADF;
  if ((file->f_mode & (rw == READ ? FMODE_PREAD : FMODE_PWRITE)) == 0) return -ESPIPE;
  return vfs_vec(file.get(), vec, count, &position, rw, rwf);
}

}  // namespace

void init_sync_kiocb(kiocb* kiocb, file* file, s64 position) noexcept {
  *kiocb = {};
  kiocb->ki_filp = file;
  kiocb->ki_pos = position;
  kiocb->ki_flags = iocb_flags(file);
}

u32 iocb_flags(const file* file) noexcept {
  const u32 flags = READ_ONCE(file->f_flags);
  u32 res = 0;
  if ((flags & O_APPEND) != 0) res |= IOCB_APPEND;
  if ((flags & O_DIRECT) != 0) res |= IOCB_DIRECT;
  if ((flags & O_DSYNC) != 0) res |= IOCB_DSYNC;
  if ((flags & O_SYNC) == O_SYNC) res |= IOCB_SYNC;
  return res;
}

// Models include/linux/fs.h:kiocb_set_rw_flags() (5.4).
int kiocb_set_rw_flags(kiocb* kiocb, u32 rwf) noexcept {
  if ((rwf & ~static_cast<u32>(kRwfSupported)) != 0) return -EOPNOTSUPP;
  if ((rwf & kRwfNowait) != 0) {
    if ((kiocb->ki_filp->f_mode & FMODE_NOWAIT) == 0) return -EOPNOTSUPP;
    kiocb->ki_flags |= IOCB_NOWAIT;
  }
  if ((rwf & kRwfHipri) != 0) kiocb->ki_flags |= IOCB_HIPRI;
  if ((rwf & kRwfDsync) != 0) kiocb->ki_flags |= IOCB_DSYNC;
  if ((rwf & kRwfSync) != 0) kiocb->ki_flags |= IOCB_DSYNC | IOCB_SYNC;
  if ((rwf & kRwfAppend) != 0) kiocb->ki_flags |= IOCB_APPEND;
  return 0;
}

// Divergence: no mandatory locks, no security modules, no files of unsigned offsets.
int rw_verify_area(int, file*, const s64* position, u64 bytes) noexcept {
  if (static_cast<s64>(bytes) < 0) return -EINVAL;
  if (position != nullptr) {
    if (*position < 0) return -EINVAL;
    if (static_cast<s64>(static_cast<u64>(*position) + bytes) < 0) return -EINVAL;
  }
  return 0;
}

int generic_write_check_limits(file* file, s64 position, u64* bytes) noexcept {
  const u64 limit = rlimit(RLIMIT_FSIZE);
  if (limit != RLIM_INFINITY) {
    if (static_cast<u64>(position) >= limit) {
      (void)send_sig(SIGXFSZ, current(), 0);
      return -EFBIG;
    }
    *bytes = std::min(*bytes, limit - static_cast<u64>(position));
  }
  // Divergence: O_LARGEFILE is always on, as it is for 64-bit programs.
  const s64 max = file_inode(file)->i_sb->s_maxbytes;
  if (position >= max) return -EFBIG;
  *bytes = std::min(*bytes, static_cast<u64>(max - position));
  return 0;
}

s64 vfs_read(file* file, uptr buffer, u64 bytes, s64* position) noexcept { return vfs_rw(file, buffer, bytes, position, READ); }
s64 vfs_write(file* file, uptr buffer, u64 bytes, s64* position) noexcept { return vfs_rw(file, buffer, bytes, position, WRITE); }
s64 do_iter_read(file* file, iov_iter* iter, s64* position, u32 rwf) noexcept { return do_iter(file, iter, position, READ, rwf); }
s64 do_iter_write(file* file, iov_iter* iter, s64* position, u32 rwf) noexcept {
  return do_iter(file, iter, position, WRITE, rwf);
}

s64 no_llseek(file*, s64, int) noexcept { return -ESPIPE; }
s64 noop_llseek(file* file, s64, int) noexcept { return file->f_pos; }

// Models fs/read_write.c:generic_file_llseek_size(). Divergence: files have no holes to ask for.
s64 generic_file_llseek_size(file* file, s64 offset, int whence, s64 maxsize, s64 eof) noexcept {
  switch (whence) {
    case SEEK_END:
      offset += eof;
      break;
    case SEEK_CUR:
      if (offset == 0) return file->f_pos;
      offset += file->f_pos;
      break;
    case SEEK_DATA:
      if (offset < 0 || offset >= eof) return -ENXIO;
      break;
    case SEEK_HOLE:
      if (offset < 0 || offset >= eof) return -ENXIO;
      offset = eof;
      break;
    default:
      break;
  }
  if (offset < 0 || offset > maxsize) return -EINVAL;
  file->f_pos = offset;
  return offset;
}

s64 generic_file_llseek(file* file, s64 offset, int whence) noexcept {
  inode* const inode = file_inode(file);
  return generic_file_llseek_size(file, offset, whence, inode->i_sb->s_maxbytes, i_size_read(inode));
}

// ---- system calls ----------------------------------------------------------------------------------------------------

s64 sys_read(unsigned fd, uptr buffer, u64 bytes) noexcept { return do_rw(fd, buffer, bytes, READ); }
s64 sys_write(unsigned fd, uptr buffer, u64 bytes) noexcept { return do_rw(fd, buffer, bytes, WRITE); }
s64 sys_pread64(unsigned fd, uptr buffer, u64 bytes, s64 position) noexcept { return do_prw(fd, buffer, bytes, position, READ); }
s64 sys_pwrite64(unsigned fd, uptr buffer, u64 bytes, s64 position) noexcept {
  return do_prw(fd, buffer, bytes, position, WRITE);
}
s64 sys_readv(unsigned fd, uptr vec, u64 count) noexcept { return do_vec(fd, vec, count, 0, READ); }
s64 sys_writev(unsigned fd, uptr vec, u64 count) noexcept { return do_vec(fd, vec, count, 0, WRITE); }

s64 sys_preadv2(unsigned fd, uptr vec, u64 count, s64 position, u32 rwf) noexcept {
  return position == -1 ? do_vec(fd, vec, count, rwf, READ) : do_pvec(fd, vec, count, position, rwf, READ);
}
s64 sys_pwritev2(unsigned fd, uptr vec, u64 count, s64 position, u32 rwf) noexcept {
  return position == -1 ? do_vec(fd, vec, count, rwf, WRITE) : do_pvec(fd, vec, count, position, rwf, WRITE);
}

// Models fs/read_write.c:ksys_lseek().
s64 sys_lseek(unsigned fd, s64 offset, unsigned whence) noexcept {
  fd_guard file(fd);
  if (!file) return -EBADF;
  if (whence > SEEK_HOLE) return -EINVAL;
  if ((file->f_mode & FMODE_LSEEK) == 0) return -ESPIPE;
  const bool locked = (file->f_mode & FMODE_ATOMIC_POS) != 0;
  if (locked) mutex_lock(&file->f_pos_lock);
  const s64 ret = file->f_op->llseek(file.get(), offset, static_cast<int>(whence));
  if (locked) mutex_unlock(&file->f_pos_lock);
  return ret;
}

}  // namespace uringsim::kernel
