// SPDX-License-Identifier: GPL-2.0-only
// "drain-order": a drained request, and whatever is behind it in the SQ, starts only after all before it are over.
//
// That those behind it also wait for the drained request itself is no promise of these releases: once it has begun, they begin.
#include <fmt/format.h>

#include "sim/check/checker.h"
#include "sim/check/sqe_book.h"

namespace uringsim::sim {

namespace {

class DrainOrder final : public StateChecker<PerRing<SqeBook>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "drain-order"; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override { return SqeBook::kinds(); }

  void event(const kernel::TraceEvent& event) override {
    SqeBook& book = state_[event.values[0]];
    const SqeBook::Entry* const starts = book.event(event);
    if (starts == nullptr || !book.drains()) return;
    // The last drain that is not over, at or before this one; in front of it nothing may be left.
    const SqeBook::Entry* drain = nullptr;
    for (const SqeBook::Entry& one : book.pending()) {
      if (SqeBook::before(starts->head, one.head)) break;
      if (one.drains) drain = &one;
    }
    if (drain == nullptr || book.pending().front().head == drain->head) return;
    const SqeBook::Entry& left = book.pending().front();
    find(
        fmt::format("a drained request and those behind it start only after all before it have completed: on ring {} SQE {} "
                    "(user_data {:#x}) starts, SQE {} drains, and SQE {} (user_data {:#x}) has not completed",
                    event.values[0], starts->head, starts->user_data, drain->head, left.head, left.user_data));
  }
};

}  // namespace

std::unique_ptr<Checker> check_drain_order() { return std::make_unique<DrainOrder>(); }

}  // namespace uringsim::sim
