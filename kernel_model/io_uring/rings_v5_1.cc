// SPDX-License-Identifier: GPL-2.0-only
// The shared memory as 5.1 lays it out: three allocations, three mappings; the SQ array right behind the SQ ring's words.
#include "kernel_model/io_uring/setup.h"

namespace uringsim::kernel {

namespace {

// Offsets of struct io_sq_ring and io_cq_ring (5.1): head and tail on cache lines of their own, the rest behind them.
constexpr u32 kHead = 0, kTail = 64, kRingMask = 128, kRingEntries = 132;
constexpr u32 kDropped = 136, kFlags = 140, kArray = 144;
constexpr u32 kOverflow = 136, kCqes = 144;

// The structs are cache-line aligned, so that struct_size() counts from the next line, not from the array.
constexpr u64 kSizeofRing = 192;

u64 sq_ring_size(u32 entries) noexcept { return kSizeofRing + u64{entries} * sizeof(u32); }
u64 cq_ring_size(u32 entries) noexcept { return kSizeofRing + u64{entries} * sizeof(io_uring_cqe); }

}  // namespace

// Models fs/io_uring.c:ring_pages() (5.1).
u64 ring_pages_v5_1(u32 sq_entries, u32 cq_entries) noexcept {
  const u64 bytes = sq_ring_size(sq_entries) + u64{sq_entries} * sizeof(io_uring_sqe) + cq_ring_size(cq_entries);
  return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

// Models fs/io_uring.c:io_allocate_scq_urings() (5.1).
int io_allocate_scq_urings_v5_1(io_ring_ctx* ctx, io_uring_params* p) noexcept {
  KERNEL_FUNCTION;
  io_rings& r = ctx->rings;
  r.sq_pages = alloc_pages(get_order(sq_ring_size(p->sq_entries)));
  if (r.sq_pages == nullptr) return -ENOMEM;
  const auto word = [](page* in, u64 at) { return reinterpret_cast<u32*>(in->data + at); };
  r.sq_head = word(r.sq_pages, kHead);
  r.sq_tail = word(r.sq_pages, kTail);
  r.sq_ring_entries = word(r.sq_pages, kRingEntries);
  r.sq_dropped = word(r.sq_pages, kDropped);
  r.sq_flags = word(r.sq_pages, kFlags);
  r.sq_array = word(r.sq_pages, kArray);
  *word(r.sq_pages, kRingMask) = ctx->sq_mask = p->sq_entries - 1;
  *r.sq_ring_entries = ctx->sq_entries = p->sq_entries;

  r.sqe_pages = alloc_pages(get_order(u64{p->sq_entries} * sizeof(io_uring_sqe)));
  if (r.sqe_pages == nullptr) return -ENOMEM;
  r.sqes = r.sqe_pages->data;

  r.cq_pages = alloc_pages(get_order(cq_ring_size(p->cq_entries)));
  if (r.cq_pages == nullptr) return -ENOMEM;
  r.cq_head = word(r.cq_pages, kHead);
  r.cq_tail = word(r.cq_pages, kTail);
  r.cq_ring_entries = word(r.cq_pages, kRingEntries);
  r.cq_overflow = word(r.cq_pages, kOverflow);
  r.cqes = r.cq_pages->data + kCqes;
  *word(r.cq_pages, kRingMask) = ctx->cq_mask = p->cq_entries - 1;
  *r.cq_ring_entries = ctx->cq_entries = p->cq_entries;

  p->sq_off = {};
  p->sq_off.head = kHead;
  p->sq_off.tail = kTail;
  p->sq_off.ring_mask = kRingMask;
  p->sq_off.ring_entries = kRingEntries;
  p->sq_off.flags = kFlags;
  p->sq_off.dropped = kDropped;
  p->sq_off.array = kArray;
  p->cq_off = {};
  p->cq_off.head = kHead;
  p->cq_off.tail = kTail;
  p->cq_off.ring_mask = kRingMask;
  p->cq_off.ring_entries = kRingEntries;
  p->cq_off.overflow = kOverflow;
  p->cq_off.cqes = kCqes;
  return 0;
}

}  // namespace uringsim::kernel
