// SPDX-License-Identifier: GPL-2.0-only
// Block device nodes: buffered through a page cache of the whole device, direct, and polled. Models fs/block_dev.c (5.4).
#include <algorithm>

#include "kernel_model/fs/bio_pages.h"
#include "kernel_model/fs/block_dev.h"
#include "kernel_model/fs/direct_io.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

constexpr unsigned kMaxVecs = 256;  // BIO_MAX_PAGES

/// One direct transfer of a device node.
struct blkdev_dio {
  u64 missing = 0;  ///< bytes that the device did not transfer although there was no error; shared word, atomic
  kiocb* iocb = nullptr;
  bool is_sync = false;
  bool should_dirty = false;
  task_struct* waiter = nullptr;  ///< shared word: the synchronous submitter; null when all is done
  u64 size = 0;
  int status = 0;  ///< shared word: the first error
  atomic_t ref;    ///< the submitter's, and one a bio
};

/// The last bio, or the submitter after it, is done. Models the second half of blkdev_bio_end_io().
void blkdev_dio_done(blkdev_dio* dio) noexcept {
  if (dio->is_sync) {
    task_struct* const waiter = dio->waiter;
    get_task_struct(waiter);
    WRITE_ONCE(dio->waiter, nullptr);  // the waiter frees `dio` when it sees this
    wake_up_process(waiter);
    put_task_struct(waiter);
    return;
  }
  kiocb* const iocb = dio->iocb;
  const int status = READ_ONCE(dio->status);
  const s64 ret = status != 0 ? status : static_cast<s64>(dio->size - READ_ONCE(dio->missing));
  if (status == 0) iocb->ki_pos += ret;
  kfree(dio);
  iocb->ki_complete(iocb, ret, 0);
}

/// Interrupt context, or the poller's.
void blkdev_bio_end_io(bio* bio) {
  blkdev_dio* const dio = static_cast<blkdev_dio*>(bio->bi_private);
  if (bio->bi_status != 0) (void)cmpxchg(dio->status, 0, bio->bi_status);
  if (bio->bi_residual != 0) (void)fetch_add(dio->missing, bio->bi_residual);
  for (unsigned i = 0; i < bio->bi_vcnt; i++) {
    page* const page = bio->bi_io_vec[i].bv_page;
    if (dio->should_dirty) set_dma_page_dirty(page);
    put_page(page);
  }
  bio_put(bio);
  if (atomic_dec_and_test(&dio->ref)) blkdev_dio_done(dio);
}

/// The next bio of the transfer, filled; ERR_PTR(-errno) if its pages could not be pinned.
bio* next_bio(blkdev_dio* dio, BlockDevice* bdev, s64 position, iov_iter* iter) noexcept {
  const unsigned room = iov_iter_npages(iter, kMaxVecs);
  bio* const made =
      bio_alloc(bdev, iter->rw == WRITE ? bio_op::write : bio_op::read, static_cast<u64>(position) / SECTOR_SIZE, room);
  if (made == nullptr) return ERR_PTR<bio>(-ENOMEM);
  const long vecs = iov_iter_get_bvecs(iter, iov_iter_count(iter), made->bi_io_vec, room);
  if (vecs <= 0) {
    bio_put(made);
    return ERR_PTR<bio>(vecs < 0 ? vecs : -EFAULT);
  }
  made->bi_vcnt = static_cast<unsigned>(vecs);
  for (long i = 0; i < vecs; i++) made->bi_size += made->bi_io_vec[i].bv_len;
  made->bi_private = dio;
  made->bi_end_io = blkdev_bio_end_io;
  if (iter->rw == WRITE) made->bi_opf = REQ_SYNC | ((dio->iocb->ki_flags & IOCB_DSYNC) != 0 ? u32{REQ_FUA} : 0);
  return made;
}

/// Sleeps, or polls, until the transfer is done. Waker: blkdev_dio_done().
void blkdev_await(blkdev_dio* dio, BlockDevice* bdev, blk_qc_t cookie) noexcept {
  for (;;) {
    set_current_state(TASK_UNINTERRUPTIBLE, "blkdev_direct_IO.wait");
    if (READ_ONCE(dio->waiter) == nullptr) break;
    if ((dio->iocb->ki_flags & IOCB_HIPRI) == 0 || blk_poll(bdev, cookie, true) == 0) schedule();
  }
  __set_current_state(TASK_RUNNING);
}

/// fs/block_dev.c:blkdev_get_block(): the identity, within the device.
int blkdev_get_block(inode* inode, u64 block, address_space_operations::Mode, u64* sector) {
  const u64 blocks = (inode->i_bdev->capabilities.size + PAGE_SIZE - 1) >> PAGE_SHIFT;
  if (block >= blocks) return -EIO;
  *sector = block << (PAGE_SHIFT - 9);
  return 0;
}

// Models fs/block_dev.c:blkdev_read_iter().
s64 blkdev_read_iter(kiocb* iocb, iov_iter* to) {
  const s64 size = i_size_read(file_inode(iocb->ki_filp));
  if (iocb->ki_pos >= size) return 0;
  iov_iter_truncate(to, static_cast<u64>(size - iocb->ki_pos));
  return generic_file_read_iter(iocb, to);
}

