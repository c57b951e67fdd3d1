// SPDX-License-Identifier: GPL-2.0-only
// Submission as 5.4 has it: chains, drains, and a copy of the SQE for whatever outlives its slot.
#include "kernel_model/arch/cost.h"
#include "kernel_model/core/fs_struct.h"
#include "kernel_model/io_uring/async_list.h"
#include "kernel_model/io_uring/cq_ring.h"
#include "kernel_model/io_uring/opcodes.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/io_uring/request.h"
#include "kernel_model/io_uring/submit.h"

namespace uringsim::kernel {

namespace {

// Models fs/io_uring.c:io_req_defer() (5.4). 0: go on; -EIOCBQUEUED: it waits for earlier requests; -EAGAIN: no memory.
int io_req_defer(io_ring_ctx* ctx, io_kiocb* req, sqe_submit* s) noexcept {
  KERNEL_FUNCTION;
  if (!io_sequence_defer(ctx, req) && shared_list_empty(&ctx->defer_list)) return 0;

  io_uring_sqe* const sqe_copy = kmalloc<io_uring_sqe>();
  if (sqe_copy == nullptr) return -EAGAIN;

  spin_lock_irq(&ctx->completion_lock);
  // The last completion it waits for may have come between the look and the lock.
  if (!io_sequence_defer(ctx, req) && shared_list_empty(&ctx->defer_list)) {
    spin_unlock_irq(&ctx->completion_lock);
    kfree(sqe_copy);
    return 0;
  }
  req->submit = *s;
  io_copy_sqe(sqe_copy, s->sqe);
  req->submit.sqe = sqe_copy;
  INIT_WORK(&req->work, ctx->profile->submit_work);
  list_add_tail(&req->list, &ctx->defer_list.head);
  shared_list_changed(&ctx->defer_list, 1);
  ctx->kernel_->trace(EventKind::io_uring_defer, ctx->id, req->id, req->user_data);
  spin_unlock_irq(&ctx->completion_lock);
  return -EIOCBQUEUED;
}

// Gives a request that would block to a worker, with a copy of its SQE: this is the last time that the ring slot is read.
// False if there is no memory for the copy.
bool io_punt(io_ring_ctx* ctx, io_kiocb* req, sqe_submit* s) noexcept {
  io_uring_sqe* const sqe_copy = io_dup_sqe(s->sqe);
  if (sqe_copy == nullptr) return false;
  s->sqe = sqe_copy;
  req->submit = *s;
  if (!ctx->has(Bug::iovec_reused_after_punt)) io_keep_iovec(req, s);
  async_list* const list = io_async_list(ctx, req->submit.opcode);
  if (!io_add_to_prev_work(list, req)) {
    if (list != nullptr) atomic_inc(&list->cnt);
    INIT_WORK(&req->work, ctx->profile->submit_work);
    ctx->profile->queue_async_work(ctx, req);
  }
  return true;
}

// Models fs/io_uring.c:__io_queue_sqe() (5.4).
int __io_queue_sqe(io_ring_ctx* ctx, io_kiocb* req, sqe_submit* s) noexcept {
  KERNEL_FUNCTION;
  const int ret = __io_submit_sqe(ctx, req, s, true);
  // A punted request keeps its submission reference: the worker drops it.
  if (ret == -EAGAIN && ((req->flags & REQ_F_NOWAIT) == 0 || (req->flags & REQ_F_MUST_PUNT) != 0) && io_punt(ctx, req, s))
    return 0;

  io_put_req(req);
  if (ret != 0) {
    io_cqring_add_event(ctx, req->user_data, ret, req->id);
    if ((req->flags & REQ_F_LINK) != 0) req->flags |= REQ_F_FAIL_LINK;
    io_put_req(req);
  }
  return ret;
}

// Models fs/io_uring.c:io_queue_sqe() (5.4).
int io_queue_sqe(io_ring_ctx* ctx, io_kiocb* req, sqe_submit* s) noexcept {
  const int ret = io_req_defer(ctx, req, s);
  if (ret == 0) return __io_queue_sqe(ctx, req, s);
  if (ret != -EIOCBQUEUED) {
    // Divergence: the head of a chain has `s` inside of it. 5.4 looks there when it is freed, and still finds what it was.
    const io_uring_sqe* const sqe = s->sqe;
    io_free_req(req);
    io_cqring_add_event(ctx, data_race(sqe->user_data), ret, 0);
  }
  return 0;
}

// Models fs/io_uring.c:io_queue_link_head() (5.4). `shadow` stands for a member that drains: everything behind the chain waits.
int io_queue_link_head(io_ring_ctx* ctx, io_kiocb* req, sqe_submit* s, io_kiocb* shadow) noexcept {
  KERNEL_FUNCTION;
  if (shadow == nullptr) return io_queue_sqe(ctx, req, s);

  // The head waits for all before it; the others follow it.
  req->flags |= REQ_F_IO_DRAIN;
  const int ret = io_req_defer(ctx, req, s);
  if (ret != 0 && ret != -EIOCBQUEUED) {
    const io_uring_sqe* const sqe = s->sqe;  // as in io_queue_sqe()
    io_free_req(req);
    __io_free_req(shadow);
    io_cqring_add_event(ctx, data_race(sqe->user_data), ret, 0);
    return 0;
  }

  spin_lock_irq(&ctx->completion_lock);
  // A worker may have run the head, and the rest of the chain, since the lock was given back: the shadow waits for a number of
  // completions that has passed.
  const bool late = !ctx->has(Bug::drain_shadow_after_head) && io_sequence_missing(ctx, shadow) <= 0;
  if (!late) {
    list_add_tail(&shadow->list, &ctx->defer_list.head);
    shared_list_changed(&ctx->defer_list, 1);
  }
  spin_unlock_irq(&ctx->completion_lock);
  if (late) __io_free_req(shadow);

  return ret == 0 ? __io_queue_sqe(ctx, req, s) : 0;
}

// SENDMSG and RECVMSG resolve paths as the submitter would.
// Divergence: no exec, hence no -EAGAIN while one is under way.
int io_req_grab_fs(io_kiocb* req) noexcept {
  if (req->submit.opcode != uapi::IORING_OP_SENDMSG && req->submit.opcode != uapi::IORING_OP_RECVMSG) return 0;
  if (current()->fs == nullptr) return 0;  // an SQ thread: it stands at the root of the tree, as the workers do
  get_fs_struct(current()->fs);
  req->fs = current()->fs;
  return 0;
}

/// The chain that a batch is putting together.
struct io_link_state {
  io_kiocb* link = nullptr;    ///< its head
  io_kiocb* shadow = nullptr;  ///< stands in for members that drain
  bool prev_was_link = false;
};

// A drain waits until as many requests have completed as there are in front of it. One behind it that is refused completes at
// once, and 5.4 takes it for one of them.
void io_drain_one_more(io_ring_ctx* ctx, io_link_state* chain) noexcept {
  if (ctx->has(Bug::drain_counts_refused)) return;
  if (chain->link != nullptr) chain->link->sequence++;
  if (chain->shadow != nullptr) chain->shadow->sequence++;
  if (shared_list_empty(&ctx->defer_list)) return;
  spin_lock_irq(&ctx->completion_lock);
  list_for_each_entry(req, &ctx->defer_list.head, io_kiocb, list) req->sequence++;
  spin_unlock_irq(&ctx->completion_lock);
}

// Models fs/io_uring.c:io_submit_sqe() (5.4). Every outcome is a CQE sooner or later.
void io_submit_sqe(io_ring_ctx* ctx, sqe_submit* s, io_submit_state* state, io_link_state* chain) noexcept {
  KERNEL_FUNCTION;
  int ret;
  io_kiocb* req = nullptr;
  arch::charge(arch::Cost::request, 1);
  if ((data_race(s->sqe->flags) & ~ctx->profile->sqe_flags) != 0) {
    ret = -EINVAL;
  } else if ((req = io_get_req(ctx)) == nullptr) {
    ret = -EAGAIN;
  } else {
    ctx->kernel_->trace(EventKind::request_take, ctx->id, req->id, s->sequence);
    req->submit = *s;
    ret = io_req_set_file(ctx, s, state, req);
    if (ret == 0) {
      req->user_data = data_race(s->sqe->user_data);
      ctx->kernel_->trace(EventKind::io_uring_submit_sqe, ctx->id, s->opcode, req->user_data, 1, s->needs_fixed_file ? 1 : 0);
      ret = io_req_grab_fs(req);
    }
    if (ret == 0 && chain->link != nullptr) {
      s->sqe = io_dup_sqe(s->sqe);
      if (s->sqe == nullptr) {
        s->sqe = req->submit.sqe;
        ret = -EAGAIN;
      }
    }
  }
  if (ret != 0) {
    // A member that is refused leaves its chain as it is: 5.4 does not break it.
    if (req != nullptr) io_free_req(req);
    io_drain_one_more(ctx, chain);
    io_cqring_add_event(ctx, data_race(s->sqe->user_data), ret, 0);
    return;
  }

  if (ctx->has(Bug::drain_link_order_broken) && !shared_list_empty(&ctx->defer_list)) {
    io_queue_sqe(ctx, req, s);
    return;
  }
  if (chain->link != nullptr) {
    // Runs once the one before is done.
    req->submit = *s;
    list_add_tail(&req->list, &chain->link->link_list);
    ctx->kernel_->trace(EventKind::io_uring_link, ctx->id, req->id, chain->link->id);
  } else if ((data_race(s->sqe->flags) & uapi::IOSQE_IO_LINK) != 0) {
    // A new chain: submitted when it is complete.
    req->flags |= REQ_F_LINK;
    req->submit = *s;
    INIT_LIST_HEAD(&req->link_list);
    chain->link = req;
  } else {
    io_queue_sqe(ctx, req, s);
  }
}

void io_link_flush(io_ring_ctx* ctx, io_link_state* chain) noexcept {
  io_queue_link_head(ctx, chain->link, &chain->link->submit, chain->shadow);
  chain->link = nullptr;
  chain->shadow = nullptr;
}

// What io_ring_submit() and io_submit_sqes() do alike with each SQE before they submit it.
void io_link_next(io_ring_ctx* ctx, io_link_state* chain, const sqe_submit* s) noexcept {
  // The SQE before this one ended the chain.
  if (!chain->prev_was_link && chain->link != nullptr) io_link_flush(ctx, chain);
  chain->prev_was_link = (data_race(s->sqe->flags) & uapi::IOSQE_IO_LINK) != 0;

  if (chain->link != nullptr && (data_race(s->sqe->flags) & uapi::IOSQE_IO_DRAIN) != 0) {
    if (chain->shadow == nullptr) {
      chain->shadow = io_get_req(ctx);
      if (chain->shadow == nullptr) return;
      chain->shadow->flags |= REQ_F_IO_DRAIN | REQ_F_SHADOW_DRAIN;
      refcount_dec(&chain->shadow->refs);
    }
    chain->shadow->sequence = s->sequence;
  }
}

}  // namespace

int io_ring_submit_v5_4(io_ring_ctx* ctx, u32 to_submit) noexcept {
  KERNEL_FUNCTION;
  io_submit_state state, *statep = nullptr;
  io_link_state chain;
  int submit = 0;
  if (to_submit > IO_PLUG_THRESHOLD) {
    io_submit_state_start(&state, to_submit);
    statep = &state;
  }
  for (u32 i = 0; i < to_submit; i++) {
    sqe_submit s;
    if (!io_get_sqring(ctx, &s)) break;
    io_link_next(ctx, &chain, &s);
    s.has_user = true;
    s.needs_lock = false;
    s.needs_fixed_file = false;
    submit++;
    io_submit_sqe(ctx, &s, statep, &chain);
  }
  if (ctx->has(Bug::link_head_after_commit)) io_commit_sqring(ctx);
  if (chain.link != nullptr) io_link_flush(ctx, &chain);
  if (statep != nullptr) io_submit_state_end(statep);
  io_commit_sqring(ctx);
  return submit;
}

int io_submit_sqes_v5_4(io_ring_ctx* ctx, u32 nr, bool has_user, bool mm_fault) noexcept {
  KERNEL_FUNCTION;
  const bool holds_ring = !ctx->has(Bug::eventfd_put_under_sq_thread);
  // Looked at first: a thread that tries again and again then changes nothing meanwhile.
  if (holds_ring && (percpu_ref_is_zero(&ctx->refs) || !percpu_ref_tryget(&ctx->refs))) return -EAGAIN;
  io_submit_state state, *statep = nullptr;
  io_link_state chain;
  int submitted = 0;
  if (nr > IO_PLUG_THRESHOLD) {
    io_submit_state_start(&state, nr);
    statep = &state;
  }
  for (u32 i = 0; i < nr; i++) {
    sqe_submit s;
    if (!io_get_sqring(ctx, &s)) break;
    io_link_next(ctx, &chain, &s);
    if (mm_fault) {
      io_drain_one_more(ctx, &chain);
      io_cqring_add_event(ctx, data_race(s.sqe->user_data), -EFAULT, 0);
      continue;
    }
    if (ctx->has(Bug::drain_sequence_of_batch)) s.ahead = nr - 1 - i;
    s.has_user = has_user;
    s.needs_lock = true;
    s.has_lock = io_sq_thread_locks(ctx);
    s.needs_fixed_file = true;
    io_submit_sqe(ctx, &s, statep, &chain);
    submitted++;
  }
  if (chain.link != nullptr) io_link_flush(ctx, &chain);
  if (statep != nullptr) io_submit_state_end(statep);
  if (holds_ring) percpu_ref_put(&ctx->refs);
  return submitted;
}

}  // namespace uringsim::kernel
