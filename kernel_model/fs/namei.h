// SPDX-License-Identifier: GPL-2.0-only
// Names: from a path to an inode, and changing directories. Models fs/namei.c over one tree of inodes.
//
// Directories hold their entries themselves; there is no cache of names in between. vfs_state::rename_lock covers every
// directory's entries. A mounted file system is a directory whose inode belongs to another super_block: names do not link or
// move across, and the place stays taken.
// Divergences: no symbolic links, nothing is mounted over a directory that was there before, no extended attributes, no quotas.
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

inline constexpr unsigned NAME_MAX_BYTES = 255;
inline constexpr unsigned PATH_MAX_BYTES = 4096;

enum : unsigned { MAY_EXEC_ = 1, MAY_WRITE_ = 2, MAY_READ_ = 4 };

/// A path copied from the application. Big: lives in kernel memory, freed by its destructor.
class filename {
 public:
  /// Copies: error() is 0, -EFAULT, -ENAMETOOLONG, -ENOENT for an empty one, -ENOMEM. Models fs/namei.c:getname().
  explicit filename(uptr path) noexcept;
  /// The kernel's own string.
  explicit filename(const char* path) noexcept;
  ~filename();
  filename(const filename&) = delete;
  filename& operator=(const filename&) = delete;
  [[nodiscard]] int error() const noexcept { return error_; }
  [[nodiscard]] const char* text() const noexcept { return text_; }

 private:
  char* text_ = nullptr;
  int error_ = 0;
};

/// Whether the current task may do MAY_* to the inode: 0 or -EACCES. Models fs/namei.c:inode_permission().
int inode_permission(const inode* inode, unsigned mask) noexcept;
/// The task owns the inode, or has CAP_FOWNER.
bool inode_owner_or_capable(const inode* inode) noexcept;

/// The inode at `path`, counted, relative to directory `dfd` (AT_FDCWD: the working directory). ERR_PTR(-errno) otherwise.
inode* user_path_at(int dfd, const char* path) noexcept;

/// Opens as openat(2) after its flags were checked: a file, or ERR_PTR(-errno). Models fs/namei.c:do_filp_open().
file* do_filp_open(int dfd, const char* path, u32 flags, u32 mode) noexcept;
/// Opens an inode that was found (takes over its reference). Models fs/open.c:do_dentry_open().
file* dentry_open(inode* inode, u32 flags) noexcept;

/// Makes an inode of `mode` (with type; umask is applied here) at `path`, or puts `taken` there as it is (not null: a hard link).
/// The inode, counted for the caller, or ERR_PTR(-EEXIST ...).
inode* vfs_mknod_at(int dfd, const char* path, u32 mode, inode* taken) noexcept;
/// 0 or -errno. `directory`: rmdir.
int vfs_unlink_at(int dfd, const char* path, bool directory) noexcept;
int vfs_rename_at(int olddfd, const char* from, int newdfd, const char* to) noexcept;
int vfs_link_at(int olddfd, const char* from, int newdfd, const char* to) noexcept;

/// An empty directory whose parent is `parent` (null: itself, the root). Null when memory ran out.
inode* directory_inode(super_block* sb, inode* parent, u32 mode) noexcept;
/// Puts `child` (counted here) into `directory` under `name`, without any check. 0 or -ENOMEM.
int directory_add(inode* directory, const char* name, inode* child) noexcept;

}  // namespace uringsim::kernel
