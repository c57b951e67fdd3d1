// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/direct_io.h"

#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

/// A kiocb that io_uring would use: completion is noted.
struct AsyncIo {
  kiocb iocb;
  s64 result = 1;
  bool complete = false;
  static void on_complete(kiocb* iocb, s64 ret, s64) {
    AsyncIo* const io = container_of(iocb, AsyncIo, iocb);
    io->result = ret;
    io->complete = true;
  }
};

s64 start(AsyncIo* io, int fd, int rw, uptr at, u64 bytes, s64 position, u32 flags = 0) {
  return call([&] {
    file* const f = fget(static_cast<unsigned>(fd));
    init_sync_kiocb(&io->iocb, f, position);
    io->iocb.ki_complete = AsyncIo::on_complete;
    io->iocb.ki_flags |= flags;
    user_iovec iov;
    iov_iter iter;
    EXPECT_EQ(import_single_range(rw, at, bytes, &iov, &iter), 0);
    const s64 ret = rw == READ ? f->f_op->read_iter(&io->iocb, &iter) : f->f_op->write_iter(&io->iocb, &iter);
    fput(f);
    return ret;
  });
}

/// A file of `bytes` bytes of 'd' on the disk, opened O_DIRECT; nothing of it is cached.
int direct_file(u64 bytes) {
  const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
  EXPECT_EQ(uwrite(fd, std::string(bytes, 'd')), static_cast<s64>(bytes));
  EXPECT_EQ(call([&] { return sys_fsync(static_cast<unsigned>(fd)); }), 0);
  call([&] {
    file* const f = fget(static_cast<unsigned>(fd));
    EXPECT_EQ(invalidate_inode_pages2_range(f->f_mapping, 0, ~u64{0}), 0);
    fput(f);
    return 0;
  });
  return uopen("/tmp/f", O_RDWR | O_DIRECT);
}

TEST(DirectIo, ReadsPastThePageCache) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = direct_file(16384);
    const unsigned reads = disk.reads;
    const uptr at = ubuf(8192);
    for (int i = 0; i < 2; i++) EXPECT_EQ(call([&] { return sys_pread64(static_cast<unsigned>(fd), at, 8192, 4096); }), 8192);
    EXPECT_EQ(disk.reads, reads + 2);
    EXPECT_EQ(peek(at, 8192), std::string(8192, 'd'));
  });
}

TEST(DirectIo, WhatIsNotAlignedToASectorIsEinval) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const unsigned fd = static_cast<unsigned>(direct_file(8192));
    const uptr at = ubuf(8192);
    EXPECT_EQ(call([&] { return sys_pread64(fd, at, 100, 0); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_pread64(fd, at, 512, 100); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_pread64(fd, at + 1, 512, 0); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_pwrite64(fd, at + 1, 4096, 0); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_pread64(fd, at, 512, 512); }), 512);
    EXPECT_EQ(call([&] { return sys_pwrite64(fd, at, 512, 1024); }), 512);
    EXPECT_EQ(call([&] { return sys_pread64(fd, at, 100, 8192); }), 0) << "past the end nobody looks at alignment";
  });
}

TEST(DirectIo, WhatIsNotAlignedIsEinvalPastTheEndTooWhereAReadDoesNotEndEarly) {
  TestDisk disk(1 << 20);
  for (BlockDevice* const device : {static_cast<BlockDevice*>(&disk), static_cast<BlockDevice*>(nullptr)}) {
    FsWorld world(device, {}, {.direct_read_ends_early = false});
    world.app([&] {
      const unsigned fd = static_cast<unsigned>(uopen("/tmp/f", O_RDWR | O_CREAT | O_DIRECT));
      const uptr at = ubuf(8192);
      EXPECT_EQ(call([&] { return sys_pread64(fd, at, 100, 0); }), -EINVAL);
      EXPECT_EQ(call([&] { return sys_pread64(fd, at, 512, 8191); }), -EINVAL);
      EXPECT_EQ(call([&] { return sys_pread64(fd, at + 1, 512, 8192); }), -EINVAL);
      EXPECT_EQ(call([&] { return sys_pread64(fd, at, 512, 8192); }), 0);
      EXPECT_EQ(call([&] { return sys_pread64(fd, at, 0, 8191); }), 0) << "nothing is asked for";
    });
  }
}

