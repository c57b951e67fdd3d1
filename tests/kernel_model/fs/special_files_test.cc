// SPDX-License-Identifier: GPL-2.0-only
// /dev/null, /dev/zero, memfds, files of the host, and the sparse array below the page cache.
#include "kernel_model/fs/host_file.h"
#include "kernel_model/fs/radix_tree.h"
#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

TEST(DevNull, TakesAllAndGivesNothing) {
  FsWorld world;
  world.app([] {
    const int fd = uopen("/dev/null", O_RDWR);
    EXPECT_EQ(uwrite(fd, "gone"), 4);
    EXPECT_EQ(uread(fd, 10), "");
    EXPECT_EQ(call([&] { return sys_write(static_cast<unsigned>(fd), 4096, 10); }), 10) << "not even looked at";
    EXPECT_EQ(call([&] { return sys_fsync(static_cast<unsigned>(fd)); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_lseek(static_cast<unsigned>(fd), 77, SEEK_SET); }), 0);
  });
}

TEST(DevZero, GivesZeroes) {
  FsWorld world;
  world.app([] {
    const int fd = uopen("/dev/zero", O_RDWR);
    EXPECT_EQ(uread(fd, 5000), std::string(5000, '\0'));
    EXPECT_EQ(call([&] { return sys_read(static_cast<unsigned>(fd), 4096, 10); }), -EFAULT);
    EXPECT_EQ(uwrite(fd, "gone"), 4);
  });
}

TEST(Files, OfADiskUnderstandNowaitAndDevicesAndPipesDoNot) {
  FsWorld world;
  world.app([] {
    const auto mode = [](int fd) {
      file* const f = fget(static_cast<unsigned>(fd));
      const bool nowait = (f->f_mode & FMODE_NOWAIT) != 0;
      fput(f);
      return nowait;
    };
    EXPECT_FALSE(mode(uopen("/dev/null", O_RDWR)));
    EXPECT_FALSE(mode(uopen("/dev/zero", O_RDWR)));
    EXPECT_TRUE(mode(uopen("/tmp/f", O_RDWR | O_CREAT)));
    EXPECT_FALSE(mode(upipe().r));
    EXPECT_FALSE(mode(static_cast<int>(call([] { return sys_memfd_create(ustr("m"), 0); }))));
    const uptr iov = uval(user_iovec{ubuf(), 8});
    const int pipe = upipe(O_NONBLOCK).r;
    EXPECT_EQ(call([&] { return sys_preadv2(static_cast<unsigned>(pipe), iov, 1, -1, 8); }), -EOPNOTSUPP);
    EXPECT_EQ(call([&] { return sys_preadv2(static_cast<unsigned>(pipe), iov, 1, -1, 0x40); }), -EOPNOTSUPP);
  });
}

TEST(Memfd, IsAFileOfMemory) {
  FsWorld world;
  world.app([] {
    const uptr name = ustr("memory");
    const int fd = static_cast<int>(call([&] { return sys_memfd_create(name, 0); }));
    EXPECT_EQ(uwrite(fd, "content"), 7);
    EXPECT_EQ(upread(fd, 100, 3), "tent");
    EXPECT_EQ(call([&] { return sys_lseek(static_cast<unsigned>(fd), 0, SEEK_END); }), 7);
    EXPECT_EQ(call([&] { return sys_fsync(static_cast<unsigned>(fd)); }), 0);
    EXPECT_EQ(call([&] { return sys_ftruncate(static_cast<unsigned>(fd), 2); }), 0);
    EXPECT_EQ(upread(fd, 100, 0), "co");
    EXPECT_EQ(call([&] { return sys_memfd_create(name, 0x100); }), -EINVAL);
    EXPECT_EQ(call([&] { return sys_memfd_create(4096, 0); }), -EFAULT);
  });
}

TEST(RadixTree, FindsWhatWasPutThere) {
  FsWorld world;
  world.app([] {
    radix_tree tree;
    int values[4];
    const u64 at[4] = {0, 63, u64{1} << 40, ~u64{0}};
    for (int i = 0; i < 4; i++) EXPECT_EQ(radix_tree_insert(&tree, at[i], &values[i]), 0);
    for (int i = 0; i < 4; i++) EXPECT_EQ(radix_tree_lookup(&tree, at[i]), &values[i]);
    EXPECT_EQ(radix_tree_lookup(&tree, 64), nullptr);
    u64 index = 1;
    EXPECT_EQ(radix_tree_next(&tree, &index, ~u64{0}), &values[1]);
    EXPECT_EQ(index, 63u);
    index = 64;
    EXPECT_EQ(radix_tree_next(&tree, &index, ~u64{0}), &values[2]);
    EXPECT_EQ(index, u64{1} << 40);
    index = 64;
    EXPECT_EQ(radix_tree_next(&tree, &index, 1000), nullptr);
    for (int i = 0; i < 4; i++) EXPECT_EQ(radix_tree_delete(&tree, at[i]), &values[i]);
    EXPECT_EQ(tree.root, nullptr) << "empty nodes are gone";
    EXPECT_EQ(radix_tree_delete(&tree, 5), nullptr);
  });
}

