// SPDX-License-Identifier: GPL-2.0-only
#include <deque>

#include "kernel_model/block/block_device.h"
#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {
namespace {

/// Takes down what it is given and completes it when it is told to.
struct NotingDevice final : BlockDevice {
  struct Seen {
    bio_op op;
    u32 opf;
    u64 sector, bytes;
    unsigned segments;
  };
  std::vector<Seen> seen;
  std::deque<bio*> held;
  int polls = 0, found_at = 0;

  NotingDevice() {
    capabilities.size = 1 << 20;
    capabilities.max_transfer = 8192;
    id = 1;
  }
  blk_qc_t submit(bio* bio) noexcept override {
    seen.push_back({bio->op, bio->bi_opf, bio->bi_sector, bio->bi_size, bio->bi_vcnt});
    held.push_back(bio);
    return static_cast<blk_qc_t>(seen.size());
  }
  int poll(blk_qc_t, bool) noexcept override { return ++polls == found_at ? 1 : 0; }
  void complete_next(int status = 0) {
    bio* const next = held.front();
    held.pop_front();
    bio_endio(next, status);
  }
};

class Bio : public testing::Test {
 protected:
  Bio() : as_(world->swapper) {
    pages_ = alloc_pages(4);
    for (unsigned i = 0; i < 16; i++) vecs_[i] = {&pages_[i], PAGE_SIZE, 0};
    whole_.bi_bdev = &device;
    whole_.bi_io_vec = vecs_;
    whole_.bi_end_io = [](bio* bio) { ++*static_cast<int*>(bio->bi_private); };
    whole_.bi_private = &ended;
  }
  blk_qc_t submit(bio_op op, u64 sector, u64 bytes, u32 opf = 0) {
    whole_.op = op;
    whole_.bi_opf = opf;
    whole_.bi_sector = sector;
    whole_.bi_size = bytes;
    whole_.bi_vcnt = static_cast<unsigned>((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
    return submit_bio(&whole_);
  }

  KernelWorld world;
  RunAs as_;
  NotingDevice device;
  page* pages_ = nullptr;
  bio_vec vecs_[16];
  bio whole_;
  int ended = 0;
};

TEST_F(Bio, WhatFitsGoesToTheDeviceAsItIs) {
  EXPECT_EQ(submit(bio_op::read, 8, 8192), 1u);
  ASSERT_EQ(device.held.size(), 1u);
  EXPECT_EQ(device.held[0], &whole_);
  device.complete_next(-EIO);
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(whole_.bi_status, -EIO);
}

TEST_F(Bio, WhatIsTooLargeIsSplitAndEndsOnce) {
  const u64 bytes = world.machine().arena().live_bytes();
  submit(bio_op::write, 16, 20480);
  ASSERT_EQ(device.seen.size(), 3u);
  EXPECT_EQ(device.seen[0].sector, 16u);
  EXPECT_EQ(device.seen[1].sector, 32u);
  EXPECT_EQ(device.seen[2].sector, 48u);
  EXPECT_EQ(device.seen[2].bytes, 4096u);
  EXPECT_EQ(device.seen[1].segments, 2u);
  device.complete_next();
  device.complete_next();
  EXPECT_EQ(ended, 0);
  device.complete_next();
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(whole_.bi_status, 0);
  EXPECT_EQ(world.machine().arena().live_bytes(), bytes);
}

TEST_F(Bio, TheFirstErrorOfAPartIsTheErrorOfTheWhole) {
  submit(bio_op::read, 0, 24576);
  device.complete_next(0);
  device.complete_next(-ENODATA);
  device.complete_next(-EIO);
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(whole_.bi_status, -ENODATA);
}

TEST_F(Bio, PartsMayCompleteWhileTheOthersAreBeingSent) {
  struct Immediate final : BlockDevice {
    blk_qc_t submit(bio* bio) noexcept override {
      bio_endio(bio, 0);
      return BLK_QC_T_NONE;
    }
    int poll(blk_qc_t, bool) noexcept override { return 0; }
  } immediate;
  immediate.capabilities = device.capabilities;
  whole_.bi_bdev = &immediate;
  submit(bio_op::read, 0, 32768);
  EXPECT_EQ(ended, 1);
}

TEST_F(Bio, SegmentsAreCutWhereThePartsAre) {
  device.capabilities.max_transfer = 6144;  // one page and a half
  submit(bio_op::read, 0, 12288);
  ASSERT_EQ(device.held.size(), 2u);
  EXPECT_EQ(device.held[0]->bi_io_vec[1].bv_len, 2048u);
  EXPECT_EQ(device.held[1]->bi_io_vec[0].bv_offset, 2048u);
  EXPECT_EQ(device.held[1]->bi_io_vec[0].bv_page, &pages_[1]);
  device.complete_next();
  device.complete_next();
}

TEST_F(Bio, BeyondTheEndOrUnalignedIsAnIoError) {
  EXPECT_EQ(submit(bio_op::read, 2047, 1024), BLK_QC_T_NONE);
  EXPECT_EQ(whole_.bi_status, -EIO);
  EXPECT_EQ(submit(bio_op::read, ~u64{0} - 1, 1024), BLK_QC_T_NONE);
  EXPECT_EQ(submit(bio_op::read, 0, 100), BLK_QC_T_NONE);
  device.capabilities.logical_block = 4096;
  EXPECT_EQ(submit(bio_op::read, 1, 4096), BLK_QC_T_NONE);
  EXPECT_EQ(ended, 4);
  EXPECT_TRUE(device.seen.empty());
}

TEST_F(Bio, FlushesEndAtOnceWithoutACache) {
  submit(bio_op::flush, 0, 0);
  EXPECT_EQ(ended, 1);
  submit(bio_op::write, 0, 4096, REQ_PREFLUSH | REQ_FUA);
  ASSERT_EQ(device.seen.size(), 1u);
  EXPECT_EQ(device.seen[0].opf, 0u);
  device.complete_next();
}

TEST_F(Bio, ADurableWriteIsSurroundedByFlushesWhereTheDeviceLacksFua) {
  device.capabilities.volatile_cache = true;
  submit(bio_op::write, 0, 4096, REQ_PREFLUSH | REQ_FUA);
  ASSERT_EQ(device.seen.size(), 1u);
  EXPECT_EQ(device.seen[0].op, bio_op::flush);
  device.complete_next();
  ASSERT_EQ(device.seen.size(), 2u);
  EXPECT_EQ(device.seen[1].op, bio_op::write);
  EXPECT_EQ(device.seen[1].opf, 0u);
  device.complete_next();
  ASSERT_EQ(device.seen.size(), 3u);
  EXPECT_EQ(device.seen[2].op, bio_op::flush);
  EXPECT_EQ(ended, 0);
  device.complete_next();
  EXPECT_EQ(ended, 1);
}

TEST_F(Bio, ADeviceWithFuaNeedsNoFlushAfter) {
  device.capabilities.volatile_cache = true;
  device.capabilities.fua = true;
  submit(bio_op::write, 0, 4096, REQ_FUA);
  ASSERT_EQ(device.seen.size(), 1u);
  EXPECT_EQ(device.seen[0].opf, u32{REQ_FUA});
  device.complete_next();
  EXPECT_EQ(ended, 1);
}

TEST_F(Bio, AFailedFlushEndsTheWrite) {
  device.capabilities.volatile_cache = true;
  submit(bio_op::write, 0, 4096, REQ_PREFLUSH);
  device.complete_next(-EIO);
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(whole_.bi_status, -EIO);
  EXPECT_EQ(device.seen.size(), 1u);
}

TEST_F(Bio, PollingNeedsAPollQueueAndACookie) {
  EXPECT_EQ(blk_poll(&device, 1, true), 0);
  device.capabilities.poll_queues = true;
  EXPECT_EQ(blk_poll(&device, BLK_QC_T_NONE, true), 0);
  EXPECT_EQ(device.polls, 0);
}

TEST(BlkPoll, ARunningPollerIsToldOneAfterASinglePass) {
  KernelWorld world;
  NotingDevice device;
  device.capabilities.poll_queues = true;
  device.found_at = 5;
  int running = 0, sleeping = 0;
  world.process("app", [&] {
    running = blk_poll(&device, 1, true);
    EXPECT_EQ(device.polls, 1);
    __set_current_state(TASK_UNINTERRUPTIBLE);
    sleeping = blk_poll(&device, 1, true);
    EXPECT_EQ(device.polls, 5);
    EXPECT_EQ(arch::machine().state(*current()), u32{TASK_RUNNING});
  });
  EXPECT_EQ(world.run(), sim::RunEnd::finished);
  EXPECT_EQ(running, 1);
  EXPECT_EQ(sleeping, 1);
}

}  // namespace
}  // namespace uringsim::kernel
