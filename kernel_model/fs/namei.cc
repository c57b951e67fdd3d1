// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/namei.h"

#include <cstring>

#include "kernel_model/core/cred.h"
#include "kernel_model/core/fs_struct.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/ext4.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/pagemap.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

/// A name in a directory.
struct dir_entry {
  list_head link;
  inode* node = nullptr;  ///< counted
  unsigned length = 0;
  char name[NAME_MAX_BYTES + 1] = {};
};

/// inode::i_private of a directory. Everything under vfs_state::rename_lock.
struct dir_info {
  list_head entries;
  inode* parent = nullptr;  ///< not counted: a directory that is in the tree keeps its parent there; null once removed
};

dir_info* dir_of(const inode* directory) noexcept { return static_cast<dir_info*>(directory->i_private); }

dir_entry* find_entry(const inode* directory, const char* name, unsigned length) noexcept {
  list_for_each_entry(entry, &dir_of(directory)->entries, dir_entry, link) {
    if (entry->length == length && std::memcmp(entry->name, name, length) == 0) return entry;
  }
  return nullptr;
}

void evict_directory(inode* directory) {
  dir_info* const info = dir_of(directory);
  list_for_each_entry_safe(entry, next, &info->entries, dir_entry, link) {
    list_del(&entry->link);
    iput(entry->node);
    kfree(entry);
  }
  kfree(info);
}

// ---- files of directories: fs/libfs.c, fs/ext4/dir.c ----

s64 generic_read_dir(file*, uptr, u64, s64*) { return -EISDIR; }
int dir_fsync(file*, s64, s64, int) { return 0; }

constexpr file_operations dir_operations = {
    .name = "directory", .llseek = generic_file_llseek, .read = generic_read_dir, .fsync = dir_fsync};

/// A task without an fs_struct, or with an empty one, stands at the root of the tree.
inode* fs_root() noexcept {
  const fs_struct* const fs = current()->fs;
  return fs != nullptr && fs->root != nullptr ? fs->root : vfs().root_sb.s_root;
}
inode* fs_pwd() noexcept {
  fs_struct* const fs = current()->fs;
  if (fs == nullptr) return fs_root();
  spin_lock(&fs->lock);
  inode* const pwd = fs->pwd;
  spin_unlock(&fs->lock);
  return pwd != nullptr ? pwd : fs_root();
}
u32 current_umask() noexcept { return current()->fs != nullptr ? current()->fs->umask : 022; }

/// Whether another file system is mounted here (or this is the root of the tree): the name cannot go.
bool is_mount_point(const inode* directory) noexcept { return directory->i_sb->s_root == directory; }

class RenameGuard {
 public:
  RenameGuard() noexcept { mutex_lock(&vfs().rename_lock); }
  ~RenameGuard() { mutex_unlock(&vfs().rename_lock); }
  RenameGuard(const RenameGuard&) = delete;
  RenameGuard& operator=(const RenameGuard&) = delete;
};

/// The directory that the last component of a path is looked up in, and that component.
struct nameidata {
  inode* parent = nullptr;  ///< counted
  const char* last = nullptr;
  unsigned last_length = 0;
  bool trailing_slash = false;
};

/// Where a walk starts. Models fs/namei.c:path_init(): a counted inode or ERR_PTR.
inode* path_init(int dfd, const char* path) noexcept {
  if (*path == '/') return ihold(fs_root());
  if (dfd == AT_FDCWD) return ihold(fs_pwd());
  fd_guard file(static_cast<unsigned>(dfd));
  if (!file) return ERR_PTR<inode>(-EBADF);
  if (!S_ISDIR(file_inode(file.get())->i_mode)) return ERR_PTR<inode>(-ENOTDIR);
  return ihold(file_inode(file.get()));
}

/// One component below `directory` (rename_lock held): counted, or ERR_PTR.
inode* step(inode* directory, const char* name, unsigned length) noexcept {
  if (!S_ISDIR(directory->i_mode)) return ERR_PTR<inode>(-ENOTDIR);
  const int denied = inode_permission(directory, MAY_EXEC_);
  if (denied != 0) return ERR_PTR<inode>(denied);
  if (length > NAME_MAX_BYTES) return ERR_PTR<inode>(-ENAMETOOLONG);
  if (length == 1 && name[0] == '.') return ihold(directory);
  if (length == 2 && name[0] == '.' && name[1] == '.') {
    inode* const parent = directory == fs_root() ? directory : dir_of(directory)->parent;
    return parent != nullptr ? ihold(parent) : ERR_PTR<inode>(-ENOENT);
  }
  dir_entry* const entry = find_entry(directory, name, length);
  return entry != nullptr ? ihold(entry->node) : ERR_PTR<inode>(-ENOENT);
}

