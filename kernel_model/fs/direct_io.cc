// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/direct_io.h"

#include <algorithm>

#include "kernel_model/core/workqueue.h"
#include "kernel_model/fs/bio_pages.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

constexpr unsigned kMaxVecs = 256;  // BIO_MAX_PAGES

/// One direct transfer, of one or more bios. Freed by whoever drops the last reference.
struct dio {
  kiocb* iocb = nullptr;
  inode* host = nullptr;
  bool write = false;
  bool is_async = false;
  bool defer_completion = false;  ///< an O_DSYNC write: its fsync must sleep
  bool should_dirty = false;      ///< a read into application memory: pages of shared file mappings become dirty
  s64 i_size = 0;                 ///< when it began
  s64 position = 0;
  u64 result = 0;  ///< bytes under way
  spinlock_t bio_lock;
  int io_error = 0;               ///< bio_lock
  u64 missing = 0;                ///< bytes that devices did not transfer although there was no error; bio_lock
  u32 refcount = 1;               ///< the submitter's and one a bio; bio_lock
  task_struct* waiter = nullptr;  ///< who sleeps in dio_await_completion(); bio_lock
  BlockDevice* bdev = nullptr;
  u32 cookie = BLK_QC_T_NONE;
  work_struct complete_work;
};

/// Drops the pages of a finished bio. Models block/bio.c:bio_release_pages().
void release_pages(bio* bio, bool dirty) noexcept {
  for (unsigned i = 0; i < bio->bi_vcnt; i++) {
    page* const page = bio->bi_io_vec[i].bv_page;
    if (dirty) set_dma_page_dirty(page);
    put_page(page);
  }
}

/// Models fs/direct-io.c:dio_complete().
s64 dio_complete(dio* dio, s64 ret, bool async) noexcept {
  s64 transferred = static_cast<s64>(dio->result - dio->missing);
  if (!dio->write && dio->position + transferred > dio->i_size) transferred = std::max<s64>(0, dio->i_size - dio->position);
  if (ret == -EFAULT && transferred != 0) ret = 0;
  if (ret == 0) ret = dio->io_error;
  if (ret == 0) ret = transferred;
  if (ret > 0 && dio->write && !in_interrupt()) {
    const u64 first = static_cast<u64>(dio->position) >> PAGE_SHIFT;
    (void)invalidate_inode_pages2_range(dio->host->i_mapping, first, static_cast<u64>(dio->position + ret - 1) >> PAGE_SHIFT);
  }
  inode_dio_end(dio->host);
  if (async) {
    kiocb* const iocb = dio->iocb;
    iocb->ki_pos += transferred;
    if (ret > 0 && dio->write && !in_interrupt()) ret = generic_write_sync(iocb, ret);
    kfree(dio);
    iocb->ki_complete(iocb, ret, 0);
  } else {
    kfree(dio);
  }
  return ret;
}

void dio_complete_work(work_struct* work) { (void)dio_complete(container_of(work, dio, complete_work), 0, true); }

/// Takes a reference for a bio, or drops one; returns how many are left. The lock makes sure that a bio's end has let go of the
/// dio before the submitter, who drops last, frees it.
u32 get_refcount(dio* dio, int by) noexcept {
  spin_lock_irq(&dio->bio_lock);
  const u32 left = dio->refcount += static_cast<u32>(by);
  spin_unlock_irq(&dio->bio_lock);
  return left;
}

/// Interrupt context, or the poller's. Models dio_bio_end_aio() and dio_bio_end_io().
void dio_bio_end(bio* bio) {
  dio* const owner = static_cast<dio*>(bio->bi_private);
  const int status = bio->bi_status;
  const u64 missing = bio->bi_residual;
  release_pages(bio, owner->should_dirty);
  bio_put(bio);
  spin_lock_irq(&owner->bio_lock);
  if (status != 0) owner->io_error = status;
  owner->missing += missing;
  const u32 left = --owner->refcount;
  if (left == 1 && owner->waiter != nullptr) wake_up_process(owner->waiter);
  spin_unlock_irq(&owner->bio_lock);
  if (left != 0) return;
  if (owner->defer_completion || (owner->write && READ_ONCE(owner->host->i_mapping->nrpages) != 0)) {
    INIT_WORK(&owner->complete_work, dio_complete_work);
    queue_work(READ_ONCE(vfs().deferral), &owner->complete_work);
  } else {
    (void)dio_complete(owner, 0, true);
  }
}