// Models fs/block_dev.c:blkdev_write_iter().
s64 blkdev_write_iter(kiocb* iocb, iov_iter* from) {
  const s64 size = i_size_read(file_inode(iocb->ki_filp));
  if (iov_iter_count(from) == 0) return 0;
  if (iocb->ki_pos >= size) return -ENOSPC;
  if ((iocb->ki_flags & (IOCB_NOWAIT | IOCB_DIRECT)) == IOCB_NOWAIT) return -EOPNOTSUPP;
  iov_iter_truncate(from, static_cast<u64>(size - iocb->ki_pos));
  const s64 ret = __generic_file_write_iter(iocb, from);
  return ret > 0 ? generic_write_sync(iocb, ret) : ret;
}

// Models fs/block_dev.c:blkdev_iopoll().
int blkdev_iopoll(kiocb* iocb, bool spin) {
  return blk_poll(file_inode(iocb->ki_filp)->i_bdev, READ_ONCE(iocb->ki_cookie), spin);
}

// Models fs/block_dev.c:blkdev_fsync().
int blkdev_fsync(file* file, s64 start, s64 end, int) {
  const int ret = filemap_write_and_wait_range(file->f_mapping, start, end);
  return ret != 0 ? ret : blkdev_issue_flush(file_inode(file)->i_bdev);
}

// Models fs/block_dev.c:blkdev_open(): every block device understands NOWAIT.
int blkdev_open(inode*, file* file) {
  (void)vfs_deferral();
  file->f_mode |= FMODE_NOWAIT;
  return 0;
}

// Models fs/block_dev.c:block_llseek(): within the device, no further.
s64 block_llseek(file* file, s64 offset, int whence) {
  const s64 size = i_size_read(file_inode(file));
  if (whence == SEEK_CUR) offset += file->f_pos;
  if (whence == SEEK_END) offset += size;
  if (whence > SEEK_END || offset < 0 || offset > size) return -EINVAL;
  file->f_pos = offset;
  return offset;
}

constexpr address_space_operations def_blk_aops = {.get_block = blkdev_get_block, .direct_IO = blkdev_direct_IO};

constexpr file_operations def_blk_fops = {
    .name = "block device",
    .llseek = block_llseek,
    .read_iter = blkdev_read_iter,
    .write_iter = blkdev_write_iter,
    .iopoll = blkdev_iopoll,
    .mmap = generic_file_mmap,
    .open = blkdev_open,
    .fsync = blkdev_fsync,
};

}  // namespace

// Models fs/block_dev.c:__blkdev_direct_IO() (5.4). Divergence: the synchronous short form is the same code.
s64 blkdev_direct_IO(kiocb* iocb, iov_iter* iter) noexcept {
  KERNEL_FUNCTION;
  BlockDevice* const bdev = file_inode(iocb->ki_filp)->i_bdev;
  if (iov_iter_count(iter) == 0) return 0;
  if (((static_cast<u64>(iocb->ki_pos) | iov_iter_alignment(iter)) & (bdev->capabilities.logical_block - 1)) != 0) return -EINVAL;
  blkdev_dio* const dio = kmalloc<blkdev_dio>();
  if (dio == nullptr) return -ENOMEM;
  const bool is_sync = is_sync_kiocb(iocb);
  dio->iocb = iocb;
  dio->is_sync = is_sync;
  dio->waiter = current();
  dio->should_dirty = iter->rw == READ && iter->kind == iov_iter::Kind::iovec;
  atomic_set(&dio->ref, 1);
  blk_qc_t cookie = BLK_QC_T_NONE;
  for (s64 position = iocb->ki_pos; iov_iter_count(iter) != 0;) {
    bio* const bio = next_bio(dio, bdev, position, iter);
    if (IS_ERR(bio)) {
      WRITE_ONCE(dio->status, PTR_ERR(bio) == -ENOMEM ? -ENOMEM : -EIO);
      break;
    }
    dio->size += bio->bi_size;
    position += static_cast<s64>(bio->bi_size);
    atomic_inc(&dio->ref);
    const bool last = iov_iter_count(iter) == 0;
    const bool polled = last && (iocb->ki_flags & IOCB_HIPRI) != 0;
    if (polled) bio->bi_opf |= REQ_HIPRI | (is_sync ? 0 : u32{REQ_NOWAIT});  // bio_set_polled()
    cookie = submit_bio(bio);
    // Our reference of `dio` keeps iocb alive until here, even if the bio is complete.
    if (polled) WRITE_ONCE(iocb->ki_cookie, cookie);
  }
  if (atomic_dec_and_test(&dio->ref)) blkdev_dio_done(dio);
  if (!is_sync) return -EIOCBQUEUED;
  blkdev_await(dio, bdev, cookie);
  const s64 ret = dio->status != 0 ? dio->status : static_cast<s64>(dio->size - READ_ONCE(dio->missing));
  kfree(dio);
  return ret;
}

inode* blkdev_inode(super_block* sb, BlockDevice* device, u64 rdev) noexcept {
  inode* const made = new_inode(sb, S_IFBLK | 0600);
  if (made == nullptr) return nullptr;
  made->i_bdev = device;
  made->i_rdev = rdev;
  made->i_fop = &def_blk_fops;
  made->i_size = static_cast<s64>(device->capabilities.size & ~u64{SECTOR_SIZE - 1});
  made->i_mapping = address_space_create(made, &def_blk_aops, device);
  if (made->i_mapping == nullptr) {
    iput(made);
    return nullptr;
  }
  return made;
}

}  // namespace uringsim::kernel
