// SPDX-License-Identifier: GPL-2.0-only
// "exactly-once": every SQE that the kernel took is completed once, by a CQE or by a counted drop, and no completion comes from
// nowhere. What is still in flight may be owed as long as its ring lives.
//
// Judged by numbers, not by user_data: a hostile application may rewrite that while the kernel reads it (5.1 and 5.4 read it
// again on errors), and two requests may bear the same.
#include <fmt/format.h>

#include "sim/check/checker.h"

namespace uringsim::sim {

namespace {

struct Ring {
  u64 taken = 0;
  u64 completed = 0;
};

class ExactlyOnce final : public StateChecker<PerRing<Ring>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "exactly-once"; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override {
    using kernel::EventKind;
    return {EventKind::sqe_consumed, EventKind::cqe_posted, EventKind::cqe_overflow, EventKind::ring_free};
  }

  void event(const kernel::TraceEvent& event) override {
    switch (event.kind) {
      case kernel::EventKind::sqe_consumed:
        state_[event.values[0]].taken++;
        break;
      case kernel::EventKind::cqe_posted:
        completed(event.values[0], static_cast<u64>(event.values[2]));
        break;
      case kernel::EventKind::cqe_overflow:
        completed(event.values[0], static_cast<u64>(event.values[1]));
        break;
      case kernel::EventKind::ring_free: {
        const Ring& ring = state_[event.values[0]];
        if (ring.completed < ring.taken)
          find(fmt::format("every SQE is completed: ring {} is gone and {} of its {} SQEs were not", event.values[0],
                           ring.taken - ring.completed, ring.taken));
        break;
      }
      default:
        break;
    }
  }

 private:
  void completed(s64 id, u64 user_data) {
    Ring& ring = state_[id];
    if (++ring.completed > ring.taken)
      find(fmt::format("no CQE comes from nowhere: ring {} completes user_data {:#x}, its {}th completion for {} SQEs", id,
                       user_data, ring.completed, ring.taken));
  }
};

}  // namespace

std::unique_ptr<Checker> check_exactly_once() { return std::make_unique<ExactlyOnce>(); }

}  // namespace uringsim::sim