/// Sleeps until every bio is done. Models fs/direct-io.c:dio_await_completion(). Waker: dio_bio_end().
void dio_await_completion(dio* dio) noexcept {
  spin_lock_irq(&dio->bio_lock);
  while (dio->refcount > 1) {
    __set_current_state(TASK_UNINTERRUPTIBLE);
    dio->waiter = current();
    spin_unlock_irq(&dio->bio_lock);
    if ((dio->iocb->ki_flags & IOCB_HIPRI) == 0 || blk_poll(dio->bdev, dio->cookie, true) == 0) schedule();
    __set_current_state(TASK_RUNNING);
    spin_lock_irq(&dio->bio_lock);
    dio->waiter = nullptr;
  }
  spin_unlock_irq(&dio->bio_lock);
}

/// Fills a new block with zeroes where the transfer does not cover it. Models fs/direct-io.c:dio_zero_block(), at once and for
/// the whole block.
int zero_block(BlockDevice* bdev, u64 sector) noexcept {
  page* const zeroes = alloc_pages(0);
  if (zeroes == nullptr) return -ENOMEM;
  bio* const bio = bio_alloc(bdev, bio_op::write, sector, 1);
  int ret = -ENOMEM;
  if (bio != nullptr) {
    bio_add_page(bio, zeroes, PAGE_SIZE, 0);
    ret = submit_bio_wait(bio);
    bio_put(bio);
  }
  put_page(zeroes);
  return ret;
}

/// The sector that byte `position` is at (kHole: none), and how many bytes from there on lie in a row, at most `want`.
int map_extent(dio* dio, s64 position, u64 want, u64* sector, u64* bytes) noexcept {
  address_space* const mapping = dio->host->i_mapping;
  const u64 in_block = static_cast<u64>(position) & (PAGE_SIZE - 1);
  u64 block = static_cast<u64>(position) >> PAGE_SHIFT;
  u64 first = kHole;
  u64 length = 0;
  while (length < want + in_block) {
    u64 at = kHole;
    int ret = mapping->a_ops->get_block(dio->host, block, address_space_operations::lookup, &at);
    if (ret == 0 && at == kHole && dio->write) {
      ret = mapping->a_ops->get_block(dio->host, block, address_space_operations::create, &at);
      const u64 start = length < in_block ? in_block : length;
      const bool whole = start == length && want + in_block - length >= PAGE_SIZE;
      if (ret == 0 && !whole) ret = zero_block(dio->bdev, at);
    }
    if (ret != 0) return ret;
    if (length == 0)
      first = at;
    else if (first == kHole ? at != kHole : at != first + length / SECTOR_SIZE)
      break;
    length += PAGE_SIZE;
    block++;
  }
  *sector = first == kHole ? kHole : first + in_block / SECTOR_SIZE;
  *bytes = std::min(want, length - in_block);
  return 0;
}

u32 dio_op_flags(const dio* dio) noexcept {
  u32 flags = 0;
  if (dio->write) flags |= REQ_SYNC | ((dio->iocb->ki_flags & IOCB_NOWAIT) != 0 ? u32{REQ_NOWAIT} : 0);
  if ((dio->iocb->ki_flags & IOCB_HIPRI) != 0) flags |= REQ_HIPRI;
  return flags;
}

