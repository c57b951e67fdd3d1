// SPDX-License-Identifier: GPL-2.0-only
// The shared memory as 5.4 lays it out: both rings in one allocation (SINGLE_MMAP), the SQ array behind the CQEs, SQEs apart.
#include "kernel_model/io_uring/setup.h"

namespace uringsim::kernel {

namespace {

constexpr u64 SMP_CACHE_BYTES = 64;

// Offsets of struct io_rings (5.4): each head and tail on a cache line of its own.
constexpr u32 kSqHead = 0, kSqTail = 64, kCqHead = 128, kCqTail = 192;
constexpr u32 kSqRingMask = 256, kCqRingMask = 260, kSqRingEntries = 264, kCqRingEntries = 268;
constexpr u32 kSqDropped = 272, kSqFlags = 276, kCqOverflow = 280, kCqes = 320;

// Models fs/io_uring.c:rings_size() (5.4).
u64 rings_size(u32 sq_entries, u32 cq_entries, u64* sq_offset) noexcept {
  u64 off = kCqes + u64{cq_entries} * sizeof(io_uring_cqe);
  off = (off + SMP_CACHE_BYTES - 1) & ~(SMP_CACHE_BYTES - 1);
  if (sq_offset != nullptr) *sq_offset = off;
  return off + u64{sq_entries} * sizeof(u32);
}

}  // namespace

u64 ring_pages_v5_4(u32 sq_entries, u32 cq_entries) noexcept {
  return (u64{1} << get_order(rings_size(sq_entries, cq_entries, nullptr))) +
         (u64{1} << get_order(u64{sq_entries} * sizeof(io_uring_sqe)));
}

// Models fs/io_uring.c:io_allocate_scq_urings() (5.4).
int io_allocate_scq_urings_v5_4(io_ring_ctx* ctx, io_uring_params* p) noexcept {
  KERNEL_FUNCTION;
  ctx->sq_entries = p->sq_entries;
  ctx->cq_entries = p->cq_entries;
  u64 sq_array_offset = 0;
  const u64 size = rings_size(p->sq_entries, p->cq_entries, &sq_array_offset);
  page* const pages = alloc_pages(get_order(size));
  if (pages == nullptr) return -ENOMEM;

  u8* const base = pages->data;
  const auto word = [base](u64 at) { return reinterpret_cast<u32*>(base + at); };
  io_rings& r = ctx->rings;
  r.sq_pages = r.cq_pages = pages;
  r.sq_head = word(kSqHead);
  r.sq_tail = word(kSqTail);
  r.sq_ring_entries = word(kSqRingEntries);
  r.sq_flags = word(kSqFlags);
  r.sq_dropped = word(kSqDropped);
  r.sq_array = word(sq_array_offset);
  r.cq_head = word(kCqHead);
  r.cq_tail = word(kCqTail);
  r.cq_ring_entries = word(kCqRingEntries);
  r.cq_overflow = word(kCqOverflow);
  r.cqes = base + kCqes;
  *word(kSqRingMask) = ctx->sq_mask = p->sq_entries - 1;
  *word(kCqRingMask) = ctx->cq_mask = p->cq_entries - 1;
  *r.sq_ring_entries = p->sq_entries;
  *r.cq_ring_entries = p->cq_entries;

  r.sqe_pages = alloc_pages(get_order(u64{p->sq_entries} * sizeof(io_uring_sqe)));
  if (r.sqe_pages == nullptr) {
    put_page(pages);
    r = {};
    return -ENOMEM;
  }
  r.sqes = r.sqe_pages->data;

  p->sq_off = {};
  p->sq_off.head = kSqHead;
  p->sq_off.tail = kSqTail;
  p->sq_off.ring_mask = kSqRingMask;
  p->sq_off.ring_entries = kSqRingEntries;
  p->sq_off.flags = kSqFlags;
  p->sq_off.dropped = kSqDropped;
  p->sq_off.array = static_cast<u32>(sq_array_offset);
  p->cq_off = {};
  p->cq_off.head = kCqHead;
  p->cq_off.tail = kCqTail;
  p->cq_off.ring_mask = kCqRingMask;
  p->cq_off.ring_entries = kCqRingEntries;
  p->cq_off.overflow = kCqOverflow;
  p->cq_off.cqes = kCqes;
  return 0;
}

void io_free_scq_urings(io_ring_ctx* ctx) noexcept {
  io_rings& r = ctx->rings;
  if (r.sq_pages != nullptr) put_page(r.sq_pages);
  if (r.cq_pages != nullptr && r.cq_pages != r.sq_pages) put_page(r.cq_pages);
  if (r.sqe_pages != nullptr) put_page(r.sqe_pages);
  r = {};
}

}  // namespace uringsim::kernel
