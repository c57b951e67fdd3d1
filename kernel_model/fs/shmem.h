// SPDX-License-Identifier: GPL-2.0-only
// Files of memory: memfd_create(2). Models mm/shmem.c and mm/memfd.c (5.4). They do not understand NOWAIT, have no O_DIRECT,
// and their fsync does nothing.
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

/// An empty file of `flags` (O_RDWR ...). Null when memory ran out.
file* shmem_file_setup(u32 flags) noexcept;
bool is_shmem_inode(const inode* inode) noexcept;
/// Sets the length; inode_lock held. 0 or -errno.
int shmem_setsize(inode* inode, s64 size) noexcept;

}  // namespace uringsim::kernel
