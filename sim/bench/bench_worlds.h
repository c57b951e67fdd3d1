// SPDX-License-Identifier: GPL-2.0-only
// Worlds that the benchmarks run, on either engine, and the same on the host.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/bench/workloads.h"
#include "sim/devices/file_device.h"
#include "sim/devices/ram_device.h"
#include "sim/fiber/timed_machine.h"
#include "sim/live/live_machine.h"
#include "sim/world/world.h"

namespace uringsim::sim {

/// A world of one or more processes that measure; the first thing that goes wrong is thrown as std::runtime_error.
class BenchWorld {
 public:
  explicit BenchWorld(const LiveOptions& options);
  explicit BenchWorld(const TimedOptions& options);
  ~BenchWorld();
  BenchWorld(const BenchWorld&) = delete;
  BenchWorld& operator=(const BenchWorld&) = delete;

  [[nodiscard]] World& world() noexcept { return *world_; }
  [[nodiscard]] arch::Machine& machine() noexcept;
  [[nodiscard]] LiveMachine& live() noexcept { return *live_; }
  void add_ram(const RamDeviceOptions& options);
  void add_file(const FileDeviceOptions& options);
  [[nodiscard]] RamDevice* ram() noexcept { return ram_; }
  void run();

 private:
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<TimedMachine> timed_;
  std::unique_ptr<LiveMachine> live_;
  std::unique_ptr<World> world_;
  RamDevice* ram_ = nullptr;
  std::unique_ptr<FileDevice> file_;
};

/// In a process of a world: opens a file, and makes what random_reads() needs.
[[nodiscard]] int open_in_world(const char* path, u32 flags);
[[nodiscard]] ReadTargets targets_in_world(int fd, u64 file_bytes, u32 depth);

/// On the host's own io_uring.
[[nodiscard]] Measured native_nops(u32 batch, const Span& span);
[[nodiscard]] Measured native_random_reads(const std::string& path, u64 file_bytes, u32 depth, const Span& span);

}  // namespace uringsim::sim
