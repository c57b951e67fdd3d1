// SPDX-License-Identifier: GPL-2.0-only
// IORING_SETUP_IOPOLL: completions that somebody has to go and find. poll_list and everything here is under uring_lock.
#pragma once

#include "kernel_model/io_uring/ctx.h"

namespace uringsim::kernel {

/// Puts an issued request where pollers find it; in front if it is complete already. Models io_iopoll_req_issued().
void io_iopoll_req_issued(io_kiocb* req) noexcept;
/// One look at the list: completes what is done, polls the device of the first that is not. 0 or -errno. Models io_do_iopoll().
int io_do_iopoll(io_ring_ctx* ctx, unsigned* nr_events, long min) noexcept;
/// Polls until `min` were found (0: looks once). 0 done, 1 nothing left or has to give way, or -errno. Models
/// io_iopoll_getevents().
int io_iopoll_getevents_v5_4(io_ring_ctx* ctx, unsigned* nr_events, long min) noexcept;
int io_iopoll_getevents_v5_1(io_ring_ctx* ctx, unsigned* nr_events, long min) noexcept;
/// enter(GETEVENTS) on such a ring. Models io_iopoll_check().
int io_iopoll_check_v5_4(io_ring_ctx* ctx, unsigned* nr_events, long min) noexcept;
int io_iopoll_check_v5_1(io_ring_ctx* ctx, unsigned* nr_events, long min) noexcept;
/// Finds everything in flight when the ring goes away. Models io_iopoll_reap_events().
void io_iopoll_reap_events(io_ring_ctx* ctx) noexcept;

}  // namespace uringsim::kernel
