// SPDX-License-Identifier: GPL-2.0-only
// A disk of memory under both engines: bytes, times, order, limits, faults.
#include "sim/devices/ram_device.h"

#include "tests/sim/devices/device_support.h"

namespace uringsim::sim {
namespace {

using D = DeviceWorld;

class RamDeviceOn : public testing::TestWithParam<OnEngine> {};
INSTANTIATE_TEST_SUITE_P(Engines, RamDeviceOn, testing::Values(OnEngine::timed, OnEngine::live),
                         [](const auto& tested) { return tested.param == OnEngine::timed ? "timed" : "live"; });

/// Reads `count` blocks of 4 KiB at once by io_uring; their CQEs in order of arrival: user_data is the block's number.
struct Answer {
  u64 user_data;
  s32 res;
  u64 at;
};
std::vector<Answer> read_blocks(int fd, u64 buffer, u32 count, u32 setup_flags = 0) {
  ApplicationRing ring;
  EXPECT_EQ(ring.queue_init(count, setup_flags), 0);
  const u64 iovecs = D::allocate(4096);
  for (u32 i = 0; i < count; i++) {
    const struct { u64 base, length; } iovec{buffer + u64{i} * 4096, 4096};
    Application().copy_out(iovecs + i * 16, &iovec, 16);
    auto sqe = ring.get_sqe();
    sqe.prep_readv(fd, iovecs + i * 16, 1, u64{i} * 4096);
    sqe.set_data64(i);
  }
  EXPECT_EQ(ring.submit(), static_cast<int>(count));
  std::vector<Answer> answers;
  while (answers.size() < count) {
    ApplicationRing::Cqe cqe;
    EXPECT_EQ(ring.wait_cqe(&cqe), 0);
    answers.push_back({cqe.user_data(), cqe.res(), arch::machine().now()});
    ring.cqe_seen(cqe);
  }
  ring.queue_exit();
  return answers;
}

TEST_P(RamDeviceOn, WhatWasWrittenIsReadBackAndTheRestIsZero) {
  D world(GetParam());
  RamDevice& disk = world.ram({.size = 1 << 20, .read = {.value = 1000}});
  bool same = false, zero = false;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    ASSERT_GE(fd, 0);
    const u64 buffer = D::allocate(64 << 10);
    const auto byte = [](u64 i) { return static_cast<u8>(i * 7 + (i >> 12)); };
    D::fill(buffer, 64 << 10, byte);
    EXPECT_EQ(D::pwrite(fd, buffer, 64 << 10, 4096 - 512), 64 << 10);
    D::fill(buffer, 64 << 10, [](u64) { return u8{0xee}; });
    EXPECT_EQ(D::pread(fd, buffer, 64 << 10, 4096 - 512), 64 << 10);
    same = D::holds(buffer, 64 << 10, byte);
    EXPECT_EQ(D::pread(fd, buffer, 4096, 512 << 10), 4096);
    zero = D::holds(buffer, 4096, [](u64) { return u8{0}; });
  });
  EXPECT_TRUE(same);
  EXPECT_TRUE(zero);
  EXPECT_EQ(disk.statistics().bytes_written, 64u << 10);
  EXPECT_EQ(disk.statistics().depth, 0u);
}

TEST_P(RamDeviceOn, WithoutAServiceTimeARequestIsOverWhenItWasSubmitted) {
  D world(GetParam());
  RamDevice& disk = world.ram({.read = {.value = 0}});
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    EXPECT_EQ(read_blocks(fd, D::allocate(32 << 12), 32).size(), 32u);
  });
  EXPECT_EQ(disk.statistics().most_depth, 1u);
}

TEST_P(RamDeviceOn, ARequestTakesItsServiceTime) {
  D world(GetParam());
  world.ram({.read = {.value = 2'000'000}});
  u64 taken = 0;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    const u64 buffer = D::allocate(4096);
    const u64 before = arch::machine().now();
    EXPECT_EQ(D::pread(fd, buffer, 4096, 0), 4096);
    taken = arch::machine().now() - before;
  });
  EXPECT_GE(taken, 2'000'000u);
  if (GetParam() == OnEngine::timed) {
    EXPECT_LT(taken, 2'020'000u);
  }
}

TEST_P(RamDeviceOn, RequestsBeyondItsParallelismWaitTheirTurn) {
  D world(GetParam());
  RamDevice& disk = world.ram({.read = {.value = 1'000'000}, .parallelism = 2});
  std::vector<Answer> answers;
  u64 before = 0;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    const u64 buffer = D::allocate(8 << 12);
    before = arch::machine().now();
    answers = read_blocks(fd, buffer, 8);
  });
  ASSERT_EQ(answers.size(), 8u);
  EXPECT_GE(answers.back().at - before, 4'000'000u);
  if (GetParam() == OnEngine::timed) {  // on threads the first may be done before the last is asked for
    EXPECT_EQ(disk.statistics().most_depth, 8u);
    EXPECT_LT(answers.back().at - before, 4'100'000u);
  }
}

TEST_P(RamDeviceOn, OrderIsKeptWhereItIsAskedFor) {
  D world(GetParam());
  world.ram({.read = {.shape = ServiceTimeOptions::Shape::uniform, .least = 1'000, .most = 500'000}, .reordering = false});
  std::vector<Answer> answers;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    answers = read_blocks(fd, D::allocate(32 << 12), 32);
  });
  ASSERT_EQ(answers.size(), 32u);
  for (u64 i = 0; i < 32; i++) EXPECT_EQ(answers[i].user_data, i);
}

