// SPDX-License-Identifier: GPL-2.0-only
// Device nodes of block devices. Models fs/block_dev.c.
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

/// The node of `device` (mode 0600), with a page cache of its own; `rdev` is what stat says. Null when memory ran out.
inode* blkdev_inode(super_block* sb, BlockDevice* device, u64 rdev) noexcept;

}  // namespace uringsim::kernel
