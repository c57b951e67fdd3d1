// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/ext4.h"

#include "kernel_model/fs/bio_pages.h"
#include "kernel_model/fs/direct_io.h"
#include "kernel_model/fs/pagemap.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

constexpr s64 kMaxBytes = (s64{1} << 44) - PAGE_SIZE;  // 16 TiB less a block: extents count blocks in 32 bits
constexpr u64 kSectorsPerBlock = PAGE_SIZE / SECTOR_SIZE;

/// The file system's free blocks: never used ones in order, then what was given back, lowest first.
struct ext4_sb_info {
  spinlock_t s_lock;
  u64 blocks = 0;        ///< of the device
  u64 next = 0;          ///< first block never used; s_lock
  radix_tree freed;      ///< blocks given back; s_lock
  u64 freed_blocks = 0;  ///< s_lock
};

/// Where the file's blocks are.
struct ext4_inode_info {
  spinlock_t i_data_lock;
  radix_tree blocks;  ///< block of the file -> block of the device + 1, as a pointer's bits; i_data_lock
};

ext4_sb_info* EXT4_SB(const super_block* sb) noexcept { return static_cast<ext4_sb_info*>(sb->s_fs_info); }
ext4_inode_info* EXT4_I(const inode* inode) noexcept { return static_cast<ext4_inode_info*>(inode->i_private); }

/// A free block of the device, or ~0.
u64 new_block(ext4_sb_info* sbi) noexcept {
  u64 found = ~u64{0};
  spin_lock(&sbi->s_lock);
  if (sbi->next < sbi->blocks) {
    found = sbi->next++;
  } else if (sbi->freed_blocks != 0) {
    found = 0;
    radix_tree_next(&sbi->freed, &found, ~u64{0});
    radix_tree_delete(&sbi->freed, found);
    sbi->freed_blocks--;
  }
  spin_unlock(&sbi->s_lock);
  return found;
}

void free_block(ext4_sb_info* sbi, u64 block) noexcept {
  spin_lock(&sbi->s_lock);
  if (radix_tree_insert(&sbi->freed, block, sbi) == 0) sbi->freed_blocks++;  // without memory the block is lost to this world
  spin_unlock(&sbi->s_lock);
}

/// The device block of a block of the file, or ~0.
u64 map_block(const inode* inode, u64 block) noexcept {
  ext4_inode_info* const ei = EXT4_I(inode);
  spin_lock(&ei->i_data_lock);
  const u64 found = reinterpret_cast<u64>(radix_tree_lookup(&ei->blocks, block));
  spin_unlock(&ei->i_data_lock);
  return found - 1;
}

// Models fs/ext4/inode.c:ext4_get_block() and, for `reserve`, ext4_da_map_blocks().
int ext4_get_block(inode* inode, u64 block, address_space_operations::Mode mode, u64* sector) {
  ext4_sb_info* const sbi = EXT4_SB(inode->i_sb);
  u64 found = map_block(inode, block);
  if (found == ~u64{0} && mode == address_space_operations::reserve) {
    spin_lock(&sbi->s_lock);
    const bool full = sbi->next >= sbi->blocks && sbi->freed_blocks == 0;
    spin_unlock(&sbi->s_lock);
    if (full) return -ENOSPC;
  }
  if (found == ~u64{0} && mode == address_space_operations::create) {
    found = new_block(sbi);
    if (found == ~u64{0}) return -ENOSPC;
    ext4_inode_info* const ei = EXT4_I(inode);
    spin_lock(&ei->i_data_lock);
    const int ret = radix_tree_insert(&ei->blocks, block, reinterpret_cast<void*>(found + 1));
    spin_unlock(&ei->i_data_lock);
    if (ret != 0) {
      free_block(sbi, found);
      return ret;
    }
  }
  *sector = found == ~u64{0} ? kHole : found * kSectorsPerBlock;
  return 0;
}

/// Gives back the blocks from `first` on.
void ext4_truncate_blocks(inode* inode, u64 first) noexcept {
  ext4_inode_info* const ei = EXT4_I(inode);
  for (u64 block = first;; block++) {
    spin_lock(&ei->i_data_lock);
    const u64 found = reinterpret_cast<u64>(radix_tree_next(&ei->blocks, &block, ~u64{0}));
    if (found != 0) radix_tree_delete(&ei->blocks, block);
    spin_unlock(&ei->i_data_lock);
    if (found == 0) return;
    free_block(EXT4_SB(inode->i_sb), found - 1);
  }
}

