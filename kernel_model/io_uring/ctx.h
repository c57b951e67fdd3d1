// SPDX-License-Identifier: GPL-2.0-only
// One ring and its requests: io_ring_ctx, io_kiocb, sqe_submit. Models the structs of fs/io_uring.c (5.1, 5.4), one set for all
// releases; a field that a release does not have is said so, and is never touched under its profile.
#pragma once

#include "kernel_model/block/blk_plug.h"
#include "kernel_model/core/completion.h"
#include "kernel_model/core/cred.h"
#include "kernel_model/core/hrtimer.h"
#include "kernel_model/core/percpu_refcount.h"
#include "kernel_model/core/workqueue.h"
#include "kernel_model/fs/fs.h"
#include "kernel_model/io_uring/bugs.h"
#include "uapi/abi.h"

namespace uringsim::kernel {

using uapi::io_uring_cqe;
using uapi::io_uring_params;
using uapi::io_uring_sqe;

struct eventfd_ctx;
struct io_uring_profile;
struct socket;

/// Where a release puts the words that kernel and application share. Pointers into the ring's own pages.
///
/// | word        | written by        | read by          | order                                                              |
/// |-------------|-------------------|------------------|--------------------------------------------------------------------|
/// | sq_head     | kernel            | application      | release after the SQEs were read; acquire before they are rewritten |
/// | sq_tail     | application       | kernel           | release after the SQEs were filled; acquire before they are read    |
/// | sq_flags    | SQ thread         | application      | full barrier on both sides against sq_tail (io_sq_thread)          |
/// | sq_dropped  | kernel            | application      | none                                                               |
/// | cq_tail     | kernel            | application      | release after the CQEs were filled                                 |
/// | cq_head     | application       | kernel           | release after the CQEs were read; control dependency here          |
/// | cq_overflow | kernel            | application      | none                                                               |
/// | sq_ring_entries, cq_ring_entries, masks | setup | both (the application may scribble on them)         | none  |
struct io_rings {
  u32* sq_head = nullptr;
  u32* sq_tail = nullptr;
  u32* sq_ring_entries = nullptr;
  u32* sq_flags = nullptr;
  u32* sq_dropped = nullptr;
  u32* sq_array = nullptr;
  u32* cq_head = nullptr;
  u32* cq_tail = nullptr;
  u32* cq_ring_entries = nullptr;
  u32* cq_overflow = nullptr;
  u8* cqes = nullptr;
  u8* sqes = nullptr;
  page* sq_pages = nullptr;   ///< mapped at IORING_OFF_SQ_RING
  page* cq_pages = nullptr;   ///< mapped at IORING_OFF_CQ_RING; the same pages with SINGLE_MMAP
  page* sqe_pages = nullptr;  ///< mapped at IORING_OFF_SQES
};

struct io_mapped_ubuf {
  uptr ubuf = 0;
  u64 len = 0;
  bio_vec* bvec = nullptr;
  unsigned nr_bvecs = 0;
};

/// Sequential buffered work that a running worker may take along (until 5.4).
struct async_list {
  spinlock_t lock;
  atomic_t cnt;           ///< workers and queued items that will look at `list`
  shared_list list;       ///< lock; looked at without
  file* file_ = nullptr;  ///< submitter (uring_lock or the SQ thread)
  s64 io_start = 0;       ///< 5.4: start of the run; 5.1: where it ends (io_end)
  u64 io_len = 0;         ///< 5.4: bytes; 5.1: pages
};

struct io_kiocb;

struct io_ring_ctx {
  Kernel* kernel_ = nullptr;
  const io_uring_profile* profile = nullptr;
  BugSet bugs;                            ///< what this world's kernel gets wrong
  u32 id = 0;                             ///< for traces
  u32 next_req_id = 0, req_ids_left = 0;  ///< ids for requests, taken from the tracer in blocks; submitter

  percpu_ref refs;  ///< one per request and per enter; killed by register and release
  u32 flags = 0;    ///< IORING_SETUP_*
  bool account_mem = false;

  u32 cached_sq_head = 0;  ///< submitter (uring_lock, or the SQ thread alone); shared word: io_uring_poll looks
  u32 sq_entries = 0, sq_mask = 0;
  u64 sq_thread_idle = 0;     ///< jiffies
  u32 cached_sq_dropped = 0;  ///< submitter; shared word: io_sequence_defer looks
  shared_list defer_list;     ///< completion_lock; looked at without
  list_head timeout_list;     ///< completion_lock

  workqueue_struct* sqo_wq[2] = {};  ///< 5.1 has the first only
  task_struct* sqo_thread = nullptr;
  mm_struct* sqo_mm = nullptr;    ///< mmgrab'bed
  wait_queue_head_t sqo_wait;     ///< the SQ thread
  completion sqo_thread_started;  ///< 5.4
  u32 sqo_stop = 0;               ///< 5.1: shared word

  u32 cached_cq_tail = 0;       ///< completion_lock; shared word: io_sequence_defer and io_uring_poll look
  atomic_t cached_cq_overflow;  ///< 5.4
  u32 cq_entries = 0, cq_mask = 0;
  wait_queue_head_t cq_wait;        ///< poll and epoll on the ring
  fasync_list cq_fasync;            ///< SIGIO for CQEs
  eventfd_ctx* cq_ev_fd = nullptr;  ///< written while refs are dead; 5.4's SQ thread, which holds none, looks nevertheless
  bool cq_ev_used = false;          ///< there was an eventfd once: else nobody need look at cq_ev_fd
  atomic_t cq_timeouts;             ///< fired or killed timeouts