/// Walks to the parent of the last component. 0 or -errno; then nd->parent is the caller's to drop. An empty last component
/// (the path is only slashes) means the parent itself. Models fs/namei.c:link_path_walk(). rename_lock held.
int path_parentat(int dfd, const char* path, nameidata* nd) noexcept {
  inode* at = path_init(dfd, path);
  if (IS_ERR(at)) return PTR_ERR(at);
  while (*path == '/') path++;
  for (;;) {
    const char* const name = path;
    while (*path != '\0' && *path != '/') path++;
    const unsigned length = static_cast<unsigned>(path - name);
    const char* rest = path;
    while (*rest == '/') rest++;
    if (*rest == '\0') {
      nd->parent = at;
      nd->last = name;
      nd->last_length = length;
      nd->trailing_slash = rest != path;
      return 0;
    }
    inode* const next = step(at, name, length);
    iput(at);
    if (IS_ERR(next)) return PTR_ERR(next);
    at = next;
    path = rest;
  }
}

/// The last component: counted, or ERR_PTR.
inode* lookup_last(const nameidata& nd) noexcept {
  if (nd.last_length == 0) return ihold(nd.parent);
  inode* const found = step(nd.parent, nd.last, nd.last_length);
  if (!IS_ERR(found) && nd.trailing_slash && !S_ISDIR(found->i_mode)) {
    iput(found);
    return ERR_PTR<inode>(-ENOTDIR);
  }
  return found;
}

bool last_is_dots(const nameidata& nd) noexcept {
  return nd.last_length == 0 || (nd.last_length == 1 && nd.last[0] == '.') ||
         (nd.last_length == 2 && nd.last[0] == '.' && nd.last[1] == '.');
}

/// A fresh inode for `mode` below nd.parent, put into it: counted for the caller, or ERR_PTR.
inode* create_at(const nameidata& nd, u32 mode, inode* taken) noexcept {
  super_block* const sb = nd.parent->i_sb;
  if (taken != nullptr && taken->i_sb != sb) return ERR_PTR<inode>(-EXDEV);
  const int denied = inode_permission(nd.parent, MAY_WRITE_ | MAY_EXEC_);
  if (denied != 0) return ERR_PTR<inode>(denied);
  if (nd.last_length > NAME_MAX_BYTES) return ERR_PTR<inode>(-ENAMETOOLONG);
  mode &= ~current_umask();
  inode* made = taken;
  if (taken != nullptr) {
    ihold(taken);
  } else if (S_ISDIR(mode)) {
    made = directory_inode(sb, nd.parent, mode);
  } else if (S_ISREG(mode)) {
    made = ext4_new_inode(sb, mode);
  } else {
    made = new_inode(sb, mode);
  }
  if (made == nullptr) return ERR_PTR<inode>(-ENOMEM);
  if (taken == nullptr) {
    made->i_uid = current_cred()->fsuid;
    made->i_gid = current_cred()->fsgid;
  }
  char name[NAME_MAX_BYTES + 1];
  std::memcpy(name, nd.last, nd.last_length);
  name[nd.last_length] = '\0';
  const int ret = directory_add(nd.parent, name, made);
  if (ret == 0) return made;
  iput(made);
  return ERR_PTR<inode>(ret);
}

/// Models fs/namei.c:may_open().
int may_open(const inode* inode, u32 flags, unsigned acc_mode) noexcept {
  if (S_ISDIR(inode->i_mode) && (acc_mode & MAY_WRITE_) != 0) return -EISDIR;
  if (S_ISSOCK(inode->i_mode) && (flags & O_PATH) == 0) {
    const int denied = inode_permission(inode, acc_mode);
    return denied != 0 ? denied : -ENXIO;
  }
  return inode_permission(inode, acc_mode);
}

/// Models the ACC_MODE table of include/linux/fs.h.
unsigned acc_mode_of(u32 flags) noexcept {
  unsigned mode = 0;
  if ((flags & O_ACCMODE) != O_WRONLY) mode |= MAY_READ_;
  if ((flags & O_ACCMODE) != O_RDONLY) mode |= MAY_WRITE_;
  if ((flags & O_TRUNC) != 0) mode |= MAY_WRITE_;
  return mode;
}

