// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/shmem.h"

#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/pagemap.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

enum : u32 { kMfdCloexec = 1, kMfdAllowSealing = 2 };
constexpr unsigned kMfdNameMax = 255 - 6;  // less "memfd:"

// Models mm/shmem.c:shmem_file_read_iter(): takes no notice of NOWAIT, as nothing here ever waits.
s64 shmem_file_read_iter(kiocb* iocb, iov_iter* to) {
  kiocb plain = *iocb;
  plain.ki_flags &= ~static_cast<u32>(IOCB_NOWAIT | IOCB_DIRECT);
  const s64 ret = generic_file_buffered_read(&plain, to, 0);
  iocb->ki_pos = plain.ki_pos;
  return ret;
}

int noop_fsync(file*, s64, s64, int) { return 0; }

constexpr address_space_operations shmem_aops = {};

constexpr file_operations shmem_file_operations = {
    .name = "memfd",
    .llseek = generic_file_llseek,
    .read_iter = shmem_file_read_iter,
    .write_iter = generic_file_write_iter,
    .mmap = generic_file_mmap,
    .fsync = noop_fsync,
};

}  // namespace

file* shmem_file_setup(u32 flags) noexcept {
  inode* const node = new_inode(&vfs().anon_sb, S_IFREG | 0777);
  if (node == nullptr) return nullptr;
  node->i_fop = &shmem_file_operations;
  node->i_nlink = 0;
  node->i_mapping = address_space_create(node, &shmem_aops, nullptr);
  file* const made = node->i_mapping != nullptr ? alloc_file(node, flags, &shmem_file_operations) : nullptr;
  if (made == nullptr)
    iput(node);
  else
    made->f_mode |= FMODE_ATOMIC_POS;
  return made;
}

bool is_shmem_inode(const inode* inode) noexcept { return inode->i_fop == &shmem_file_operations; }

int shmem_setsize(inode* inode, s64 size) noexcept {
  const s64 old = i_size_read(inode);
  i_size_write(inode, size);
  if (size < old) truncate_inode_pages(inode->i_mapping, size);
  return 0;
}

// Models mm/memfd.c:memfd_create(2). Divergence: no huge pages, no seals.
int sys_memfd_create(uptr name, u32 flags) noexcept {
  if ((flags & ~static_cast<u32>(kMfdCloexec | kMfdAllowSealing)) != 0) return -EINVAL;
  for (unsigned i = 0;; i++) {
    char c = 0;
    if (!get_user(&c, name + i)) return -EFAULT;
    if (c == '\0') break;
    if (i == kMfdNameMax) return -EINVAL;
  }
  const int fd = get_unused_fd_flags((flags & kMfdCloexec) != 0 ? O_CLOEXEC : 0);
  if (fd < 0) return fd;
  file* const made = shmem_file_setup(O_RDWR | O_LARGEFILE);
  if (made == nullptr) {
    put_unused_fd(static_cast<unsigned>(fd));
    return -ENOMEM;
  }
  made->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
  fd_install(static_cast<unsigned>(fd), made);
  return fd;
}

}  // namespace uringsim::kernel
