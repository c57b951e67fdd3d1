// SPDX-License-Identifier: GPL-2.0-only
// A scenario's devices as block devices of a world.
#pragma once

#include <string>
#include <vector>

#include "kernel_model/arch/machine.h"
#include "kernel_model/block/block_device.h"
#include "sim/scenario/scenario.h"

namespace uringsim::sim {

/// Owns the devices; to be destroyed after the world's last task and before its machine.
class ModelDevices {
 public:
  /// Throws InputError where the engine or the host cannot have one of them.
  ModelDevices(const Scenario& scenario, Engine engine, arch::Machine& machine);
  ~ModelDevices();
  ModelDevices(const ModelDevices&) = delete;
  ModelDevices& operator=(const ModelDevices&) = delete;

  /// The device that carries the file system: the one that regular files name; null if there are none.
  [[nodiscard]] kernel::BlockDevice* root() const noexcept { return root_; }
  struct Named {
    std::string name;
    kernel::BlockDevice* device;
  };
  [[nodiscard]] const std::vector<Named>& all() const noexcept { return devices_; }

 private:
  std::vector<Named> devices_;
  kernel::BlockDevice* root_ = nullptr;
};

}  // namespace uringsim::sim