TEST(RamDevice, CompletionsComeAsServiceEndsOtherwise) {
  D world(OnEngine::timed);
  world.ram({.read = {.shape = ServiceTimeOptions::Shape::uniform, .least = 1'000, .most = 500'000}});
  std::vector<Answer> answers;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    answers = read_blocks(fd, D::allocate(32 << 12), 32);
  });
  bool in_order = true;
  for (u64 i = 0; i < answers.size(); i++) in_order &= answers[i].user_data == i;
  EXPECT_FALSE(in_order);
}

TEST(RamDevice, BandwidthIsSharedByAllRequests) {
  D world(OnEngine::timed);
  world.ram({.read = {.value = 1'000}, .bandwidth = 4096 * 1000});  // a block a millisecond
  std::vector<Answer> answers;
  u64 before = 0;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    const u64 buffer = D::allocate(8 << 12);
    before = arch::machine().now();
    answers = read_blocks(fd, buffer, 8);
  });
  EXPECT_GE(answers.back().at - before, 8'000'000u);
  EXPECT_LT(answers.back().at - before, 8'200'000u);
}

TEST_P(RamDeviceOn, PolledRequestsCompleteWhenTheyArePolled) {
  D world(GetParam());
  RamDevice& disk = world.ram({.poll_queues = 1, .read = {.value = 50'000}});
  std::vector<Answer> answers;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    answers = read_blocks(fd, D::allocate(16 << 12), 16, uapi::IORING_SETUP_IOPOLL);
  });
  ASSERT_EQ(answers.size(), 16u);
  for (const Answer& answer : answers) EXPECT_EQ(answer.res, 4096);
  EXPECT_EQ(disk.statistics().reads, 16u);
}

TEST_P(RamDeviceOn, APolledRingWorksByInterruptWithoutPollQueues) {
  D world(GetParam());
  world.ram({});
  std::vector<Answer> answers;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    answers = read_blocks(fd, D::allocate(4096), 1, uapi::IORING_SETUP_IOPOLL);
  });
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].res, 4096);
}

TEST_P(RamDeviceOn, TheNthRequestFailsAsAskedFor) {
  D world(GetParam());
  RamDevice& disk =
      world.ram({.read = {.value = 10'000}, .faults = {{.op = DeviceFaultOptions::Op::read, .nth = 3, .error = ENODATA}}});
  std::vector<Answer> answers;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    answers = read_blocks(fd, D::allocate(8 << 12), 8);
  });
  for (const Answer& answer : answers) EXPECT_EQ(answer.res, answer.user_data == 2 ? -ENODATA : 4096);
  EXPECT_EQ(disk.statistics().faults, 1u);
  EXPECT_EQ(disk.statistics().errors, 1u);
}

TEST_P(RamDeviceOn, AFaultAtAnOffsetStrikesWhoeverCoversIt) {
  D world(GetParam());
  world.ram({.read = {.value = 10'000}, .faults = {{.offset = 2 * 4096 + 100, .error = EIO}}});
  std::vector<Answer> answers;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    answers = read_blocks(fd, D::allocate(8 << 12), 8);
  });
  for (const Answer& answer : answers) EXPECT_EQ(answer.res, answer.user_data == 2 ? -EIO : 4096);
}

TEST_P(RamDeviceOn, AShortTransferIsAShortRead) {
  D world(GetParam());
  world.ram({.read = {.value = 10'000}, .faults = {{.nth = 2, .transfer = 1024}}});
  std::vector<Answer> answers;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    answers = read_blocks(fd, D::allocate(4 << 12), 4);
  });
  for (const Answer& answer : answers) EXPECT_EQ(answer.res, answer.user_data == 1 ? 1024 : 4096);
}

TEST_P(RamDeviceOn, ADelayHoldsUpOneRequest) {
  D world(GetParam());
  world.ram({.read = {.value = 10'000}, .faults = {{.nth = 1, .delay = 20'000'000}}});
  std::vector<Answer> answers;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    answers = read_blocks(fd, D::allocate(4 << 12), 4);
  });
  EXPECT_EQ(answers.back().user_data, 0u);
}

TEST(RamDevice, FaultsStrikeWithTheirProbabilityAndNoMoreOftenThanAllowed) {
  D world(OnEngine::timed);
  RamDevice& disk =
      world.ram({.read = {.value = 1'000}, .faults = {{.probability_ppm = 250'000, .error = EIO}, {.times = 5, .error = EIO}}});
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    const u64 buffer = D::allocate(4096);
    for (int i = 0; i < 1000; i++) (void)D::pread(fd, buffer, 4096, 0);
  });
  EXPECT_GT(disk.statistics().faults, 200u);
  EXPECT_LT(disk.statistics().faults, 310u);
}

TEST(RamDevice, TheSameSeedGivesTheSameTimes) {
  std::vector<u64> times[2];
  for (auto& mine : times) {
    D world(OnEngine::timed);
    world.ram({.read = {.shape = ServiceTimeOptions::Shape::lognormal}});
    world.run([&] {
      const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
      for (const Answer& answer : read_blocks(fd, D::allocate(32 << 12), 32)) mine.push_back(answer.at * 64 + answer.user_data);
    });
  }
  EXPECT_EQ(times[0], times[1]);
  EXPECT_EQ(times[0].size(), 32u);
}

TEST(RamDevice, GivesItsMemoryBack) {
  LiveMachine machine({.memory = u64{1} << 28});
  RamDevice* const disk = RamDevice::create(machine, "disk", {.size = 1 << 20, .faults = {{.error = EIO}}});
  ASSERT_NE(disk, nullptr);
  EXPECT_TRUE(disk->contents().write(machine, 5000, "abc", 3));
  char back[4] = {};
  disk->contents().read(5000, back, 3);
  EXPECT_STREQ(back, "abc");
  RamDevice::destroy(disk);
  EXPECT_EQ(machine.live_bytes(), 0);
}

}  // namespace
}  // namespace uringsim::sim
