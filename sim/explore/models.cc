// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/models.h"

namespace uringsim::sim {

std::unique_ptr<OperationalMachine> make_machine(const MachineOptions& options) {
  switch (options.memory) {
    case Memory::sc:
      return make_sc_machine(options);
    case Memory::tso:
      return make_tso_machine(options);
    case Memory::weak:
      return make_weak_machine(options);
  }
  return nullptr;
}

}  // namespace uringsim::sim
