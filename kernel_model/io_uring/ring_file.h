// SPDX-License-Identifier: GPL-2.0-only
// The ring as a file: mmap, poll, flush, release.
#pragma once

#include "kernel_model/io_uring/ctx.h"

namespace uringsim::kernel {

extern const file_operations io_uring_fops;

inline bool is_io_uring_file(const file* file) noexcept { return file->f_op == &io_uring_fops; }

/// Stops everything and frees the ring: cancels work, timeouts and polls, waits for every request, then for the SQ thread and the
/// workers. Models fs/io_uring.c:io_ring_ctx_wait_and_kill().
void io_ring_ctx_wait_and_kill(io_ring_ctx* ctx) noexcept;
/// Stops the SQ thread and destroys the workqueues. Models io_finish_async().
void io_finish_async(io_ring_ctx* ctx) noexcept;

}  // namespace uringsim::kernel
