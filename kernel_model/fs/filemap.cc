// SPDX-License-Identifier: GPL-2.0-only
// Reading and writing files through the page cache. Models the second half of mm/filemap.c (5.4).
#include <algorithm>

#include "kernel_model/fs/pagemap.h"

namespace uringsim::kernel {

namespace {

/// A page that is there but without its content: waits for a read under way, else starts one. 0, -EIO, or -EAGAIN to look the
/// page up again. Models the labels page_not_up_to_date to readpage_error.
int make_uptodate(address_space* mapping, page* page) noexcept {
  wait_on_page_locked(page);
  if (PageUptodate(page)) return 0;
  lock_page(page);
  if (READ_ONCE(page->mapping) != mapping) {  // truncated meanwhile
    unlock_page(page);
    return -EAGAIN;
  }
  if (PageUptodate(page)) {
    unlock_page(page);
    return 0;
  }
  const int ret = mapping_readpage(page);
  if (ret != 0) return ret;
  wait_on_page_locked(page);
  if (PageUptodate(page)) return 0;
  return READ_ONCE(page->mapping) == mapping ? -EIO : -EAGAIN;
}

/// The page at `index`, uptodate and with a reference, into *out. 0; -EAGAIN under IOCB_NOWAIT when it is not at hand; -errno.
/// Models the search loop of generic_file_buffered_read().
int get_uptodate_page(kiocb* iocb, u64 index, u64 last_index, page** out) noexcept {
  file* const filp = iocb->ki_filp;
  address_space* const mapping = filp->f_mapping;
  const bool nowait = (iocb->ki_flags & IOCB_NOWAIT) != 0;
  for (;;) {
    page* page = find_get_page(mapping, index);
    if (page == nullptr) {
      if (nowait) return -EAGAIN;  // 5.1 and 5.4 start no read-ahead for a reader that must not wait
      page_cache_sync_readahead(mapping, &filp->f_ra, filp, index, last_index - index);
      page = find_get_page(mapping, index);
    }
    if (page == nullptr) {
      page = grab_cache_page(mapping, index);
      if (page == nullptr) return -ENOMEM;
      unlock_page(page);
    } else if (page_has(page, PG_readahead)) {
      page_cache_async_readahead(mapping, &filp->f_ra, filp, page, index, last_index - index);
    }
    if (!PageUptodate(page)) {
      const int ret = nowait ? -EAGAIN : make_uptodate(mapping, page);
      if (ret != 0) {
        put_page(page);
        if (ret == -EAGAIN && !nowait) continue;
        return ret;
      }
    }
    *out = page;
    return 0;
  }
}

}  // namespace

// Models mm/filemap.c:generic_file_buffered_read() (5.4).
s64 generic_file_buffered_read(kiocb* iocb, iov_iter* iter, s64 written) noexcept {
  KERNEL_FUNCTION;
  file* const filp = iocb->ki_filp;
  inode* const host = filp->f_mapping->host;
  const s64 maxbytes = host->i_sb->s_maxbytes;
  if (iocb->ki_pos >= maxbytes) return 0;
  iov_iter_truncate(iter, static_cast<u64>(maxbytes));

  u64 position = static_cast<u64>(iocb->ki_pos);
  const u64 last_index = (position + iter->count + PAGE_SIZE - 1) >> PAGE_SHIFT;
  int error = 0;
  u64 prev = static_cast<u64>(READ_ONCE(filp->f_ra.prev_pos));
  while (iov_iter_count(iter) != 0) {
    cond_resched();
    const u64 index = position >> PAGE_SHIFT;
    const u64 offset = position & (PAGE_SIZE - 1);
    page* page = nullptr;
    error = get_uptodate_page(iocb, index, last_index, &page);
    if (error != 0) break;
    // The size is looked at after the page is known to be uptodate: what lies behind it is never copied out.
    const u64 size = static_cast<u64>(i_size_read(host));
    if (position >= size) {
      put_page(page);
      break;
    }
    const u64 bytes = std::min(PAGE_SIZE - offset, size - position);
    const u64 copied = copy_to_iter(page->data + offset, std::min(bytes, iov_iter_count(iter)), iter);
    const bool fault = copied < bytes && iov_iter_count(iter) != 0;
    position += copied;
    prev = (index << PAGE_SHIFT) | (position & (PAGE_SIZE - 1));
    written += static_cast<s64>(copied);
    put_page(page);
    if (fault) {
      error = -EFAULT;
      break;
    }
  }
  WRITE_ONCE(filp->f_ra.prev_pos, static_cast<s64>(prev));  // readers of one file race here, as in Linux
  iocb->ki_pos = static_cast<s64>(position);
  return written != 0 ? written : error;
}

// Models mm/filemap.c:generic_file_read_iter() (5.4).
s64 generic_file_read_iter(kiocb* iocb, iov_iter* iter) noexcept {
  u64 count = iov_iter_count(iter);
  if (count == 0) return 0;
  s64 ret = 0;
  if ((iocb->ki_flags & IOCB_DIRECT) != 0) {
    address_space* const mapping = iocb->ki_filp->f_mapping;
    const s64 size = i_size_read(mapping->host);
    const s64 last = iocb->ki_pos + static_cast<s64>(count) - 1;
    if ((iocb->ki_flags & IOCB_NOWAIT) != 0) {
      if (filemap_range_has_page(mapping, iocb->ki_pos, last)) return -EAGAIN;
    } else {
      ret = filemap_write_and_wait_range(mapping, iocb->ki_pos, last);
      if (ret < 0) return ret;
    }
    ret = mapping->a_ops->direct_IO(iocb, iter);
    // After -EIOCBQUEUED the request may be complete and gone: neither iocb nor iter is touched again.
    if (ret == -EIOCBQUEUED) return ret;
    if (ret >= 0) {
      iocb->ki_pos += ret;
      count -= static_cast<u64>(ret);
    }
    const u64 consumed_too_much = count - iov_iter_count(iter);
    if (consumed_too_much != 0) iov_iter_revert(iter, consumed_too_much);
    if (ret < 0 || count == 0 || iocb->ki_pos >= size) return ret;
  }
  return generic_file_buffered_read(iocb, iter, ret);
}

s64 generic_write_checks(kiocb* iocb, iov_iter* from) noexcept {
  if (iov_iter_count(from) == 0) return 0;
  if ((iocb->ki_flags & IOCB_APPEND) != 0) iocb->ki_pos = i_size_read(file_inode(iocb->ki_filp));
  if ((iocb->ki_flags & IOCB_NOWAIT) != 0 && (iocb->ki_flags & IOCB_DIRECT) == 0) return -EINVAL;
  u64 count = iov_iter_count(from);
  const int ret = generic_write_check_limits(iocb->ki_filp, iocb->ki_pos, &count);
  if (ret != 0) return ret;
  iov_iter_truncate(from, count);
  return static_cast<s64>(iov_iter_count(from));
}

namespace {

/// A locked page ready to take bytes [offset, offset + bytes): its other bytes are the file's. 0 or -errno. Models
/// fs/buffer.c:block_write_begin() with blocks of a page.
int write_begin(address_space* mapping, s64 position, u64 bytes, page** out) noexcept {
  const u64 index = static_cast<u64>(position) >> PAGE_SHIFT;
  for (;;) {
    page* const page = grab_cache_page(mapping, index);
    if (page == nullptr) return -ENOMEM;
    if (mapping->a_ops->get_block != nullptr && !PageDirty(page)) {
      u64 sector = 0;
      const int ret = mapping->a_ops->get_block(mapping->host, index, address_space_operations::reserve, &sector);
      if (ret != 0) {
        unlock_page(page);
        put_page(page);
        return ret;
      }
    }
    if (PageUptodate(page) || bytes == PAGE_SIZE) {
      *out = page;
      return 0;
    }
    const int ret = mapping_readpage(page);  // unlocks
    wait_on_page_locked(page);
    lock_page(page);
    if (ret == 0 && READ_ONCE(page->mapping) == mapping && PageUptodate(page)) {
      *out = page;
      return 0;
    }
    const bool gone = READ_ONCE(page->mapping) != mapping;
    unlock_page(page);
    put_page(page);
    if (!gone) return ret != 0 ? ret : -EIO;
  }
}

/// Releases the page of write_begin() after `copied` of `bytes` bytes came into it; returns how many count. Models
/// fs/buffer.c:generic_write_end().
u64 write_end(page* page, s64 position, u64 bytes, u64 copied) noexcept {
  if (copied < bytes && !PageUptodate(page)) copied = 0;  // the rest of the page is not the file's
  if (copied != 0) {
    set_page_flag(page, PG_uptodate);
    set_page_dirty(page);
    inode* const host = READ_ONCE(page->mapping)->host;
    const s64 end = position + static_cast<s64>(copied);
    if (end > i_size_read(host)) i_size_write(host, end);
  }
  unlock_page(page);
  put_page(page);
  return copied;
}

}  // namespace

// Models mm/filemap.c:generic_perform_write() (5.4).
s64 generic_perform_write(file* file, iov_iter* from, s64 position) noexcept {
  KERNEL_FUNCTION;
  address_space* const mapping = file->f_mapping;
  s64 written = 0;
  int status = 0;
  while (iov_iter_count(from) != 0) {
    const u64 offset = static_cast<u64>(position) & (PAGE_SIZE - 1);
    const u64 bytes = std::min(PAGE_SIZE - offset, iov_iter_count(from));
    if (iov_iter_fault_in_readable(from, bytes) != 0) {
      status = -EFAULT;
      break;
    }
    page* page = nullptr;
    status = write_begin(mapping, position, bytes, &page);
    if (status != 0) break;
    const u64 taken = copy_from_iter(page->data + offset, bytes, from);
    const u64 copied = write_end(page, position, bytes, taken);
    if (copied < taken) iov_iter_revert(from, taken - copied);
    cond_resched();
    position += static_cast<s64>(copied);
    written += static_cast<s64>(copied);
  }
  return written != 0 ? written : status;
}

// Models mm/filemap.c:generic_file_direct_write() (5.4).
s64 generic_file_direct_write(kiocb* iocb, iov_iter* from) noexcept {
  address_space* const mapping = iocb->ki_filp->f_mapping;
  inode* const host = mapping->host;
  const s64 position = iocb->ki_pos;
  u64 left = iov_iter_count(from);
  const s64 last = position + static_cast<s64>(left) - 1;
  const u64 first_page = static_cast<u64>(position) >> PAGE_SHIFT;
  const u64 last_page = static_cast<u64>(last) >> PAGE_SHIFT;
  if ((iocb->ki_flags & IOCB_NOWAIT) != 0) {
    if (filemap_range_has_page(mapping, position, last)) return -EAGAIN;
  } else {
    const int ret = filemap_write_and_wait_range(mapping, position, last);
    if (ret != 0) return ret;
  }
  if (invalidate_inode_pages2_range(mapping, first_page, last_page) != 0) return 0;  // busy: write through the cache
  const s64 written = mapping->a_ops->direct_IO(iocb, from);
  if (written == -EIOCBQUEUED) return written;  // iocb and iter may be gone
  (void)invalidate_inode_pages2_range(mapping, first_page, last_page);
  if (written > 0) {
    left -= static_cast<u64>(written);
    if (position + written > i_size_read(host) && !S_ISBLK(host->i_mode)) i_size_write(host, position + written);
    iocb->ki_pos = position + written;
  }
  if (left > iov_iter_count(from)) iov_iter_revert(from, left - iov_iter_count(from));
  return written;
}

// Models mm/filemap.c:__generic_file_write_iter() (5.4).
s64 __generic_file_write_iter(kiocb* iocb, iov_iter* from) noexcept {
  file* const filp = iocb->ki_filp;
  if ((iocb->ki_flags & IOCB_DIRECT) == 0) {
    const s64 written = generic_perform_write(filp, from, iocb->ki_pos);
    if (written > 0) iocb->ki_pos += written;
    return written;
  }
  s64 written = generic_file_direct_write(iocb, from);
  if (written < 0 || iov_iter_count(from) == 0) return written;
  // What could not be written directly goes through the cache, and on to the device at once.
  const s64 position = iocb->ki_pos;
  const s64 status = generic_perform_write(filp, from, position);
  if (status < 0) return written != 0 ? written : status;
  const s64 last = position + status - 1;
  const int error = filemap_write_and_wait_range(filp->f_mapping, position, last);
  if (error == 0) {
    iocb->ki_pos = last + 1;
    written += status;
    (void)invalidate_inode_pages2_range(filp->f_mapping, static_cast<u64>(position) >> PAGE_SHIFT,
                                        static_cast<u64>(last) >> PAGE_SHIFT);
  }
  return written != 0 ? written : error;
}

// Models mm/filemap.c:generic_file_write_iter().
s64 generic_file_write_iter(kiocb* iocb, iov_iter* from) noexcept {
  inode* const host = file_inode(iocb->ki_filp);
  inode_lock(host);
  s64 ret = generic_write_checks(iocb, from);
  if (ret > 0) ret = __generic_file_write_iter(iocb, from);
  inode_unlock(host);
  return ret > 0 ? generic_write_sync(iocb, ret) : ret;
}

s64 generic_write_sync(kiocb* iocb, s64 bytes) noexcept {
  if ((iocb->ki_flags & IOCB_DSYNC) == 0) return bytes;
  const int ret =
      vfs_fsync_range(iocb->ki_filp, iocb->ki_pos - bytes, iocb->ki_pos - 1, (iocb->ki_flags & IOCB_SYNC) != 0 ? 0 : 1);
  return ret != 0 ? ret : bytes;
}

}  // namespace uringsim::kernel
