// SPDX-License-Identifier: GPL-2.0-only
// Linux 5.1, the first with io_uring: eight opcodes, three mappings, one workqueue.
#include "kernel_model/io_uring/async_list.h"
#include "kernel_model/io_uring/enter.h"
#include "kernel_model/io_uring/iopoll.h"
#include "kernel_model/io_uring/setup.h"
#include "kernel_model/io_uring/submit.h"
#include "kernel_model/versions/versions.h"

namespace uringsim::kernel {

constinit const io_uring_profile v5_1 = {
    .name = "v5.1",
    .reference = "5.1.15",
    .max_entries = 4096,
    .max_fixed_files = 1024,
    .setup_flags = uapi::IORING_SETUP_IOPOLL | uapi::IORING_SETUP_SQPOLL | uapi::IORING_SETUP_SQ_AFF,
    .enter_flags = uapi::IORING_ENTER_GETEVENTS | uapi::IORING_ENTER_SQ_WAKEUP,
    .features = 0,
    .reserved_params = 5,
    .sqe_flags = uapi::IOSQE_FIXED_FILE,
    .opcodes = uapi::IORING_OP_POLL_REMOVE + 1,
    .register_ops = uapi::IORING_UNREGISTER_FILES + 1,
    .puts_wake_waiters = true,
    .overflow_in_ring = true,
    .dropped_in_ring = true,
    .opcode_read_again = true,
    .prep_is_kept = true,
    .blocks_inline = true,
    .files_end_async_work = true,
    .vfs = {.direct_read_ends_early = false, .direct_read_tries_lock = false, .sync_range_for_keeps = false},
    .native_bugs = BugSet{}
                       .with(Bug::sqpoll_wakeup_and_getevents_exclusive)
                       .with(Bug::sq_park_before_prepare_wait)
                       .with(Bug::sq_exits_before_park)
                       .with(Bug::iopoll_spins_with_cqe_ready)
                       .with(Bug::iopoll_exit_not_reaped)
                       .with(Bug::iopoll_sqpoll_refusal_unlocked)
                       .with(Bug::iopoll_worker_refusal_unlocked)
                       .with(Bug::sqpoll_spins_after_owner_exit)
                       .with(Bug::ring_poll_read_barrier)
                       .with(Bug::async_list_missing_mb)
                       .with(Bug::poll_list_uninitialised)
                       .with(Bug::put_touches_freed_ring)
                       .with(Bug::iovec_reused_after_punt),
    .only = nullptr,
    .allocate_scq_urings = io_allocate_scq_urings_v5_1,
    .ring_pages = ring_pages_v5_1,
    .ring_submit = io_ring_submit_v5_1,
    .sq_thread = io_sq_thread_v5_1,
    .sq_thread_stop = io_sq_thread_stop_v5_1,
    .alloc_workqueues = io_alloc_workqueues_v5_1,
    .submit_work = io_sq_wq_submit_work_v5_1,
    .queue_async_work = io_queue_async_work_v5_1,
    .async_list_note = io_async_list_note_v5_1,
    .cqring_wait = io_cqring_wait_v5_1,
    .iopoll_getevents = io_iopoll_getevents_v5_1,
    .iopoll_check = io_iopoll_check_v5_1,
    .enter = io_uring_enter_v5_1,
};

}  // namespace uringsim::kernel
