// SPDX-License-Identifier: GPL-2.0-only
// "user-data-unique": no two requests in flight on a ring bear the same user_data, so that a CQE, or a removal, says which one it
// is about. The kernel does not ask for it: counts where it is asked for.
#include <fmt/format.h>

#include <algorithm>

#include "sim/check/checker.h"

namespace uringsim::sim {

namespace {

class UserDataUnique final : public StateChecker<PerRing<std::vector<s64>>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "user-data-unique"; }
  [[nodiscard]] bool asked() const noexcept override { return true; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override {
    using kernel::EventKind;
    return {EventKind::sqe_consumed, EventKind::io_uring_complete};
  }

  void event(const kernel::TraceEvent& event) override {
    std::vector<s64>& in_flight = state_[event.values[0]];
    const bool consumed = event.kind == kernel::EventKind::sqe_consumed;
    const s64 user_data = event.values[consumed ? 3 : 1];
    const auto found = std::find(in_flight.begin(), in_flight.end(), user_data);
    if (!consumed) {
      if (found != in_flight.end()) in_flight.erase(found);
      return;
    }
    if (found != in_flight.end())
      find(fmt::format(
          "a user_data is used again only after its CQE: on ring {} {:#x} is, and the request before it that bears it "
          "has not completed",
          event.values[0], user_data));
    in_flight.push_back(user_data);
  }
};

}  // namespace

std::unique_ptr<Checker> check_user_data_unique() { return std::make_unique<UserDataUnique>(); }

}  // namespace uringsim::sim
