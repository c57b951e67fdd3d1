// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/io_uring/iopoll.h"

#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/request.h"

namespace uringsim::kernel {

void io_iopoll_req_issued(io_kiocb* req) noexcept {
  KERNEL_FUNCTION;
  io_ring_ctx* const ctx = req->ctx;
  // With several files in the list we must not spin on one device while another completes.
  if (shared_list_empty(&ctx->poll_list)) {
    ctx->poll_multi_file = false;
  } else if (!ctx->poll_multi_file) {
    io_kiocb* const first = list_first_entry(&ctx->poll_list.head, io_kiocb, list);
    if (first->rw.ki_filp != req->rw.ki_filp) ctx->poll_multi_file = true;
  }
  if ((READ_ONCE(req->flags) & REQ_F_IOPOLL_COMPLETED) != 0)  // where it goes, no more: io_do_iopoll() acquires
    list_add(&req->list, &ctx->poll_list.head);
  else
    list_add_tail(&req->list, &ctx->poll_list.head);
  shared_list_changed(&ctx->poll_list, 1);
}

namespace {

// Models fs/io_uring.c:io_iopoll_complete().
// Divergence: Linux frees fixed-file requests in batches; an application cannot tell.
void io_iopoll_complete(io_ring_ctx* ctx, unsigned* nr_events, list_head* done) noexcept {
  KERNEL_FUNCTION;
  while (!list_empty(done)) {
    io_kiocb* const req = list_first_entry(done, io_kiocb, list);
    list_del(&req->list);
    io_cqring_fill_event(ctx, req->user_data, READ_ONCE(req->result), req->id);
    (*nr_events)++;
    io_put_req(req);
  }
  io_commit_cqring(ctx);
}

}  // namespace

int io_do_iopoll(io_ring_ctx* ctx, unsigned* nr_events, long min) noexcept {
  KERNEL_FUNCTION;
  list_head done;
  bool spin = !ctx->poll_multi_file && static_cast<long>(*nr_events) < min;
  int ret = 0;
  list_for_each_entry_safe(req, tmp, &ctx->poll_list.head, io_kiocb, list) {
    // What is complete moves to our own list; at the first that is not, completions found so far come first.
    if ((smp_load_acquire(req->flags, "io_do_iopoll.completed") & REQ_F_IOPOLL_COMPLETED) != 0) {
      list_move_tail(&req->list, &done);
      shared_list_changed(&ctx->poll_list, -1);
      continue;
    }
    if (!list_empty(&done)) break;
    ret = req->rw.ki_filp->f_op->iopoll(&req->rw, spin);
    if (ret < 0) break;
    if (ret != 0 && spin) spin = false;
    ret = 0;
  }
  if (!list_empty(&done)) io_iopoll_complete(ctx, nr_events, &done);
  return ret;
}

int io_iopoll_getevents_v5_4(io_ring_ctx* ctx, unsigned* nr_events, long min) noexcept {
  KERNEL_FUNCTION;
  while (!shared_list_empty(&ctx->poll_list) && !need_resched()) {
    const int ret = io_do_iopoll(ctx, nr_events, min);
    if (ret < 0) return ret;
    if (min == 0 || static_cast<long>(*nr_events) >= min) return 0;
    cpu_relax();
  }
  return 1;
}

int io_iopoll_getevents_v5_1(io_ring_ctx* ctx, unsigned* nr_events, long min) noexcept {
  KERNEL_FUNCTION;
  while (!shared_list_empty(&ctx->poll_list)) {
    const int ret = io_do_iopoll(ctx, nr_events, min);
    if (ret < 0) return ret;
    if (min == 0 || static_cast<long>(*nr_events) >= min) return 0;
    cpu_relax();
  }
  return 1;
}

int io_iopoll_check_v5_4(io_ring_ctx* ctx, unsigned* nr_events, long min) noexcept {
  KERNEL_FUNCTION;
  int iters = 0, ret = 0;
  // Submitting and polling exclude each other by design, but a punted request is issued by a worker, under this lock.
  mutex_lock(&ctx->uring_lock);
  do {
    // Events that are there already may be all that the caller can get (errors, say): never spin over them.
    if (!ctx->has(Bug::iopoll_spins_with_cqe_ready) && io_cqring_events(ctx) != 0) break;
    // The worker that issues what we poll for needs the lock: give it a chance now and then. What others see of this loop is
    // the round of eight, so that is where it is told that we poll.
    if ((++iters & 7) == 0 && !ctx->has(Bug::iopoll_holds_mutex_vs_worker)) {
      mutex_unlock(&ctx->uring_lock);
      cpu_relax();
      mutex_lock(&ctx->uring_lock);
    }
    const long tmin = static_cast<long>(*nr_events) < min ? min - static_cast<long>(*nr_events) : 0;
    ret = ctx->profile->iopoll_getevents(ctx, nr_events, tmin);
    if (ret <= 0) break;
    ret = 0;
    if (ctx->has(Bug::iopoll_holds_mutex_vs_worker)) cpu_relax();
  } while (min != 0 && *nr_events == 0 && !need_resched());
  mutex_unlock(&ctx->uring_lock);
  return ret;
}

// Under 5.1 the lock is held throughout, and nothing ends the wait but a completion or the scheduler.
int io_iopoll_check_v5_1(io_ring_ctx* ctx, unsigned* nr_events, long min) noexcept {
  KERNEL_FUNCTION;
  int ret = 0;
  do {
    if (!ctx->has(Bug::iopoll_spins_with_cqe_ready) && io_cqring_events(ctx) != 0) break;
    const long tmin = static_cast<long>(*nr_events) < min ? min - static_cast<long>(*nr_events) : 0;
    ret = ctx->profile->iopoll_getevents(ctx, nr_events, tmin);
    if (ret <= 0) break;
    ret = 0;
    cpu_relax();
  } while (min != 0 && *nr_events == 0 && !need_resched());
  return ret;
}

void io_iopoll_reap_events(io_ring_ctx* ctx) noexcept {
  KERNEL_FUNCTION;
  if ((ctx->flags & uapi::IORING_SETUP_IOPOLL) == 0) return;
  mutex_lock(&ctx->uring_lock);
  while (!shared_list_empty(&ctx->poll_list)) {
    unsigned nr_events = 0;
    ctx->profile->iopoll_getevents(ctx, &nr_events, 1);
    // Completions may need this processor for something else first.
    cond_resched();
  }
  mutex_unlock(&ctx->uring_lock);
}

}  // namespace uringsim::kernel
