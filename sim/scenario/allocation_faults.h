// SPDX-License-Identifier: GPL-2.0-only
// A scenario's failing allocations, as the kernel's fault injection takes them.
//
//   AllocationFaults faults(scenario, run);   // once the tasks are there
//   ...
//   for (const std::string& note : faults.unused()) ...
#pragma once

#include <string>
#include <vector>

#include "kernel_model/core/fault.h"
#include "sim/scenario/model_run.h"

namespace uringsim::sim {

class AllocationFaults {
 public:
  /// Arms them: from now on the world's kernel looks. Their counters lie in the machine's memory, so a search rewinds them.
  AllocationFaults(const Scenario& scenario, ModelRun& run);

  /// For each that names a function by which nothing was allocated: a remark that says so. A name may be misspelt, or the run
  /// never came there.
  [[nodiscard]] std::vector<std::string> unused() const;

 private:
  std::vector<kernel::fault_attr*> faults_;
};

}  // namespace uringsim::sim