/// Whether the bytes are within the file and on blocks of the device. Models fs/ext4/file.c:ext4_overwrite_io().
bool ext4_overwrite_io(const inode* inode, s64 position, u64 bytes) noexcept {
  if (position + static_cast<s64>(bytes) > i_size_read(inode)) return false;
  const u64 last = (static_cast<u64>(position) + bytes - 1) >> PAGE_SHIFT;
  for (u64 block = static_cast<u64>(position) >> PAGE_SHIFT; block <= last; block++)
    if (map_block(inode, block) == ~u64{0}) return false;
  return true;
}

/// Whether an O_DIRECT read is over before anybody has looked at its alignment.
bool direct_read_ends_early(const kiocb* iocb) noexcept {
  return iocb->ki_pos >= i_size_read(file_inode(iocb->ki_filp)) && vfs().release.direct_read_ends_early;
}

// Models fs/ext4/inode.c:ext4_direct_IO_read() (5.1, 5.4).
s64 ext4_direct_IO_read(kiocb* iocb, iov_iter* iter) noexcept {
  inode* const host = file_inode(iocb->ki_filp);
  if (direct_read_ends_early(iocb)) return 0;
  if (vfs().release.direct_read_tries_lock && (iocb->ki_flags & IOCB_NOWAIT) != 0) {
    if (!inode_trylock_shared(host)) return -EAGAIN;
  } else {
    inode_lock_shared(host);
  }
  s64 ret =
      filemap_write_and_wait_range(host->i_mapping, iocb->ki_pos, iocb->ki_pos + static_cast<s64>(iov_iter_count(iter)) - 1);
  if (ret == 0) ret = blockdev_direct_IO(iocb, iter);
  inode_unlock_shared(host);
  return ret;
}

s64 ext4_direct_IO(kiocb* iocb, iov_iter* iter) {
  return iter->rw == READ ? ext4_direct_IO_read(iocb, iter) : blockdev_direct_IO(iocb, iter);
}

/// A file system without a device has no way past its pages: alignment is checked as on a disk of 512-byte sectors, and the
/// transfer is one of the page cache.
int direct_without_device(kiocb* iocb, const iov_iter* iter) noexcept {
  if ((iocb->ki_flags & IOCB_DIRECT) == 0 || file_inode(iocb->ki_filp)->i_mapping->bdev != nullptr) return 0;
  if (((static_cast<u64>(iocb->ki_pos) | iov_iter_alignment(iter)) & (SECTOR_SIZE - 1)) != 0) return -EINVAL;
  iocb->ki_flags &= ~static_cast<u32>(IOCB_DIRECT | IOCB_NOWAIT);
  return 0;
}

// Models fs/ext4/file.c:ext4_file_read_iter() (5.4).
s64 ext4_file_read_iter(kiocb* iocb, iov_iter* to) {
  if (iov_iter_count(to) == 0) return 0;
  const u32 flags = iocb->ki_flags;
  const int ret = direct_read_ends_early(iocb) ? 0 : direct_without_device(iocb, to);
  if (ret != 0) return ret;
  const s64 bytes = generic_file_read_iter(iocb, to);
  // A transfer that is under way may be complete and its kiocb gone; one without a device never is.
  if (bytes != -EIOCBQUEUED) iocb->ki_flags = flags;
  return bytes;
}

/// ext4_file_write_iter() with the lock held, from its checks on.
s64 ext4_write_locked(kiocb* iocb, iov_iter* from) noexcept {
  inode* const host = file_inode(iocb->ki_filp);
  const s64 checked = generic_write_checks(iocb, from);
  if (checked <= 0) return checked;
  if ((iocb->ki_flags & IOCB_DIRECT) == 0) return __generic_file_write_iter(iocb, from);
  if (host->i_mapping->bdev == nullptr) {
    const u32 flags = iocb->ki_flags;
    const int ret = direct_without_device(iocb, from);
    const s64 written = ret != 0 ? ret : __generic_file_write_iter(iocb, from);
    iocb->ki_flags = flags;
    return written;
  }
  // Asynchronous writes that cover parts of blocks within the file must be alone: each would zero what the other writes.
  const s64 block_end = (i_size_read(host) + static_cast<s64>(PAGE_SIZE) - 1) & static_cast<s64>(PAGE_MASK);
  const bool unaligned_aio = !is_sync_kiocb(iocb) && iocb->ki_pos < block_end &&
                             ((static_cast<u64>(iocb->ki_pos) | iov_iter_alignment(from)) & (PAGE_SIZE - 1)) != 0;
  if (unaligned_aio) inode_dio_wait(host);
  if (!unaligned_aio && (iocb->ki_flags & IOCB_NOWAIT) != 0 && !ext4_overwrite_io(host, iocb->ki_pos, iov_iter_count(from)))
    return -EAGAIN;
  const s64 ret = __generic_file_write_iter(iocb, from);
  if (ret == -EIOCBQUEUED && unaligned_aio) inode_dio_wait(host);
  return ret;
}

