// SPDX-License-Identifier: GPL-2.0-only
// The completion side: filling CQEs, publishing the tail, telling whoever waits. Overflow is counted here, too.
//
// A CQE is filled and the tail published under ctx->completion_lock; waking comes after, without it.
#pragma once

#include "kernel_model/io_uring/ctx.h"

namespace uringsim::kernel {

/// The next free CQE, or null if the application has not made room. completion_lock held.
/// Models fs/io_uring.c:io_get_cqring() (5.1, 5.4): full is an equality against the shared ring_entries.
io_uring_cqe* io_get_cqring(io_ring_ctx* ctx) noexcept;

/// Writes one CQE, or counts it as lost. completion_lock held; not yet visible to the application.
void io_cqring_fill_event(io_ring_ctx* ctx, u64 user_data, s64 res, u32 request) noexcept;

/// Makes filled CQEs visible; then requests that waited for that many completions go on (timeouts, drained requests).
/// completion_lock held.
void io_commit_cqring(io_ring_ctx* ctx) noexcept;

/// Wakes waiters, the SQ thread and the eventfd. Without completion_lock.
void io_cqring_ev_posted(io_ring_ctx* ctx) noexcept;

/// Fill, commit, wake: one completion from start to end.
void io_cqring_add_event(io_ring_ctx* ctx, u64 user_data, s64 res, u32 request) noexcept;
/// As io_cqring_add_event(), for a request that a worker could not issue. On a ring that is polled 5.11 and later hold
/// uring_lock: who polls posts CQEs under that one alone.
void io_worker_add_event(io_ring_ctx* ctx, u64 user_data, s64 res, u32 request) noexcept;

/// CQEs that the application has not taken, as the shared words say. No ordering of its own.
inline u32 io_cqring_ready(const io_ring_ctx* ctx) noexcept {
  return READ_ONCE(*ctx->rings.cq_tail) - READ_ONCE(*ctx->rings.cq_head);
}
/// The same for who waits: what was posted before the caller queued itself, or took the lock, is seen. Models
/// io_cqring_events() (5.4).
u32 io_cqring_events(const io_ring_ctx* ctx) noexcept;

/// How many completions the request still waits for; negative if there were more than that.
s32 io_sequence_missing(io_ring_ctx* ctx, io_kiocb* req) noexcept;
/// True while the request has to wait for earlier ones. Models __io_sequence_defer() (5.4).
bool __io_sequence_defer(io_ring_ctx* ctx, io_kiocb* req) noexcept;
bool io_sequence_defer(io_ring_ctx* ctx, io_kiocb* req) noexcept;

}  // namespace uringsim::kernel
