// SPDX-License-Identifier: GPL-2.0-only
// Files of the host as disks: real bytes, the host's errors, messages that name the file.
#include "sim/devices/file_device.h"

#include <gmock/gmock.h>

#include "sim/devices/device_error.h"
#include "tests/sim/devices/device_support.h"

namespace uringsim::sim {
namespace {

using D = DeviceWorld;
using testing::HasSubstr;

class FileDeviceBy : public testing::TestWithParam<FileBackend> {};
INSTANTIATE_TEST_SUITE_P(Backends, FileDeviceBy, testing::Values(FileBackend::io_uring, FileBackend::threads),
                         [](const auto& tested) { return tested.param == FileBackend::io_uring ? "io_uring" : "threads"; });

std::string refusal(const FileDeviceOptions& options) {
  LiveMachine machine({.memory = u64{1} << 26});
  try {
    const FileDevice device(machine, "d0", options);
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "";
}

#define MAKE_OR_SKIP(world, options)                                                          \
  try {                                                                                       \
    (world).file(options);                                                                    \
  } catch (const DeviceError& error) {                                                        \
    if (GetParam() == FileBackend::io_uring) GTEST_SKIP() << "no io_uring: " << error.what(); \
    throw;                                                                                    \
  }

TEST_P(FileDeviceBy, ReadsWhatTheHostHasAndWritesWhatTheHostSees) {
  const HostTestFile host(1 << 20);
  D world(OnEngine::live);
  MAKE_OR_SKIP(world, (FileDeviceOptions{.path = host.path(), .backend = GetParam()}));
  bool read_same = false;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    ASSERT_GE(fd, 0);
    const u64 buffer = D::allocate(256 << 10);
    EXPECT_EQ(D::pread(fd, buffer, 256 << 10, 8192), 256 << 10);
    read_same = D::holds(buffer, 256 << 10, [](u64 i) { return HostTestFile::byte_at(i + 8192); });
    D::fill(buffer, 8192, [](u64 i) { return static_cast<u8>(i % 251); });
    EXPECT_EQ(D::pwrite(fd, buffer, 8192, 4096), 8192);
    EXPECT_EQ(kernel::system_call([&]() noexcept { return kernel::sys_fsync(static_cast<unsigned>(fd)); }), 0);
  });
  EXPECT_TRUE(read_same);
  std::ifstream in(host.path(), std::ios::binary);
  std::vector<char> content(16384);
  in.read(content.data(), 16384);
  for (u64 i = 0; i < 16384; i++) {
    const u8 expected = i >= 4096 && i < 12288 ? static_cast<u8>((i - 4096) % 251) : HostTestFile::byte_at(i);
    ASSERT_EQ(static_cast<u8>(content[i]), expected) << i;
  }
}

TEST_P(FileDeviceBy, ManyRequestsMoreThanTheQueueHoldsAllComplete) {
  const HostTestFile host(1 << 20);
  D world(OnEngine::live);
  MAKE_OR_SKIP(world, (FileDeviceOptions{.path = host.path(), .queue_depth = 4, .backend = GetParam()}));
  u32 good = 0;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDONLY | O_DIRECT);
    ApplicationRing ring;
    ASSERT_EQ(ring.queue_init(64, 0), 0);
    const u64 buffer = D::allocate(64 << 12);
    const u64 iovecs = D::allocate(4096);
    for (u32 i = 0; i < 64; i++) {
      const u64 iovec[2] = {buffer + u64{i} * 4096, 4096};
      Application().copy_out(iovecs + i * 16, iovec, 16);
      auto sqe = ring.get_sqe();
      sqe.prep_readv(fd, iovecs + i * 16, 1, u64{i} * 8192);
      sqe.set_data64(i);
    }
    EXPECT_EQ(ring.submit_and_wait(64), 64);
    for (auto cqe : ring.for_each_cqe()) {
      const u64 i = cqe.user_data();
      good +=
          cqe.res() == 4096 && D::holds(buffer + i * 4096, 4096, [i](u64 at) { return HostTestFile::byte_at(i * 8192 + at); });
    }
    ring.cq_advance(64);
    ring.queue_exit();
  });
  EXPECT_EQ(good, 64u);
}

