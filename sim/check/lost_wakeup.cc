// SPDX-License-Identifier: GPL-2.0-only
// "lost-wakeup": nothing sleeps while it has work. Judged once nothing will happen any more: an SQ thread that sleeps although
// its SQ holds an entry has missed the wakeup that was meant for it, or nobody sent one.
//
// An application that publishes entries and is told by NEED_WAKEUP to enter, but has not got round to it, is not quiescent. One
// that ignores the flag loses its wakeups by its own fault; the finding is the same.
#include <fmt/format.h>

#include "kernel_model/arch/machine.h"
#include "sim/check/checker.h"
#include "sim/check/rings.h"

namespace uringsim::sim {

namespace {

class LostWakeup final : public StateChecker<PerRing<bool>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "lost-wakeup"; }

  void event(const kernel::TraceEvent& event) override {
    if (event.kind == kernel::EventKind::sq_thread_sleep) state_[event.values[0]] = true;
    if (event.kind == kernel::EventKind::sq_thread_awake) state_[event.values[0]] = false;
  }

  void finish(kernel::Kernel& kernel) override {
    for (const kernel::io_ring_ctx* const ring : rings_of(kernel)) {
      if (ring->sqo_thread == nullptr || !state_[ring->id]) continue;
      const u32 entries = *ring->rings.sq_tail - *ring->rings.sq_head;
      if (entries == 0 || kernel.machine.state(*ring->sqo_thread) == arch::TASK_RUNNING) continue;
      find(fmt::format(
          "the SQ thread does not sleep while the SQ holds entries: that of ring {} sleeps, {} {} in the SQ, and nobody "
          "will wake it",
          ring->id, entries, entries == 1 ? "entry lies" : "entries lie"));
    }
  }
};

}  // namespace

std::unique_ptr<Checker> check_lost_wakeup() { return std::make_unique<LostWakeup>(); }

}  // namespace uringsim::sim
