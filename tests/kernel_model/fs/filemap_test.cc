// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/rlimit.h"
#include "kernel_model/fs/pagemap.h"
#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

std::string pattern(u64 bytes) {
  std::string text(bytes, '\0');
  for (u64 i = 0; i < bytes; i++) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

/// A kernel-side read at `position` with IOCB_NOWAIT.
s64 read_nowait(int fd, u64 bytes, s64 position) {
  const uptr at = ubuf(bytes);
  return call([&] {
    file* const f = fget(static_cast<unsigned>(fd));
    kiocb iocb;
    init_sync_kiocb(&iocb, f, position);
    iocb.ki_flags |= IOCB_NOWAIT;
    user_iovec iov;
    iov_iter iter;
    EXPECT_EQ(import_single_range(READ, at, bytes, &iov, &iter), 0);
    const s64 ret = f->f_op->read_iter(&iocb, &iter);
    fput(f);
    return ret;
  });
}

/// Forgets every clean page of the file.
void drop_cache(int fd) {
  call([&] {
    file* const f = fget(static_cast<unsigned>(fd));
    EXPECT_EQ(vfs_fsync(f, 0), 0);
    EXPECT_EQ(invalidate_inode_pages2_range(f->f_mapping, 0, ~u64{0}), 0);
    fput(f);
    return 0;
  });
}

TEST(PageCache, WithoutADeviceThePagesAreTheFile) {
  FsWorld world;
  world.app([] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    const std::string text = pattern(10000);
    EXPECT_EQ(uwrite(fd, text), 10000);
    EXPECT_EQ(upread(fd, 20000, 0), text);
    EXPECT_EQ(upread(fd, 100, 9990), text.substr(9990));
    EXPECT_EQ(upread(fd, 100, 10000), "");
    EXPECT_EQ(read_nowait(fd, 100, 0), 100);
  });
}

TEST(PageCache, FsyncBringsDirtyPagesToTheDisk) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, pattern(9000)), 9000);
    EXPECT_EQ(disk.writes, 0u);
    EXPECT_EQ(call([&] { return sys_fsync(static_cast<unsigned>(fd)); }), 0);
    EXPECT_EQ(disk.writes, 1u) << "three adjoining blocks are one transfer";
    EXPECT_EQ(disk.sizes.back(), 3 * PAGE_SIZE);
    EXPECT_EQ(call([&] { return sys_fsync(static_cast<unsigned>(fd)); }), 0);
    EXPECT_EQ(disk.writes, 1u) << "nothing is dirty any more";
  });
}

TEST(PageCache, WhatWasDroppedIsReadAgain) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    const std::string text = pattern(50000);
    EXPECT_EQ(uwrite(fd, text), 50000);
    drop_cache(fd);
    EXPECT_EQ(upread(fd, 50000, 0), text);
    EXPECT_GT(disk.reads, 0u);
    const unsigned reads = disk.reads;
    EXPECT_EQ(upread(fd, 50000, 0), text);
    EXPECT_EQ(disk.reads, reads);
  });
}

TEST(PageCache, NowaitMissesSayEagainAndStartNoReadAhead) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, pattern(20000)), 20000);
    drop_cache(fd);
    EXPECT_EQ(read_nowait(fd, 100, 0), -EAGAIN);
    nap(NSEC_PER_MSEC);
    EXPECT_EQ(disk.reads, 0u);
    EXPECT_EQ(upread(fd, 1, 4096).size(), 1u);
    EXPECT_EQ(read_nowait(fd, 100, 4096), 100);
  });
}

TEST(PageCache, ANowaitReadStopsAtTheFirstMissingPage) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, pattern(8192)), 8192);
    drop_cache(fd);
    EXPECT_EQ(uwrite(fd, ""), 0);
    const uptr page = ubuf();
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(fd), page, 4096, 0); }), 4096);
    EXPECT_EQ(read_nowait(fd, 8192, 0), 4096);
    EXPECT_EQ(read_nowait(fd, 10, 4096), -EAGAIN);
  });
}

