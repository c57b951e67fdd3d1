// SPDX-License-Identifier: GPL-2.0-only
// Making files durable. Models fs/sync.c (5.4).
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/pagemap.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

int vfs_fsync_range(file* file, s64 start, s64 end, int datasync) noexcept {
  if (file->f_op->fsync == nullptr) return -EINVAL;
  return file->f_op->fsync(file, start, end, datasync);
}

int sync_file_range(file* file, s64 offset, s64 bytes, u32 flags) noexcept {
  constexpr u32 kValid = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  if ((flags & ~kValid) != 0) return -EINVAL;
  s64 end = static_cast<s64>(static_cast<u64>(offset) + static_cast<u64>(bytes));
  if (offset < 0 || end < 0 || end < offset) return -EINVAL;
  if (bytes == 0)
    end = 0x7fffffffffffffff;
  else
    end--;  // inclusive
  const u32 mode = file_inode(file)->i_mode;
  if (!S_ISREG(mode) && !S_ISBLK(mode) && !S_ISDIR(mode) && !S_ISLNK(mode)) return -ESPIPE;
  address_space* const mapping = file->f_mapping;
  if (mapping == nullptr) return 0;  // a directory: nothing of it is cached here
  int ret = 0;
  const auto wait = [&] {
    (void)filemap_fdatawait_range(mapping, offset, end);
    return file_check_and_advance_wb_err(file);
  };
  if ((flags & SYNC_FILE_RANGE_WAIT_BEFORE) != 0) ret = wait();
  // SYNC_FILE_RANGE_WRITE_AND_WAIT, all three, is for keeps from 5.2 on; WRITE alone only sets going what is not on its way.
  const bool for_keeps = (flags & kValid) == kValid && vfs().release.sync_range_for_keeps;
  const WbSync sync = for_keeps ? WbSync::all : WbSync::none;
  if (ret == 0 && (flags & SYNC_FILE_RANGE_WRITE) != 0) ret = filemap_fdatawrite_range(mapping, offset, end, sync);
  if (ret == 0 && (flags & SYNC_FILE_RANGE_WAIT_AFTER) != 0) ret = wait();
  return ret;
}

namespace {
int do_fsync(unsigned fd, int datasync) noexcept {
  fd_guard file(fd);
  return file ? vfs_fsync(file.get(), datasync) : -EBADF;
}
}  // namespace

int sys_fsync(unsigned fd) noexcept { return do_fsync(fd, 0); }
int sys_fdatasync(unsigned fd) noexcept { return do_fsync(fd, 1); }

int sys_sync_file_range(unsigned fd, s64 offset, s64 bytes, u32 flags) noexcept {
  fd_guard file(fd);
  return file ? sync_file_range(file.get(), offset, bytes, flags) : -EBADF;
}

}  // namespace uringsim::kernel