/// The inode to open, made if O_CREAT says so; *created. Models fs/namei.c:do_last(). rename_lock held.
inode* open_last(const nameidata& nd, u32 flags, u32 mode, bool* created) noexcept {
  const bool create = (flags & O_CREAT) != 0;
  if (create && (nd.trailing_slash || last_is_dots(nd))) return ERR_PTR<inode>(-EISDIR);
  inode* const found = lookup_last(nd);
  if (IS_ERR(found) && PTR_ERR(found) == -ENOENT && create && S_ISDIR(nd.parent->i_mode)) {
    *created = true;
    return create_at(nd, S_IFREG | (mode & 07777), nullptr);
  }
  if (IS_ERR(found)) return found;
  int ret = 0;
  if (create && (flags & O_EXCL) != 0)
    ret = -EEXIST;
  else if (create && S_ISDIR(found->i_mode))
    ret = -EISDIR;
  else if ((flags & O_DIRECTORY) != 0 && !S_ISDIR(found->i_mode))
    ret = -ENOTDIR;
  if (ret == 0) return found;
  iput(found);
  return ERR_PTR<inode>(ret);
}

/// May the entry go? Models fs/namei.c:may_delete().
int may_delete(const inode* directory, const inode* victim, bool as_directory) noexcept {
  const int denied = inode_permission(directory, MAY_WRITE_ | MAY_EXEC_);
  if (denied != 0) return denied;
  if ((directory->i_mode & S_ISVTX) != 0 && current_cred()->fsuid != victim->i_uid && current_cred()->fsuid != directory->i_uid &&
      !capable(CAP_FOWNER))
    return -EPERM;
  if (as_directory) return S_ISDIR(victim->i_mode) ? 0 : -ENOTDIR;
  return S_ISDIR(victim->i_mode) ? -EISDIR : 0;
}

void remove_entry(dir_entry* entry) noexcept {
  inode* const node = entry->node;
  if (S_ISDIR(node->i_mode)) dir_of(node)->parent = nullptr;
  node->i_nlink--;
  list_del(&entry->link);
  kfree(entry);
  iput(node);
}

}  // namespace

filename::filename(uptr path) noexcept {
  text_ = kcalloc<char>(PATH_MAX_BYTES);
  if (text_ == nullptr) {
    error_ = -ENOMEM;
    return;
  }
  for (unsigned i = 0; i < PATH_MAX_BYTES; i++) {
    if (!get_user(&text_[i], path + i)) {
      error_ = -EFAULT;
      return;
    }
    if (text_[i] == '\0') {
      error_ = i == 0 ? -ENOENT : 0;
      return;
    }
  }
  error_ = -ENAMETOOLONG;
}

filename::filename(const char* path) noexcept {
  text_ = kcalloc<char>(PATH_MAX_BYTES);
  const u64 length = std::strlen(path);
  if (text_ == nullptr)
    error_ = -ENOMEM;
  else if (length >= PATH_MAX_BYTES)
    error_ = -ENAMETOOLONG;
  else if (length == 0)
    error_ = -ENOENT;
  else
    std::memcpy(text_, path, length + 1);
}

filename::~filename() {
  if (text_ != nullptr) kfree_array(text_, PATH_MAX_BYTES);
}

// Models fs/namei.c:generic_permission() without ACLs.
int inode_permission(const inode* inode, unsigned mask) noexcept {
  u32 mode = READ_ONCE(inode->i_mode);
  if (current_cred()->fsuid == inode->i_uid)
    mode >>= 6;
  else if (in_group_p(inode->i_gid))
    mode >>= 3;
  if ((mask & ~mode & (MAY_READ_ | MAY_WRITE_ | MAY_EXEC_)) == 0) return 0;
  if (S_ISDIR(inode->i_mode)) {
    if ((mask & MAY_WRITE_) == 0 && capable(CAP_DAC_READ_SEARCH)) return 0;
    return capable(CAP_DAC_OVERRIDE) ? 0 : -EACCES;
  }
  if ((mask & (MAY_WRITE_ | MAY_EXEC_)) == 0 && capable(CAP_DAC_READ_SEARCH)) return 0;
  if (((mask & MAY_EXEC_) == 0 || (inode->i_mode & 0111) != 0) && capable(CAP_DAC_OVERRIDE)) return 0;
  return -EACCES;
}

bool inode_owner_or_capable(const inode* inode) noexcept { return current_cred()->fsuid == inode->i_uid || capable(CAP_FOWNER); }

inode* directory_inode(super_block* sb, inode* parent, u32 mode) noexcept {
  inode* const made = new_inode(sb, S_IFDIR | (mode & 07777));
  if (made == nullptr) return nullptr;
  dir_info* const info = kmalloc<dir_info>();
  if (info == nullptr) {
    iput(made);
    return nullptr;
  }
  info->parent = parent != nullptr ? parent : made;
  made->i_private = info;
  made->i_fop = &dir_operations;
  made->evict = evict_directory;
  made->i_nlink = 2;
  return made;
}

