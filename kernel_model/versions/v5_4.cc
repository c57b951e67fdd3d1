// SPDX-License-Identifier: GPL-2.0-only
// Linux 5.4: links, drain, timeouts, sockets, an eventfd; one mapping; still a workqueue, still drops on overflow.
#include "kernel_model/io_uring/async_list.h"
#include "kernel_model/io_uring/enter.h"
#include "kernel_model/io_uring/iopoll.h"
#include "kernel_model/io_uring/setup.h"
#include "kernel_model/io_uring/submit.h"
#include "kernel_model/versions/versions.h"

namespace uringsim::kernel {

namespace {

constexpr io_uring_profile make_v5_4() noexcept {
  return {
      .name = "v5.4",
      .reference = "5.4.59",
      .max_entries = 32768,
      .max_fixed_files = 1024,
      .setup_flags = uapi::IORING_SETUP_IOPOLL | uapi::IORING_SETUP_SQPOLL | uapi::IORING_SETUP_SQ_AFF,
      .enter_flags = uapi::IORING_ENTER_GETEVENTS | uapi::IORING_ENTER_SQ_WAKEUP,
      .features = uapi::IORING_FEAT_SINGLE_MMAP,
      .reserved_params = 4,
      .sqe_flags = uapi::IOSQE_FIXED_FILE | uapi::IOSQE_IO_DRAIN | uapi::IOSQE_IO_LINK,
      .opcodes = uapi::IORING_OP_TIMEOUT + 1,
      .register_ops = uapi::IORING_UNREGISTER_EVENTFD + 1,
      .has_creds = true,
      .cancels_work_at_exit = true,
      .loops_over_read_write = true,
      .short_read_punts = true,
      .native_bugs = BugSet{}
                         .with(Bug::drain_counts_refused)
                         .with(Bug::drain_shadow_after_head)
                         .with(Bug::iopoll_exit_not_reaped)
                         .with(Bug::iopoll_sqpoll_inflight_zeroed)
                         .with(Bug::iopoll_sqpoll_refusal_unlocked)
                         .with(Bug::iopoll_worker_refusal_unlocked)
                         .with(Bug::timeout_fn_walks_removed_entry)
                         .with(Bug::timeout_armed_after_unlock)
                         .with(Bug::timeout_seq_skipped_by_batch)
                         .with(Bug::timeout_reads_sq_head_async)
                         .with(Bug::cancel_async_work_missing_mb)
                         .with(Bug::cancel_async_work_of_others)
                         .with(Bug::eventfd_poll_recursion)
                         .with(Bug::eventfd_put_under_sq_thread)
                         .with(Bug::ring_poll_read_barrier)
                         .with(Bug::iovec_reused_after_punt),
      .only = nullptr,
      .allocate_scq_urings = io_allocate_scq_urings_v5_4,
      .ring_pages = ring_pages_v5_4,
      .ring_submit = io_ring_submit_v5_4,
      .sq_thread = io_sq_thread_v5_4,
      .sq_thread_stop = io_sq_thread_stop_v5_4,
      .alloc_workqueues = io_alloc_workqueues_v5_4,
      .submit_work = io_sq_wq_submit_work_v5_4,
      .queue_async_work = io_queue_async_work_v5_4,
      .async_list_note = io_async_list_note_v5_4,
      .cqring_wait = io_cqring_wait_v5_4,
      .iopoll_getevents = io_iopoll_getevents_v5_4,
      .iopoll_check = io_iopoll_check_v5_4,
      .enter = io_uring_enter_v5_4,
  };
}

}  // namespace

constinit const io_uring_profile v5_4 = make_v5_4();

// 5.10's SQ thread on the ground of 5.4: everything else of 5.10 is refused.
constinit const io_uring_profile v5_10 = [] {
  io_uring_profile profile = make_v5_4();
  profile.name = "v5.10";
  profile.reference = "5.10.89";
  profile.only = "io_sq_thread";
  profile.sq_thread = io_sq_thread_v5_10;
  profile.native_bugs = profile.native_bugs.without(Bug::eventfd_put_under_sq_thread)
                            .with(Bug::sqpoll_flag_set_after_last_check)
                            .with(Bug::sqpoll_need_wakeup_barrier_dropped_58)
                            .without(Bug::iopoll_sqpoll_refusal_unlocked);
  return profile;
}();

}  // namespace uringsim::kernel
