// SPDX-License-Identifier: GPL-2.0-only
// io_uring_enter(2): submits, wakes the SQ thread, waits.
#pragma once

#include "kernel_model/io_uring/ctx.h"

namespace uringsim::kernel {

/// The system call. Returns how many SQEs it took, or what the wait said, or -errno. `sig`: a signal mask of `sigsz` bytes for
/// the time of the wait, or 0. Models fs/io_uring.c:io_uring_enter().
long sys_io_uring_enter(unsigned fd, u32 to_submit, u32 min_complete, u32 flags, uptr sig, u64 sigsz) noexcept;

/// Strategies of profiles. Model io_uring_enter() and io_cqring_wait() of their release.
long io_uring_enter_v5_4(io_ring_ctx* ctx, u32 to_submit, u32 min_complete, u32 flags, uptr sig, u64 sigsz) noexcept;
long io_uring_enter_v5_1(io_ring_ctx* ctx, u32 to_submit, u32 min_complete, u32 flags, uptr sig, u64 sigsz) noexcept;
int io_cqring_wait_v5_4(io_ring_ctx* ctx, int min_events, uptr sig, u64 sigsz) noexcept;
int io_cqring_wait_v5_1(io_ring_ctx* ctx, int min_events, uptr sig, u64 sigsz) noexcept;

}  // namespace uringsim::kernel