TEST(ReadAhead, TheFirstReadOfAFileBringsAWindow) {
  TestDisk disk(4 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, pattern(400000)), 400000);
    drop_cache(fd);
    const int again = uopen("/tmp/f", O_RDONLY);
    EXPECT_EQ(upread(again, 1, 0).size(), 1u);
    EXPECT_EQ(disk.sizes.back(), 4 * PAGE_SIZE) << "one page asked for: a window of four";
    nap(NSEC_PER_MSEC);
    EXPECT_EQ(read_nowait(again, 1, 3 * 4096), 1);
    EXPECT_EQ(read_nowait(again, 1, 4 * 4096), -EAGAIN);
  });
}

TEST(ReadAhead, SequentialReadersGetLargerWindows) {
  TestDisk disk(4 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, pattern(1 << 20)), 1 << 20);
    drop_cache(fd);
    const int again = uopen("/tmp/f", O_RDONLY);
    disk.sizes.clear();
    for (int i = 0; i < 64; i++) {
      ASSERT_EQ(upread(again, 4096, i * 4096).size(), 4096u);
      nap(NSEC_PER_MSEC);
    }
    ASSERT_GE(disk.sizes.size(), 4u);
    EXPECT_EQ(disk.sizes[0], 4 * PAGE_SIZE);
    EXPECT_EQ(disk.sizes[1], 8 * PAGE_SIZE);
    EXPECT_EQ(disk.sizes[2], 16 * PAGE_SIZE);
    EXPECT_EQ(disk.sizes[3], 32 * PAGE_SIZE);
  });
}

TEST(ReadAhead, ARandomReadBringsOnlyWhatItNeeds) {
  TestDisk disk(4 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, pattern(1 << 20)), 1 << 20);
    drop_cache(fd);
    const int again = uopen("/tmp/f", O_RDONLY);
    disk.sizes.clear();
    EXPECT_EQ(upread(again, 5000, 400000).size(), 5000u);
    EXPECT_EQ(disk.sizes, (std::vector<u64>{2 * PAGE_SIZE}));
  });
}

TEST(BufferedWrite, OfAPartOfAnUncachedPageReadsItFirst) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, std::string(8192, 'o')), 8192);
    drop_cache(fd);
    const uptr n = ustr("new");
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(fd), n, 3, 100); }), 3);
    EXPECT_EQ(disk.reads, 1u);
    EXPECT_EQ(upread(fd, 5, 99), "onewo");
  });
}

TEST(BufferedWrite, PastTheEndLeavesZeroes) {
  FsWorld world;
  world.app([] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, "ab"), 2);
    const uptr n = ustr("z");
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(fd), n, 1, 9000); }), 1);
    const std::string all = upread(fd, 10000, 0);
    EXPECT_EQ(all.size(), 9001u);
    EXPECT_EQ(all.substr(0, 4), std::string("ab\0\0", 4));
    EXPECT_EQ(all.back(), 'z');
  });
}

TEST(BufferedWrite, ABadSecondSegmentFailsThePageBeforeAnythingIsWritten) {
  FsWorld world;
  world.app([] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    const user_iovec vec[2] = {{ubuf(), 10}, {4096, 10}};
    const uptr at = uval(vec);
    EXPECT_EQ(call([&] { return sys_writev(static_cast<unsigned>(fd), at, 2); }), -EFAULT);
    EXPECT_EQ(upread(fd, 100, 0), "");
  });
}

TEST(BufferedRead, ABadSecondSegmentGivesTheFirst) {
  FsWorld world;
  world.app([] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, pattern(100)), 100);
    EXPECT_EQ(call([&] { return sys_lseek(static_cast<unsigned>(fd), 0, SEEK_SET); }), 0);
    const user_iovec vec[2] = {{ubuf(), 10}, {4096, 10}};
    const uptr at = uval(vec);
    EXPECT_EQ(call([&] { return sys_readv(static_cast<unsigned>(fd), at, 2); }), 10);
  });
}

TEST(Write, StopsAtRlimitFsizeWithASignal) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(do_sigaction(SIGXFSZ, {.kind = k_sigaction::Kind::ignore}), 0);
    EXPECT_EQ(do_setrlimit(RLIMIT_FSIZE, {100, 100}), 0);
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, pattern(150)), 100);
    EXPECT_EQ(uwrite(fd, "x"), -EFBIG);
    EXPECT_EQ(call([&] { return sys_ftruncate(static_cast<unsigned>(fd), 101); }), -EFBIG);
  });
}

