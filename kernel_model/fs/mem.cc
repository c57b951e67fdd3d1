// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/mem.h"

#include <algorithm>

#include "kernel_model/core/signal.h"

namespace uringsim::kernel {

namespace {

s64 read_null(file*, uptr, u64, s64*) { return 0; }
s64 write_null(file*, uptr, u64 bytes, s64*) { return static_cast<s64>(bytes); }
s64 read_iter_null(kiocb*, iov_iter*) { return 0; }

s64 write_iter_null(kiocb*, iov_iter* from) {
  const u64 count = iov_iter_count(from);
  iov_iter_advance(from, count);
  return static_cast<s64>(count);
}

// Models drivers/char/mem.c:read_iter_zero(): a page at a time, stopping at signals.
s64 read_iter_zero(kiocb*, iov_iter* to) {
  s64 written = 0;
  while (iov_iter_count(to) != 0) {
    const u64 chunk = std::min(iov_iter_count(to), PAGE_SIZE);
    const u64 done = iov_iter_zero(chunk, to);
    if (done == 0 && iov_iter_count(to) != 0) return written != 0 ? written : -EFAULT;
    written += static_cast<s64>(done);
    if (signal_pending(current())) return written != 0 ? written : -ERESTARTSYS;
    cond_resched();
  }
  return written;
}

s64 null_lseek(file* file, s64, int) { return file->f_pos = 0; }

s64 mmap_zero(file*, mm_struct* mm, u64 bytes, int prot, u64) { return mmap_anonymous(mm, bytes, prot, true); }

}  // namespace

const file_operations null_fops = {
    .name = "null",
    .llseek = null_lseek,
    .read_iter = read_iter_null,
    .write_iter = write_iter_null,
    .read = read_null,
    .write = write_null,
};

const file_operations zero_fops = {
    .name = "zero",
    .llseek = null_lseek,
    .read_iter = read_iter_zero,
    .write_iter = write_iter_null,
    .write = write_null,
    .mmap = mmap_zero,
};

}  // namespace uringsim::kernel
