// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/io_uring/async_list.h"

namespace uringsim::kernel {

namespace {

constexpr u64 VM_READAHEAD_PAGES = 32;

u64 readahead_pages(const file* file) noexcept { return file->f_ra.ra_pages != 0 ? file->f_ra.ra_pages : VM_READAHEAD_PAGES; }

// Models fs/io_uring.c:io_should_merge() (5.4): anywhere in the pages of the run so far.
bool io_should_merge(async_list* al, const kiocb* kiocb) noexcept {
  if (al->file_ == kiocb->ki_filp) {
    const u64 start = static_cast<u64>(al->io_start) & PAGE_MASK;
    const u64 end = (static_cast<u64>(al->io_start) + al->io_len + PAGE_SIZE - 1) & PAGE_MASK;
    if (static_cast<u64>(kiocb->ki_pos) >= start && static_cast<u64>(kiocb->ki_pos) <= end) return true;
  }
  al->file_ = nullptr;
  return false;
}

}  // namespace

void io_async_list_note_v5_4(int rw, io_kiocb* req, u64 len) noexcept {
  async_list* const list = &req->ctx->pending_async[rw];
  file* const filp = req->rw.ki_filp;
  if (io_should_merge(list, &req->rw)) {
    // Eight times the read-ahead is a decent limit for both directions.
    const u64 max_bytes = readahead_pages(filp) << (PAGE_SHIFT + 3);
    if (list->io_len + len <= max_bytes) {
      req->flags |= REQ_F_SEQ_PREV;
      list->io_len += len;
    } else {
      list->file_ = nullptr;
    }
  }
  if (list->file_ != filp) {
    list->io_start = req->rw.ki_pos;
    list->io_len = len;
    list->file_ = filp;
  }
}

void io_async_list_note_v5_1(int rw, io_kiocb* req, u64 len) noexcept {
  async_list* const list = &req->ctx->pending_async[rw];
  file* const filp = req->rw.ki_filp;
  // Wraps for positions at the end of what a file can have.
  s64 io_end = static_cast<s64>(static_cast<u64>(req->rw.ki_pos) + len);
  if (filp == list->file_ && req->rw.ki_pos == list->io_start) {
    const u64 pages = len >> PAGE_SHIFT;
    if (list->io_len + pages <= readahead_pages(filp) * 8) {
      req->flags |= REQ_F_SEQ_PREV;
      list->io_len += pages;
    } else {
      io_end = 0;
      list->io_len = 0;
    }
  }
  if (list->file_ != filp) {
    list->io_len = 0;
    list->file_ = filp;
  }
  list->io_start = io_end;
}

async_list* io_async_list(io_ring_ctx* ctx, u8 opcode) noexcept {
  switch (opcode) {
    case uapi::IORING_OP_READV:
    case uapi::IORING_OP_READ_FIXED:
      return &ctx->pending_async[READ];
    case uapi::IORING_OP_WRITEV:
    case uapi::IORING_OP_WRITE_FIXED:
      return &ctx->pending_async[WRITE];
    default:
      return nullptr;
  }
}

// Models fs/io_uring.c:io_add_to_prev_work() (5.4).
//
// Here 5.4 forgets to initialise req->task_list, which the worker looks at later: see io_sq_wq_submit_work_v5_4().
bool io_add_to_prev_work(async_list* list, io_kiocb* req) noexcept {
  KERNEL_FUNCTION;
  if (list == nullptr) return false;
  if ((req->flags & REQ_F_SEQ_PREV) == 0) return false;
  if (atomic_read(&list->cnt) == 0) return false;

  bool ret = true;
  spin_lock(&list->lock);
  list_add_tail(&req->list, &list->list.head);
  shared_list_changed(&list->list, 1);
  // Against the worker that leaves:
  //
  //     submitter                    worker
  //     list gets the request        cnt becomes 0
  //     smp_mb()                     (full barrier of atomic_dec_return)
  //     cnt is 0? take it back       list has something? stay
  //
  // Without it both could miss the other, and nobody would ever run the request.
  if (!req->ctx->has(Bug::async_list_missing_mb)) smp_mb("io_add_to_prev_work.cnt");
  if (atomic_read(&list->cnt) == 0) {
    list_del_init(&req->list);
    shared_list_changed(&list->list, -1);
    ret = false;
  }
  spin_unlock(&list->lock);
  return ret;
}

namespace {

io_kiocb* pop(list_head* own) noexcept {
  io_kiocb* const req = list_first_entry_or_null(own, io_kiocb, list);
  if (req != nullptr) list_del(&req->list);
  return req;
}

void take_all(async_list* list, list_head* own) noexcept {
  list_splice_init(&list->list.head, own);
  shared_list_changed(&list->list, -static_cast<int>(list->list.count));
}

}  // namespace

io_kiocb* io_async_list_next(async_list* list, list_head* own) noexcept {
  if (io_kiocb* const req = pop(own)) return req;
  if (shared_list_empty(&list->list)) return nullptr;
  spin_lock(&list->lock);
  take_all(list, own);
  spin_unlock(&list->lock);
  return pop(own);
}

io_kiocb* io_async_list_leave(async_list* list, list_head* own) noexcept {
  int left = atomic_dec_return(&list->cnt);
  while (left == 0 && !shared_list_empty(&list->list)) {
    spin_lock(&list->lock);
    atomic_inc(&list->cnt);
    take_all(list, own);
    spin_unlock(&list->lock);
    if (io_kiocb* const req = pop(own)) return req;
    left = atomic_dec_return(&list->cnt);
  }
  return nullptr;
}

}  // namespace uringsim::kernel
