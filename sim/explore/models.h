// SPDX-License-Identifier: GPL-2.0-only
// The memory models' machines, one file each; make_machine() chooses.
#pragma once

#include "sim/explore/machine.h"

namespace uringsim::sim {

std::unique_ptr<OperationalMachine> make_sc_machine(const MachineOptions& options);
std::unique_ptr<OperationalMachine> make_tso_machine(const MachineOptions& options);
std::unique_ptr<OperationalMachine> make_weak_machine(const MachineOptions& options);

}  // namespace uringsim::sim