// Models fs/ext4/file.c:ext4_file_write_iter() (5.4).
s64 ext4_file_write_iter(kiocb* iocb, iov_iter* from) {
  KERNEL_FUNCTION;
  inode* const host = file_inode(iocb->ki_filp);
  if (!inode_trylock(host)) {
    if ((iocb->ki_flags & IOCB_NOWAIT) != 0) return -EAGAIN;
    inode_lock(host);
  }
  const s64 ret = ext4_write_locked(iocb, from);
  inode_unlock(host);
  return ret > 0 ? generic_write_sync(iocb, ret) : ret;
}

int ext4_file_open(inode*, file* file) {
  if ((file->f_flags & O_DIRECT) != 0) (void)vfs_deferral();
  file->f_mode |= FMODE_NOWAIT;
  return 0;
}

// Models fs/ext4/fsync.c:ext4_sync_file().
int ext4_sync_file(file* file, s64 start, s64 end, int) {
  const int ret = filemap_write_and_wait_range(file->f_mapping, start, end);
  const int error = file_check_and_advance_wb_err(file);
  if (ret != 0 || error != 0) return ret != 0 ? ret : error;
  BlockDevice* const bdev = file->f_mapping->bdev;
  return bdev != nullptr ? blkdev_issue_flush(bdev) : 0;
}

void ext4_evict_inode(inode* inode) {
  address_space_destroy(inode->i_mapping);
  if (EXT4_I(inode) == nullptr) return;
  ext4_truncate_blocks(inode, 0);
  radix_tree_destroy(&EXT4_I(inode)->blocks);
  kfree(EXT4_I(inode));
}

constexpr address_space_operations ext4_da_aops = {.get_block = ext4_get_block, .direct_IO = ext4_direct_IO};
constexpr address_space_operations ext4_memory_aops = {.get_block = nullptr, .direct_IO = ext4_direct_IO};

constexpr file_operations ext4_file_operations = {
    .name = "regular file",
    .llseek = generic_file_llseek,
    .read_iter = ext4_file_read_iter,
    .write_iter = ext4_file_write_iter,
    .mmap = generic_file_mmap,
    .open = ext4_file_open,
    .fsync = ext4_sync_file,
};

}  // namespace

int ext4_fill_super(super_block* sb, BlockDevice* device) noexcept {
  ext4_sb_info* const sbi = kmalloc<ext4_sb_info>();
  if (sbi == nullptr) return -ENOMEM;
  sb->s_type = "ext4";
  sb->s_maxbytes = kMaxBytes;
  sb->s_bdev = device;
  sb->s_fs_info = sbi;
  sbi->blocks = device != nullptr ? device->capabilities.size >> PAGE_SHIFT : ~u64{0} >> 1;
  return 0;
}

inode* ext4_new_inode(super_block* sb, u32 mode) noexcept {
  inode* const made = new_inode(sb, mode);
  if (made == nullptr) return nullptr;
  made->i_fop = &ext4_file_operations;
  made->evict = ext4_evict_inode;
  made->i_private = kmalloc<ext4_inode_info>();
  made->i_mapping = address_space_create(made, sb->s_bdev != nullptr ? &ext4_da_aops : &ext4_memory_aops, sb->s_bdev);
  if (made->i_private != nullptr && made->i_mapping != nullptr) return made;
  iput(made);
  return nullptr;
}

// Models fs/ext4/inode.c:ext4_setattr() for the size.
int ext4_setsize(inode* inode, s64 size) noexcept {
  if (size > inode->i_sb->s_maxbytes) return -EFBIG;
  const s64 old = i_size_read(inode);
  if (size < old) inode_dio_wait(inode);
  i_size_write(inode, size);
  if (size >= old) return 0;
  if ((static_cast<u64>(size) & (PAGE_SIZE - 1)) != 0 && inode->i_mapping->bdev != nullptr) {
    // The block that is cut must end in zeroes on the device too: brought in, zeroed, and written back some time.
    page* const page = grab_cache_page(inode->i_mapping, static_cast<u64>(size) >> PAGE_SHIFT);
    if (page == nullptr) return -ENOMEM;
    if (PageUptodate(page)) {
      unlock_page(page);
    } else {
      (void)mapping_readpage(page);
      wait_on_page_locked(page);
    }
    if (PageUptodate(page)) set_page_dirty(page);
    put_page(page);
  }
  truncate_inode_pages(inode->i_mapping, size);
  ext4_truncate_blocks(inode, (static_cast<u64>(size) + PAGE_SIZE - 1) >> PAGE_SHIFT);
  return 0;
}

}  // namespace uringsim::kernel
