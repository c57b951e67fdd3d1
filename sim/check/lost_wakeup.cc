// SPDX-License-Identifier: GPL-2.0-only
// "no-lost-wakeup": nothing sleeps while it has work. Judged once nothing will happen any more: an SQ thread that sleeps although
// its SQ holds an entry has missed the wakeup that was meant for it, or nobody sent one; so has a task that sleeps in enter()
// although the CQ holds what it waits for.
//
// An application that publishes entries and is told by NEED_WAKEUP to enter, but has not got round to it, is not quiescent: a run
// that was cut off is not judged. One that ignores the flag loses its wakeups by its own fault; the finding is the same.
#include <fmt/format.h>

#include "kernel_model/arch/machine.h"
#include "sim/check/checker.h"
#include "sim/check/rings.h"

namespace uringsim::sim {

namespace {

struct Sleepers {
  PerRing<bool> sq_threads;
  struct Waiter {
    u32 task;
    s64 ring;
    u32 events;
  };
  std::vector<Waiter> waiters;
};

class LostWakeup final : public StateChecker<Sleepers> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "no-lost-wakeup"; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override {
    using kernel::EventKind;
    return {EventKind::sq_thread_sleep, EventKind::sq_thread_awake, EventKind::io_uring_cqring_wait,
            EventKind::sys_exit_io_uring_enter};
  }

  void event(const kernel::TraceEvent& event) override {
    if (event.kind == kernel::EventKind::sq_thread_sleep) state_.sq_threads[event.values[0]] = true;
    if (event.kind == kernel::EventKind::sq_thread_awake) state_.sq_threads[event.values[0]] = false;
    if (event.kind == kernel::EventKind::io_uring_cqring_wait)
      state_.waiters.push_back({event.task, event.values[0], static_cast<u32>(event.values[1])});
    if (event.kind == kernel::EventKind::sys_exit_io_uring_enter)
      std::erase_if(state_.waiters, [&](const Sleepers::Waiter& one) { return one.task == event.task; });
  }

  void finish(kernel::Kernel& kernel, Rest rest) override {
    if (rest != Rest::still) return;
    for (const kernel::io_ring_ctx* const ring : rings_of(kernel)) {
      if (ring->sqo_thread != nullptr && state_.sq_threads[ring->id]) {
        const u32 entries = *ring->rings.sq_tail - *ring->rings.sq_head;
        if (entries != 0 && kernel.machine.state(*ring->sqo_thread) != arch::TASK_RUNNING)
          find(
              fmt::format("the SQ thread does not sleep while the SQ holds entries: that of ring {} sleeps, {} {} in the SQ, and "
                          "nobody will wake it",
                          ring->id, entries, entries == 1 ? "entry lies" : "entries lie"));
      }
      for (const Sleepers::Waiter& waiter : state_.waiters)
        if (waiter.ring == ring->id) judge(kernel, *ring, waiter);
    }
  }

 private:
  void judge(kernel::Kernel& kernel, const kernel::io_ring_ctx& ring, const Sleepers::Waiter& waiter) {
    const u32 ready = *ring.rings.cq_tail - *ring.rings.cq_head;
    if (ready < waiter.events) return;
    list_for_each_entry(task, &kernel.tasks, kernel::task_struct, tasks) {
      if (task == kernel.init || task->id != waiter.task || task->exit_state != kernel::EXIT_ALIVE ||
          kernel.machine.state(*task) == arch::TASK_RUNNING)
        continue;
      find(fmt::format(
          "nobody sleeps for CQEs that are there: {} waits for {} on ring {}, the CQ holds {}, and nobody will wake it",
          task->name, waiter.events, ring.id, ready));
    }
  }
};

}  // namespace

std::unique_ptr<Checker> check_lost_wakeup() { return std::make_unique<LostWakeup>(); }

}  // namespace uringsim::sim
