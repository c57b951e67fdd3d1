// SPDX-License-Identifier: GPL-2.0-only
// Opening, and what changes a file as a whole. Models fs/open.c, fs/stat.c and fs/fcntl.c (5.4).
#include "kernel_model/core/cred.h"
#include "kernel_model/core/fs_struct.h"
#include "kernel_model/core/rlimit.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/ext4.h"
#include "kernel_model/fs/fasync.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/host_file.h"
#include "kernel_model/fs/namei.h"
#include "kernel_model/fs/pagemap.h"
#include "kernel_model/fs/shmem.h"
#include "kernel_model/fs/syscalls.h"

namespace uringsim::kernel {

namespace {

constexpr u32 kTmpfile = 020000000;  // __O_TMPFILE

/// What Linux makes of open's flags before it looks at the path. Models fs/open.c:build_open_flags(). 0 or -errno.
int build_open_flags(u32* flags, u32* mode) noexcept {
  if ((*flags & (O_CREAT | kTmpfile)) != 0)
    *mode = (*mode & 07777) | S_IFREG;
  else
    *mode = 0;
  if ((*flags & kTmpfile) != 0) return -EOPNOTSUPP;  // divergence: no file system here makes nameless files
  if ((*flags & O_PATH) != 0) *flags &= static_cast<u32>(O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC);
  return 0;
}

file* do_open(int dfd, const filename& name, u32 flags, u32 mode) noexcept {
  if (is_host_path(name.text())) return host_file_open(name.text(), flags);
  return do_filp_open(dfd, name.text(), flags, mode);
}

int copy_stat(const inode* inode, uptr statbuf) noexcept {
  struct stat st = {};
  st.st_dev = 1;
  st.st_ino = inode->i_ino;
  st.st_nlink = inode->i_nlink;
  st.st_mode = READ_ONCE(inode->i_mode);
  st.st_uid = inode->i_uid;
  st.st_gid = inode->i_gid;
  st.st_rdev = inode->i_rdev;
  st.st_size = i_size_read(inode);
  st.st_blksize = static_cast<s64>(PAGE_SIZE);
  st.st_blocks = (st.st_size + 511) / 512;
  return copy_to_user(statbuf, &st, sizeof(st)) != 0 ? -EFAULT : 0;
}

int do_stat(uptr path, uptr statbuf) noexcept {
  const filename name(path);
  if (name.error() != 0) return name.error();
  inode* const inode = user_path_at(AT_FDCWD, name.text());
  if (IS_ERR(inode)) return PTR_ERR(inode);
  const int ret = copy_stat(inode, statbuf);
  iput(inode);
  return ret;
}

int chmod_common(inode* inode, u32 mode) noexcept {
  inode_lock(inode);
  int ret = -EPERM;
  if (inode_owner_or_capable(inode)) {
    WRITE_ONCE(inode->i_mode, (inode->i_mode & S_IFMT) | (mode & 07777));
    ret = 0;
  }
  inode_unlock(inode);
  return ret;
}

/// Runs `operation` on the inode at the user's path.
template <class Operation>
int on_path(uptr path, Operation operation) noexcept {
  const filename name(path);
  if (name.error() != 0) return name.error();
  inode* const inode = user_path_at(AT_FDCWD, name.text());
  if (IS_ERR(inode)) return PTR_ERR(inode);
  const int ret = operation(inode);
  iput(inode);
  return ret;
}

}  // namespace

// Models fs/open.c:do_sys_open(): the descriptor is reserved before the path is walked.
int sys_openat(int dfd, uptr path, u32 flags, u32 mode) noexcept {
  KERNEL_FUNCTION;
  int ret = build_open_flags(&flags, &mode);
  if (ret != 0) return ret;
  const filename name(path);
  if (name.error() != 0) return name.error();
  const int fd = get_unused_fd_flags(flags);
  if (fd < 0) return fd;
  file* const opened = do_open(dfd, name, flags, mode);
  if (IS_ERR(opened)) {
    put_unused_fd(static_cast<unsigned>(fd));
    return PTR_ERR(opened);
  }
  fd_install(static_cast<unsigned>(fd), opened);
  return fd;
}

file* filp_open(const char* path, u32 flags, u32 mode) noexcept {
  const filename name(path);
  if (name.error() != 0) return ERR_PTR<file>(name.error());
  const int ret = build_open_flags(&flags, &mode);
  return ret != 0 ? ERR_PTR<file>(ret) : do_open(AT_FDCWD, name, flags, mode);
}

int sys_mkdir(uptr path, u32 mode) noexcept {
  const filename name(path);
  if (name.error() != 0) return name.error();
  inode* const made = vfs_mknod_at(AT_FDCWD, name.text(), S_IFDIR | (mode & 01777), nullptr);
  if (IS_ERR(made)) return PTR_ERR(made);
  iput(made);
  return 0;
}

int sys_rmdir(uptr path) noexcept {
  const filename name(path);
  return name.error() != 0 ? name.error() : vfs_unlink_at(AT_FDCWD, name.text(), true);
}

int sys_unlink(uptr path) noexcept {
  const filename name(path);
  return name.error() != 0 ? name.error() : vfs_unlink_at(AT_FDCWD, name.text(), false);
}

int sys_rename(uptr from, uptr to) noexcept {
  const filename old_name(from);
  if (old_name.error() != 0) return old_name.error();
  const filename new_name(to);
  if (new_name.error() != 0) return new_name.error();
  return vfs_rename_at(AT_FDCWD, old_name.text(), AT_FDCWD, new_name.text());
}

int sys_link(uptr from, uptr to) noexcept {
  const filename old_name(from);
  if (old_name.error() != 0) return old_name.error();
  const filename new_name(to);
  if (new_name.error() != 0) return new_name.error();
  return vfs_link_at(AT_FDCWD, old_name.text(), AT_FDCWD, new_name.text());
}

// fs_struct does not count its inodes: a working directory stays in memory from here on, even if it is removed.
int sys_chdir(uptr path) noexcept {
  return on_path(path, [](inode* inode) {
    if (!S_ISDIR(inode->i_mode)) return -ENOTDIR;
    const int denied = inode_permission(inode, MAY_EXEC_);
    if (denied != 0) return denied;
    fs_struct* const fs = current()->fs;
    ihold(inode);
    spin_lock(&fs->lock);
    fs->pwd = inode;
    spin_unlock(&fs->lock);
    return 0;
  });
}

int sys_chmod(uptr path, u32 mode) noexcept {
  return on_path(path, [mode](inode* inode) { return chmod_common(inode, mode); });
}

int sys_fchmod(unsigned fd, u32 mode) noexcept {
  fd_guard file(fd);
  return file ? chmod_common(file_inode(file.get()), mode) : -EBADF;
}

int sys_chown(uptr path, u32 uid, u32 gid) noexcept {
  return on_path(path, [uid, gid](inode* inode) {
    if (!capable(CAP_CHOWN)) return -EPERM;
    inode_lock(inode);
    if (uid != ~0u) inode->i_uid = uid;
    if (gid != ~0u) inode->i_gid = gid;
    inode_unlock(inode);
    return 0;
  });
}

int sys_umask(u32 mask) noexcept {
  fs_struct* const fs = current()->fs;
  const u32 old = fs->umask;
  fs->umask = mask & 0777;
  return static_cast<int>(old);
}

int sys_stat(uptr path, uptr statbuf) noexcept { return do_stat(path, statbuf); }
int sys_lstat(uptr path, uptr statbuf) noexcept { return do_stat(path, statbuf); }  // there are no links to not follow

int sys_fstat(unsigned fd, uptr statbuf) noexcept {
  fd_guard file(fd);
  return file ? copy_stat(file_inode(file.get()), statbuf) : -EBADF;
}

int do_truncate(inode* inode, s64 length) noexcept {
  if (length < 0) return -EINVAL;
  inode_lock(inode);
  int ret = 0;
  const u64 limit = rlimit(RLIMIT_FSIZE);
  if (length > i_size_read(inode) && limit != RLIM_INFINITY && static_cast<u64>(length) > limit) {
    (void)send_sig(SIGXFSZ, current(), 0);
    ret = -EFBIG;
  }
  if (ret == 0) ret = is_shmem_inode(inode) ? shmem_setsize(inode, length) : ext4_setsize(inode, length);
  inode_unlock(inode);
  return ret;
}

// Models fs/open.c:do_sys_ftruncate().
int sys_ftruncate(unsigned fd, s64 length) noexcept {
  if (length < 0) return -EINVAL;
  fd_guard file(fd);
  if (!file) return -EBADF;
  inode* const inode = file_inode(file.get());
  if (!S_ISREG(inode->i_mode) || inode->i_mapping == nullptr || (file->f_mode & FMODE_WRITE) == 0) return -EINVAL;
  return do_truncate(inode, length);
}

// Models fs/open.c:vfs_fallocate(). Divergence: space is not set aside; only the length changes (mode 0), or nothing
// (FALLOC_FL_KEEP_SIZE). Other modes are -EOPNOTSUPP.
int sys_fallocate(unsigned fd, int mode, s64 offset, s64 length) noexcept {
  fd_guard file(fd);
  if (!file) return -EBADF;
  if (offset < 0 || length <= 0) return -EINVAL;
  if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0) return -EOPNOTSUPP;
  if ((file->f_mode & FMODE_WRITE) == 0) return -EBADF;
  inode* const inode = file_inode(file.get());
  if (S_ISFIFO(inode->i_mode)) return -ESPIPE;
  if (S_ISDIR(inode->i_mode)) return -EISDIR;
  if (!S_ISREG(inode->i_mode) && !S_ISBLK(inode->i_mode)) return -ENODEV;
  if (length > inode->i_sb->s_maxbytes - offset) return -EFBIG;  // Linux adds, and looks at the sign: it may wrap there
  if (!S_ISREG(inode->i_mode) || inode->i_mapping == nullptr) return -EOPNOTSUPP;
  if ((mode & FALLOC_FL_KEEP_SIZE) != 0 || offset + length <= i_size_read(inode)) return 0;
  return do_truncate(inode, offset + length);
}