/// Submits bios for all of the iterator. 0 or -errno; what is under way is in dio->result. Models fs/direct-io.c:do_direct_IO().
int do_direct_IO(dio* dio, iov_iter* iter) noexcept {
  s64 position = dio->position;
  while (iov_iter_count(iter) != 0) {
    if (!dio->write && position >= dio->i_size) return 0;  // the rest lies past the end of the file
    u64 sector = 0, bytes = 0;
    int ret = map_extent(dio, position, iov_iter_count(iter), &sector, &bytes);
    if (ret != 0) return ret;
    if (sector == kHole) {
      const u64 block_end = (static_cast<u64>(dio->i_size) + PAGE_SIZE - 1) & PAGE_MASK;
      bytes = std::min(bytes, block_end - static_cast<u64>(position));
      const u64 zeroed = iov_iter_zero(bytes, iter);
      dio->result += zeroed;
      position += static_cast<s64>(zeroed);
      if (zeroed < bytes) return -EFAULT;
      continue;
    }
    const unsigned room = iov_iter_npages(iter, kMaxVecs);
    bio* const bio = bio_alloc(dio->bdev, dio->write ? bio_op::write : bio_op::read, sector, room);
    if (bio == nullptr) return -ENOMEM;
    const long vecs = iov_iter_get_bvecs(iter, bytes, bio->bi_io_vec, room);
    if (vecs <= 0) {
      bio_put(bio);
      return vecs < 0 ? static_cast<int>(vecs) : -EFAULT;
    }
    bio->bi_vcnt = static_cast<unsigned>(vecs);
    for (long i = 0; i < vecs; i++) bio->bi_size += bio->bi_io_vec[i].bv_len;
    bio->bi_opf = dio_op_flags(dio);
    bio->bi_private = dio;
    bio->bi_end_io = dio_bio_end;
    dio->result += bio->bi_size;
    position += static_cast<s64>(bio->bi_size);
    (void)get_refcount(dio, 1);
    dio->cookie = submit_bio(bio);
  }
  return 0;
}

}  // namespace

void inode_dio_begin(inode* inode) noexcept { atomic_inc(&inode->i_dio_count); }

void inode_dio_end(inode* inode) noexcept {
  // dec_and_test is a full barrier: pairs with prepare_to_wait() in inode_dio_wait().
  if (atomic_dec_and_test(&inode->i_dio_count)) wake_up_all(&inode->i_dio_wait);
}

void inode_dio_wait(inode* inode) noexcept {
  wait_event(&inode->i_dio_wait, [inode] { return atomic_read(&inode->i_dio_count) == 0; });
}

s64 blockdev_direct_IO(kiocb* iocb, iov_iter* iter) noexcept {
  KERNEL_FUNCTION;
  inode* const host = file_inode(iocb->ki_filp);
  BlockDevice* const bdev = host->i_mapping->bdev;
  const bool write = iter->rw == WRITE;
  const u64 count = iov_iter_count(iter);
  if (((static_cast<u64>(iocb->ki_pos) | iov_iter_alignment(iter)) & (bdev->capabilities.logical_block - 1)) != 0) return -EINVAL;
  if (!write && count == 0) return 0;
  // Its end may be left to a worker (sb_init_dio_done_wq()). The flag O_DIRECT may have come after open(), by fcntl().
  if (write && !is_sync_kiocb(iocb) && vfs_deferral() == nullptr) return -ENOMEM;
  dio* const made = kmalloc<dio>();
  if (made == nullptr) return -ENOMEM;
  made->iocb = iocb;
  made->host = host;
  made->write = write;
  made->position = iocb->ki_pos;
  made->i_size = i_size_read(host);
  made->bdev = bdev;
  if (!write && iocb->ki_pos >= made->i_size) {
    kfree(made);
    return 0;
  }
  // A write that makes the file longer is waited for, so that nobody sees the new size before the data.
  made->is_async = !is_sync_kiocb(iocb) && !(write && iocb->ki_pos + static_cast<s64>(count) > made->i_size);
  made->defer_completion = made->is_async && write && (iocb->ki_flags & IOCB_DSYNC) != 0;
  made->should_dirty = !write && iter->kind == iov_iter::Kind::iovec;
  inode_dio_begin(host);

  int ret = do_direct_IO(made, iter);
  if (made->is_async && ret == 0 && made->result != 0 && (!write || made->result == count)) {
    // From here on the completion may run and free both `made` and what iocb belongs to.
    return get_refcount(made, -1) == 0 ? dio_complete(made, 0, false) : -EIOCBQUEUED;
  }
  dio_await_completion(made);
  return dio_complete(made, ret, false);
}

}  // namespace uringsim::kernel