TEST(DirectIo, AReadAcrossTheEndIsShort) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const unsigned fd = static_cast<unsigned>(direct_file(5000));
    const uptr at = ubuf(8192);
    EXPECT_EQ(call([&] { return sys_pread64(fd, at, 8192, 0); }), 5000);
    EXPECT_EQ(call([&] { return sys_pread64(fd, at, 4096, 4096); }), 904);
  });
}

TEST(DirectIo, AnAsynchronousReadIsQueuedAndCompletesFromTheInterrupt) {
  TestDisk disk(1 << 20, NSEC_PER_MSEC);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = direct_file(8192);
    const uptr at = ubuf(4096);
    AsyncIo io;
    EXPECT_EQ(start(&io, fd, READ, at, 4096, 4096), -EIOCBQUEUED);
    EXPECT_FALSE(io.complete);
    nap(2 * NSEC_PER_MSEC);
    EXPECT_TRUE(io.complete);
    EXPECT_EQ(io.result, 4096);
    EXPECT_EQ(peek(at, 4), "dddd");
  });
}

TEST(DirectIo, AnAsynchronousWriteThatExtendsTheFileIsWaitedFor) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = direct_file(8192);
    const uptr at = ubuf(4096);
    AsyncIo inside, beyond;
    EXPECT_EQ(start(&inside, fd, WRITE, at, 4096, 0), -EIOCBQUEUED);
    EXPECT_EQ(start(&beyond, fd, WRITE, at, 4096, 8192), 4096);
    EXPECT_FALSE(beyond.complete);
    struct stat st;
    const uptr stat_at = ubuf();
    EXPECT_EQ(call([&] { return sys_fstat(static_cast<unsigned>(fd), stat_at); }), 0);
    st = peek_as<struct stat>(stat_at);
    EXPECT_EQ(st.st_size, 12288);
    nap(NSEC_PER_MSEC);
    EXPECT_EQ(inside.result, 4096);
  });
}

TEST(DirectIo, AWriteUnderNowaitMustOverwrite) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = direct_file(8192);
    const uptr at = ubuf(4096);
    AsyncIo inside, beyond;
    EXPECT_EQ(start(&inside, fd, WRITE, at, 4096, 0, IOCB_NOWAIT), -EIOCBQUEUED);
    EXPECT_EQ(start(&beyond, fd, WRITE, at, 4096, 8192, IOCB_NOWAIT), -EAGAIN);
    nap(NSEC_PER_MSEC);
  });
}

TEST(DirectIo, CachedPagesMakeNowaitSayEagain) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = direct_file(8192);
    EXPECT_EQ(upread(uopen("/tmp/f", O_RDONLY), 1, 0), "d");
    const uptr at = ubuf(4096);
    AsyncIo io;
    EXPECT_EQ(start(&io, fd, READ, at, 4096, 0, IOCB_NOWAIT), -EAGAIN);
    EXPECT_EQ(start(&io, fd, READ, at, 4096, 0), -EIOCBQUEUED);
    nap(NSEC_PER_MSEC);
  });
}

TEST(DirectIo, AnInodeThatIsLockedMakesNowaitSayEagain) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = direct_file(8192);
    const uptr at = ubuf(4096);
    AsyncIo io;
    file* const f = fget(static_cast<unsigned>(fd));
    inode_lock(file_inode(f));
    EXPECT_EQ(start(&io, fd, WRITE, at, 4096, 0, IOCB_NOWAIT), -EAGAIN);
    EXPECT_EQ(start(&io, fd, READ, at, 4096, 0, IOCB_NOWAIT), -EAGAIN);
    inode_unlock(file_inode(f));
    fput(f);
  });
}