// Models fs/fcntl.c:do_fcntl().
s64 sys_fcntl(unsigned fd, unsigned command, u64 argument) noexcept {
  fd_guard file(fd);
  if (!file) return -EBADF;
  files_struct* const files = current()->files;
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: {
      const int copy = get_unused_fd_from(static_cast<unsigned>(argument), command == F_DUPFD_CLOEXEC ? O_CLOEXEC : 0);
      if (copy >= 0) fd_install(static_cast<unsigned>(copy), get_file(file.get()));
      return copy;
    }
    case F_GETFD: {
      spin_lock(&files->file_lock);
      const int set = files->close_on_exec[fd];
      spin_unlock(&files->file_lock);
      return set;
    }
    case F_SETFD:
      spin_lock(&files->file_lock);
      files->close_on_exec[fd] = static_cast<u8>(argument & FD_CLOEXEC);
      spin_unlock(&files->file_lock);
      return 0;
    case F_GETFL:
      return READ_ONCE(file->f_flags);
    case F_SETFL: {
      constexpr u32 kChangeable = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC;
      const u32 wanted = static_cast<u32>(argument);
      if ((wanted & O_DIRECT) != 0 && (file->f_mapping == nullptr || file->f_mapping->a_ops->direct_IO == nullptr))
        return -EINVAL;
      if (((wanted ^ file->f_flags) & FASYNC) != 0 && file->f_op->fasync != nullptr) {
        const int ret = file->f_op->fasync(static_cast<int>(fd), file.get(), (wanted & FASYNC) != 0 ? 1 : 0);
        if (ret < 0) return ret;
      }
      WRITE_ONCE(file->f_flags, (file->f_flags & ~kChangeable) | (wanted & kChangeable));
      return 0;
    }
    case F_GETOWN:
      return file->f_owner.pid;
    case F_SETOWN:
      return f_setown(file.get(), static_cast<s64>(static_cast<int>(argument)));
    default:
      return -EINVAL;
  }
}

}  // namespace uringsim::kernel
