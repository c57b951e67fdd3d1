// SPDX-License-Identifier: GPL-2.0-only
// The submission side: from SQ tail to issue.
#pragma once

#include "kernel_model/io_uring/ctx.h"

namespace uringsim::kernel {

/// SQEs that the application has published and nobody has taken. Acquire: what they say is seen. Models io_sqring_entries()
/// (5.4).
u32 io_sqring_entries(io_ring_ctx* ctx) noexcept;

/// Takes the next SQE. False if there is none, or if the index that the application put there is not one (which counts it as
/// dropped). Models fs/io_uring.c:io_get_sqring() (5.1, 5.4).
bool io_get_sqring(io_ring_ctx* ctx, sqe_submit* s) noexcept;
/// Tells the application how far we read. Models io_commit_sqring().
void io_commit_sqring(io_ring_ctx* ctx) noexcept;

/// Issues a request: the opcode's function, then the poll list if the ring polls. 0 or -errno (-EAGAIN: punt).
/// Models __io_submit_sqe() (5.1, 5.4).
int __io_submit_sqe(io_ring_ctx* ctx, io_kiocb* req, const sqe_submit* s, bool force_nonblock) noexcept;

/// enter's submission. Model io_ring_submit() of their release. uring_lock held.
int io_ring_submit_v5_4(io_ring_ctx* ctx, u32 to_submit) noexcept;
int io_ring_submit_v5_1(io_ring_ctx* ctx, u32 to_submit) noexcept;

/// The SQ thread's submission. mm_fault: the creator's memory is gone, everything completes with -EFAULT.
/// Models io_submit_sqes() (5.4), and without eventfd-put-under-sq-thread the reference that a batch holds from 5.6 on. Returns
/// how many were submitted; -EAGAIN, and takes none, if the batch cannot have its reference: register waits for there to be none.
int io_submit_sqes_v5_4(io_ring_ctx* ctx, u32 nr, bool has_user, bool mm_fault) noexcept;
/// The same over SQEs that were taken already. Models io_submit_sqes() (5.1).
int io_submit_sqes_v5_1(io_ring_ctx* ctx, sqe_submit* sqes, u32 nr, bool has_user, bool mm_fault) noexcept;

/// Whether the SQ thread holds uring_lock while it submits: from 5.5 on, see io_sq_thread_lock().
inline bool io_sq_thread_locks(const io_ring_ctx* ctx) noexcept {
  return (ctx->flags & uapi::IORING_SETUP_IOPOLL) != 0 && !ctx->has(Bug::iopoll_sqpoll_refusal_unlocked);
}

/// Punted requests. Model io_sq_wq_submit_work() of their release.
void io_sq_wq_submit_work_v5_4(work_struct* work) noexcept;
void io_sq_wq_submit_work_v5_1(work_struct* work) noexcept;
/// Hands a request to a workqueue. Models io_queue_async_work() (5.4), and the queue_work() calls of 5.1.
void io_queue_async_work_v5_4(io_ring_ctx* ctx, io_kiocb* req) noexcept;
void io_queue_async_work_v5_1(io_ring_ctx* ctx, io_kiocb* req) noexcept;
/// False for requests on registered buffers: they need nobody's address space. Models io_req_needs_user(), io_sqe_needs_user().
bool io_opcode_needs_user(u8 opcode) noexcept;

/// The SQ thread of each release.
int io_sq_thread_v5_1(void* ctx) noexcept;
int io_sq_thread_v5_4(void* ctx) noexcept;
int io_sq_thread_v5_10(void* ctx) noexcept;
void io_sq_thread_stop_v5_1(io_ring_ctx* ctx) noexcept;
void io_sq_thread_stop_v5_4(io_ring_ctx* ctx) noexcept;

}  // namespace uringsim::kernel
