// SPDX-License-Identifier: GPL-2.0-only
// "request-life": a request is freed once, and none outlives its ring.
#include <fmt/format.h>

#include <algorithm>

#include "sim/check/checker.h"

namespace uringsim::sim {

namespace {

class RequestLife final : public StateChecker<PerRing<std::vector<s64>>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "request-life"; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override {
    using kernel::EventKind;
    return {EventKind::request_alloc, EventKind::request_free, EventKind::ring_free};
  }

  void event(const kernel::TraceEvent& event) override {
    if (event.kind == kernel::EventKind::request_alloc) {
      state_[event.values[0]].push_back(event.values[1]);
    } else if (event.kind == kernel::EventKind::request_free) {
      auto& alive = state_[event.values[0]];
      const auto found = std::find(alive.begin(), alive.end(), event.values[1]);
      if (found == alive.end())
        return find(fmt::format("a request is freed once: {:#x} of ring {} again", event.values[1], event.values[0]));
      alive.erase(found);
    } else if (event.kind == kernel::EventKind::ring_free) {
      const auto& alive = state_[event.values[0]];
      if (!alive.empty())
        find(fmt::format("no request outlives its ring: {} of ring {} do, the first is {:#x}", alive.size(), event.values[0],
                         alive[0]));
    }
  }
};

}  // namespace

std::unique_ptr<Checker> check_request_life() { return std::make_unique<RequestLife>(); }

}  // namespace uringsim::sim
