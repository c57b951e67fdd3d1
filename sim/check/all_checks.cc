// SPDX-License-Identifier: GPL-2.0-only
#include "sim/check/checker.h"

namespace uringsim::sim {

// In the order in which their findings are told: what explains more comes first.
CheckSet all_checks() {
  CheckSet set;
  set.add(check_lost_wakeup())
      .add(check_request_life())
      .add(check_exactly_once())
      .add(check_overflow())
      .add(check_ring_indices());
  return set;
}

}  // namespace uringsim::sim