TEST(Write, PositionsOutOfRangeAreRefused) {
  FsWorld world;
  world.app([] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    const uptr at = ubuf();
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(fd), at, 1, -1); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(fd), at, 10, 0x7fffffffffffffff); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(fd), at, 10, s64{1} << 50); }), -EFBIG);
    EXPECT_EQ(call([&] { return sys_pread64(static_cast<unsigned>(fd), at, 10, s64{1} << 50); }), 0);
  });
}

TEST(Writeback, AnErrorIsReportedByFsyncOnceAFile) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, pattern(100)), 100);
    disk.fail_with = -EIO;
    EXPECT_EQ(call([&] { return sys_fsync(static_cast<unsigned>(fd)); }), -EIO);
    disk.fail_with = 0;
    EXPECT_EQ(call([&] { return sys_fsync(static_cast<unsigned>(fd)); }), 0);
  });
}

TEST(BufferedRead, AReadErrorIsEio) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, pattern(100)), 100);
    drop_cache(fd);
    disk.fail_with = -EIO;
    EXPECT_EQ(upread(fd, 100, 0), "error -5");
    disk.fail_with = 0;
    EXPECT_EQ(upread(fd, 100, 0), pattern(100));
  });
}

TEST(Writeback, AFullDiskIsEnospc) {
  TestDisk disk(4 * PAGE_SIZE);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, pattern(4 * 4096)), 4 * 4096);
    EXPECT_EQ(call([&] { return sys_fsync(static_cast<unsigned>(fd)); }), 0);
    EXPECT_EQ(uwrite(fd, "x"), -ENOSPC);
    EXPECT_EQ(call([&] { return sys_ftruncate(static_cast<unsigned>(fd), 4096); }), 0);
    EXPECT_EQ(uwrite(fd, "x"), 1);
  });
}

TEST(Fsync, FlushesAVolatileCache) {
  TestDisk disk(1 << 20);
  disk.capabilities.volatile_cache = true;
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, "x"), 1);
    EXPECT_EQ(call([&] { return sys_fsync(static_cast<unsigned>(fd)); }), 0);
    EXPECT_EQ(disk.flushes, 1u);
  });
}

TEST(Truncate, CutsTheLastPageWithZeroes) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, std::string(6000, 'x')), 6000);
    drop_cache(fd);
    EXPECT_EQ(call([&] { return sys_ftruncate(static_cast<unsigned>(fd), 5000); }), 0);
    EXPECT_EQ(call([&] { return sys_ftruncate(static_cast<unsigned>(fd), 6000); }), 0);
    drop_cache(fd);
    EXPECT_EQ(upread(fd, 2, 4999), std::string("x\0", 2));
    EXPECT_EQ(call([&] { return sys_ftruncate(static_cast<unsigned>(fd), -1); }), -EINVAL);
  });
}

TEST(SyncFileRange, ChecksItsArgumentsInOrder) {
  FsWorld world;
  world.app([] {
    const unsigned fd = static_cast<unsigned>(uopen("/tmp/f", O_RDWR | O_CREAT));
    const unsigned pipe = static_cast<unsigned>(upipe().r);
    EXPECT_EQ(call([&] { return sys_sync_file_range(fd, 0, 0, 7); }), 0);
    EXPECT_EQ(call([&] { return sys_sync_file_range(fd, 0, 0, 8); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_sync_file_range(fd, -1, 1, 2); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_sync_file_range(fd, 0x7fffffffffffffff, 1, 2); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_sync_file_range(fd, 10, -5, 2); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_sync_file_range(pipe, 0, 0, 2); }), -ESPIPE);
    EXPECT_EQ(call([&] { return sys_sync_file_range(pipe, 0, 0, 8); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_fsync(pipe); }), -EINVAL);
  });
}

