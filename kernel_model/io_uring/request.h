// SPDX-License-Identifier: GPL-2.0-only
// The life of an io_kiocb: allocation, its two references, its file, and what happens to a chain when it ends.
#pragma once

#include "kernel_model/io_uring/ctx.h"

namespace uringsim::kernel {

/// A fresh request with two references (submission, completion) and one of the ring; null if the ring's reference count is dead
/// or memory ran out. Models fs/io_uring.c:io_get_req().
/// Divergence: Linux allocates up to eight at a time for a batch; an application cannot tell.
io_kiocb* io_get_req(io_ring_ctx* ctx) noexcept;

/// Frees: drops its file unless the ring owns it, and the ring's reference. Models __io_free_req() (5.4), io_free_req() (5.1).
void __io_free_req(io_kiocb* req) noexcept;
/// The same after dealing with the chain behind it: queues the next one, or fails them all. Models io_free_req() (5.4).
void io_free_req(io_kiocb* req) noexcept;
/// Drops one reference; the last one frees.
void io_put_req(io_kiocb* req) noexcept;
/// Gives back a reference of the ring. Models percpu_ref_put (5.4), io_ring_drop_ctx_refs() (5.1).
void io_ring_drop_ctx_refs(io_ring_ctx* ctx, unsigned refs) noexcept;

/// Copies an SQE field by field, each read once: what kmemdup does to memory that the application may be writing.
void io_copy_sqe(io_uring_sqe* to, const io_uring_sqe* from) noexcept;
/// A copy for a request that outlives the ring slot; null if memory ran out.
io_uring_sqe* io_dup_sqe(const io_uring_sqe* from) noexcept;

/// The opcode as this release takes it: read once and kept, or read anew (5.1).
u8 io_opcode(const io_ring_ctx* ctx, const sqe_submit* s) noexcept;

/// A file for `fd`, with a reference that the request will drop. `state` may be null. Models io_file_get().
file* io_file_get(io_submit_state* state, unsigned fd) noexcept;
/// Gives back references that the batch did not use. Models io_file_put().
void io_file_put(io_submit_state* state) noexcept;
void io_submit_state_start(io_submit_state* state, unsigned max_ios) noexcept;
void io_submit_state_end(io_submit_state* state) noexcept;

/// Finds the request's file. 0, or -EBADF. Models io_req_set_file() (5.1, 5.4).
int io_req_set_file(io_ring_ctx* ctx, const sqe_submit* s, io_submit_state* state, io_kiocb* req) noexcept;

}  // namespace uringsim::kernel
