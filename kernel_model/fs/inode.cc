// SPDX-License-Identifier: GPL-2.0-only
// Inodes, and the kernel's tree of them at boot. Models fs/inode.c and the nodes of drivers/char/mem.c.
#include "kernel_model/block/blk_plug.h"
#include "kernel_model/core/process.h"
#include "kernel_model/core/upper.h"
#include "kernel_model/fs/block_dev.h"
#include "kernel_model/fs/ext4.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/mem.h"
#include "kernel_model/fs/namei.h"
#include "kernel_model/fs/pagemap.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

inode* new_inode(super_block* sb, u32 mode) noexcept {
  inode* const made = kmalloc<inode>();
  if (made == nullptr) return nullptr;
  made->i_mode = mode;
  made->i_ino = fetch_add(vfs().last_ino, 1, Order::relaxed) + 1;
  made->i_sb = sb;
  refcount_set(&made->i_count, 1);
  return made;
}

void iput(inode* inode) noexcept {
  if (inode == nullptr || !refcount_dec_and_test(&inode->i_count)) return;
  if (inode->evict != nullptr)
    inode->evict(inode);
  else
    address_space_destroy(inode->i_mapping);
  kfree(inode);
}

namespace {

/// Models kernel/fork.c:copy_files().
int copy_files(u32 clone_flags, task_struct* child, task_struct* parent) noexcept {
  files_struct* const from = parent != nullptr ? parent->files : nullptr;
  if (from != nullptr && (clone_flags & CLONE_FILES_) != 0) {
    refcount_inc(&from->count);
    child->files = from;
    return 0;
  }
  child->files = from != nullptr ? dup_fd(from) : files_alloc();
  return child->files != nullptr ? 0 : -ENOMEM;
}

void get_file_for_mm(file* file) noexcept { get_file(file); }

constexpr u64 makedev(u64 major, u64 minor) noexcept { return major << 8 | minor; }

int add_device(inode* dev, const char* name, const file_operations* ops, u64 minor) noexcept {
  inode* const node = new_inode(dev->i_sb, S_IFCHR | 0666);
  if (node == nullptr) return -ENOMEM;
  node->i_fop = ops;
  node->i_rdev = makedev(1, minor);
  const int ret = directory_add(dev, name, node);
  iput(node);
  return ret;
}

/// The directory made as /NAME; not counted (the tree keeps it). Null when memory ran out.
inode* add_directory(inode* root, const char* name, u32 mode) noexcept {
  inode* const made = directory_inode(root->i_sb, root, mode);
  if (made == nullptr || directory_add(root, name, made) != 0) return nullptr;
  iput(made);
  return made;
}

int build_tree(vfs_state* state) noexcept {
  inode* const root = directory_inode(&state->root_sb, nullptr, 0755);
  if (root == nullptr) return -ENOMEM;
  state->root_sb.s_root = root;
  inode* const dev = add_directory(root, "dev", 0755);
  if (dev == nullptr || add_directory(root, "tmp", 01777) == nullptr) return -ENOMEM;
  const int ret = add_device(dev, "null", &null_fops, 3);
  return ret != 0 ? ret : add_device(dev, "zero", &zero_fops, 5);
}

constexpr upper_floors kFloors = {
    .get_file = get_file_for_mm, .fput = fput, .copy_files = copy_files, .exit_files = exit_files, .flush_plug = blk_flush_plug};

}  // namespace

void file_table_init(vfs_state* state) noexcept;

void vfs_fill_upper_floors(upper_floors* floors) noexcept {
  floors->get_file = kFloors.get_file;
  floors->fput = kFloors.fput;
  floors->copy_files = kFloors.copy_files;
  floors->exit_files = kFloors.exit_files;
  floors->flush_plug = kFloors.flush_plug;
}

int vfs_init(const VfsOptions& options) noexcept {
  Kernel& k = kernel();
  vfs_state* const state = kmalloc<vfs_state>();
  if (state == nullptr) return -ENOMEM;
  k.vfs = state;
  for (wait_queue_head_t& queue : state->page_wait) init_waitqueue_head(&queue);
  state->host = options.host;
  state->release = options.release;
  file_table_init(state);
  int ret = ext4_fill_super(&state->root_sb, options.root_device);
  if (ret == 0) ret = build_tree(state);
  if (ret != 0) return ret;
  state->anon_sb.s_type = "anon_inodefs";
  state->anon_sb.s_root = new_inode(&state->anon_sb, S_IRUSR | S_IWUSR);  // the inode of all anonymous files: no type
  if (state->anon_sb.s_root == nullptr) return -ENOMEM;
  if (k.upper == nullptr) k.upper = &kFloors;
  return 0;
}

int vfs_mount_block_device(const char* name, BlockDevice* device) noexcept {
  vfs_state& state = vfs();
  inode* mnt = user_path_at(AT_FDCWD, "/mnt");
  if (IS_ERR(mnt)) mnt = vfs_mknod_at(AT_FDCWD, "/mnt", S_IFDIR | 0755, nullptr);
  if (IS_ERR(mnt)) return PTR_ERR(mnt);
  super_block* const sb = kmalloc<super_block>();
  int ret = sb != nullptr ? ext4_fill_super(sb, device) : -ENOMEM;
  if (ret == 0) sb->s_root = directory_inode(sb, mnt, 0755);
  if (ret == 0 && sb->s_root == nullptr) ret = -ENOMEM;
  mutex_lock(&state.rename_lock);
  if (ret == 0) ret = directory_add(mnt, name, sb->s_root);
  mutex_unlock(&state.rename_lock);
  iput(mnt);
  return ret;
}

int vfs_add_block_device(const char* name, BlockDevice* device) noexcept {
  vfs_state& state = vfs();
  inode* const dev = user_path_at(AT_FDCWD, "/dev");
  if (IS_ERR(dev)) return PTR_ERR(dev);
  inode* const node = blkdev_inode(&state.root_sb, device, makedev(259, device->id));
  int ret = -ENOMEM;
  if (node != nullptr) {
    mutex_lock(&state.rename_lock);
    ret = directory_add(dev, name, node);
    mutex_unlock(&state.rename_lock);
    iput(node);
  }
  iput(dev);
  return ret;
}

}  // namespace uringsim::kernel