/// A host of one file.
class OneFile final : public HostFile, public HostFiles {
 public:
  void start(HostTransfer* transfer) noexcept override {
    const u64 at = static_cast<u64>(transfer->position);
    u64 done = 0;
    if (transfer->write && content.size() < at + transfer->bytes) content.resize(at + transfer->bytes);
    for (unsigned i = 0; i < transfer->vec_count; i++) {
      const bio_vec& vec = transfer->vecs[i];
      u8* const memory = vec.bv_page->data + vec.bv_offset;
      const u64 from = at + done;
      const u64 bytes = from < content.size() ? std::min<u64>(vec.bv_len, content.size() - from) : 0;
      if (transfer->write)
        std::memcpy(content.data() + from, memory, bytes);
      else
        std::memcpy(memory, content.data() + from, bytes);
      done += bytes;
    }
    transfer->result = static_cast<s64>(done);
    transfer->done(transfer);
  }
  s64 size() noexcept override { return static_cast<s64>(content.size()); }
  void sync(HostTransfer* transfer) noexcept override {
    syncs++;
    transfer->result = 0;
    transfer->done(transfer);
  }
  u32 alignment() const noexcept override { return 1; }
  void close() noexcept override { closes++; }
  HostFile* open(const char* name, u32, int* error) noexcept override {
    if (std::strcmp(name, "file") == 0) return this;
    *error = -ENOENT;
    return nullptr;
  }
  std::string content;
  int syncs = 0, closes = 0;
};

TEST(HostFile, IsReadAndWrittenThroughItsBackend) {
  OneFile host;
  host.content = "on the host";
  KernelWorld world;
  {
    RunAs builder(world->swapper);
    ASSERT_EQ(vfs_init({.host = &host}), 0);
  }
  world.process("app", [] {
    EXPECT_EQ(uopen("/host/other", O_RDWR), -ENOENT);
    const int fd = uopen("/host/file", O_RDWR);
    EXPECT_EQ(upread(fd, 100, 3), "the host");
    const uptr text = ustr("IN");
    EXPECT_EQ(call([&] { return sys_pwrite64(static_cast<unsigned>(fd), text, 2, 0); }), 2);
    EXPECT_EQ(call([&] { return sys_fsync(static_cast<unsigned>(fd)); }), 0);
    EXPECT_EQ(call([&] { return sys_lseek(static_cast<unsigned>(fd), 0, SEEK_END); }), 11);
    EXPECT_EQ(uclose(fd), 0);
  });
  EXPECT_EQ(world.run(), sim::RunEnd::finished);
  EXPECT_EQ(host.content, "IN the host");
  EXPECT_EQ(host.syncs, 1);
  EXPECT_EQ(host.closes, 1);
}

TEST(HostFile, AWorldWithoutOneHasNone) {
  FsWorld world;
  world.app([] { EXPECT_EQ(uopen("/host/file", O_RDWR), -ENOENT); });
}

TEST(Identity, SetuidGivesUpRoot) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(call([] { return sys_setgroups(0, 0); }), 0);
    EXPECT_EQ(call([] { return sys_setresgid(1000, 1000, 1000); }), 0);
    EXPECT_EQ(call([] { return sys_setresuid(1000, 1000, 1000); }), 0);
    EXPECT_EQ(call([] { return sys_setresuid(0, 0, 0); }), -EPERM);
    EXPECT_EQ(call([] { return sys_setgroups(0, 0); }), -EPERM);
    EXPECT_EQ(call([] { return sys_setuid(1000); }), 0);
  });
}

TEST(Nanosleep, SleepsAsLongAsItIsTold) {
  FsWorld world;
  world.app([] {
    const s64 time[2] = {0, 30'000'000}, bad[2] = {0, 1'000'000'000};
    const uptr at = uval(time), wrong = uval(bad);
    const u64 start = ktime_get_ns();
    EXPECT_EQ(call([&] { return sys_nanosleep(at, 0); }), 0);
    EXPECT_GE(ktime_get_ns() - start, 30'000'000u);
    EXPECT_EQ(call([&] { return sys_nanosleep(wrong, 0); }), -EINVAL);
  });
}

}  // namespace
}  // namespace uringsim::kernel
