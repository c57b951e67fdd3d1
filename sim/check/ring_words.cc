// SPDX-License-Identifier: GPL-2.0-only
// "ring-words": heads and tails move forward only, never past what there is, and never further apart than the ring is long.
//
// The kernel's two: it moves the SQ head by what it took and the CQ tail by what it posted. The application's two: it publishes
// no more than there is room for, and gives back no CQE that it was not given. An application that scribbles breaks this on
// purpose.
#include <fmt/format.h>

#include "sim/check/checker.h"

namespace uringsim::sim {

namespace {

struct Ring {
  u32 sq_entries = 0, cq_entries = 0;
  u32 head = 0;    // SQ, as last published
  u32 taken = 0;   // SQEs taken or dropped
  u32 tail = 0;    // CQ, as last published
  u32 posted = 0;  // CQEs filled
};

class RingWords final : public StateChecker<PerRing<Ring>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "ring-words"; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override {
    using kernel::EventKind;
    return {EventKind::io_uring_create, EventKind::sqe_consumed, EventKind::sqe_dropped,  EventKind::cqe_posted,
            EventKind::sq_head,         EventKind::cq_tail,      EventKind::sq_published, EventKind::cq_head};
  }

  void event(const kernel::TraceEvent& event) override {
    Ring& ring = state_[event.values[0]];
    switch (event.kind) {
      case kernel::EventKind::io_uring_create:
        ring.sq_entries = static_cast<u32>(event.values[2]);
        ring.cq_entries = static_cast<u32>(event.values[3]);
        break;
      case kernel::EventKind::sqe_consumed:
      case kernel::EventKind::sqe_dropped:
        ring.taken++;
        break;
      case kernel::EventKind::cqe_posted:
        ring.posted++;
        break;
      case kernel::EventKind::sq_head:
        moved(event, "SQ head", ring.head, ring.taken);
        break;
      case kernel::EventKind::cq_tail: {
        given_back(event, ring, static_cast<u32>(event.values[2]));
        moved(event, "CQ tail", ring.tail, ring.posted);
        const u32 unread = ring.tail - static_cast<u32>(event.values[2]);
        if (ring.cq_entries != 0 && unread > ring.cq_entries)
          find(
              fmt::format("the CQ tail is never further ahead of the head than the ring is long: on ring {} it goes to {}, the "
                          "head is {}, and there are {} entries",
                          event.values[0], ring.tail, event.values[2], ring.cq_entries));
        break;
      }
      case kernel::EventKind::cq_head:
        given_back(event, ring, static_cast<u32>(event.values[2]));
        break;
      case kernel::EventKind::sq_published: {
        const auto tail = static_cast<u32>(event.values[2]);
        if (ring.sq_entries != 0 && tail - ring.head > ring.sq_entries)
          find(
              fmt::format("the SQ tail is never further ahead of the head than the ring is long: the application moves that of "
                          "ring {} to {}, the head is {}, and there are {} entries",
                          event.values[0], tail, ring.head, ring.sq_entries));
        break;
      }
      default:
        break;
    }
  }

 private:
  void given_back(const kernel::TraceEvent& event, const Ring& ring, u32 head) {
    if (static_cast<s32>(head - ring.tail) > 0)
      find(fmt::format("the CQ head never passes the tail: the application moves that of ring {} to {}, and the tail is {}",
                       event.values[0], head, ring.tail));
  }
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

std::unique_ptr<Checker> check_ring_words() { return std::make_unique<RingWords>(); }

}  // namespace uringsim::sim