TEST_P(FileDeviceBy, PolledRequestsAreFoundByPolling) {
  const HostTestFile host(1 << 20);
  D world(OnEngine::live);
  MAKE_OR_SKIP(world, (FileDeviceOptions{.path = host.path(), .poll_queues = 1, .backend = GetParam()}));
  s32 res = 0;
  bool same = false;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDONLY | O_DIRECT);
    ApplicationRing ring;
    ASSERT_EQ(ring.queue_init(4, uapi::IORING_SETUP_IOPOLL), 0);
    const u64 buffer = D::allocate(4096);
    const u64 iovecs = D::allocate(4096);
    const u64 iovec[2] = {buffer, 4096};
    Application().copy_out(iovecs, iovec, 16);
    ring.get_sqe().prep_readv(fd, iovecs, 1, 4096);
    EXPECT_EQ(ring.submit(), 1);
    ApplicationRing::Cqe cqe;
    EXPECT_EQ(ring.wait_cqe(&cqe), 0);
    res = cqe.res();
    same = D::holds(buffer, 4096, [](u64 i) { return HostTestFile::byte_at(4096 + i); });
    ring.queue_exit();
  });
  EXPECT_EQ(res, 4096);
  EXPECT_TRUE(same);
}

TEST_P(FileDeviceBy, AnErrorOfTheHostReachesTheApplication) {
  const HostTestFile host(64 << 10);
  D world(OnEngine::live);
  MAKE_OR_SKIP(world, (FileDeviceOptions{.path = host.path(), .backend = GetParam()}));
  s64 result = 0;
  world.run([&] {
    const int fd = D::open("/dev/disk", O_RDWR | O_DIRECT);
    const u64 buffer = D::allocate(4096);
    // The file loses its end behind the device's back.
    EXPECT_EQ(truncate(host.path().c_str(), 4096), 0);
    result = D::pread(fd, buffer, 4096, 32768);
  });
  EXPECT_EQ(result, -EIO);
}

TEST(FileDevice, AMissingFileIsNamed) {
  const HostTestFile host(0);
  EXPECT_THAT(refusal({.path = host.path()}),
              testing::AllOf(HasSubstr("device d0"), HasSubstr(host.path()), HasSubstr("No such file")));
}

TEST(FileDevice, AnEmptyFileAndADirectoryAreRefused) {
  const HostTestFile host(100);
  EXPECT_THAT(refusal({.path = host.path()}), HasSubstr("has 100 bytes, less than one block"));
  EXPECT_THAT(refusal({.path = host.directory()}), HasSubstr(host.directory()));
  EXPECT_THAT(refusal({.path = "/dev/null"}), HasSubstr("is neither a regular file nor a block device"));
}

TEST(FileDevice, MakesAFileOfTheSizeThatIsAskedFor) {
  const HostTestFile host(0);
  LiveMachine machine({.memory = u64{1} << 26});
  const FileDevice device(machine, "d0", {.path = host.path(), .create = true, .size = 1 << 20});
  EXPECT_EQ(std::filesystem::file_size(host.path()), 1u << 20);
  EXPECT_EQ(device.capabilities.size, 1u << 20);
}

TEST(FileDevice, AFileThatWasThereIsNeverGrown) {
  const HostTestFile host(8192);
  for (const bool create : {false, true})
    EXPECT_THAT(refusal({.path = host.path(), .create = create, .size = 1 << 20}),
                HasSubstr("has 8192 bytes, and 1048576 are asked for"));
  EXPECT_EQ(std::filesystem::file_size(host.path()), 8192u);
}

TEST(FileDevice, ADiskWithoutRoomIsNamed) {
  const HostTestFile host(0);
  const std::string text = refusal({.path = host.path(), .create = true, .size = u64{1} << 60});
  EXPECT_FALSE(std::filesystem::exists(host.path()));
  EXPECT_THAT(text, testing::AllOf(HasSubstr(host.path()), HasSubstr("cannot be grown to 1152921504606846976 bytes")));
}

TEST(FileDevice, AMachineEndsWithRequestsInside) {
  const HostTestFile host(1 << 20);
  D world(OnEngine::live);
  world.file({.path = host.path()});
  world.world().add_process({}, [] {
    const int fd = D::open("/dev/disk", O_RDONLY | O_DIRECT);
    const u64 buffer = D::allocate(4096);
    for (;;) (void)D::pread(fd, buffer, 4096, 0);
  });
  EXPECT_EQ(world.live().run(world.world().tasks(), 20'000'000).end, RunEnd::time_limit);
}

}  // namespace
}  // namespace uringsim::sim
