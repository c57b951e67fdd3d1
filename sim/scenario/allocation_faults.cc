// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/allocation_faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

namespace uringsim::sim {

AllocationFaults::AllocationFaults(const Scenario& scenario, ModelRun& run) {
  kernel::Kernel& kernel = run.world.kernel();
  kernel::fault_attr** link = &kernel.allocation_fault;
  for (const Fault& one : scenario.faults) {
    const auto* const wanted = std::get_if<AllocationFault>(&one);
    if (wanted == nullptr) continue;
    auto* const fault = new (kernel.machine.alloc(sizeof(kernel::fault_attr), alignof(kernel::fault_attr))) kernel::fault_attr;
    if (wanted->site != "any") fault->site = wanted->site.c_str();
    for (const ModelTask& task : run.tasks)
      if (task.name == wanted->task.name) fault->task = task.id;
    fault->nth = wanted->when.nth;
    fault->every = wanted->when.every;
    if (wanted->when.at) fault->from_ns = run.start + wanted->when.at->count;
    fault->probability_ppm = static_cast<u32>(wanted->when.probability.count);
    if (wanted->when.times != 0) fault->times = wanted->when.times;
    faults_.push_back(fault);
    *link = fault;
    link = &fault->next;
  }
}

std::vector<std::string> AllocationFaults::unused() const {
  std::vector<std::string> notes;
  for (const kernel::fault_attr* const fault : faults_)
    if (fault->site != nullptr && fault->seen == 0)
      notes.push_back(fmt::format("faults: nothing was allocated by \"{}\": misspelt, or the run never came there", fault->site));
  return notes;
}

}  // namespace uringsim::sim
