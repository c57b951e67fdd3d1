// SPDX-License-Identifier: GPL-2.0-only
// "link-order": a linked request starts only after the ones before it in its chain are over.
//
// A member that 5.4 refuses at submission has its CQE at once and leaves the chain as it is: it is over, too.
#include <fmt/format.h>

#include "sim/check/checker.h"
#include "sim/check/sqe_book.h"

namespace uringsim::sim {

namespace {

class LinkOrder final : public StateChecker<PerRing<SqeBook>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "link-order"; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override { return SqeBook::kinds(); }

  void event(const kernel::TraceEvent& event) override {
    SqeBook& book = state_[event.values[0]];
    const SqeBook::Entry* const starts = book.event(event);
    if (starts == nullptr || starts->chain == starts->head) return;
    for (const SqeBook::Entry& one : book.pending())
      if (!SqeBook::before(one.head, starts->chain) && SqeBook::before(one.head, starts->head))
        return find(
            fmt::format("a linked request starts only after the one before it has completed: on ring {} SQE {} (user_data "
                        "{:#x}) starts, and SQE {} (user_data {:#x}) of its chain has not completed",
                        event.values[0], starts->head, starts->user_data, one.head, one.user_data));
  }
};

}  // namespace

std::unique_ptr<Checker> check_link_order() { return std::make_unique<LinkOrder>(); }

}  // namespace uringsim::sim
