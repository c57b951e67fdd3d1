// SPDX-License-Identifier: GPL-2.0-only
// The shape of a release: numbers where releases differ in a number, a named strategy where they differ in design.
// One profile a file under versions/; nothing else in kernel_model asks which release this is.
#pragma once

#include "kernel_model/fs/vfs_release.h"
#include "kernel_model/io_uring/bugs.h"
#include "kernel_model/io_uring/ctx.h"

namespace uringsim::kernel {

struct io_uring_profile {
  const char* name = "";       ///< "v5.4"
  const char* reference = "";  ///< the release that it was read from and is held against: "5.4.59"

  // ---- numbers ------------------------------------------------------------------------------------------------------
  u32 max_entries = 0;
  u32 max_fixed_files = 0;
  u32 setup_flags = 0;  ///< IORING_SETUP_* it knows
  u32 enter_flags = 0;
  u32 features = 0;         ///< IORING_FEAT_*
  u32 reserved_params = 3;  ///< last words of io_uring_params before the offsets that must be zero (features, wq_fd, resv[3])
  u32 sqe_flags = 0;        ///< IOSQE_* it accepts
  u8 opcodes = 0;           ///< number of opcodes it knows
  u8 register_ops = 0;      ///< number of register opcodes it knows
  u32 sqe_bytes = 64, cqe_bytes = 16;
  bool has_creds = false;              ///< workers and the SQ thread act with the creator's credentials
  bool cancels_work_at_exit = false;   ///< io_cancel_async_work at release and in flush
  bool puts_wake_waiters = false;      ///< dropping a ring reference wakes io_cqring_wait (5.1)
  bool overflow_in_ring = false;       ///< cq_overflow is incremented where the application can write it (5.1)
  bool dropped_in_ring = false;        ///< so is sq_dropped (5.1)
  bool opcode_read_again = false;      ///< each look at the opcode reads it anew (5.1)
  bool prep_is_kept = false;           ///< a retried request is not prepared again (5.1)
  bool blocks_inline = false;          ///< files that cannot be asked not to block are read and written in the submitter (5.1)
  bool loops_over_read_write = false;  ///< files without read_iter are served through read (5.4)
  bool files_end_async_work = false;   ///< the end of a file set stops the SQ thread and destroys the workqueue (5.1)
  bool short_read_punts = false;       ///< a short buffered read goes to a worker (5.4)

  /// What io_kiocb::fsize holds where 5.4 reads it without having set it: whatever was in that memory before, most often nothing.
  u64 stale_fsize = 0;

  vfs_release vfs = {};  ///< what its file systems do their own way

  BugSet native_bugs;  ///< what the release got wrong
  const char* only =
      nullptr;  ///< not null: a part of a release, on another's ground; says which part. Everything else is refused

  // ---- strategies ---------------------------------------------------------------------------------------------------
  /// Allocates the shared pages and fills ctx->rings and the offsets in *p. 0 or -errno.
  int (*allocate_scq_urings)(io_ring_ctx* ctx, io_uring_params* p) noexcept = nullptr;
  /// Pages that the ring's memory is charged with (RLIMIT_MEMLOCK).
  u64 (*ring_pages)(u32 sq_entries, u32 cq_entries) noexcept = nullptr;
  /// Submits up to to_submit SQEs in the caller's context, uring_lock held. Returns how many it took.
  int (*ring_submit)(io_ring_ctx* ctx, u32 to_submit) noexcept = nullptr;
  int (*sq_thread)(void* ctx) = nullptr;
  void (*sq_thread_stop)(io_ring_ctx* ctx) noexcept = nullptr;
  /// Creates the workqueues. 0 or -errno.
  int (*alloc_workqueues)(io_ring_ctx* ctx) noexcept = nullptr;
  /// Runs a punted request.
  work_func_t submit_work = nullptr;
  /// Hands a request to a workqueue.
  void (*queue_async_work)(io_ring_ctx* ctx, io_kiocb* req) noexcept = nullptr;
  /// Remembers a punt, and decides whether the request continues the one before.
  void (*async_list_note)(int rw, io_kiocb* req, u64 len) noexcept = nullptr;
  int (*cqring_wait)(io_ring_ctx* ctx, int min_events, uptr sig, u64 sigsz) noexcept = nullptr;
  int (*iopoll_getevents)(io_ring_ctx* ctx, unsigned* nr_events, long min) noexcept = nullptr;
  int (*iopoll_check)(io_ring_ctx* ctx, unsigned* nr_events, long min) noexcept = nullptr;
  /// enter, once the ring is found and held.
  long (*enter)(io_ring_ctx* ctx, u32 to_submit, u32 min_complete, u32 flags, uptr sig, u64 sigsz) noexcept = nullptr;
};

}  // namespace uringsim::kernel
