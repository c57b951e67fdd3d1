// SPDX-License-Identifier: GPL-2.0-only
// One process and one disk, on the timed or the live engine: the same program for both.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel_model/core/syscall.h"
#include "kernel_model/fs/syscalls.h"
#include "sim/devices/file_device.h"
#include "sim/devices/ram_device.h"
#include "sim/fiber/timed_machine.h"
#include "sim/live/live_machine.h"
#include "sim/world/world.h"

namespace uringsim::sim {

enum class OnEngine { timed, live };

/// A file of the host that goes with the test.
class HostTestFile {
 public:
  explicit HostTestFile(u64 bytes, const char* name = "disk") {
    std::string pattern = std::filesystem::temp_directory_path() / "uringsim-test-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ + "/" + name;
    if (bytes == 0) return;
    std::ofstream out(path_, std::ios::binary);
    std::vector<char> content(bytes);
    for (u64 i = 0; i < bytes; i++) content[i] = static_cast<char>(byte_at(i));
    out.write(content.data(), static_cast<std::streamsize>(bytes));
  }
  ~HostTestFile() { std::filesystem::remove_all(directory_); }
  HostTestFile(const HostTestFile&) = delete;
  HostTestFile& operator=(const HostTestFile&) = delete;
  static u8 byte_at(u64 i) { return static_cast<u8>(i * 31 + (i >> 9) * 17 + 5); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
  std::string path_;
};

class DeviceWorld {
 public:
  explicit DeviceWorld(OnEngine engine) {
    if (engine == OnEngine::timed) {
      arena_ = std::make_unique<Arena>();
      timed_ = std::make_unique<TimedMachine>(*arena_);
    } else {
      live_ = std::make_unique<LiveMachine>(LiveOptions{.memory = u64{2} << 30});
    }
    world_ = std::make_unique<World>(machine(), WorldOptions{});
  }
  ~DeviceWorld() {
    if (ram_ != nullptr) RamDevice::destroy(ram_);
    file_.reset();
    world_.reset();
  }

  arch::Machine& machine() { return timed_ ? static_cast<arch::Machine&>(*timed_) : *live_; }
  LiveMachine& live() { return *live_; }
  World& world() { return *world_; }

  RamDevice& ram(const RamDeviceOptions& options) {
    ram_ = RamDevice::create(machine(), "disk", options);
    EXPECT_NE(ram_, nullptr);
    EXPECT_EQ(world_->add_block_device("disk", *ram_), 0);
    return *ram_;
  }
  FileDevice& file(const FileDeviceOptions& options) {
    file_ = std::make_unique<FileDevice>(*live_, "disk", options);
    EXPECT_EQ(world_->add_block_device("disk", *file_), 0);
    return *file_;
  }

  void run(std::function<void()> program) {
    world_->add_process({}, std::move(program));
    const RunResult result =
        timed_ ? timed_->run(world_->tasks(), u64{100'000'000'000}) : live_->run(world_->tasks(), u64{60'000'000'000});
    EXPECT_EQ(result.end, RunEnd::finished) << result.describe();
    const auto& reports = timed_ ? timed_->reports() : live_->reports();
    for (const MachineReport& report : reports) ADD_FAILURE() << report.what << " at " << report.where;
  }

  // ---- for programs ------------------------------------------------------------------------------------------------------

  static u64 allocate(u64 bytes) { return static_cast<u64>(Application().allocate(bytes)); }
  static int open(const char* path, u32 flags) {
    const u64 at = allocate(4096);
    Application().copy_out(at, path, std::strlen(path) + 1);
    return static_cast<int>(kernel::system_call([&]() noexcept { return kernel::sys_openat(AT_FDCWD, at, flags, 0644); }));
  }
  static s64 pread(int fd, u64 buffer, u64 bytes, s64 position) {
    return kernel::system_call(
        [&]() noexcept { return kernel::sys_pread64(static_cast<unsigned>(fd), buffer, bytes, position); });
  }
  static s64 pwrite(int fd, u64 buffer, u64 bytes, s64 position) {
    return kernel::system_call(
        [&]() noexcept { return kernel::sys_pwrite64(static_cast<unsigned>(fd), buffer, bytes, position); });
  }
  static void fill(u64 buffer, u64 bytes, const std::function<u8(u64)>& byte) {
    std::vector<u8> content(bytes);
    for (u64 i = 0; i < bytes; i++) content[i] = byte(i);
    Application().copy_out(buffer, content.data(), bytes);
  }
  static bool holds(u64 buffer, u64 bytes, const std::function<u8(u64)>& byte) {
    std::vector<u8> content(bytes);
    Application().copy_in(content.data(), buffer, bytes);
    for (u64 i = 0; i < bytes; i++)
      if (content[i] != byte(i)) return false;
    return true;
  }

 private:
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<TimedMachine> timed_;
  std::unique_ptr<LiveMachine> live_;
  std::unique_ptr<World> world_;
  RamDevice* ram_ = nullptr;
  std::unique_ptr<FileDevice> file_;
};

}  // namespace uringsim::sim