  io_rings rings;

  file** user_files = nullptr;  ///< written while refs are dead
  unsigned nr_user_files = 0;
  unsigned nr_user_bufs = 0;
  io_mapped_ubuf* user_bufs = nullptr;
  unsigned user_bufs_capacity = 0;  ///< entries allocated in user_bufs
  unsigned user_files_capacity = 0;

  user_struct* user = nullptr;
  const cred* creds = nullptr;  ///< 5.4: whose rights workers and the SQ thread have
  completion ctx_done;          ///< refs reached zero

  mutex uring_lock;
  wait_queue_head_t wait;  ///< io_cqring_wait

  spinlock_t completion_lock;
  bool poll_multi_file = false;
  shared_list poll_list;        ///< IOPOLL requests in flight: uring_lock; a poller waits for it to fill
  list_head cancel_list;        ///< armed polls: completion_lock
  async_list pending_async[2];  ///< READ, WRITE

  [[nodiscard]] bool has(Bug bug) const noexcept { return bugs.has(bug); }

  shared_list task_list;  ///< queued work (5.4): task_lock; looked at without
  spinlock_t task_lock;
};

/// What a submission needs of an SQE. `sqe` points into the ring, where the application may still write, or to a copy.
struct sqe_submit {
  const io_uring_sqe* sqe = nullptr;
  u16 index = 0;
  u8 opcode = 0;  ///< 5.4: as first read
  bool has_user = false;
  bool needs_lock = false;  ///< 5.4 calls it in_async
  bool has_lock = false;    ///< uring_lock is held all the same: the SQ thread of 5.5 and later
  bool needs_fixed_file = false;
  u32 sequence = 0;  ///< 5.4
  u32 ahead = 0;     ///< 5.2 and 5.3: how many SQEs of its batch were taken from the ring behind it
};

/// The iovecs of a punted request, where the application cannot reach them any more (from 5.5 on).
struct io_kept_iovec {
  user_iovec* iov = nullptr;
  u64 capacity = 0, segments = 0, bytes = 0;
};

struct io_poll_iocb {
  wait_queue_head_t* head = nullptr;
  u32 events = 0;
  bool done = false;
  bool canceled = false;  ///< shared word
  wait_queue_entry wait;
};

struct io_timeout_data {
  hrtimer timer;
};

enum : u32 {
  REQ_F_NOWAIT = 1,            ///< must not punt to workers
  REQ_F_IOPOLL_COMPLETED = 2,  ///< polled I/O has completed
  REQ_F_FIXED_FILE = 4,        ///< the ring owns the file
  REQ_F_SEQ_PREV = 8,          ///< continues the request before
  REQ_F_IO_DRAIN = 16,
  REQ_F_IO_DRAINED = 32,
  REQ_F_LINK = 64,
  REQ_F_LINK_DONE = 128,
  REQ_F_FAIL_LINK = 256,
  REQ_F_SHADOW_DRAIN = 512,
  REQ_F_TIMEOUT = 1024,
  REQ_F_ISREG = 2048,
  REQ_F_MUST_PUNT = 4096,  ///< the file cannot be asked not to block
  REQ_F_TIMEOUT_NOSEQ = 8192,
  REQ_F_PREPPED = 1u << 20,  ///< 5.1: prep is done, a retry keeps it
};

/// A request. Owned by exactly one party at a time: the submitter, a list under its lock, a worker, a device, a wait queue.
struct io_kiocb {
  union {
    kiocb rw;
    io_poll_iocb poll;
    io_timeout_data timeout;
  };
  file* file_ = nullptr;
  io_ring_ctx* ctx = nullptr;
  sqe_submit submit;
  list_head list;       ///< whichever list it is on
  list_head link_list;  ///< the rest of its chain
  u32 flags = 0;        ///< REQ_F_*
  refcount_t refs;      ///< submission, completion
  u32 id = 0;           ///< for traces
  u32 sequence = 0;
  u64 user_data = 0;
  s32 result = 0;                      ///< also 5.1's `error`
  bool task_list_initialised = false;  ///< and may be on the list; 5.4 forgets to, see io_add_to_prev_work()
  /// 5.4: RLIMIT_FSIZE of the submitter. Not set for a request that a worker tries first (a link's):
  /// io_uring_profile::stale_fsize.
  u64 fsize = 0;
  task_struct* task = nullptr;
  fs_struct* fs = nullptr;
  work_struct work;
  task_struct* work_task = nullptr;  ///< who runs it; shared word
  bool canceled = false;             ///< REQ_F_CANCEL, a shared word of its own here
  list_head task_list;
  io_kept_iovec* kept = nullptr;  ///< null: read them again

  io_kiocb() noexcept : rw{} {}
  ~io_kiocb() {}
  io_kiocb(const io_kiocb&) = delete;
  io_kiocb& operator=(const io_kiocb&) = delete;
};

/// What one batch of submissions keeps between SQEs.
struct io_submit_state {
  blk_plug plug;
  file* file_ = nullptr;  ///< the last one looked up
  unsigned fd = 0;
  unsigned has_refs = 0;
  unsigned used_refs = 0;
  unsigned ios_left = 0;
};

inline constexpr unsigned IO_PLUG_THRESHOLD = 2;
inline constexpr unsigned IO_IOPOLL_BATCH = 8;

}  // namespace uringsim::kernel
