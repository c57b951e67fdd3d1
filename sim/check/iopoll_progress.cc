// SPDX-License-Identifier: GPL-2.0-only
// "iopoll-progress": what the device has completed on an IOPOLL ring is found by who polls for it. Polled requests complete by
// nothing else: no interrupt comes, so whoever forgets them leaves them for ever.
//
// Who polls: a task in enter(GETEVENTS) that asks for completions, until the CQ holds one; and the SQ thread of a ring that has
// one, until none of its requests is left on the poll list. Judged once nothing will happen any more, when the devices, too, have
// done all that they were given:
//
//     a task is still in enter, and the CQ holds a CQE                  it does not look there
//     a task is still in enter, and requests are on the poll list       it does not look at them, or at their device
//     requests are on the poll list of a ring with an SQ thread         it has forgotten them, or does not look
//
// Requests that nobody polls for, because the application does not enter, are the application's own affair.
//
// How many turns a poller takes is not judged: a search ends no turn of a poller before something that it looked at has changed
// (poll_pass), so that one who looks in the right places comes to an end, and one who does not is left over.
#include <fmt/format.h>

#include <algorithm>

#include "kernel_model/arch/machine.h"
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

  void finish(kernel::Kernel& kernel, Rest rest) override {
    if (rest != Rest::still) return;
    judge_pollers(kernel);
    for (const kernel::io_ring_ctx* const ring : rings_of(kernel))
      if (ring->sqo_thread != nullptr && polled(*ring)) judge_thread(kernel, *ring);
  }

 private:
  static bool polled(const kernel::io_ring_ctx& ring) noexcept { return (ring.flags & uapi::IORING_SETUP_IOPOLL) != 0; }

  void judge_pollers(kernel::Kernel& kernel) {
    if (state_.empty()) return;
    list_for_each_entry(task, &kernel.tasks, kernel::task_struct, tasks) {
      if (task == kernel.init) continue;  // it never runs, and bears the number of one that does
      for (const Poller& poller : state_)
        if (poller.task == task->id && task->exit_state == kernel::EXIT_ALIVE) judge(*task, poller.fd);
    }
  }

  void judge(const kernel::task_struct& task, unsigned fd) {
    const kernel::files_struct* const files = task.files;
    if (files == nullptr || fd >= files->max_fds || files->fd[fd] == nullptr || !kernel::is_io_uring_file(files->fd[fd])) return;
    const auto* const ring = static_cast<const kernel::io_ring_ctx*>(files->fd[fd]->private_data);
    if (!polled(*ring)) return;
    const u32 ready = *ring->rings.cq_tail - *ring->rings.cq_head;
    if (ready != 0)
      find(fmt::format("a poller comes back when there are completions: {} polls ring {} for ever, and its CQ holds {}",
                       task.name, ring->id, ready));
    else if (const u32 waiting = ring->poll_list.count; waiting != 0)
      find(fmt::format("a poller finds what the device has completed: {} polls ring {} for ever, and {} {} on the poll list",
                       task.name, ring->id, waiting, waiting == 1 ? "request is" : "requests are"));
  }

  void judge_thread(kernel::Kernel& kernel, const kernel::io_ring_ctx& ring) {
    const u32 waiting = ring.poll_list.count;
    if (waiting == 0) return;
    find(
        fmt::format("an SQ thread polls until nothing is left to poll for: that of ring {} {}, and {} of its requests {} on the "
                    "poll list",
                    ring.id, kernel.machine.state(*ring.sqo_thread) != arch::TASK_RUNNING ? "sleeps" : "does not look", waiting,
                    waiting == 1 ? "is" : "are"));
  }
};

}  // namespace

std::unique_ptr<Checker> check_iopoll_progress() { return std::make_unique<IopollProgress>(); }

}  // namespace uringsim::sim
