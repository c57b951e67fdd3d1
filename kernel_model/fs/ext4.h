// SPDX-License-Identifier: GPL-2.0-only
// The regular file system, as ext4 of 5.1 and 5.4 behaves: blocks of 4 KiB, delayed allocation, O_DIRECT with its locks, NOWAIT.
// Models fs/ext4/{file,inode,fsync}.c.
//
// Divergences: no journal (an fsync writes the data and flushes the device's cache, no metadata); free space is looked at when a
// page is dirtied and taken when it is written, without a reservation in between; no inline data, no encryption.
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

/// Makes `sb` one: on `device`, or, without one, of pages only. 0 or -ENOMEM.
int ext4_fill_super(super_block* sb, BlockDevice* device) noexcept;
/// A fresh empty regular file, in no directory. Null when memory ran out.
inode* ext4_new_inode(super_block* sb, u32 mode) noexcept;
/// Sets the length of a regular file: what lies behind is gone, what is new is zero. inode_lock held. 0 or -errno.
int ext4_setsize(inode* inode, s64 size) noexcept;

}  // namespace uringsim::kernel
