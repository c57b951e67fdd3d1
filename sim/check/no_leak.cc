// SPDX-License-Identifier: GPL-2.0-only
// "no-leak": nothing of the kernel outlives the last task: no ring, request, file or address space. Judged at the end, if no
// application task is left by then; what one of those still holds is its own.
#include <fmt/format.h>

#include <algorithm>

#include "kernel_model/core/sched.h"
#include "sim/check/checker.h"

namespace uringsim::sim {

namespace {

/// Objects that were made and are not gone. In order of making, so mostly found near the end.
class Alive {
 public:
  void made(s64 id) { ids_.push_back(id); }
  void gone(s64 id) {
    const auto found = std::find(ids_.rbegin(), ids_.rend(), id);
    if (found != ids_.rend()) ids_.erase(std::next(found).base());
  }
  [[nodiscard]] const std::vector<s64>& ids() const noexcept { return ids_; }

 private:
  std::vector<s64> ids_;
};

struct Objects {
  Alive rings, requests, files, mms;
};

class NoLeak final : public StateChecker<Objects> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "no-leak"; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override {
    using kernel::EventKind;
    return {EventKind::io_uring_create, EventKind::ring_free, EventKind::request_alloc, EventKind::request_free,
            EventKind::file_open,       EventKind::file_free, EventKind::mm_alloc,      EventKind::mm_free};
  }

  void event(const kernel::TraceEvent& event) override {
    using kernel::EventKind;
    const s64 first = event.values[0], second = event.values[1];
    switch (event.kind) {
      case EventKind::io_uring_create:
        return state_.rings.made(first);
      case EventKind::ring_free:
        return state_.rings.gone(first);
      case EventKind::request_alloc:
        return state_.requests.made(second);
      case EventKind::request_free:
        return state_.requests.gone(second);
      case EventKind::file_open:
        return state_.files.made(first);
      case EventKind::file_free:
        return state_.files.gone(first);
      case EventKind::mm_alloc:
        return state_.mms.made(first);
      default:
        return state_.mms.gone(first);
    }
  }

  void finish(kernel::Kernel& kernel, Rest) override {
    list_for_each_entry(task, &kernel.tasks, kernel::task_struct, tasks) {
      if ((task->flags & kernel::PF_KTHREAD) == 0 && task != kernel.init && task->exit_state == kernel::EXIT_ALIVE) return;
    }
    judge("ring", state_.rings, 0);
    judge("request", state_.requests, 0);
    judge("file", state_.files, 0);
    judge("address space", state_.mms, 1);  // that of init
  }

 private:
  void judge(const char* what, const Alive& alive, std::size_t kept) {
    if (alive.ids().size() <= kept) return;
    find(fmt::format("nothing of the kernel outlives the last task: {} {}{} left, the first is {}", alive.ids().size() - kept,
                     what, alive.ids().size() - kept == 1 ? " is" : "s are", alive.ids()[kept]));
  }
};

}  // namespace

std::unique_ptr<Checker> check_no_leak() { return std::make_unique<NoLeak>(); }

}  // namespace uringsim::sim
