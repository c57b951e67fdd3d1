// SPDX-License-Identifier: GPL-2.0-only
// Models block/blk-core.c:generic_make_request(), block/blk-merge.c:blk_queue_split() and block/blk-flush.c (5.4).
//
// A bio goes to its device as it is if it fits. Otherwise it becomes a chain of parts with a bio of their own, and completes
// with the first error among them once the last one is over. A write that must reach the medium of a device with a volatile
// cache is surrounded by what the device lacks: a flush before (REQ_PREFLUSH), a flush after in place of REQ_FUA.
#include "kernel_model/block/block_device.h"
#include "kernel_model/core/signal.h"

namespace uringsim::kernel {

namespace {

/// A bio under way in several parts. Parts complete in any order and any context.
struct bio_sequence {
  bio* original = nullptr;
  u32 remaining = 0;        ///< parts that are not over, and one for the submitter; shared word, atomic
  int status = 0;           ///< the first error; shared word, cmpxchg
  bool data_next = false;   ///< after a flush: the data
  bool flush_last = false;  ///< after the data: a flush instead of FUA
};

struct bio_part {
  bio part;
  bio_sequence* sequence = nullptr;
  u64 vecs = 0;  ///< allocated in part.bi_io_vec
};

blk_qc_t issue(bio* bio) noexcept {
  if (bio->id == 0) bio->id = kernel().trace.next_id(ObjectClass::bio);
  kernel().trace(EventKind::block_rq_issue, bio->bi_bdev->id, bio->id, bio->op == bio_op::write, bio->bi_sector,
                 bio->bi_size / SECTOR_SIZE);
  arch::machine().charge(arch::Cost::block_submit, 1);
  return bio->bi_bdev->submit(bio);
}

/// Why the device would not understand it: 0 or -errno. Models generic_make_request_checks().
int check(const bio* bio) noexcept {
  const BlockCapabilities& device = bio->bi_bdev->capabilities;
  if (bio->op == bio_op::flush) return 0;
  if (bio->bi_size % device.logical_block != 0 || bio->bi_sector * SECTOR_SIZE % device.logical_block != 0) return -EIO;
  const u64 sectors = device.size / SECTOR_SIZE;
  if (bio->bi_size / SECTOR_SIZE > sectors || bio->bi_sector > sectors - bio->bi_size / SECTOR_SIZE) return -EIO;
  return 0;
}

void finish(bio* bio, int status) noexcept {
  bio->bi_status = status;
  if (bio->bi_end_io != nullptr) bio->bi_end_io(bio);
}

blk_qc_t submit_data(bio_sequence* sequence) noexcept;
blk_qc_t submit_flush(bio_sequence* sequence) noexcept;

/// Everything that was under way is over: what comes next, or the end.
void advance(bio_sequence* sequence) noexcept {
  const int status = READ_ONCE(sequence->status);
  if (status == 0 && sequence->data_next) {
    sequence->data_next = false;
    (void)submit_data(sequence);
    return;
  }
  if (status == 0 && sequence->flush_last) {
    sequence->flush_last = false;
    (void)submit_flush(sequence);
    return;
  }
  bio* const original = sequence->original;
  kfree(sequence);
  finish(original, status);
}

void drop(bio_sequence* sequence) noexcept {
  if (fetch_add(sequence->remaining, ~u32{0}) == 1) advance(sequence);
}

void part_end_io(bio* bio) noexcept {
  bio_part* const part = container_of(bio, bio_part, part);
  bio_sequence* const sequence = part->sequence;
  if (bio->bi_status != 0) (void)cmpxchg(sequence->status, 0, bio->bi_status);
  if (bio->bi_residual != 0) (void)fetch_add(sequence->original->bi_residual, bio->bi_residual);
  if (part->vecs > 0) kfree_array(bio->bi_io_vec, part->vecs);
  kfree(part);
  drop(sequence);
}

bio_part* alloc_part(bio_sequence* sequence, bio_op op, u64 vecs) noexcept {
  bio_part* const part = kmalloc<bio_part>();
  if (part == nullptr) return nullptr;
  part->part.bi_io_vec = vecs > 0 ? kcalloc<bio_vec>(vecs) : nullptr;
  if (vecs > 0 && part->part.bi_io_vec == nullptr) {
    kfree(part);
    return nullptr;
  }
  part->sequence = sequence;
  part->vecs = vecs;
  part->part.bi_bdev = sequence->original->bi_bdev;
  part->part.op = op;
  part->part.bi_end_io = part_end_io;
  return part;
}

blk_qc_t submit_flush(bio_sequence* sequence) noexcept {
  bio_part* const part = alloc_part(sequence, bio_op::flush, 0);
  if (part == nullptr) {
    WRITE_ONCE(sequence->status, -ENOMEM);
    advance(sequence);
    return BLK_QC_T_NONE;
  }
  WRITE_ONCE(sequence->remaining, 1u);
  return issue(&part->part);
}

/// Where a walk over a bio's segments stands.
struct position {
  unsigned segment = 0;
  u32 offset = 0;
};

/// Fills `vecs` with the next `bytes` bytes of `bio`; null: counts only. Returns the number of segments and moves `at` on.
u64 take_segments(const bio* bio, position* at, u64 bytes, bio_vec* vecs) noexcept {
  u64 count = 0;
  while (bytes > 0) {
    const bio_vec& from = bio->bi_io_vec[at->segment];
    const u64 left = from.bv_len - at->offset;
    const u32 part = static_cast<u32>(bytes < left ? bytes : left);
    if (vecs != nullptr) vecs[count] = {from.bv_page, part, from.bv_offset + at->offset};
    count += part > 0 ? 1 : 0;
    bytes -= part;
    at->offset += part;
    if (at->offset == from.bv_len) *at = {at->segment + 1, 0};
  }
  return count;
}

/// Sends the data in parts that the device can take. The cookie is the last part's.
blk_qc_t submit_data(bio_sequence* sequence) noexcept {
  const bio* const whole = sequence->original;
  const BlockCapabilities& device = whole->bi_bdev->capabilities;
  const u64 largest = device.max_transfer >= device.logical_block
                          ? device.max_transfer - device.max_transfer % device.logical_block
                          : device.logical_block;
  blk_qc_t cookie = BLK_QC_T_NONE;
  position at;
  WRITE_ONCE(sequence->remaining, 1u);  // the submitter's own: no part can be the last before all are sent
  for (u64 done = 0; done < whole->bi_size;) {
    const u64 bytes = whole->bi_size - done < largest ? whole->bi_size - done : largest;
    position count_from = at;
    bio_part* const part = alloc_part(sequence, whole->op, take_segments(whole, &count_from, bytes, nullptr));
    if (part == nullptr) {
      (void)cmpxchg(sequence->status, 0, -ENOMEM);
      break;
    }
    part->part.bi_vcnt = static_cast<unsigned>(take_segments(whole, &at, bytes, part->part.bi_io_vec));
    part->part.bi_opf = whole->bi_opf & ~u32{REQ_PREFLUSH};
    if (sequence->flush_last) part->part.bi_opf &= ~u32{REQ_FUA};
    part->part.bi_sector = whole->bi_sector + done / SECTOR_SIZE;
    part->part.bi_size = bytes;
    (void)fetch_add(sequence->remaining, 1u, Order::relaxed);
    cookie = issue(&part->part);
    done += bytes;
  }
  drop(sequence);
  return cookie;
}

}  // namespace

blk_qc_t submit_bio(bio* bio) noexcept {
  const BlockCapabilities& device = bio->bi_bdev->capabilities;
  const int error = check(bio);
  if (error != 0) {
    finish(bio, error);
    return BLK_QC_T_NONE;
  }
  // Without a volatile cache everything that completed is durable.
  if (!device.volatile_cache) bio->bi_opf &= ~u32{REQ_PREFLUSH | REQ_FUA};
  if (!device.volatile_cache && bio->op == bio_op::flush) {
    finish(bio, 0);
    return BLK_QC_T_NONE;
  }
  const bool flush_first = (bio->bi_opf & REQ_PREFLUSH) != 0 && bio->op == bio_op::write;
  const bool flush_last = (bio->bi_opf & REQ_FUA) != 0 && !device.fua;
  if (!flush_first && !flush_last && (bio->bi_size <= device.max_transfer || bio->op == bio_op::flush)) [[likely]]
    return issue(bio);

  bio_sequence* const sequence = kmalloc<bio_sequence>();
  if (sequence == nullptr) {
    finish(bio, -ENOMEM);
    return BLK_QC_T_NONE;
  }
  sequence->original = bio;
  sequence->flush_last = flush_last;
  sequence->data_next = flush_first && bio->bi_size > 0;
  return flush_first ? submit_flush(sequence) : submit_data(sequence);
}

void bio_endio(bio* bio, int status) noexcept {
  kernel().trace(EventKind::block_rq_complete, bio->bi_bdev->id, bio->id, bio->op == bio_op::write, bio->bi_sector,
                 bio->bi_size / SECTOR_SIZE, status);
  finish(bio, status);
}

// Models blk_poll() of 5.4. A poller in TASK_RUNNING that found nothing in one pass is told 1 all the same, as there.
int blk_poll(BlockDevice* device, blk_qc_t cookie, bool spin) noexcept {
  if (cookie == BLK_QC_T_NONE || !device->capabilities.poll_queues) return 0;
  task_struct* const task = current();
  const u32 state = arch::machine().state(*task);
  do {
    const int found = device->poll(cookie, false);
    if (found > 0) {
      __set_current_state(TASK_RUNNING);
      return found;
    }
    if (signal_pending_state(state, task)) __set_current_state(TASK_RUNNING);
    if (arch::machine().state(*task) == TASK_RUNNING) return 1;
    if (found < 0 || !spin) break;
    cpu_relax();
  } while (!need_resched());
  __set_current_state(TASK_RUNNING);
  return 0;
}

}  // namespace uringsim::kernel
