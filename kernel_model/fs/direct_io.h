// SPDX-License-Identifier: GPL-2.0-only
// O_DIRECT: transfers between the device and the application's pages. Models fs/direct-io.c (files) and the direct part of
// fs/block_dev.c (device nodes).
#pragma once

#include "kernel_model/fs/pagemap.h"

namespace uringsim::kernel {

/// A transfer of a file on inode's mapping (blocks by get_block). Returns bytes; -EIOCBQUEUED: ki_complete follows, from
/// interrupt context, from a worker, or has run already; -EINVAL if position, lengths or addresses are not aligned to the
/// device's logical block; -errno. Writes past the end of the file complete before it returns. Models do_blockdev_direct_IO()
/// (5.4).
s64 blockdev_direct_IO(kiocb* iocb, iov_iter* iter) noexcept;

/// A transfer of a device node. Models fs/block_dev.c:blkdev_direct_IO() (5.4).
s64 blkdev_direct_IO(kiocb* iocb, iov_iter* iter) noexcept;

void inode_dio_begin(inode* inode) noexcept;
void inode_dio_end(inode* inode) noexcept;
/// Sleeps until no direct transfer of the inode is in flight. Waker: inode_dio_end().
void inode_dio_wait(inode* inode) noexcept;

}  // namespace uringsim::kernel
