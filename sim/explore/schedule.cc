// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/schedule.h"

#include <array>
#include <cstring>

namespace uringsim::sim {

namespace {
constexpr std::array kNames = {"load",   "store",       "rmw",          "fence", "plain_read", "plain_write", "lock",  "try_lock",
                               "unlock", "spawn",       "end",          "join",  "set_state",  "sleep",       "wake",  "poll",
                               "now",    "timer_start", "timer_cancel", "raise", "fire",       "choose",      "drain", "time"};
static_assert(kNames.size() == static_cast<size_t>(OpKind::time) + 1);
}  // namespace

const char* to_string(OpKind kind) noexcept { return kNames[static_cast<size_t>(kind)]; }

bool from_string(const char* name, OpKind& kind) noexcept {
  for (size_t i = 0; i < kNames.size(); i++) {
    if (std::strcmp(kNames[i], name) != 0) continue;
    kind = static_cast<OpKind>(i);
    return true;
  }
  return false;
}

}  // namespace uringsim::sim
