// SPDX-License-Identifier: GPL-2.0-only
// A kernel with file systems on the timed engine, a device to stand on, and an application's hands: buffers, strings, calls.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "kernel_model/core/syscall.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/fs/vfs_state.h"
#include "tests/kernel_model/kernel_world.h"

namespace uringsim::kernel {

/// A disk of bytes: every transfer takes `latency` ns, counted and remembered. Polled transfers wait for poll().
class TestDisk final : public BlockDevice {
 public:
  explicit TestDisk(u64 bytes, u64 latency_ns = 10'000) : data(bytes), latency(latency_ns) {
    capabilities.size = bytes;
    std::strcpy(name, "disk");
  }

  blk_qc_t submit(bio* bio) noexcept override {
    (bio->op == bio_op::read ? reads : bio->op == bio_op::write ? writes : flushes)++;
    sizes.push_back(bio->bi_size);
    Transfer& transfer = *transfers_.emplace_back(std::make_unique<Transfer>());
    transfer.disk = this;
    transfer.bio = bio;
    if (capabilities.poll_queues && (bio->bi_opf & REQ_HIPRI) != 0) {
      polled_.push_back(&transfer);
      return 1;
    }
    transfer.timer.function = [](arch::Timer* timer) { finish(*container_of(timer, Transfer, timer)); };
    arch::machine().timer_start(transfer.timer, arch::machine().now() + latency);
    return BLK_QC_T_NONE;
  }

  int poll(blk_qc_t, bool) noexcept override {
    const std::vector<Transfer*> ready = std::exchange(polled_, {});
    for (Transfer* transfer : ready) finish(*transfer);
    return static_cast<int>(ready.size());
  }

  std::vector<u8> data;
  u64 latency;
  int fail_with = 0;  ///< -errno of every transfer from now on
  unsigned reads = 0, writes = 0, flushes = 0;
  std::vector<u64> sizes;

 private:
  struct Transfer {
    TestDisk* disk = nullptr;
    struct bio* bio = nullptr;
    arch::Timer timer;
  };

  static void finish(Transfer& transfer) {
    bio* const bio = transfer.bio;
    u64 at = bio->bi_sector * SECTOR_SIZE;
    for (unsigned i = 0; i < bio->bi_vcnt && transfer.disk->fail_with == 0; i++) {
      const bio_vec& vec = bio->bi_io_vec[i];
      u8* const memory = vec.bv_page->data + vec.bv_offset;
      u8* const disk = transfer.disk->data.data() + at;
      if (bio->op == bio_op::write)
        std::memcpy(disk, memory, vec.bv_len);
      else
        std::memcpy(memory, disk, vec.bv_len);
      at += vec.bv_len;
    }
    bio_endio(bio, transfer.disk->fail_with);
  }

  std::vector<std::unique_ptr<Transfer>> transfers_;
  std::vector<Transfer*> polled_;
};

class FsWorld : public KernelWorld {
 public:
  explicit FsWorld(BlockDevice* root = nullptr, const KernelWorldOptions& options = {}, const vfs_release& release = {})
      : KernelWorld(options) {
    RunAs builder((*this)->swapper);
    EXPECT_EQ(vfs_init({.root_device = root, .release = release}), 0);
  }
  void add_disk(const char* name, BlockDevice* device) {
    RunAs builder((*this)->swapper);
    EXPECT_EQ(vfs_add_block_device(name, device), 0);
  }
  /// Runs one process to its end.
  void app(std::function<void()> body, process_options options = {}) {
    process("app", std::move(body), options);
    EXPECT_EQ(run(), sim::RunEnd::finished) << result().describe();
  }
};

// ---- inside of a process ----

/// One system call, with the way back.
template <class Body>
s64 call(Body body) {
  return system_call([&]() noexcept { return body(); });
}
inline uptr ubuf(u64 bytes = PAGE_SIZE) {
  const s64 at = mmap_anonymous(current()->mm, bytes, 3, false);
  EXPECT_GT(at, 0);
  return static_cast<uptr>(at);
}
inline void poke(uptr to, const void* from, u64 bytes) { EXPECT_EQ(copy_to_user(to, from, bytes), 0u); }
inline uptr ustr(const std::string& text) {
  const uptr at = ubuf(text.size() + 1);
  poke(at, text.c_str(), text.size() + 1);
  return at;
}
inline std::string peek(uptr from, u64 bytes) {
  std::string text(bytes, '\0');
  EXPECT_EQ(copy_from_user(text.data(), from, bytes), 0u);
  return text;
}
template <class T>
T peek_as(uptr from) {
  T value{};
  EXPECT_EQ(copy_from_user(&value, from, sizeof(T)), 0u);
  return value;
}
template <class T>
uptr uval(const T& value) {
  const uptr at = ubuf(sizeof(T));
  poke(at, &value, sizeof(T));
  return at;
}
inline int uopen(const std::string& path, u32 flags, u32 mode = 0644) {
  const uptr at = ustr(path);
  return static_cast<int>(call([&] { return sys_openat(AT_FDCWD, at, flags, mode); }));
}
inline s64 uwrite(int fd, const std::string& text) {
  const uptr at = ustr(text);
  return call([&] { return sys_write(static_cast<unsigned>(fd), at, text.size()); });
}
/// What read(2) gave, or "error N".
inline std::string uread(int fd, u64 bytes) {
  const uptr at = ubuf(bytes + 1);
  const s64 ret = call([&] { return sys_read(static_cast<unsigned>(fd), at, bytes); });
  return ret >= 0 ? peek(at, static_cast<u64>(ret)) : "error " + std::to_string(ret);
}
inline std::string upread(int fd, u64 bytes, s64 position) {
  const uptr at = ubuf(bytes + 1);
  const s64 ret = call([&] { return sys_pread64(static_cast<unsigned>(fd), at, bytes, position); });
  return ret >= 0 ? peek(at, static_cast<u64>(ret)) : "error " + std::to_string(ret);
}
inline s64 uclose(int fd) {
  return call([&] { return sys_close(static_cast<unsigned>(fd)); });
}
struct two_fds {
  int r = -1, w = -1;
};
inline two_fds upipe(int flags = 0) {
  const uptr at = ubuf(8);
  EXPECT_EQ(call([&] { return sys_pipe2(at, flags); }), 0);
  return {peek_as<int>(at), peek_as<int>(at + 4)};
}
/// poll(2) of one descriptor: what it says, 0 when nothing came in `timeout_ms`.
inline int upoll(int fd, short events, int timeout_ms = 0) {
  struct {
    int fd;
    short events, revents;
  } entry = {fd, events, 0};
  const uptr at = uval(entry);
  const s64 ret = call([&] { return sys_poll(at, 1, timeout_ms); });
  return ret < 0 ? static_cast<int>(ret) : peek_as<decltype(entry)>(at).revents;
}

}  // namespace uringsim::kernel
