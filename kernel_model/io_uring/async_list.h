// SPDX-License-Identifier: GPL-2.0-only
// Sequential buffered requests ride along with the worker that runs the one before (until 5.4).
#pragma once

#include "kernel_model/io_uring/ctx.h"

namespace uringsim::kernel {

/// Called by the submitter when a read or write is about to be punted: marks it REQ_F_SEQ_PREV if it continues the last one.
/// Models fs/io_uring.c:io_async_list_note(), io_should_merge().
void io_async_list_note_v5_4(int rw, io_kiocb* req, u64 len) noexcept;
void io_async_list_note_v5_1(int rw, io_kiocb* req, u64 len) noexcept;

/// The list for an opcode, or null. Models io_async_list_from_req() (5.4), io_async_list_from_sqe() (5.1).
async_list* io_async_list(io_ring_ctx* ctx, u8 opcode) noexcept;

/// Gives the request to a worker that is still running, if there is one. Models io_add_to_prev_work().
bool io_add_to_prev_work(async_list* list, io_kiocb* req) noexcept;

/// The next request that rides along with a worker; null when it is done. `own` holds what the worker has taken already.
io_kiocb* io_async_list_next(async_list* list, list_head* own) noexcept;
/// The worker leaves. Returns a request if one was added meanwhile: the worker stays for it.
io_kiocb* io_async_list_leave(async_list* list, list_head* own) noexcept;

}  // namespace uringsim::kernel
