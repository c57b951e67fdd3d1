// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/rlimit.h"
#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

TEST(FileTable, TheLowestFreeNumberIsTaken) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(uopen("/dev/null", O_RDWR), 0);
    EXPECT_EQ(uopen("/dev/null", O_RDWR), 1);
    EXPECT_EQ(uopen("/dev/null", O_RDWR), 2);
    EXPECT_EQ(uclose(1), 0);
    EXPECT_EQ(uopen("/dev/zero", O_RDWR), 1);
    EXPECT_EQ(uclose(7), -EBADF);
  });
}

TEST(FileTable, TheLimitIsEmfile) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(do_setrlimit(RLIMIT_NOFILE, {2, 2}), 0);
    EXPECT_EQ(uopen("/dev/null", O_RDWR), 0);
    EXPECT_EQ(uopen("/dev/null", O_RDWR), 1);
    EXPECT_EQ(uopen("/dev/null", O_RDWR), -EMFILE);
    EXPECT_EQ(uopen("/nowhere", O_RDWR), -EMFILE) << "the number comes before the path";
  });
}

TEST(FileTable, GrowsBeyondItsFirstArrays) {
  FsWorld world;
  world.app([] {
    for (int i = 0; i < 300; i++) ASSERT_EQ(uopen("/dev/null", O_RDWR), i);
    EXPECT_EQ(uwrite(299, "x"), 1);
  });
}

TEST(FileTable, DupSharesThePosition) {
  FsWorld world;
  world.app([] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, "abcdef"), 6);
    const int copy = static_cast<int>(call([&] { return sys_dup(static_cast<unsigned>(fd)); }));
    EXPECT_EQ(call([&] { return sys_lseek(static_cast<unsigned>(copy), 2, SEEK_SET); }), 2);
    EXPECT_EQ(uread(fd, 2), "cd");
    EXPECT_EQ(uread(copy, 2), "ef");
  });
}

TEST(FileTable, AForkedChildHasItsOwnTableOfTheSameFiles) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe();
    std::function<void()> child = [&] {
      EXPECT_EQ(uclose(p.r), 0);
      EXPECT_EQ(uwrite(p.w, "from the child"), 14);
    };
    EXPECT_GT(do_fork(0, KernelWorld::run_body, &child), 0);
    EXPECT_EQ(uclose(p.w), 0);
    EXPECT_EQ(uread(p.r, 100), "from the child") << "the parent's end is still open";
    EXPECT_EQ(uread(p.r, 100), "") << "exit closed the child's write end";
  });
}

TEST(FileTable, ThreadsShareTheTable) {
  FsWorld world;
  world.app([] {
    int opened = -1;
    std::function<void()> thread = [&] { opened = uopen("/dev/zero", O_RDONLY); };
    EXPECT_GT(do_fork(kCloneThread, KernelWorld::run_body, &thread), 0);
    nap(NSEC_PER_MSEC);
    EXPECT_EQ(uread(opened, 2), std::string(2, '\0'));
  });
}

/// A file that says when it is released.
int released = 0;
int count_release(inode*, file*) {
  released++;
  return 0;
}
constexpr file_operations counting_fops = {.name = "counting", .release = count_release};

TEST(Fput, ReleasesOnTheWayBackToTheApplication) {
  FsWorld world;
  released = 0;
  world.app([] {
    const s64 ret = call([] {
      file* const f = anon_inode_getfile("counting", &counting_fops, nullptr, O_RDWR);
      get_file(f);
      fput(f);
      EXPECT_EQ(released, 0);
      fput(f);
      EXPECT_EQ(released, 0) << "not before the call is over";
      return 0;
    });
    EXPECT_EQ(ret, 0);
    EXPECT_EQ(released, 1);
  });
}

TEST(Fput, OfAKernelThreadIsDelayedByAJiffy) {
  FsWorld world;
  released = 0;
  world.app([] {
    file* f = nullptr;
    call([&] {
      f = anon_inode_getfile("counting", &counting_fops, nullptr, O_RDWR);
      return 0;
    });
    work_struct work;
    static file* dropped = nullptr;
    dropped = f;
    INIT_WORK(&work, [](work_struct*) {
      fput(dropped);
      EXPECT_EQ(released, 0);
    });
    queue_work(system_wq(), &work);
    flush_work(&work);
    EXPECT_EQ(released, 0);
    nap(8 * NSEC_PER_MSEC);
    EXPECT_EQ(released, 1);
  });
}

TEST(Fcntl, FlagsThatMayChangeDo) {
  FsWorld world;
  world.app([] {
    const two_fds p = upipe();
    EXPECT_EQ(call([&] { return sys_fcntl(static_cast<unsigned>(p.r), F_GETFL, 0); }), O_RDONLY);
    EXPECT_EQ(call([&] { return sys_fcntl(static_cast<unsigned>(p.r), F_SETFL, O_NONBLOCK | O_RDWR); }), 0);
    EXPECT_EQ(call([&] { return sys_fcntl(static_cast<unsigned>(p.r), F_GETFL, 0); }), O_RDONLY | O_NONBLOCK);
    EXPECT_EQ(uread(p.r, 1), "error -11");
    EXPECT_EQ(call([&] { return sys_fcntl(static_cast<unsigned>(p.r), F_DUPFD, 100); }), 100);
    EXPECT_EQ(call([&] { return sys_fcntl(99, F_GETFL, 0); }), -EBADF);
  });
}

}  // namespace
}  // namespace uringsim::kernel