int directory_add(inode* directory, const char* name, inode* child) noexcept {
  if (dir_of(directory)->parent == nullptr) return -ENOENT;  // removed while it was still open, or somebody's working directory
  dir_entry* const entry = kmalloc<dir_entry>();
  if (entry == nullptr) return -ENOMEM;
  entry->length = static_cast<unsigned>(std::strlen(name));
  std::memcpy(entry->name, name, entry->length + 1);
  entry->node = ihold(child);
  list_add_tail(&entry->link, &dir_of(directory)->entries);
  return 0;
}

inode* user_path_at(int dfd, const char* path) noexcept {
  RenameGuard guard;
  nameidata nd;
  const int ret = path_parentat(dfd, path, &nd);
  if (ret != 0) return ERR_PTR<inode>(ret);
  inode* const found = lookup_last(nd);
  iput(nd.parent);
  return found;
}

// Models fs/open.c:do_dentry_open().
file* dentry_open(inode* inode, u32 flags) noexcept {
  static constexpr file_operations kNoOps = {.name = "no operations"};
  file* const made = alloc_file(inode, flags, inode->i_fop != nullptr ? inode->i_fop : &kNoOps);
  if (made == nullptr) {
    iput(inode);
    return ERR_PTR<file>(-ENOMEM);
  }
  made->f_mode |= FMODE_PREAD | FMODE_PWRITE;
  if (made->f_op->llseek != nullptr) made->f_mode |= FMODE_LSEEK;
  if (S_ISREG(inode->i_mode) || S_ISDIR(inode->i_mode)) made->f_mode |= FMODE_ATOMIC_POS;
  int ret = inode->i_fop == nullptr ? -ENXIO : 0;
  if (ret == 0 && made->f_op->open != nullptr) ret = made->f_op->open(inode, made);
  if (ret == 0 && (flags & O_DIRECT) != 0 && (made->f_mapping == nullptr || made->f_mapping->a_ops->direct_IO == nullptr))
    ret = -EINVAL;
  if (ret == 0) return made;
  __fput_sync(made);
  return ERR_PTR<file>(ret);
}

file* do_filp_open(int dfd, const char* path, u32 flags, u32 mode) noexcept {
  inode* target = nullptr;
  bool created = false;
  {
    RenameGuard guard;
    nameidata nd;
    const int ret = path_parentat(dfd, path, &nd);
    if (ret != 0) return ERR_PTR<file>(ret);
    target = open_last(nd, flags, mode, &created);
    iput(nd.parent);
  }
  if (IS_ERR(target)) return ERR_PTR<file>(PTR_ERR(target));
  // A file that this call made may be opened whatever its permissions say.
  int ret = created ? 0 : may_open(target, flags, acc_mode_of(flags));
  if (ret != 0) {
    iput(target);
    return ERR_PTR<file>(ret);
  }
  const bool truncate = (flags & O_TRUNC) != 0 && !created && S_ISREG(target->i_mode);
  ihold(target);
  file* const opened = dentry_open(target, flags);
  if (!IS_ERR(opened) && truncate) ret = do_truncate(target, 0);
  iput(target);
  if (ret == 0) return opened;
  fput(opened);
  return ERR_PTR<file>(ret);
}

inode* vfs_mknod_at(int dfd, const char* path, u32 mode, inode* taken) noexcept {
  RenameGuard guard;
  nameidata nd;
  const int ret = path_parentat(dfd, path, &nd);
  if (ret != 0) return ERR_PTR<inode>(ret);
  inode* made = nullptr;
  if (last_is_dots(nd)) {
    made = ERR_PTR<inode>(-EEXIST);
  } else {
    inode* const found = step(nd.parent, nd.last, nd.last_length);
    if (!IS_ERR(found)) {
      iput(found);
      made = ERR_PTR<inode>(-EEXIST);
    } else if (PTR_ERR(found) != -ENOENT) {
      made = found;
    } else if (nd.trailing_slash && !S_ISDIR(mode)) {
      made = ERR_PTR<inode>(-ENOENT);
    } else {
      made = create_at(nd, mode, taken);
    }
  }
  iput(nd.parent);
  return made;
}

