// SPDX-License-Identifier: GPL-2.0-only
// What the SQ threads of all releases share: the NEED_WAKEUP flag and the creator's memory.
#pragma once

#include "kernel_model/io_uring/ctx.h"
#include "kernel_model/io_uring/submit.h"

namespace uringsim::kernel {

/// Sets or clears IORING_SQ_NEED_WAKEUP. Only the SQ thread writes the word; no ordering of their own.
/// The read is Linux's plain `|=` on a word that the application can scribble on.
inline void io_ring_set_wakeup_flag(io_ring_ctx* ctx) noexcept {
  WRITE_ONCE(*ctx->rings.sq_flags, data_race(*ctx->rings.sq_flags) | uapi::IORING_SQ_NEED_WAKEUP);
  ctx->kernel_->trace(EventKind::sq_thread_need_wakeup, ctx->id, 1);
}
inline void io_ring_clear_wakeup_flag(io_ring_ctx* ctx) noexcept {
  WRITE_ONCE(*ctx->rings.sq_flags, data_race(*ctx->rings.sq_flags) & ~u32{uapi::IORING_SQ_NEED_WAKEUP});
  ctx->kernel_->trace(EventKind::sq_thread_need_wakeup, ctx->id, 0);
}

/// A submission by the SQ thread posts CQEs for what it refuses. Those who poll an IOPOLL ring post theirs under uring_lock and
/// nothing else, so from 5.5 on the thread holds it, too.
/// Divergence: 5.5 locks every ring; on one that is not polled nobody can tell.
inline void io_sq_thread_lock(io_ring_ctx* ctx) noexcept {
  if (io_sq_thread_locks(ctx)) mutex_lock(&ctx->uring_lock);
}
inline void io_sq_thread_unlock(io_ring_ctx* ctx) noexcept {
  if (io_sq_thread_locks(ctx)) mutex_unlock(&ctx->uring_lock);
}

/// The SQ thread comes by the machine, holding nothing. An application that lets the tail run ahead keeps the thread at work for
/// ever, and on OS threads a run can be stopped only where tasks come by. Costs and orders nothing.
inline void io_sq_thread_come_by() noexcept { arch::machine().charge(arch::Cost::syscall, 0); }

/// The creator's address space, while the SQ thread uses it.
class sq_thread_mm {
 public:
  explicit sq_thread_mm(io_ring_ctx* ctx) noexcept : ctx_(ctx) {}
  [[nodiscard]] bool held() const noexcept { return mm_ != nullptr; }
  /// False if the creator has exited: its requests get -EFAULT.
  [[nodiscard]] bool take() noexcept {
    if (mm_ != nullptr) return true;
    if (!mmget_not_zero(ctx_->sqo_mm)) return false;
    use_mm(ctx_->sqo_mm);
    mm_ = ctx_->sqo_mm;
    return true;
  }
  void drop() noexcept {
    if (mm_ == nullptr) return;
    unuse_mm(mm_);
    mmput(mm_);
    mm_ = nullptr;
  }

 private:
  io_ring_ctx* ctx_;
  mm_struct* mm_ = nullptr;
};

}  // namespace uringsim::kernel
