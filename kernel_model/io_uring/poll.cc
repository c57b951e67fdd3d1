// SPDX-License-Identifier: GPL-2.0-only
// POLL_ADD and POLL_REMOVE.
//
// An armed poll sits on the file's wait queue and on ctx->cancel_list. Whoever takes its entry off the wait queue (the waker,
// POLL_REMOVE, io_poll_add itself) owns what happens next.
#include <poll.h>

#include "kernel_model/fs/eventfd.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/opcodes.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/request.h"

namespace uringsim::kernel {

namespace {

/// True while the entry is on its wait queue. head->lock held.
bool io_poll_queued(const io_poll_iocb* poll) noexcept { return !list_empty(&poll->wait.entry); }

// Models fs/io_uring.c:io_poll_remove_one(). completion_lock held.
void io_poll_remove_one(io_kiocb* req) noexcept {
  KERNEL_FUNCTION;
  io_poll_iocb* const poll = &req->poll;
  spin_lock(&poll->head->lock);
  WRITE_ONCE(poll->canceled, true);
  if (io_poll_queued(poll)) {
    __remove_wait_queue(poll->head, &poll->wait);
    req->ctx->profile->queue_async_work(req->ctx, req);
  }
  spin_unlock(&poll->head->lock);
  list_del_init(&req->list);
}

/// Off ctx->cancel_list. completion_lock held.
void io_poll_leave_list(io_kiocb* req) noexcept {
  if (req->list.next == nullptr) {
    arch::machine().report("io_poll_wake: takes a poll off a list that it is not on yet, by links that the memory held before",
                           false, Site::here());
    return;
  }
  list_del_init(&req->list);
}

// Models fs/io_uring.c:io_poll_complete(). completion_lock held. Poll masks have the same values inside and outside on x86.
void io_poll_complete(io_ring_ctx* ctx, io_kiocb* req, u32 mask) noexcept {
  req->poll.done = true;
  io_cqring_fill_event(ctx, req->user_data, static_cast<s32>(mask), req->id);
  io_commit_cqring(ctx);
}

// Models fs/io_uring.c:io_poll_complete_work().
void io_poll_complete_work(work_struct* work) noexcept {
  KERNEL_FUNCTION;
  io_kiocb* const req = container_of(work, io_kiocb, work);
  io_poll_iocb* const poll = &req->poll;
  io_ring_ctx* const ctx = req->ctx;
  const cred* const old_cred = ctx->profile->has_creds ? override_creds(ctx->creds) : nullptr;

  u32 mask = 0;
  if (!READ_ONCE(poll->canceled)) {
    poll_table_struct pt;
    pt._key = poll->events;
    mask = vfs_poll(req->file_, &pt) & poll->events;
  }

  // The lock makes this wait for whoever cancels.
  spin_lock_irq(&ctx->completion_lock);
  if (mask == 0 && !READ_ONCE(poll->canceled)) {
    add_wait_queue(poll->head, &poll->wait);
    spin_unlock_irq(&ctx->completion_lock);
  } else {
    io_poll_leave_list(req);
    io_poll_complete(ctx, req, mask);
    spin_unlock_irq(&ctx->completion_lock);
    io_cqring_ev_posted(ctx);
    io_put_req(req);
  }
  if (old_cred != nullptr) revert_creds(old_cred);
}

// Models fs/io_uring.c:io_poll_wake(). The wait queue's lock is held; any context.
int io_poll_wake(wait_queue_entry* wait, unsigned, int, void* key) noexcept {
  KERNEL_FUNCTION;
  io_poll_iocb* const poll = container_of(wait, io_poll_iocb, wait);
  io_kiocb* const req = container_of(poll, io_kiocb, poll);
  io_ring_ctx* const ctx = req->ctx;
  const u32 mask = key_to_poll(key);

  // A waker that says what happened: is it of interest?
  if (mask != 0 && (mask & poll->events) == 0) return 0;

  __remove_wait_queue(poll->head, wait);

  // A CQE posted here would signal the ring's eventfd; if that is whose wakeup this is, a worker has to post it (from 5.6 on,
  // where the worker only signals).
  const bool nested = ctx->cq_ev_fd != nullptr && !ctx->has(Bug::eventfd_poll_recursion) && eventfd_signal_count();

  unsigned long flags = 0;
  if (mask != 0 && !nested && spin_trylock_irqsave(&ctx->completion_lock, flags)) {
    io_poll_leave_list(req);
    ctx->kernel_->trace(EventKind::io_uring_poll_wake, ctx->id, uapi::IORING_OP_POLL_ADD, req->user_data, mask);
    // The whole key is reported, not only what was asked for: a wart of these releases.
    io_poll_complete(ctx, req, mask);
    spin_unlock_irqrestore(&ctx->completion_lock, flags);
    io_cqring_ev_posted(ctx);
    io_put_req(req);
  } else {
    ctx->profile->queue_async_work(ctx, req);
  }
  return 1;
}

struct io_poll_table {
  poll_table_struct pt;
  io_kiocb* req = nullptr;
  int error = 0;
};

// Models fs/io_uring.c:io_poll_queue_proc(). A file with two wait queues is refused.
void io_poll_queue_proc(file*, wait_queue_head* head, poll_table_struct* p) noexcept {
  io_poll_table* const pt = container_of(p, io_poll_table, pt);
  if (pt->req->poll.head != nullptr) {
    pt->error = -EINVAL;
    return;
  }
  pt->error = 0;
  pt->req->poll.head = head;
  add_wait_queue(head, &pt->req->poll.wait);
}

// Decides, under both locks, who owns a poll whose file was just asked: `mask` is what is ready already, *error what
// io_poll_queue_proc said. Returns the mask to complete with now, 0 if it is armed, fired or being cancelled.
u32 io_poll_arm(io_ring_ctx* ctx, io_kiocb* req, u32 mask, int* error) noexcept {
  io_poll_iocb* const poll = &req->poll;
  bool cancel = false;
  spin_lock(&poll->head->lock);
  if (!io_poll_queued(poll)) {  // it fired meanwhile
    if (*error != 0) cancel = true;
    *error = 0;
    mask = 0;
  }
  if (mask != 0 || *error != 0) {
    if (io_poll_queued(poll)) __remove_wait_queue(poll->head, &poll->wait);
  } else if (cancel) {
    WRITE_ONCE(poll->canceled, true);
  } else if (!poll->done) {
    list_add_tail(&req->list, &ctx->cancel_list);
  }
  spin_unlock(&poll->head->lock);
  return mask;
}

}  // namespace

// Models fs/io_uring.c:io_poll_add().
int io_poll_add(io_kiocb* req, const io_uring_sqe* sqe) noexcept {
  KERNEL_FUNCTION;
  io_ring_ctx* const ctx = req->ctx;
  if ((ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0) return -EINVAL;
  if (data_race(sqe->addr) != 0 || data_race(sqe->ioprio) != 0 || data_race(sqe->off) != 0 || data_race(sqe->len) != 0 ||
      data_race(sqe->buf_index) != 0)
    return -EINVAL;
  if (req->file_ == nullptr) return -EBADF;

  io_poll_iocb* const poll = new (&req->poll) io_poll_iocb{};
  if (ctx->profile->has_creds) req->submit.sqe = nullptr;  // 5.4: io_queue_async_work looks at it
  INIT_WORK(&req->work, io_poll_complete_work);
  poll->events = u32{READ_ONCE(sqe->poll_events)} | POLLERR | POLLHUP;
  init_waitqueue_func_entry(&poll->wait, io_poll_wake);
  if (ctx->has(Bug::poll_list_uninitialised))
    req->list.next = req->list.prev = nullptr;  // whatever was there
  else
    INIT_LIST_HEAD(&req->list);

  io_poll_table ipt;
  ipt.pt._qproc = io_poll_queue_proc;
  ipt.pt._key = poll->events;
  ipt.req = req;
  ipt.error = -EINVAL;  // unless the file has a wait queue

  u32 mask = vfs_poll(req->file_, &ipt.pt) & poll->events;
  ctx->kernel_->trace(EventKind::io_uring_poll_arm, ctx->id, uapi::IORING_OP_POLL_ADD, req->user_data, mask, poll->events);

  spin_lock_irq(&ctx->completion_lock);
  int error = ipt.error;
  if (poll->head != nullptr) mask = io_poll_arm(ctx, req, mask, &error);
  if (mask != 0) {
    error = 0;
    io_poll_complete(ctx, req, mask);
  }
  spin_unlock_irq(&ctx->completion_lock);

  if (mask != 0) {
    io_cqring_ev_posted(ctx);
    io_put_req(req);
  }
  return error;
}

// Models fs/io_uring.c:io_poll_remove().
int io_poll_remove(io_kiocb* req, const io_uring_sqe* sqe) noexcept {
  KERNEL_FUNCTION;
  io_ring_ctx* const ctx = req->ctx;
  if ((ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0) return -EINVAL;
  if (data_race(sqe->ioprio) != 0 || data_race(sqe->off) != 0 || data_race(sqe->len) != 0 || data_race(sqe->buf_index) != 0 ||
      data_race(sqe->poll_events) != 0)
    return -EINVAL;

  int ret = -ENOENT;
  spin_lock_irq(&ctx->completion_lock);
  list_for_each_entry_safe(poll_req, next, &ctx->cancel_list, io_kiocb, list) {
    if (READ_ONCE(sqe->addr) == poll_req->user_data) {
      io_poll_remove_one(poll_req);
      ret = 0;
      break;
    }
  }
  spin_unlock_irq(&ctx->completion_lock);

  io_cqring_add_event(ctx, data_race(sqe->user_data), ret, req->id);
  io_put_req(req);
  return 0;
}

void io_poll_remove_all(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  spin_lock_irq(&ctx->completion_lock);
  while (!list_empty(&ctx->cancel_list)) io_poll_remove_one(list_first_entry(&ctx->cancel_list, io_kiocb, list));
  spin_unlock_irq(&ctx->completion_lock);
}

}  // namespace uringsim::kernel
