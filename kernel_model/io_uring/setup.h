// SPDX-License-Identifier: GPL-2.0-only
// io_uring_setup(2): validation, the shared memory, the offload machinery, the descriptor.
#pragma once

#include "kernel_model/io_uring/ctx.h"

namespace uringsim::kernel {

/// The system call. `params`: a struct io_uring_params, read and written. Returns the descriptor or -errno.
/// Models fs/io_uring.c:io_uring_setup(), io_uring_create().
long sys_io_uring_setup(u32 entries, uptr params) noexcept;

/// Strategies of profiles: where the shared words are.
int io_allocate_scq_urings_v5_4(io_ring_ctx* ctx, io_uring_params* p) noexcept;
int io_allocate_scq_urings_v5_1(io_ring_ctx* ctx, io_uring_params* p) noexcept;
u64 ring_pages_v5_4(u32 sq_entries, u32 cq_entries) noexcept;
u64 ring_pages_v5_1(u32 sq_entries, u32 cq_entries) noexcept;
int io_alloc_workqueues_v5_4(io_ring_ctx* ctx) noexcept;
int io_alloc_workqueues_v5_1(io_ring_ctx* ctx) noexcept;

/// Gives the shared pages back; mappings keep their own references.
void io_free_scq_urings(io_ring_ctx* ctx) noexcept;

/// Charges locked pages to a user, under the current task's RLIMIT_MEMLOCK. 0 or -ENOMEM. Models io_account_mem().
int io_account_mem(user_struct* user, u64 nr_pages) noexcept;
void io_unaccount_mem(user_struct* user, u64 nr_pages) noexcept;

}  // namespace uringsim::kernel
