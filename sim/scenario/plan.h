// SPDX-License-Identifier: GPL-2.0-only
// What follows from a scenario once and for all: numbers for names, and who does what at the start.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario/scenario.h"

namespace uringsim::sim {

/// An open file of the scenario. A pipe and a socketpair are two.
struct FileEnd {
  std::string name;    ///< "data", "p.r"
  u32 file;            ///< index in Scenario::files
  u32 end = 0;         ///< 0: the file, a pipe's reading end, a socketpair's a; 1: the other
  bool known = false;  ///< nobody writes to it: its content stays what the scenario says
};

struct RingPlan {
  u32 owner = 0;         ///< index of the task that sets it up
  bool at_start = true;  ///< false: a `setup` step does
};

/// The requests that a workload consists of; offsets and flags are the moment's.
struct WorkloadRequests {
  const WorkloadStep* step;
  Request read, write, fsync;
};

/// Immutable while the scenario runs; built outside of every world.
struct Plan {
  explicit Plan(const Scenario& from);

  const Scenario& scenario;
  std::vector<FileEnd> files;
  std::vector<RingPlan> rings;      ///< as Scenario::rings
  std::vector<std::string> events;  ///< names of `post` and `await`
  std::vector<WorkloadRequests> workloads;

  [[nodiscard]] u32 file(std::string_view name) const noexcept;
  [[nodiscard]] u32 ring(std::string_view name) const noexcept;
  [[nodiscard]] u32 event(std::string_view name) const noexcept;
  [[nodiscard]] const WorkloadRequests& requests(const WorkloadStep& step) const noexcept;
  /// Index of ring `ring`'s registered files that is `file`, or -1.
  [[nodiscard]] int registered_index(u32 ring, u32 file) const noexcept;
};

/// The device that carries the file system at /: the first that a regular file names; empty without one. Others that regular
/// files name carry file systems of their own, at /mnt/DEVICE.
[[nodiscard]] std::string_view root_device(const Scenario& scenario) noexcept;
/// Devices with a file system of their own below /mnt, in the order of the file.
[[nodiscard]] std::vector<std::string_view> mounted_devices(const Scenario& scenario);
/// Where a regular file lies in the world's tree.
[[nodiscard]] std::string regular_path(const Scenario& scenario, const Entry<FileOptions>& file);

/// Names of the open files of `files`, in the order of Plan::files.
[[nodiscard]] std::vector<FileEnd> file_ends(const Named<FileOptions>& files);

}  // namespace uringsim::sim
