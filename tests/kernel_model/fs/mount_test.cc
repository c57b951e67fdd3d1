// SPDX-License-Identifier: GPL-2.0-only
// File systems beside the root's: their own device, and names that do not cross.
#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

constexpr u64 disk_bytes = 1u << 20;

struct MountWorld : FsWorld {
  explicit MountWorld(BlockDevice* root, BlockDevice* second) : FsWorld(root) {
    RunAs builder((*this)->swapper);
    EXPECT_EQ(vfs_mount_block_device("second", second), 0);
  }
};

TEST(Mount, AFileLivesOnTheDeviceBelowItsDirectory) {
  TestDisk root(disk_bytes), second(disk_bytes);
  MountWorld world(&root, &second);
  world.app([&] {
    const int fd = uopen("/mnt/second/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, "beside"), 6);
    EXPECT_EQ(call([&] { return sys_fsync(static_cast<unsigned>(fd)); }), 0);
    EXPECT_EQ(upread(fd, 100, 0), "beside");
  });
  EXPECT_EQ(root.writes, 0u);
  EXPECT_EQ(second.writes, 1u);
}

TEST(Mount, FullIsTheDeviceThatIsFull) {
  TestDisk root(disk_bytes), second(PAGE_SIZE);
  MountWorld world(&root, &second);
  world.app([] {
    const int small = uopen("/mnt/second/f", O_RDWR | O_CREAT | O_SYNC), roomy = uopen("/f", O_RDWR | O_CREAT | O_SYNC);
    EXPECT_EQ(uwrite(small, std::string(PAGE_SIZE, 'x')), static_cast<s64>(PAGE_SIZE));
    EXPECT_EQ(uwrite(small, std::string(PAGE_SIZE, 'x')), -ENOSPC);
    EXPECT_EQ(uwrite(roomy, std::string(PAGE_SIZE, 'x')), static_cast<s64>(PAGE_SIZE));
    EXPECT_EQ(uwrite(roomy, std::string(PAGE_SIZE, 'x')), static_cast<s64>(PAGE_SIZE));
  });
}

TEST(Mount, NamesDoNotCross) {
  TestDisk root(disk_bytes), second(disk_bytes);
  MountWorld world(&root, &second);
  world.app([] {
    EXPECT_GE(uopen("/f", O_RDWR | O_CREAT), 0);
    EXPECT_GE(uopen("/mnt/second/g", O_RDWR | O_CREAT), 0);
    const uptr f = ustr("/f"), there = ustr("/mnt/second/f"), g = ustr("/mnt/second/g"), h = ustr("/mnt/second/h");
    EXPECT_EQ(call([&] { return sys_rename(f, there); }), -EXDEV);
    EXPECT_EQ(call([&] { return sys_link(f, there); }), -EXDEV);
    EXPECT_EQ(call([&] { return sys_link(f, g); }), -EEXIST);
    EXPECT_EQ(call([&] { return sys_rename(g, h); }), 0);
    EXPECT_EQ(call([&] { return sys_link(h, g); }), 0);
  });
}

TEST(Mount, ThePlaceStaysTaken) {
  TestDisk root(disk_bytes), second(disk_bytes);
  MountWorld world(&root, &second);
  world.app([] {
    const uptr mount = ustr("/mnt/second"), other = ustr("/mnt/other"), up = ustr("/mnt/second/../second/x");
    EXPECT_EQ(call([&] { return sys_rmdir(mount); }), -EBUSY);
    EXPECT_EQ(call([&] { return sys_rename(mount, other); }), -EBUSY);
    EXPECT_EQ(call([&] { return sys_mkdir(up, 0755); }), 0);
    EXPECT_GE(uopen("/mnt/second/x", O_RDONLY | O_DIRECTORY), 0);
  });
}

}  // namespace
}  // namespace uringsim::kernel
