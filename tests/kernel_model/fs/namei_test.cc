// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/cred.h"
#include "tests/kernel_model/fs/fs_world.h"

namespace uringsim::kernel {
namespace {

s64 umkdir(const std::string& path, u32 mode = 0755) {
  const uptr at = ustr(path);
  return call([&] { return sys_mkdir(at, mode); });
}
s64 uunlink(const std::string& path) {
  const uptr at = ustr(path);
  return call([&] { return sys_unlink(at); });
}
s64 urename(const std::string& from, const std::string& to) {
  const uptr a = ustr(from), b = ustr(to);
  return call([&] { return sys_rename(a, b); });
}
s64 ustat(const std::string& path, struct stat* st) {
  const uptr name = ustr(path), at = ubuf(sizeof(*st));
  const s64 ret = call([&] { return sys_lstat(name, at); });
  *st = peek_as<struct stat>(at);
  return ret;
}

TEST(Open, CreatesWithTheUmask) {
  FsWorld world;
  world.app([] {
    struct stat st;
    EXPECT_EQ(call([] { return sys_umask(027); }), 022);
    EXPECT_EQ(uopen("/tmp/f", O_RDWR | O_CREAT, 0666), 0);
    EXPECT_EQ(ustat("/tmp/f", &st), 0);
    EXPECT_EQ(st.st_mode, S_IFREG | 0640u);
    EXPECT_EQ(st.st_size, 0);
    EXPECT_EQ(ustat("/tmp/nope", &st), -ENOENT);
    EXPECT_EQ(ustat("/tmp/f/x", &st), -ENOTDIR);
  });
}

TEST(Open, ErrorsOfItsFlags) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(uopen("/tmp/f", O_RDWR), -ENOENT);
    EXPECT_EQ(uopen("/tmp/f", O_RDWR | O_CREAT), 0);
    EXPECT_EQ(uopen("/tmp/f", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
    EXPECT_EQ(uopen("/tmp/f", O_RDONLY | O_DIRECTORY), -ENOTDIR);
    EXPECT_EQ(uopen("/tmp", O_RDWR), -EISDIR);
    EXPECT_EQ(uopen("/tmp", O_RDONLY | O_CREAT), -EISDIR);
    EXPECT_EQ(uopen("/tmp/new/", O_RDWR | O_CREAT), -EISDIR);
    EXPECT_EQ(uopen("/tmp/f/", O_RDONLY), -ENOTDIR);
    EXPECT_EQ(uopen("/no/such", O_RDWR | O_CREAT), -ENOENT);
    EXPECT_EQ(uopen("", O_RDONLY), -ENOENT);
    EXPECT_EQ(uopen("/tmp/" + std::string(256, 'n'), O_RDWR | O_CREAT), -ENAMETOOLONG);
    EXPECT_EQ(uopen(std::string(5000, '/'), O_RDONLY), -ENAMETOOLONG);
    EXPECT_EQ(call([] { return sys_openat(AT_FDCWD, 8, O_RDONLY, 0); }), -EFAULT);
    EXPECT_EQ(uopen("/dev/null", O_RDONLY | O_DIRECT), -EINVAL);
  });
}

TEST(Open, TruncatesAndAppends) {
  FsWorld world;
  world.app([] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, "content"), 7);
    const int append = uopen("/tmp/f", O_WRONLY | O_APPEND);
    EXPECT_EQ(uwrite(append, "+more"), 5);
    EXPECT_EQ(upread(fd, 100, 0), "content+more");
    EXPECT_GE(uopen("/tmp/f", O_WRONLY | O_TRUNC), 0);
    EXPECT_EQ(upread(fd, 100, 0), "");
  });
}

TEST(Open, PermissionsBindWhoeverIsNotRoot) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(call([] { return sys_umask(0); }), 022);
    const int fd = uopen("/tmp/private", O_RDWR | O_CREAT, 0600);
    EXPECT_EQ(uopen("/tmp/public", O_RDWR | O_CREAT, 0644), fd + 1);
    EXPECT_EQ(umkdir("/tmp/locked", 0700), 0);
    EXPECT_EQ(call([] { return sys_setresuid(1000, 1000, 1000); }), 0);
    EXPECT_EQ(uopen("/tmp/private", O_RDONLY), -EACCES);
    EXPECT_GE(uopen("/tmp/public", O_RDONLY), 0);
    EXPECT_EQ(uopen("/tmp/public", O_RDWR), -EACCES);
    EXPECT_EQ(uopen("/tmp/locked/x", O_RDONLY), -EACCES);
    EXPECT_EQ(uopen("/here", O_RDWR | O_CREAT), -EACCES);
    EXPECT_EQ(uunlink("/tmp/public"), -EPERM) << "/tmp is sticky";
    EXPECT_GE(uopen("/tmp/mine", O_RDWR | O_CREAT | O_EXCL, 0400), 0) << "its maker opens it whatever its mode says";
    EXPECT_EQ(uopen("/tmp/mine", O_RDWR), -EACCES);
    EXPECT_EQ(uread(fd, 1), "") << "what is open stays open";
  });
}

