// SPDX-License-Identifier: GPL-2.0-only
// Reads and writes by the kernel's own hand. Models fs/read_write.c.
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

/// Read or write one user buffer at *position (null: the file has none). Bytes or -errno.
s64 vfs_read(file* file, uptr buffer, u64 bytes, s64* position) noexcept;
s64 vfs_write(file* file, uptr buffer, u64 bytes, s64* position) noexcept;
/// The same over an iterator, with preadv2's RWF_* flags.
s64 do_iter_read(file* file, iov_iter* iter, s64* position, u32 rwf) noexcept;
s64 do_iter_write(file* file, iov_iter* iter, s64* position, u32 rwf) noexcept;
/// A plain llseek within [0, maxsize], `eof` for SEEK_END.
s64 generic_file_llseek_size(file* file, s64 offset, int whence, s64 maxsize, s64 eof) noexcept;

}  // namespace uringsim::kernel
