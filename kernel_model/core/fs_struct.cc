// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/fs_struct.h"

namespace uringsim::kernel {

fs_struct* copy_fs_struct(fs_struct* from) noexcept {
  fs_struct* const fs = kmalloc<fs_struct>();
  if (fs == nullptr || from == nullptr) return fs;
  spin_lock(&from->lock);
  fs->umask = from->umask;
  fs->root = from->root;
  fs->pwd = from->pwd;
  spin_unlock(&from->lock);
  return fs;
}

void get_fs_struct(fs_struct* fs) noexcept {
  spin_lock(&fs->lock);
  fs->users++;
  spin_unlock(&fs->lock);
}

void put_fs_struct(fs_struct* fs) noexcept {
  spin_lock(&fs->lock);
  const bool last = --fs->users == 0;
  spin_unlock(&fs->lock);
  if (last) kfree(fs);
}

}  // namespace uringsim::kernel
