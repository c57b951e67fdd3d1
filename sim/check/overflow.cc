// SPDX-License-Identifier: GPL-2.0-only
// "overflow": cq_overflow counts exactly the completions that were dropped (releases before 5.5: no backlog).
#include <fmt/format.h>

#include "sim/check/checker.h"

namespace uringsim::sim {

namespace {

class Overflow final : public StateChecker<PerRing<u32>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "overflow"; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override {
    using kernel::EventKind;
    return {EventKind::cqe_overflow};
  }

  void event(const kernel::TraceEvent& event) override {
    if (event.kind != kernel::EventKind::cqe_overflow) return;
    const u32 dropped = ++state_[event.values[0]];
    const auto counted = static_cast<u32>(event.values[3]);
    if (counted != dropped)
      find(fmt::format("cq_overflow counts the completions that were dropped: ring {} dropped {} and counts {}", event.values[0],
                       dropped, counted));
  }
};

}  // namespace

std::unique_ptr<Checker> check_overflow() { return std::make_unique<Overflow>(); }

}  // namespace uringsim::sim