TEST(DirectIo, WhereAReadDoesNotTryTheLockItSleepsForItUnderNowaitToo) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk, {}, {.direct_read_tries_lock = false});
  world.app([&] {
    const int fd = direct_file(8192);
    const uptr at = ubuf(4096);
    file* const f = fget(static_cast<unsigned>(fd));
    inode_lock(file_inode(f));
    std::function<void()> writer = [f] {
      nap(5 * NSEC_PER_MSEC);
      inode_unlock(file_inode(f));
    };
    EXPECT_GT(do_fork(kCloneThread, KernelWorld::run_body, &writer), 0);
    AsyncIo io;
    const u64 begin = ktime_get_ns();
    EXPECT_EQ(start(&io, fd, READ, at, 4096, 0, IOCB_NOWAIT), -EIOCBQUEUED);
    EXPECT_GE(ktime_get_ns() - begin, 5 * NSEC_PER_MSEC);
    nap(NSEC_PER_MSEC);
    fput(f);
  });
}

TEST(DirectIo, ReadersOfOneFileDoNotHoldEachOtherUp) {
  TestDisk disk(1 << 20, 10 * NSEC_PER_MSEC);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = direct_file(8192);
    const auto read_one = [fd] {
      const uptr at = ubuf(4096);
      EXPECT_EQ(call([&] { return sys_pread64(static_cast<unsigned>(fd), at, 4096, 0); }), 4096);
    };
    std::function<void()> other = read_one, third = read_one;
    const u64 begin = ktime_get_ns();
    EXPECT_GT(do_fork(kCloneThread, KernelWorld::run_body, &other), 0);
    read_one();
    EXPECT_LT(ktime_get_ns() - begin, 15 * NSEC_PER_MSEC);
    AsyncIo io;
    const uptr at = ubuf(4096);
    EXPECT_GT(do_fork(kCloneThread, KernelWorld::run_body, &third), 0);
    nap(NSEC_PER_MSEC);
    EXPECT_EQ(start(&io, fd, READ, at, 4096, 0, IOCB_NOWAIT), -EIOCBQUEUED);
    nap(20 * NSEC_PER_MSEC);
  });
}

TEST(DirectIo, BufferedReadersSeeADirectWrite) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = direct_file(8192);
    const int buffered = uopen("/tmp/f", O_RDWR);
    EXPECT_EQ(upread(buffered, 3, 4096), "ddd");
    const uptr at = ubuf(4096);
    poke(at, "new", 3);
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(fd), at, 4096, 4096); }), 4096);
    EXPECT_EQ(upread(buffered, 3, 4096), "new");
  });
}

TEST(DirectIo, ADirectReaderSeesDirtyPages) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = direct_file(8192);
    const uptr n = ustr("dirty"), at = ubuf(4096);
    const int buffered = uopen("/tmp/f", O_RDWR);
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(buffered), n, 5, 0); }), 5);
    EXPECT_EQ(call([&] { return sys_pread64(static_cast<unsigned>(fd), at, 4096, 0); }), 4096);
    EXPECT_EQ(peek(at, 5), "dirty");
  });
}

TEST(DirectIo, AHoleReadsAsZeroes) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = direct_file(4096);
    EXPECT_EQ(call([&] { return sys_ftruncate(static_cast<unsigned>(fd), 12288); }), 0);
    const uptr at = ubuf(8192);
    poke(at, "junk", 4);
    const unsigned reads = disk.reads;
    EXPECT_EQ(call([&] { return sys_pread64(static_cast<unsigned>(fd), at, 8192, 4096); }), 8192);
    EXPECT_EQ(disk.reads, reads);
    EXPECT_EQ(peek(at, 8192), std::string(8192, '\0'));
  });
}

TEST(DirectIo, ABadAddressIsEfault) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = direct_file(8192);
    EXPECT_EQ(call([&] { return sys_pread64(static_cast<unsigned>(fd), 0x10000, 4096, 0); }), -EFAULT);
  });
}

