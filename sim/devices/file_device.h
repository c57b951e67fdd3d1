// SPDX-License-Identifier: GPL-2.0-only
// A disk that is a file or block device of the host, opened O_DIRECT: real transfers, at the host's speed. Live engine only.
//
// A bio becomes one operation of the host, straight from and to the pages of kernel memory. Errors of the host reach the bio as
// they are. A file system without O_DIRECT (or one that asks for more than a page of alignment) is used through its page cache:
// note() then says so, in one line.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "kernel_model/block/block_device.h"
#include "sim/devices/host_queue.h"
#include "sim/devices/options.h"
#include "sim/devices/ram_device.h"

namespace uringsim::sim {

class FileDevice final : public kernel::BlockDevice {
 public:
  /// Throws DeviceError, which names the device and the file: not there, no access, too small, the disk full, alignment.
  FileDevice(LiveMachine& machine, const char* name, const FileDeviceOptions& options);
  ~FileDevice() override;
  FileDevice(const FileDevice&) = delete;
  FileDevice& operator=(const FileDevice&) = delete;

  kernel::blk_qc_t submit(kernel::bio* bio) noexcept override;
  void commit() noexcept override;
  int poll(kernel::blk_qc_t cookie, bool spin) noexcept override;

  /// How the host is used: "io_uring" or "threads".
  [[nodiscard]] const char* backend() const noexcept { return queue_->name(); }
  /// What the user should know of it, one line; empty if nothing.
  [[nodiscard]] const std::string& note() const noexcept { return note_; }
  /// depth_time and busy_time are not counted.
  [[nodiscard]] DeviceStatistics statistics() noexcept;

 private:
  void open(const FileDeviceOptions& options);
  void measure(const FileDeviceOptions& options);
  void make_room(const FileDeviceOptions& options, u64 bytes);
  [[noreturn]] void fail(const std::string& what, int error) const;

  void give(kernel::bio* bio) noexcept;
  static void done(void* owner, u64 token, s64 result);
  void complete(kernel::bio* bio, s64 result) noexcept;

  LiveMachine& machine_;
  std::string path_;
  std::string note_;
  int fd_ = -1;
  bool created_ = false;  // by us
  std::unique_ptr<HostQueue> queue_;
  std::unique_ptr<HostQueue> polled_queue_;  // null without poll queues
  std::atomic<u32> polled_inside_{0};

  kernel::spinlock_t lock_;         // what follows
  u32 given_ = 0;                   // to the host
  kernel::bio* waiting_ = nullptr;  // linked by driver[0]
  kernel::bio* last_waiting_ = nullptr;
  DeviceStatistics statistics_;
};

}  // namespace uringsim::sim
