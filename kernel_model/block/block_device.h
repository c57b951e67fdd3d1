// SPDX-License-Identifier: GPL-2.0-only
// Block devices as the kernel sees them. Models include/linux/blk_types.h (bio) and the part of blk-mq that polling needs.
//
// A device is the world's (sim/devices implements BlockDevice); bios are the kernel's. A bio's life: the submitter fills it and
// gives it to submit_bio(); the device completes it exactly once, in interrupt context (bio_endio), or from poll() in the
// poller's context if it was submitted with REQ_HIPRI to a device with poll queues.
#pragma once

#include "kernel_model/core/uio.h"

namespace uringsim::kernel {

inline constexpr u64 SECTOR_SIZE = 512;

enum class bio_op : u8 { read, write, flush };
enum : u32 {
  REQ_SYNC = 1,
  REQ_HIPRI = 2,   ///< completion is polled for
  REQ_NOWAIT = 4,  ///< -EAGAIN rather than waiting for a free request
  REQ_FUA = 8,     ///< durable before completion
  REQ_PREFLUSH = 16,
};

struct BlockDevice;

/// One transfer between pages and adjoining sectors.
struct bio {
  BlockDevice* bi_bdev = nullptr;
  bio_op op = bio_op::read;
  u32 bi_opf = 0;       ///< REQ_*
  u64 bi_sector = 0;    ///< in units of SECTOR_SIZE
  u64 bi_size = 0;      ///< bytes
  u64 bi_residual = 0;  ///< bytes that were not transferred although there was no error; set by the device before bi_end_io
  bio_vec* bi_io_vec = nullptr;
  unsigned bi_vcnt = 0;
  int bi_status = 0;                  ///< 0 or -errno, set by the device before bi_end_io
  void (*bi_end_io)(bio*) = nullptr;  ///< interrupt context, or the poller's
  void* bi_private = nullptr;
  u32 id = 0;            ///< for traces
  void* driver[4] = {};  ///< the device's own while it has the bio
  list_head link;        ///< the holder's
};

/// What a device can do. Bytes and counts.
struct BlockCapabilities {
  u64 size = 0;                 ///< capacity
  u32 logical_block = 512;      ///< alignment of offsets and lengths
  u32 dma_alignment = 512;      ///< alignment of memory for O_DIRECT
  u64 max_transfer = 1 << 20;   ///< larger requests are split by submit_bio()
  u32 queue_depth = 256;        ///< requests in flight; more wait, or are -EAGAIN with REQ_NOWAIT
  bool poll_queues = false;     ///< REQ_HIPRI requests complete in poll() only
  bool volatile_cache = false;  ///< flush means something
  bool fua = false;
};

using blk_qc_t = u32;
inline constexpr blk_qc_t BLK_QC_T_NONE = ~0u;

/// The interface that sim/devices implements. submit() and poll() may be called by several tasks at once.
struct BlockDevice {
  BlockCapabilities capabilities;
  u32 id = 0;  ///< for traces and device numbers: different in each device of a world; whoever makes the device sets it
  char name[32] = {};

  virtual ~BlockDevice() = default;
  /// Takes the bio. Returns a cookie for poll(), or BLK_QC_T_NONE if its completion is not polled for. Never sleeps; a device
  /// with all requests in flight completes a REQ_NOWAIT bio with -EAGAIN and keeps others waiting itself.
  virtual blk_qc_t submit(bio* bio) noexcept = 0;
  /// Starts what submit() was given while the submitter was plugged (blk_plug_hold()), for devices that gain by starting many at
  /// once. Models blk_mq_ops::commit_rqs().
  virtual void commit() noexcept {}
  /// Completes what is ready among polled requests; returns how many it found. `spin`: goes on until one is found, the caller
  /// must give way (need_resched), or nothing polled is in flight.
  virtual int poll(blk_qc_t cookie, bool spin) noexcept = 0;
};

/// Hands the bio to its device, split at the device's limits. Models generic_make_request(). Errors arrive through bi_end_io.
blk_qc_t submit_bio(bio* bio) noexcept;
/// Called by devices: sets the status and runs bi_end_io.
void bio_endio(bio* bio, int status) noexcept;
/// Polls one device. Models block/blk-mq.c:blk_poll().
int blk_poll(BlockDevice* device, blk_qc_t cookie, bool spin) noexcept;

}  // namespace uringsim::kernel
