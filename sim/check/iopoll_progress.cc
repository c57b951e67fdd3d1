// SPDX-License-Identifier: GPL-2.0-only
// "iopoll-progress": who polls for completions on an IOPOLL ring comes back when the CQ holds one. Judged once nothing will
// happen any more: a task that is still in enter(GETEVENTS) although a CQE is there polls for ever.
#include <fmt/format.h>

#include <algorithm>

#include "sim/check/checker.h"
#include "sim/check/rings.h"

namespace uringsim::sim {

namespace {

struct Poller {
  u32 task;
  unsigned fd;
};

class IopollProgress final : public StateChecker<std::vector<Poller>> {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "iopoll-progress"; }
  [[nodiscard]] std::vector<kernel::EventKind> kinds() const override {
    using kernel::EventKind;
    return {EventKind::sys_enter_io_uring_enter, EventKind::sys_exit_io_uring_enter};
  }

  void event(const kernel::TraceEvent& event) override {
    if (event.kind == kernel::EventKind::sys_exit_io_uring_enter)
      std::erase_if(state_, [&](const Poller& one) { return one.task == event.task; });
    else if ((event.values[3] & uapi::IORING_ENTER_GETEVENTS) != 0 && event.values[2] != 0)
      state_.push_back({event.task, static_cast<unsigned>(event.values[0])});
  }

  void finish(kernel::Kernel& kernel) override {
    if (state_.empty()) return;
    list_for_each_entry(task, &kernel.tasks, kernel::task_struct, tasks) {
      if (task == kernel.init) continue;  // it never runs, and bears the number of one that does
      for (const Poller& poller : state_)
        if (poller.task == task->id && task->exit_state == kernel::EXIT_ALIVE) judge(*task, poller.fd);
    }
  }

 private:
  void judge(const kernel::task_struct& task, unsigned fd) {
    const kernel::files_struct* const files = task.files;
    if (files == nullptr || fd >= files->max_fds || files->fd[fd] == nullptr || !kernel::is_io_uring_file(files->fd[fd])) return;
    const auto* const ring = static_cast<const kernel::io_ring_ctx*>(files->fd[fd]->private_data);
    if ((ring->flags & uapi::IORING_SETUP_IOPOLL) == 0) return;
    const u32 ready = *ring->rings.cq_tail - *ring->rings.cq_head;
    if (ready != 0)
      find(fmt::format("a poller comes back when there are completions: {} polls ring {} for ever, and its CQ holds {}",
                       task.name, ring->id, ready));
  }
};

}  // namespace

std::unique_ptr<Checker> check_iopoll_progress() { return std::make_unique<IopollProgress>(); }

}  // namespace uringsim::sim
