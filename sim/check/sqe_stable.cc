// SPDX-License-Identifier: GPL-2.0-only
// "sqe-stable": the application does not write an SQE between its publication and the move of the SQ head past it. Until 5.5
// (IORING_FEAT_SUBMIT_STABLE) the kernel reads it again and again until then; with an SQ thread that is so for ever.
//
// A program may know better (one submitter, enter() without an SQ thread, same bytes): counts where it is asked for.
#include <fmt/format.h>

#include <algorithm>

#include "sim/check/checker.h"

namespace uringsim::sim {

namespace {

struct Ring {
  u32 entries = 0;
  std::vector<u32> array;                      ///< the SQ array as the application filled it
  std::vector<std::pair<u32, u32>> in_flight;  ///< head and SQE index
};

class SqeStable final : public StateChecker<PerRing<Ring>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "sqe-stable"; }
  [[nodiscard]] bool asked() const noexcept override { return true; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override {
    using kernel::EventKind;
    return {EventKind::io_uring_create, EventKind::sqe_written, EventKind::sq_published, EventKind::sq_head};
  }

  void event(const kernel::TraceEvent& event) override {
    Ring& ring = state_[event.values[0]];
    const auto value = [&](int n) { return static_cast<u32>(event.values[n]); };
    switch (event.kind) {
      case kernel::EventKind::io_uring_create:
        ring.entries = value(2);
        for (u32 i = 0; i < ring.entries; i++) ring.array.push_back(i);
        return;
      case kernel::EventKind::sqe_written:
        for (const auto& [head, index] : ring.in_flight)
          if (index == value(1))
            find(fmt::format(
                "an SQE is not written between its publication and its consumption: on ring {} the application writes "
                "SQE {}, entry {} of the SQ, which the head has not passed",
                event.values[0], index, head));
        if (value(2) < ring.array.size()) ring.array[value(2)] = value(3);
        return;
      case kernel::EventKind::sq_published:
        for (u32 head = value(1); ring.entries != 0 && head != value(2) && ring.in_flight.size() < ring.entries; head++)
          ring.in_flight.emplace_back(head, ring.array[head % ring.entries]);
        return;
      default:
        std::erase_if(ring.in_flight, [&](const auto& one) { return static_cast<s32>(one.first - value(1)) < 0; });
    }
  }
};

}  // namespace

std::unique_ptr<Checker> check_sqe_stable() { return std::make_unique<SqeStable>(); }

}  // namespace uringsim::sim