TEST(SyncFileRange, WriteAloneLeavesAPageThatIsOnItsWayAndWriteAndWaitDoesNot) {
  constexpr u64 latency = 1'000'000;
  TestDisk disk(1 << 20, latency);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    const auto sync = [fd](u32 flags) {
      return call([&] { return sys_sync_file_range(static_cast<unsigned>(fd), 0, 0, flags); });
    };
    EXPECT_EQ(uwrite(fd, pattern(PAGE_SIZE)), PAGE_SIZE);
    const u64 begin = ktime_get_ns();
    EXPECT_EQ(sync(SYNC_FILE_RANGE_WRITE), 0);
    EXPECT_EQ(disk.writes, 1u);
    const uptr again = ustr("newer");
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(fd), again, 5, 0); }), 5);
    EXPECT_EQ(sync(SYNC_FILE_RANGE_WRITE), 0);
    EXPECT_LT(ktime_get_ns() - begin, latency) << "waits for nothing";
    EXPECT_EQ(disk.writes, 1u) << "and writes nothing";
    EXPECT_EQ(sync(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER), 0);
    EXPECT_EQ(disk.writes, 2u);
    EXPECT_GE(ktime_get_ns() - begin, 2 * latency);
  });
}

// All three flags wait, write and wait. A page that somebody else has set going and changed again between the first wait and the
// write is on its way and dirty: 5.4 waits for it and writes it, 5.1 leaves it.
TEST(SyncFileRange, WithAllFlagsWritesWhatChangedOnItsWayAgainFrom52OnOnly) {
  constexpr u64 quick = 1'000'000, slow = 10'000'000;
  constexpr u32 all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  for (const bool for_keeps : {false, true}) {
    TestDisk disk(1 << 20, quick);
    FsWorld world(&disk, {}, {.sync_range_for_keeps = for_keeps});
    const auto sync = [](int fd, s64 at, u32 flags) {
      return call([&] { return sys_sync_file_range(static_cast<unsigned>(fd), at, PAGE_SIZE, flags); });
    };
    const auto change = [](int fd, s64 at, const char* to) {
      const uptr text = ustr(to);
      EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(fd), text, 5, at); }), 5);
    };
    world.process("syncs", [&] {
      const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
      EXPECT_EQ(uwrite(fd, pattern(2 * PAGE_SIZE)), 2 * PAGE_SIZE);
      disk.latency = slow;
      EXPECT_EQ(sync(fd, PAGE_SIZE, SYNC_FILE_RANGE_WRITE), 0);  // holds up the first wait
      EXPECT_EQ(call([&] { return sys_sync_file_range(static_cast<unsigned>(fd), 0, 2 * PAGE_SIZE, all); }), 0);
      EXPECT_EQ(disk.writes, for_keeps ? 3u : 2u);
    });
    world.process("changes", [&] {
      __set_current_state(TASK_UNINTERRUPTIBLE);
      (void)schedule_hrtimeout(arch::machine().now() + slow / 2);
      const int fd = uopen("/tmp/f", O_RDWR);
      change(fd, 0, "newer");
      EXPECT_EQ(sync(fd, 0, SYNC_FILE_RANGE_WRITE), 0);
      change(fd, 0, "again");
    });
    EXPECT_EQ(world.run(), sim::RunEnd::finished) << world.result().describe();
  }
}

TEST(Mmap, ASharedMappingIsThePageCache) {
  FsWorld world;
  world.app([] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(call([&] { return sys_ftruncate(static_cast<unsigned>(fd), 8192); }), 0);
    const s64 at = call([&] { return sys_mmap(0, 8192, 3, 1, fd, 0); });
    ASSERT_GT(at, 0);
    poke(static_cast<uptr>(at) + 5000, "mapped", 6);
    EXPECT_EQ(upread(fd, 6, 5000), "mapped");
    const uptr n = ustr("file");
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(fd), n, 4, 10); }), 4);
    EXPECT_EQ(peek(static_cast<uptr>(at) + 10, 4), "file");
    EXPECT_EQ(uclose(fd), 0);
    EXPECT_EQ(peek(static_cast<uptr>(at) + 10, 4), "file") << "the mapping holds the file";
    EXPECT_EQ(call([&] { return sys_munmap(static_cast<uptr>(at), 8192); }), 0);
  });
}

}  // namespace
}  // namespace uringsim::kernel
