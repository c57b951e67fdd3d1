// SPDX-License-Identifier: GPL-2.0-only
#include "sim/check/livelock.h"

#include <fmt/format.h>

namespace uringsim::sim {

std::string livelock(const LeftOver& left) {
  if (left.why != Blocked::polling) return {};
  return fmt::format("{} polls in {} for what nobody will do", left.name,
                     left.scope != nullptr ? fmt::format("{}()", left.scope) : "its program");
}

}  // namespace uringsim::sim
