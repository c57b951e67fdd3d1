// SPDX-License-Identifier: GPL-2.0-only
// A scenario's devices as block devices of a world.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel_model/arch/machine.h"
#include "kernel_model/block/block_device.h"
#include "sim/devices/host_files.h"
#include "sim/scenario/scenario.h"
#include "sim/world/world.h"

namespace uringsim::sim {

/// Owns the devices; to be destroyed after the world's last task and before its machine.
class ModelDevices {
 public:
  /// Throws InputError where the engine or the host cannot have one of them.
  /// `live`: the machine, if it is that of the live engine: what the host's files need.
  ModelDevices(const Scenario& scenario, arch::Machine& machine, LiveMachine* live);
  ~ModelDevices();
  ModelDevices(const ModelDevices&) = delete;
  ModelDevices& operator=(const ModelDevices&) = delete;

  /// The device that carries the file system at / (root_device()); null if there is none.
  [[nodiscard]] kernel::BlockDevice* root() const noexcept;
  /// Makes them known to the kernel: a node in /dev for each, and a file system for those that regular files live on.
  void attach(World& world) const;
  /// The scenario's own time begins, at `start` of the machine: from now on devices have the faults of the scenario.
  void begin_faults(u64 start) const noexcept;
  /// Files of the host that the scenario names; null if there are none.
  [[nodiscard]] kernel::HostFiles* host_files() const noexcept { return host_files_.get(); }
  /// What the user should know of the devices, a line each.
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }
  struct Named {
    std::string name;
    kernel::BlockDevice* device;
    bool ram;
  };
  [[nodiscard]] const std::vector<Named>& all() const noexcept { return devices_; }
  /// The devices go with the machine's memory, requests inside and all: nothing is left to destroy.
  void forget() noexcept { devices_.clear(); }

 private:
  [[nodiscard]] kernel::BlockDevice* find_device(std::string_view name) const noexcept;
  void add(const Scenario& scenario, const Entry<DeviceOptions>& entry, arch::Machine& machine, LiveMachine* live);

  std::vector<Named> devices_;
  std::string_view root_name_;
  std::vector<std::string_view> mounted_;
  std::unique_ptr<HostFileSet> host_files_;
  std::vector<std::string> notes_;
};

}  // namespace uringsim::sim
