// SPDX-License-Identifier: GPL-2.0-only
// TIMEOUT (5.4): fires after a time, or as soon as a number of other requests has completed.
#pragma once

#include "kernel_model/io_uring/ctx.h"

namespace uringsim::kernel {

/// The first timeout whose count of completions is reached, off the list; else null. completion_lock held.
/// Models fs/io_uring.c:io_get_timeout_req() (5.4).
io_kiocb* io_get_timeout_req(io_ring_ctx* ctx) noexcept;
/// Completes a timeout with 0 unless its timer is firing at this moment. completion_lock held. Models io_kill_timeout() (5.4).
void io_kill_timeout(io_kiocb* req) noexcept;
/// All of them, when the ring goes away. Models io_kill_timeouts() (5.4).
void io_kill_timeouts(io_ring_ctx* ctx) noexcept;

}  // namespace uringsim::kernel
