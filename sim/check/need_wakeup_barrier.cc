// SPDX-License-Identifier: GPL-2.0-only
// "need-wakeup-barrier": between its store of the SQ tail and its look at NEED_WAKEUP an application has a full barrier; without
// one the look may come first, see no flag, and nobody wakes the thread.
//
//     application               SQ thread
//     tail = t      (store)     flags |= NEED_WAKEUP  (store)
//     full barrier              full barrier
//     flags         (load)      tail                  (load)
//
// A rule for programs, broken whether or not a wakeup is lost this time (liburing up to 2.1 does): counts where it is asked for.
#include <fmt/format.h>

#include <algorithm>

#include "sim/check/checker.h"

namespace uringsim::sim {

namespace {

/// A publication by a task that has had no full barrier since.
struct Publication {
  u32 task;
  s64 ring;
};

class NeedWakeupBarrier final : public StateChecker<std::vector<Publication>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "need-wakeup-barrier"; }
  [[nodiscard]] bool asked() const noexcept override { return true; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override {
    using kernel::EventKind;
    return {EventKind::sq_published, EventKind::full_barrier, EventKind::sys_enter_io_uring_enter, EventKind::sq_flags_read};
  }

  void event(const kernel::TraceEvent& event) override {
    if (event.kind == kernel::EventKind::sq_published) {
      state_.push_back({event.task, event.values[0]});
    } else if (event.kind == kernel::EventKind::sq_flags_read) {
      for (const Publication& one : state_)
        if (one.task == event.task && one.ring == event.values[0])
          return find(
              fmt::format("a full barrier stands between the store of the SQ tail and the look at NEED_WAKEUP: on ring {} there "
                          "is none",
                          one.ring));
    } else {  // a barrier, or a system call
      std::erase_if(state_, [&](const Publication& one) { return one.task == event.task; });
    }
  }
};

}  // namespace

std::unique_ptr<Checker> check_need_wakeup_barrier() { return std::make_unique<NeedWakeupBarrier>(); }

}  // namespace uringsim::sim
