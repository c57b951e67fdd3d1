// SPDX-License-Identifier: GPL-2.0-only
// What a process knows of the file system tree. Models include/linux/fs_struct.h and fs/fs_struct.c (5.4).
//
// Divergence: root and working directory are inodes that the world never unmounts or removes, so that they are not counted.
#pragma once

#include "kernel_model/core/kernel.h"
#include "kernel_model/core/spinlock.h"

namespace uringsim::kernel {

struct inode;

struct fs_struct {
  u32 users = 1;  ///< lock
  spinlock_t lock;
  u32 umask = 022;
  inode* root = nullptr;
  inode* pwd = nullptr;
};

/// A copy with one user, of `from` or (null) of nothing. Null when memory ran out.
fs_struct* copy_fs_struct(fs_struct* from) noexcept;
void get_fs_struct(fs_struct* fs) noexcept;
void put_fs_struct(fs_struct* fs) noexcept;

}  // namespace uringsim::kernel
