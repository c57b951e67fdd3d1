// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/bio_pages.h"

#include "kernel_model/core/completion.h"

namespace uringsim::kernel {

namespace {
/// A bio, the length of its array, which the bio itself does not keep, and the array.
struct sized_bio {
  bio body;
  unsigned capacity = 0;
};
constexpr u64 bytes_of(unsigned vecs) noexcept { return sizeof(sized_bio) + vecs * sizeof(bio_vec); }
}  // namespace

bio* bio_alloc(BlockDevice* device, bio_op op, u64 sector, unsigned vecs) noexcept {
  void* const memory = detail::allocate(bytes_of(vecs), alignof(sized_bio), "bio_alloc");
  if (memory == nullptr) return nullptr;
  sized_bio* const made = new (memory) sized_bio;
  made->body.bi_io_vec = reinterpret_cast<bio_vec*>(made + 1);  // zeroed memory is an array of empty ones
  made->capacity = vecs;
  made->body.bi_bdev = device;
  made->body.op = op;
  made->body.bi_sector = sector;
  made->body.id = kernel().trace.next_id(ObjectClass::bio);
  return &made->body;
}

void bio_put(bio* bio) noexcept {
  sized_bio* const made = container_of(bio, sized_bio, body);
  kernel().machine.free(made, bytes_of(made->capacity));
}

bool bio_add_page(bio* bio, page* page, u32 bytes, u32 offset) noexcept {
  if (bio->bi_vcnt == container_of(bio, sized_bio, body)->capacity) return false;
  bio->bi_io_vec[bio->bi_vcnt++] = {page, bytes, offset};
  bio->bi_size += bytes;
  return true;
}

int submit_bio_wait(bio* bio) noexcept {
  completion done;
  init_completion(&done);
  bio->bi_private = &done;
  bio->bi_end_io = [](struct bio* finished) { complete(static_cast<completion*>(finished->bi_private)); };
  bio->bi_opf |= REQ_SYNC;
  submit_bio(bio);
  wait_for_completion(&done);
  return bio->bi_status;
}

int blkdev_issue_flush(BlockDevice* device) noexcept {
  if (!device->capabilities.volatile_cache) return 0;
  bio* const flush = bio_alloc(device, bio_op::flush, 0, 0);
  if (flush == nullptr) return -ENOMEM;
  flush->bi_opf = REQ_PREFLUSH;
  const int ret = submit_bio_wait(flush);
  bio_put(flush);
  return ret;
}

}  // namespace uringsim::kernel
