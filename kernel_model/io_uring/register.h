// SPDX-License-Identifier: GPL-2.0-only
// io_uring_register(2). Everything here runs with uring_lock held and the ring's reference count at zero: no request in flight.
#pragma once

#include "kernel_model/io_uring/ctx.h"

namespace uringsim::kernel {

/// The system call. 0 or -errno. Models fs/io_uring.c:io_uring_register().
long sys_io_uring_register(unsigned fd, unsigned opcode, uptr arg, unsigned nr_args) noexcept;

/// Fixed buffers: pins the pages, charges them where the creator may not lock without limit. Model their namesakes.
int io_sqe_buffer_register(io_ring_ctx* ctx, uptr arg, unsigned nr_args) noexcept;
int io_sqe_buffer_unregister(io_ring_ctx* ctx) noexcept;
/// Fixed files.
int io_sqe_files_register(io_ring_ctx* ctx, uptr arg, unsigned nr_args) noexcept;
int io_sqe_files_unregister(io_ring_ctx* ctx) noexcept;
/// The eventfd that is signalled once a completion (5.4).
int io_eventfd_register(io_ring_ctx* ctx, uptr arg) noexcept;
int io_eventfd_unregister(io_ring_ctx* ctx) noexcept;

}  // namespace uringsim::kernel