TEST(DirectIo, ADeviceErrorReachesTheCompletion) {
  TestDisk disk(1 << 20);
  FsWorld world(&disk);
  world.app([&] {
    const int fd = direct_file(8192);
    const uptr at = ubuf(4096);
    disk.fail_with = -EIO;
    AsyncIo io;
    EXPECT_EQ(start(&io, fd, READ, at, 4096, 0), -EIOCBQUEUED);
    nap(NSEC_PER_MSEC);
    EXPECT_EQ(io.result, -EIO);
    EXPECT_EQ(call([&] { return sys_pread64(static_cast<unsigned>(fd), at, 4096, 0); }), -EIO);
  });
}

TEST(BlockDevice, IsReadAndWrittenDirectlyAndThroughItsCache) {
  TestDisk disk(1 << 20);
  FsWorld world;
  world.add_disk("sda", &disk);
  world.app([&] {
    const int direct = uopen("/dev/sda", O_RDWR | O_DIRECT);
    const uptr at = ubuf(4096);
    poke(at, "block", 5);
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(direct), at, 4096, 8192); }), 4096);
    EXPECT_EQ(std::string(reinterpret_cast<char*>(disk.data.data()) + 8192, 5), "block");
    const int buffered = uopen("/dev/sda", O_RDWR);
    EXPECT_EQ(upread(buffered, 5, 8192), "block");
    EXPECT_EQ(call([&] { return sys_pread64(static_cast<unsigned>(direct), at, 4096, 1 << 20); }), 0);
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(direct), at, 4096, 1 << 20); }), -ENOSPC);
    EXPECT_EQ(call([&] { return sys_pread64(static_cast<unsigned>(direct), at, 100, 0); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_lseek(static_cast<unsigned>(direct), 0, SEEK_END); }), 1 << 20);
    EXPECT_EQ(call([&] { return sys_lseek(static_cast<unsigned>(direct), 1, SEEK_END); }), -EINVAL);
  });
}

TEST(BlockDevice, AWriteIsCutAtItsEnd) {
  TestDisk disk(16384);
  FsWorld world;
  world.add_disk("sda", &disk);
  world.app([&] {
    const int fd = uopen("/dev/sda", O_RDWR | O_DIRECT);
    const uptr at = ubuf(8192);
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(fd), at, 8192, 12288); }), 4096);
  });
}

TEST(BlockDevice, APolledReadCompletesInIopoll) {
  TestDisk disk(1 << 20);
  disk.capabilities.poll_queues = true;
  FsWorld world;
  world.add_disk("nvme", &disk);
  world.app([&] {
    const int fd = uopen("/dev/nvme", O_RDWR | O_DIRECT);
    const uptr at = ubuf(4096);
    AsyncIo io;
    EXPECT_EQ(start(&io, fd, READ, at, 4096, 0, IOCB_HIPRI), -EIOCBQUEUED);
    nap(NSEC_PER_MSEC);
    EXPECT_FALSE(io.complete) << "nobody polled";
    file* const f = fget(static_cast<unsigned>(fd));
    EXPECT_EQ(f->f_op->iopoll(&io.iocb, false), 1);
    EXPECT_TRUE(io.complete);
    EXPECT_EQ(io.result, 4096);
    fput(f);
  });
}

TEST(BlockDevice, ManySegmentsBecomeManyBios) {
  TestDisk disk(4 << 20);
  FsWorld world;
  world.add_disk("sda", &disk);
  world.app([&] {
    const int fd = uopen("/dev/sda", O_RDWR | O_DIRECT);
    const uptr at = ubuf(2 << 20);
    AsyncIo io;
    EXPECT_EQ(start(&io, fd, READ, at, 2 << 20, 0), -EIOCBQUEUED);
    nap(NSEC_PER_MSEC);
    EXPECT_EQ(io.result, 2 << 20);
    EXPECT_EQ(disk.reads, 2u);
  });
}

}  // namespace
}  // namespace uringsim::kernel
