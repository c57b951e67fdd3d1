// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/io_uring/ring_file.h"

#include <poll.h>

#include <csignal>

#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/fs/eventfd.h"
#include "kernel_model/fs/fasync.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/iopoll.h"
#include "kernel_model/io_uring/opcodes.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/register.h"
#include "kernel_model/io_uring/setup.h"
#include "kernel_model/io_uring/timeout.h"

namespace uringsim::kernel {

void io_finish_async(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  ctx->profile->sq_thread_stop(ctx);
  for (workqueue_struct*& wq : ctx->sqo_wq) {
    if (wq != nullptr) {
      destroy_workqueue(wq);
      wq = nullptr;
    }
  }
}

namespace {

// Models fs/io_uring.c:io_ring_ctx_free().
void io_ring_ctx_free(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  io_finish_async(ctx);
  if (ctx->sqo_mm != nullptr) mmdrop(ctx->sqo_mm);

  io_iopoll_reap_events(ctx);
  io_sqe_buffer_unregister(ctx);
  io_sqe_files_unregister(ctx);
  io_eventfd_unregister(ctx);

  io_free_scq_urings(ctx);
  percpu_ref_exit(&ctx->refs);
  if (ctx->account_mem) io_unaccount_mem(ctx->user, ctx->profile->ring_pages(ctx->sq_entries, ctx->cq_entries));
  free_uid(ctx->user);
  if (ctx->creds != nullptr) put_cred(ctx->creds);
  ctx->kernel_->trace(EventKind::ring_free, ctx->id);
  kfree(ctx);
}

// Models fs/io_uring.c:io_cancel_async_work() (5.4). Work that has not begun completes with -ECANCELED, work that has is
// interrupted. `task`: only what that task submitted is interrupted.
void io_cancel_async_work(io_ring_ctx* ctx, task_struct* task) noexcept {
  KERNEL_FUNCTION;
  if (shared_list_empty(&ctx->task_list)) return;
  spin_lock_irq(&ctx->task_lock);
  list_for_each_entry_safe(req, next, &ctx->task_list.head, io_kiocb, task_list) {
    const bool theirs = task != nullptr && req->task != task;
    if (theirs && !ctx->has(Bug::cancel_async_work_of_others)) continue;
    list_del_init(&req->task_list);
    shared_list_changed(&ctx->task_list, -1);
    WRITE_ONCE(req->canceled, true);
    // Against the worker that begins with it:
    //
    //     canceller                    worker
    //     canceled = true   (store)    work_task = current   (store)
    //     smp_mb()                     smp_mb()
    //     work_task?        (load)     canceled?             (load)
    //     then interrupt it            then do not begin
    //
    // Without both barriers, which 5.4.59 does not have, the worker may sleep in the request for ever, and the closer wait for
    // it.
    if (!ctx->has(Bug::cancel_async_work_missing_mb)) smp_mb("io_cancel_async_work.work_task");
    task_struct* const worker = READ_ONCE(req->work_task);
    if (worker != nullptr && !theirs) send_sig(SIGINT, worker, 1);
  }
  spin_unlock_irq(&ctx->task_lock);
}

// Models fs/io_uring.c:io_uring_poll().
u32 io_uring_poll(file* file, poll_table_struct* wait) noexcept {
  KERNEL_FUNCTION;
  io_ring_ctx* const ctx = static_cast<io_ring_ctx*>(file->private_data);
  u32 mask = 0;
  poll_wait(file, &ctx->cq_wait, wait);
  // Pairs with wq_has_sleeper in io_commit_cqring. It takes a full barrier to keep the look at the CQ behind the entry in the
  // wait queue; a read barrier, which is what these releases have, does not.
  if (ctx->has(Bug::ring_poll_read_barrier))
    smp_rmb("io_uring_poll.cq_wait");
  else
    smp_mb("io_uring_poll.cq_wait");
  if (READ_ONCE(*ctx->rings.sq_tail) - data_race(ctx->cached_sq_head) != data_race(*ctx->rings.sq_ring_entries))
    mask |= POLLOUT | POLLWRNORM;
  if (READ_ONCE(*ctx->rings.cq_head) != data_race(ctx->cached_cq_tail)) mask |= POLLIN | POLLRDNORM;
  return mask;
}

// Models fs/io_uring.c:io_uring_fasync().
int io_uring_fasync(int fd, file* file, int on) noexcept {
  return fasync_helper(fd, file, on, &static_cast<io_ring_ctx*>(file->private_data)->cq_fasync);
}

// Models fs/io_uring.c:io_uring_flush() (5.4): a task that dies interrupts what it submitted.
int io_uring_flush(file* file) noexcept {
  io_ring_ctx* const ctx = static_cast<io_ring_ctx*>(file->private_data);
  if (ctx->profile->cancels_work_at_exit && (fatal_signal_pending(current()) || (current()->flags & PF_EXITING) != 0))
    io_cancel_async_work(ctx, current());
  return 0;
}

// Models fs/io_uring.c:io_uring_release(): synchronous, in whoever drops the last reference.
int io_uring_release(inode*, file* file) noexcept {
  io_ring_ctx* const ctx = static_cast<io_ring_ctx*>(file->private_data);
  file->private_data = nullptr;
  io_ring_ctx_wait_and_kill(ctx);
  return 0;
}

// Models fs/io_uring.c:io_uring_mmap(): the whole of one area at most, from its start.
s64 io_uring_mmap(file* file, mm_struct* mm, u64 bytes, int prot, u64 offset) noexcept {
  KERNEL_FUNCTION;
  io_ring_ctx* const ctx = static_cast<io_ring_ctx*>(file->private_data);
  page* first;
  switch (offset) {
    case uapi::IORING_OFF_SQ_RING:
      first = ctx->rings.sq_pages;
      break;
    case uapi::IORING_OFF_CQ_RING:
      first = ctx->rings.cq_pages;
      break;
    case uapi::IORING_OFF_SQES:
      first = ctx->rings.sqe_pages;
      break;
    default:
      return -EINVAL;
  }
  if (bytes > page_size(first)) return -EINVAL;

  const u64 count = (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
  page** const pages = kcalloc<page*>(count);
  if (pages == nullptr) return -ENOMEM;
  for (u64 i = 0; i < count; i++) pages[i] = first + i;
  const s64 address = mmap_pages(mm, pages, count, prot, file, offset >> PAGE_SHIFT, true);
  kfree_array(pages, count);
  return address;
}

}  // namespace

void io_ring_ctx_wait_and_kill(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  mutex_lock(&ctx->uring_lock);
  percpu_ref_kill(&ctx->refs);
  mutex_unlock(&ctx->uring_lock);

  if (ctx->profile->cancels_work_at_exit) io_cancel_async_work(ctx, nullptr);
  io_kill_timeouts(ctx);
  io_poll_remove_all(ctx);
  io_iopoll_reap_events(ctx);
  if (ctx->has(Bug::iopoll_exit_not_reaped)) {
    wait_for_completion(&ctx->ctx_done);
  } else {  // as from 5.8: workers may issue more while we wait
    while (wait_for_completion_timeout(&ctx->ctx_done, HZ() / 20) == 0) io_iopoll_reap_events(ctx);
  }
  io_ring_ctx_free(ctx);
}

const file_operations io_uring_fops = {
    .name = "[io_uring]",
    .poll = io_uring_poll,
    .mmap = io_uring_mmap,
    .fasync = io_uring_fasync,
    .flush = io_uring_flush,
    .release = io_uring_release,
};

}  // namespace uringsim::kernel
