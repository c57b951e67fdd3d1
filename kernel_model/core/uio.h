// SPDX-License-Identifier: GPL-2.0-only
// Scatter-gather iterators. Models include/linux/uio.h and lib/iov_iter.c. An iterator is its task's own and orders nothing.
#pragma once

#include "kernel_model/core/mm.h"

namespace uringsim::kernel {

inline constexpr u64 UIO_FASTIOV = 8;
inline constexpr u64 UIO_MAXIOV = 1024;
inline constexpr u64 MAX_RW_COUNT = 0x7fffffffu & PAGE_MASK;

enum : int { READ = 0, WRITE = 1 };

/// An iovec of user memory: addresses, never pointers.
struct user_iovec {
  uptr iov_base = 0;
  u64 iov_len = 0;
};

struct bio_vec {
  page* bv_page = nullptr;
  u32 bv_len = 0;
  u32 bv_offset = 0;
};

/// Where data goes to or comes from. Either user memory (iovecs, copied with copy_*_user) or pages.
struct iov_iter {
  enum class Kind : u8 { iovec, bvec };
  Kind kind = Kind::iovec;
  u8 rw = READ;
  u64 iov_offset = 0;  ///< into the first segment
  u64 count = 0;       ///< bytes left
  union {
    const user_iovec* iov;
    const bio_vec* bvec;
  };
  u64 nr_segs = 0;
};

void iov_iter_init(iov_iter* iter, int rw, const user_iovec* iov, u64 nr_segs, u64 count) noexcept;
void iov_iter_bvec(iov_iter* iter, int rw, const bio_vec* bvec, u64 nr_segs, u64 count) noexcept;
inline u64 iov_iter_count(const iov_iter* iter) noexcept { return iter->count; }
void iov_iter_advance(iov_iter* iter, u64 bytes) noexcept;
void iov_iter_revert(iov_iter* iter, u64 bytes) noexcept;
void iov_iter_truncate(iov_iter* iter, u64 bytes) noexcept;
/// OR of all addresses and lengths left, for alignment tests.
u64 iov_iter_alignment(const iov_iter* iter) noexcept;
/// Copy and advance; return bytes copied (less than asked: a fault).
u64 copy_to_iter(const void* from, u64 bytes, iov_iter* iter) noexcept;
u64 copy_from_iter(void* to, u64 bytes, iov_iter* iter) noexcept;
u64 iov_iter_zero(u64 bytes, iov_iter* iter) noexcept;
/// Touches the first `bytes` bytes for reading: 0 or -EFAULT.
int iov_iter_fault_in_readable(iov_iter* iter, u64 bytes) noexcept;
/// How many pages the rest of it touches, at most `max_pages`.
unsigned iov_iter_npages(const iov_iter* iter, unsigned max_pages) noexcept;
/// Pins the pages of up to `max_bytes` from the iterator's position: fills up to `max_pages` bio_vecs, returns their number or
/// -errno. Advances by the bytes they cover. Each page has a reference.
long iov_iter_get_bvecs(iov_iter* iter, u64 max_bytes, bio_vec* vecs, unsigned max_pages) noexcept;

/// Imports an array of `nr_segs` iovecs at `uvector`: checks count, lengths (negative: -EINVAL), addresses, clamps the total to
/// MAX_RW_COUNT. `*iov` is the caller's array of `fast_segs` entries; if more are needed it is replaced by an allocated one that
/// import_iovec_free() releases. Returns the total or -errno. Models lib/iov_iter.c:import_iovec() (5.4).
s64 import_iovec(int rw, uptr uvector, u64 nr_segs, u64 fast_segs, user_iovec** iov, iov_iter* iter) noexcept;
/// Releases what import_iovec() put into *iov, if it allocated (`inline_vecs`: what *iov was before).
void import_iovec_free(user_iovec* iov, const user_iovec* inline_vecs, u64 nr_segs) noexcept;
/// One buffer. Models import_single_range().
int import_single_range(int rw, uptr buffer, u64 bytes, user_iovec* iov, iov_iter* iter) noexcept;

}  // namespace uringsim::kernel
