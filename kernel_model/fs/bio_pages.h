// SPDX-License-Identifier: GPL-2.0-only
// Bios that carry pages: allocation, and waiting for one. Models the part of block/bio.c that file systems use.
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

/// A bio with room for `vecs` bio_vecs, on `device`; null when memory ran out. Freed by bio_put().
bio* bio_alloc(BlockDevice* device, bio_op op, u64 sector, unsigned vecs) noexcept;
void bio_put(bio* bio) noexcept;
/// Appends bytes [offset, offset + bytes) of `page`; false when the bio is full.
bool bio_add_page(bio* bio, page* page, u32 bytes, u32 offset) noexcept;
/// Submits and sleeps until it is done: 0 or the bio's -errno. The bio stays the caller's.
int submit_bio_wait(bio* bio) noexcept;
/// Makes the device's volatile cache durable: 0 at once if it has none. Models block/blk-flush.c:blkdev_issue_flush().
int blkdev_issue_flush(BlockDevice* device) noexcept;

}  // namespace uringsim::kernel