int vfs_unlink_at(int dfd, const char* path, bool directory) noexcept {
  RenameGuard guard;
  nameidata nd;
  int ret = path_parentat(dfd, path, &nd);
  if (ret != 0) return ret;
  if (last_is_dots(nd)) {
    ret = !directory ? -EISDIR : nd.last_length == 0 ? -EBUSY : nd.last_length == 1 ? -EINVAL : -ENOTEMPTY;
  } else {
    inode* const victim = lookup_last(nd);
    ret = IS_ERR(victim) ? PTR_ERR(victim) : may_delete(nd.parent, victim, directory);
    if (ret == 0 && is_mount_point(victim)) ret = -EBUSY;
    if (ret == 0 && directory && !list_empty(&dir_of(victim)->entries)) ret = -ENOTEMPTY;
    if (ret == 0) remove_entry(find_entry(nd.parent, nd.last, nd.last_length));
    if (!IS_ERR(victim)) iput(victim);
  }
  iput(nd.parent);
  return ret;
}

namespace {

/// Whether `directory` is `ancestor` or below it. rename_lock held.
bool is_below(const inode* directory, const inode* ancestor) noexcept {
  for (const inode* at = directory; at != nullptr;) {
    if (at == ancestor) return true;
    const inode* const parent = dir_of(at)->parent;
    if (parent == at) return false;
    at = parent;
  }
  return false;
}

/// What rename may not do. `target` is null if the new name is free. Models fs/namei.c:vfs_rename().
int may_rename(const nameidata& from, inode* source, const nameidata& to, inode* target) noexcept {
  const bool directory = S_ISDIR(source->i_mode);
  int ret = may_delete(from.parent, source, directory);
  if (ret != 0) return ret;
  if (!directory && (from.trailing_slash || to.trailing_slash)) return -ENOTDIR;
  if (directory && is_below(to.parent, source)) return -EINVAL;
  if (target == nullptr) return inode_permission(to.parent, MAY_WRITE_ | MAY_EXEC_);
  ret = may_delete(to.parent, target, directory);
  if (ret != 0) return ret;
  return directory && !list_empty(&dir_of(target)->entries) ? -ENOTEMPTY : 0;
}

int rename_between(const nameidata& from, const nameidata& to) noexcept {
  if (from.parent->i_sb != to.parent->i_sb) return -EXDEV;
  if (last_is_dots(from) || last_is_dots(to)) return -EBUSY;
  inode* const source = step(from.parent, from.last, from.last_length);
  if (IS_ERR(source)) return PTR_ERR(source);
  inode* target = step(to.parent, to.last, to.last_length);
  int ret = IS_ERR(target) && PTR_ERR(target) != -ENOENT ? PTR_ERR(target) : 0;
  if (IS_ERR(target)) target = nullptr;
  if (ret == 0 && target != source) ret = may_rename(from, source, to, target);
  if (ret == 0 && target != source && (is_mount_point(source) || (target != nullptr && is_mount_point(target)))) ret = -EBUSY;
  if (ret == 0 && target != source) {
    char name[NAME_MAX_BYTES + 1];
    std::memcpy(name, to.last, to.last_length);
    name[to.last_length] = '\0';
    if (target != nullptr) remove_entry(find_entry(to.parent, to.last, to.last_length));
    ret = directory_add(to.parent, name, source);
    if (ret == 0) {
      source->i_nlink++;  // remove_entry() takes one away
      remove_entry(find_entry(from.parent, from.last, from.last_length));
      if (S_ISDIR(source->i_mode)) dir_of(source)->parent = to.parent;
    }
  }
  if (target != nullptr) iput(target);
  iput(source);
  return ret;
}

}  // namespace

int vfs_rename_at(int olddfd, const char* from, int newdfd, const char* to) noexcept {
  RenameGuard guard;
  nameidata old_nd, new_nd;
  int ret = path_parentat(olddfd, from, &old_nd);
  if (ret != 0) return ret;
  ret = path_parentat(newdfd, to, &new_nd);
  if (ret == 0) {
    ret = rename_between(old_nd, new_nd);
    iput(new_nd.parent);
  }
  iput(old_nd.parent);
  return ret;
}

int vfs_link_at(int olddfd, const char* from, int newdfd, const char* to) noexcept {
  inode* const source = user_path_at(olddfd, from);
  if (IS_ERR(source)) return PTR_ERR(source);
  int ret = -EPERM;
  if (!S_ISDIR(source->i_mode)) {
    inode* const made = vfs_mknod_at(newdfd, to, source->i_mode, source);
    ret = IS_ERR(made) ? PTR_ERR(made) : 0;
    if (ret == 0) {
      source->i_nlink++;
      iput(made);
    }
  }
  iput(source);
  return ret;
}

}  // namespace uringsim::kernel