TEST(Paths, RelativeOnesStartAtTheWorkingDirectory) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(umkdir("/tmp/d"), 0);
    const uptr d = ustr("/tmp/d");
    EXPECT_EQ(call([&] { return sys_chdir(d); }), 0);
    EXPECT_EQ(uopen("f", O_RDWR | O_CREAT), 0);
    EXPECT_EQ(uopen("./../d/./f", O_RDWR), 1);
    EXPECT_EQ(uopen("/../tmp/d/f", O_RDWR), 2);
    const int dir = uopen("/tmp", O_RDONLY | O_DIRECTORY);
    const uptr name = ustr("d/f");
    EXPECT_EQ(call([&] { return sys_openat(dir, name, O_RDWR, 0); }), 4);
    EXPECT_EQ(call([&] { return sys_openat(0, name, O_RDWR, 0); }), -ENOTDIR);
    EXPECT_EQ(call([&] { return sys_openat(77, name, O_RDWR, 0); }), -EBADF);
  });
}

TEST(Unlink, AnOpenFileLivesOn) {
  FsWorld world;
  world.app([] {
    const int fd = uopen("/tmp/f", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(fd, "alive"), 5);
    EXPECT_EQ(uunlink("/tmp/f"), 0);
    EXPECT_EQ(uunlink("/tmp/f"), -ENOENT);
    EXPECT_EQ(upread(fd, 10, 0), "alive");
    EXPECT_EQ(uunlink("/tmp"), -EISDIR);
  });
}

TEST(Rmdir, OnlyWhenEmpty) {
  FsWorld world;
  world.app([] {
    EXPECT_EQ(umkdir("/tmp/d"), 0);
    EXPECT_EQ(umkdir("/tmp/d"), -EEXIST);
    EXPECT_EQ(umkdir("/tmp/d/e"), 0);
    const uptr d = ustr("/tmp/d"), e = ustr("/tmp/d/e"), f = ustr("/dev/null");
    EXPECT_EQ(call([&] { return sys_rmdir(d); }), -ENOTEMPTY);
    EXPECT_EQ(call([&] { return sys_rmdir(f); }), -ENOTDIR);
    EXPECT_EQ(call([&] { return sys_rmdir(e); }), 0);
    EXPECT_EQ(call([&] { return sys_rmdir(d); }), 0);
  });
}

TEST(Rename, ReplacesWhatIsThere) {
  FsWorld world;
  world.app([] {
    const int a = uopen("/tmp/a", O_RDWR | O_CREAT);
    EXPECT_EQ(uwrite(a, "A"), 1);
    EXPECT_EQ(uwrite(uopen("/tmp/b", O_RDWR | O_CREAT), "B"), 1);
    EXPECT_EQ(urename("/tmp/a", "/tmp/b"), 0);
    EXPECT_EQ(uread(uopen("/tmp/b", O_RDONLY), 9), "A");
    EXPECT_EQ(uopen("/tmp/a", O_RDONLY), -ENOENT);
    EXPECT_EQ(umkdir("/tmp/d"), 0);
    EXPECT_EQ(urename("/tmp/b", "/tmp/d"), -EISDIR);
    EXPECT_EQ(urename("/tmp/d", "/tmp/b"), -ENOTDIR);
    EXPECT_EQ(urename("/tmp/d", "/tmp/d/inside"), -EINVAL);
    EXPECT_EQ(urename("/tmp/none", "/tmp/x"), -ENOENT);
  });
}

TEST(Directory, CannotBeReadAsAFile) {
  FsWorld world;
  world.app([] {
    const int fd = uopen("/tmp", O_RDONLY);
    EXPECT_EQ(uread(fd, 10), "error -21");
    EXPECT_EQ(call([&] { return sys_fsync(static_cast<unsigned>(fd)); }), 0);
  });
}

}  // namespace
}  // namespace uringsim::kernel
