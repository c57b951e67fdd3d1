// SPDX-License-Identifier: GPL-2.0-only
// The simulated machine.
#pragma once

#include <string>

#include "kernel_model/arch/types.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

struct MachineSettings {
  u32 cpus = 2;
  u32 hz = 250;                       ///< jiffies a second
  Nanoseconds time_slice{4'000'000};  ///< timed: a task that others wait for is preempted after this
  Bytes memory{1u << 30};             ///< page frames for page cache and user memory together
  std::string costs;                  ///< timed: overrides of the cost model, JSON as in sim/fiber/costs.json; empty: none
};

}  // namespace uringsim::sim
