// SPDX-License-Identifier: GPL-2.0-only
// One function an opcode, as __io_submit_sqe() calls them.
//
// Each returns 0 when the request is on its way or done (it posts its own CQE then), -EAGAIN when it would block and must be
// punted, or another -errno, which the caller turns into a CQE. force_nonblock: the submitter must not block.
#pragma once

#include "kernel_model/io_uring/ctx.h"

namespace uringsim::kernel {

int io_nop(io_kiocb* req, u64 user_data) noexcept;
int io_read(io_kiocb* req, const sqe_submit* s, bool force_nonblock) noexcept;
int io_write(io_kiocb* req, const sqe_submit* s, bool force_nonblock) noexcept;
int io_fsync(io_kiocb* req, const io_uring_sqe* sqe, bool force_nonblock) noexcept;
int io_sync_file_range(io_kiocb* req, const io_uring_sqe* sqe, bool force_nonblock) noexcept;
int io_sendmsg(io_kiocb* req, const io_uring_sqe* sqe, bool force_nonblock) noexcept;
int io_recvmsg(io_kiocb* req, const io_uring_sqe* sqe, bool force_nonblock) noexcept;
int io_poll_add(io_kiocb* req, const io_uring_sqe* sqe) noexcept;
int io_poll_remove(io_kiocb* req, const io_uring_sqe* sqe) noexcept;
int io_timeout(io_kiocb* req, const io_uring_sqe* sqe) noexcept;

/// Imports the iovecs of a READV or WRITEV that is about to be punted, so that the worker does not read them again; and lets go
/// of them. What io_uring does from 5.5 on.
/// Divergence: 5.5 does so for deferred requests and for members of chains, too.
void io_keep_iovec(io_kiocb* req, const sqe_submit* s) noexcept;
void io_forget_iovec(io_kiocb* req) noexcept;

/// Cancels every armed poll of a ring that goes away. Models io_poll_remove_all().
void io_poll_remove_all(io_ring_ctx* ctx) noexcept;

}  // namespace uringsim::kernel
