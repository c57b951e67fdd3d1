// SPDX-License-Identifier: GPL-2.0-only
// "ring-indices": the kernel moves the SQ head and the CQ tail only forward, and never past what there is: the head by what it
// took, the tail by what it posted. (The other two words are the application's, who may write what it likes.)
#include <fmt/format.h>

#include "sim/check/checker.h"

namespace uringsim::sim {

namespace {

struct Ring {
  u32 head = 0;    // SQ, as last published
  u32 taken = 0;   // SQEs taken or dropped
  u32 tail = 0;    // CQ, as last published
  u32 posted = 0;  // CQEs filled
};

class RingIndices final : public StateChecker<PerRing<Ring>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "ring-indices"; }

  void event(const kernel::TraceEvent& event) override {
    switch (event.kind) {
      case kernel::EventKind::sqe_consumed:
      case kernel::EventKind::sqe_dropped:
        state_[event.values[0]].taken++;
        break;
      case kernel::EventKind::cqe_posted:
        state_[event.values[0]].posted++;
        break;
      case kernel::EventKind::sq_head: {
        Ring& ring = state_[event.values[0]];
        moved(event, "SQ head", ring.head, ring.taken);
        break;
      }
      case kernel::EventKind::cq_tail: {
        Ring& ring = state_[event.values[0]];
        moved(event, "CQ tail", ring.tail, ring.posted);
        break;
      }
      default:
        break;
    }
  }

 private:
  void moved(const kernel::TraceEvent& event, const char* what, u32& last, u32 end) {
    const auto now = static_cast<u32>(event.values[1]);
    if (static_cast<s32>(now - last) < 0)
      find(fmt::format("the {} only moves forward: ring {} moves it from {} back to {}", what, event.values[0], last, now));
    else if (static_cast<s32>(end - now) < 0)
      find(fmt::format("the {} never passes what there is: ring {} moves it to {}, and there are {}", what, event.values[0], now,
                       end));
    last = now;
  }
};

}  // namespace

std::unique_ptr<Checker> check_ring_indices() { return std::make_unique<RingIndices>(); }

}  // namespace uringsim::sim
