// SPDX-License-Identifier: GPL-2.0-only
#include "sim/check/checker.h"

namespace uringsim::sim {

// In the order in which their findings are told: what explains more comes first.
CheckSet all_checks() {
  CheckSet set;
  set.add(check_lost_wakeup())
      .add(check_request_life())
      .add(check_link_order())
      .add(check_drain_order())
      .add(check_exactly_once())
      .add(check_overflow())
      .add(check_no_leak())
      .add(check_lock_order())
      .add(check_ring_words())
      .add(check_iopoll_progress())
      .add(check_sqe_stable())
      .add(check_buffer_stable())
      .add(check_user_data_unique())
      .add(check_need_wakeup_barrier());
  return set;
}

}  // namespace uringsim::sim
