// SPDX-License-Identifier: GPL-2.0-only
// Models lib/iov_iter.c and fs/read_write.c:rw_copy_check_uvector() (5.4).
#include "kernel_model/core/uio.h"

#include "kernel_model/core/uaccess.h"

namespace uringsim::kernel {

namespace {

u64 segment_bytes(const iov_iter* iter, u64 segment) noexcept {
  return iter->kind == iov_iter::Kind::iovec ? iter->iov[segment].iov_len : iter->bvec[segment].bv_len;
}
void next_segment(iov_iter* iter) noexcept {
  if (iter->kind == iov_iter::Kind::iovec)
    iter->iov++;
  else
    iter->bvec++;
  iter->nr_segs--;
  iter->iov_offset = 0;
}
void previous_segment(iov_iter* iter) noexcept {
  if (iter->kind == iov_iter::Kind::iovec)
    iter->iov--;
  else
    iter->bvec--;
  iter->nr_segs++;
}

/// The kernel's pointer into the iterator's current bvec segment.
u8* bvec_pointer(const iov_iter* iter) noexcept {
  const u64 offset = iter->bvec->bv_offset + iter->iov_offset;
  return iter->bvec->bv_page->data + offset;  // pages of one segment adjoin
}

/// Walks up to `bytes` bytes: step(iter, part) handles one stretch of a segment and returns the bytes it did not.
template <class Step>
u64 iterate(iov_iter* iter, u64 bytes, Step step) noexcept {
  if (bytes > iter->count) bytes = iter->count;
  u64 done = 0;
  while (done < bytes) {
    const u64 in_segment = segment_bytes(iter, 0) - iter->iov_offset;
    if (in_segment == 0) {
      next_segment(iter);
      continue;
    }
    const u64 part = bytes - done < in_segment ? bytes - done : in_segment;
    const u64 left = step(done, part);
    done += part - left;
    iter->iov_offset += part - left;
    iter->count -= part - left;
    if (left > 0) break;
    if (iter->iov_offset == segment_bytes(iter, 0)) next_segment(iter);
  }
  return done;
}

}  // namespace

void iov_iter_init(iov_iter* iter, int rw, const user_iovec* iov, u64 nr_segs, u64 count) noexcept {
  iter->kind = iov_iter::Kind::iovec;
  iter->rw = static_cast<u8>(rw & WRITE);
  iter->iov = iov;
  iter->nr_segs = nr_segs;
  iter->iov_offset = 0;
  iter->count = count;
}

void iov_iter_bvec(iov_iter* iter, int rw, const bio_vec* bvec, u64 nr_segs, u64 count) noexcept {
  iter->kind = iov_iter::Kind::bvec;
  iter->rw = static_cast<u8>(rw & WRITE);
  iter->bvec = bvec;
  iter->nr_segs = nr_segs;
  iter->iov_offset = 0;
  iter->count = count;
}

void iov_iter_advance(iov_iter* iter, u64 bytes) noexcept {
  (void)iterate(iter, bytes, [](u64, u64) noexcept { return u64{0}; });
}

void iov_iter_revert(iov_iter* iter, u64 bytes) noexcept {
  iter->count += bytes;
  while (bytes > iter->iov_offset) {
    bytes -= iter->iov_offset;
    previous_segment(iter);
    iter->iov_offset = segment_bytes(iter, 0);
  }
  iter->iov_offset -= bytes;
}

void iov_iter_truncate(iov_iter* iter, u64 bytes) noexcept {
  if (iter->count > bytes) iter->count = bytes;
}

u64 iov_iter_alignment(const iov_iter* iter) noexcept {
  u64 bits = 0, left = iter->count, skip = iter->iov_offset;
  for (u64 i = 0; left > 0; i++) {
    const u64 bytes = segment_bytes(iter, i);
    if (bytes == skip) {
      skip = 0;
      continue;
    }
    const u64 part = bytes - skip < left ? bytes - skip : left;
    bits |= (iter->kind == iov_iter::Kind::iovec ? iter->iov[i].iov_base : iter->bvec[i].bv_offset) + skip;
    bits |= part;
    left -= part;
    skip = 0;
  }
  return bits;
}

u64 copy_to_iter(const void* from, u64 bytes, iov_iter* iter) noexcept {
  const u8* const in = static_cast<const u8*>(from);
  return iterate(iter, bytes, [&](u64 done, u64 part) noexcept -> u64 {
    if (iter->kind == iov_iter::Kind::iovec) return copy_to_user(iter->iov->iov_base + iter->iov_offset, in + done, part);
    arch::machine().charge(arch::Cost::copy, part);
    arch::plain_range(bvec_pointer(iter), part, true);
    arch::copy_racy(bvec_pointer(iter), in + done, part);
    return 0;
  });
}

u64 copy_from_iter(void* to, u64 bytes, iov_iter* iter) noexcept {
  u8* const out = static_cast<u8*>(to);
  return iterate(iter, bytes, [&](u64 done, u64 part) noexcept -> u64 {
    if (iter->kind == iov_iter::Kind::iovec) return copy_from_user(out + done, iter->iov->iov_base + iter->iov_offset, part);
    arch::machine().charge(arch::Cost::copy, part);
    arch::plain_range(bvec_pointer(iter), part, false);
    arch::copy_racy(out + done, bvec_pointer(iter), part);
    return 0;
  });
}

u64 iov_iter_zero(u64 bytes, iov_iter* iter) noexcept {
  static constexpr u8 kZeroes[PAGE_SIZE] = {};
  return iterate(iter, bytes, [&](u64, u64 part) noexcept -> u64 {
    if (iter->kind == iov_iter::Kind::iovec) return clear_user(iter->iov->iov_base + iter->iov_offset, part);
    u8* const at = bvec_pointer(iter);
    arch::plain_range(at, part, true);
    for (u64 cleared = 0; cleared < part; cleared += PAGE_SIZE)
      arch::copy_racy(at + cleared, kZeroes, part - cleared < PAGE_SIZE ? part - cleared : PAGE_SIZE);
    return 0;
  });
}

int iov_iter_fault_in_readable(iov_iter* iter, u64 bytes) noexcept {
  if (iter->kind != iov_iter::Kind::iovec) return 0;
  if (bytes > iter->count) bytes = iter->count;
  mm_struct* const mm = current()->mm;
  u64 skip = iter->iov_offset;
  for (u64 i = 0; bytes > 0; i++) {
    const u64 len = iter->iov[i].iov_len - skip < bytes ? iter->iov[i].iov_len - skip : bytes;
    const uptr start = iter->iov[i].iov_base + skip, end = start + len;
    if (len > 0 && !access_ok(start, len)) return -EFAULT;
    for (uptr at = start; at < end; at = (at & PAGE_MASK) + PAGE_SIZE)
      if (mm_translate(mm, at, 1, false) == nullptr) return -EFAULT;
    bytes -= len;
    skip = 0;
  }
  return 0;
}

unsigned iov_iter_npages(const iov_iter* iter, unsigned max_pages) noexcept {
  u64 pages = 0;
  u64 left = iter->count;
  u64 skip = iter->iov_offset;
  for (u64 i = 0; i < iter->nr_segs && left > 0 && pages < max_pages; i++, skip = 0) {
    const bool bvec = iter->kind == iov_iter::Kind::bvec;
    const u64 start = (bvec ? iter->bvec[i].bv_offset : iter->iov[i].iov_base) + skip;
    const u64 length = (bvec ? iter->bvec[i].bv_len : iter->iov[i].iov_len) - skip;
    const u64 part = length < left ? length : left;
    if (part == 0) continue;
    pages += ((start + part - 1) >> PAGE_SHIFT) - (start >> PAGE_SHIFT) + 1;
    left -= part;
  }
  return static_cast<unsigned>(pages < max_pages ? pages : max_pages);
}

long iov_iter_get_bvecs(iov_iter* iter, u64 max_bytes, bio_vec* vecs, unsigned max_pages) noexcept {
  unsigned filled = 0;
  long error = 0;
  while (filled < max_pages && max_bytes > 0 && iter->count > 0 && error == 0) {
    const u64 one = max_bytes;
    const u64 before = iter->count;
    (void)iterate(iter, one, [&](u64, u64 part) noexcept -> u64 {
      if (filled == max_pages) return part;
      bio_vec& vec = vecs[filled];
      if (iter->kind == iov_iter::Kind::bvec) {
        const u64 offset = iter->bvec->bv_offset + iter->iov_offset;
        const u64 in_page = PAGE_SIZE - (offset & (PAGE_SIZE - 1));
        vec.bv_page = iter->bvec->bv_page + (offset >> PAGE_SHIFT);
        vec.bv_offset = static_cast<u32>(offset & (PAGE_SIZE - 1));
        vec.bv_len = static_cast<u32>(part < in_page ? part : in_page);
        get_page(vec.bv_page);
      } else {
        const uptr address = iter->iov->iov_base + iter->iov_offset;
        const u64 in_page = PAGE_SIZE - (address & (PAGE_SIZE - 1));
        // What the device writes for a read, user memory must allow to be written.
        error = get_user_pages_fast(address, 1, iter->rw == READ ? unsigned{FOLL_WRITE} : 0u, &vec.bv_page);
        if (error < 0) return part;
        error = 0;
        vec.bv_offset = static_cast<u32>(address & (PAGE_SIZE - 1));
        vec.bv_len = static_cast<u32>(part < in_page ? part : in_page);
      }
      const u64 taken = vec.bv_len;
      filled++;
      return part - taken;
    });
    max_bytes -= before - iter->count;
  }
  return filled > 0 ? static_cast<long>(filled) : error;
}

s64 import_iovec(int rw, uptr uvector, u64 nr_segs, u64 fast_segs, user_iovec** iov, iov_iter* iter) noexcept {
  static_assert(sizeof(user_iovec) == 16);  // as the application lays it out
  user_iovec* vecs = *iov;
  u64 total = 0;
  if (nr_segs > UIO_MAXIOV) return -EINVAL;
  if (nr_segs > fast_segs) {
    vecs = kcalloc<user_iovec>(nr_segs);
    if (vecs == nullptr) return -ENOMEM;
  }
  s64 error = copy_from_user(vecs, uvector, nr_segs * sizeof(user_iovec)) != 0 ? -EFAULT : 0;
  for (u64 i = 0; i < nr_segs && error == 0; i++) {
    if (static_cast<s64>(vecs[i].iov_len) < 0) {
      error = -EINVAL;
    } else if (!access_ok(vecs[i].iov_base, vecs[i].iov_len)) {
      error = -EFAULT;
    } else {
      if (vecs[i].iov_len > MAX_RW_COUNT - total) vecs[i].iov_len = MAX_RW_COUNT - total;
      total += vecs[i].iov_len;
    }
  }
  if (error != 0) {
    if (vecs != *iov) kfree_array(vecs, nr_segs);
    return error;
  }
  iov_iter_init(iter, rw, vecs, nr_segs, total);
  *iov = vecs;
  return static_cast<s64>(total);
}

void import_iovec_free(user_iovec* iov, const user_iovec* inline_vecs, u64 nr_segs) noexcept {
  if (iov != inline_vecs) kfree_array(iov, nr_segs);
}

int import_single_range(int rw, uptr buffer, u64 bytes, user_iovec* iov, iov_iter* iter) noexcept {
  if (bytes > MAX_RW_COUNT) bytes = MAX_RW_COUNT;
  if (!access_ok(buffer, bytes)) return -EFAULT;
  *iov = {buffer, bytes};
  iov_iter_init(iter, rw, iov, 1, bytes);
  return 0;
}

}  // namespace uringsim::kernel
