// SPDX-License-Identifier: GPL-2.0-only
// What the machine can say about its tasks: times, and who waits for what.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "sim/fiber/source_path.h"
#include "sim/fiber/timed_task.h"

namespace uringsim::sim {

void TimedMachine::report(const char* what, bool fatal, arch::Site site) noexcept {
  TimedTask* const task = self();
  reports_.push_back({what, task != nullptr ? task->task->name : "", place_text(site), caller_clock(), fatal});
  if (!fatal) return;
  if (task == nullptr) {
    std::fprintf(stderr, "uringsim: %s (outside of every task)\n", what);
    std::abort();
  }
  end_ = RunEnd::violation;
  for (;;) go_on(*task);  // never comes back: every run() of this machine ends at once from now on
}

TaskSituation TimedMachine::situation(const TimedTask& task) const {
  TaskSituation result;
  result.name = task.task->name;
  result.id = task.id;
  result.since = task.since;
  if (task.waits_for != nullptr) {
    result.state = task.spinning ? "spinning" : "waiting";
    result.where = place_text(task.waits_site);
    const char* const kind = task.waits_kind == arch::LockKind::spin ? "spinlock" : "mutex";
    result.waits_for = fmt::format("{} that nobody holds", kind);
    const auto look_at = [&](const TimedTask& other) {
      if (other.id + 1 != task.waits_for->word) return;
      result.waits_for = fmt::format("{} held by {} ({})", kind, other.task->name, other.id);
      for (unsigned i = 0; i < std::min(other.held_count, TimedTask::kHeldLocks); i++)
        if (other.held[i].lock == task.waits_for)
          result.waits_for += fmt::format(", taken at {}", place_text(other.held[i].site));
    };
    for (const auto& other : tasks_) look_at(*other);
    for (unsigned cpu = 0; cpu < options_.cpus; cpu++)
      if (processors_[cpu].interrupt != nullptr) look_at(*processors_[cpu].interrupt);
  } else if (task.where == Whereabouts::running) {
    result.state = "running";
    result.since = task.task->clock;
    if (task.poll.repeats() || (end_ == RunEnd::livelock && task.poll.file != nullptr))
      result.waits_for = fmt::format("a change that it polls for at {}:{}", source_path(task.poll.file), task.poll.line);
  } else if (task.where == Whereabouts::queued) {
    result.state = "queued";
    result.waits_for = fmt::format("processor {}", task.cpu);
  } else if (task.joins != nullptr) {
    result.state = "waiting";
    result.waits_for = fmt::format("the end of {} ({})", task.joins->name, task.joins->id);
  } else if (task.statistics.switches == 0) {
    result.state = "not started";
    result.waits_for = "its first wake-up";
  } else {
    result.state = "sleeping";
    result.waits_for = fmt::format("a wake-up ({})", state_text(task.state));
  }
  return result;
}

/// As of now: the phase that is under way counts up to the clock of the machine.
TaskStatistics TimedMachine::statistics_of(const TimedTask& task) const {
  TaskStatistics result = task.statistics;
  result.running = task.ran();
  if (task.where == Whereabouts::blocked && time_ > task.since) result.asleep += time_ - task.since;
  if (task.where == Whereabouts::queued && time_ > task.since) result.queued += time_ - task.since;
  return result;
}

TaskStatistics TimedMachine::statistics(const arch::Task& task) const {
  return statistics_of(*static_cast<const TimedTask*>(task.engine));
}

std::vector<TaskStatistics> TimedMachine::task_statistics() const {
  std::vector<TaskStatistics> all = ended_;
  for (const auto& task : tasks_) all.push_back(statistics_of(*task));
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return all;
}

ProcessorStatistics TimedMachine::processor_statistics(unsigned cpu) const {
  const TimedProcessor& on = processors_[cpu];
  ProcessorStatistics result = on.statistics;
  if (on.running != nullptr) result.busy += on.running->ran() - on.took_over;
  const u64 total = time_ - options_.start;
  const u64 used = result.busy + result.interrupt;
  result.idle = total > used ? total - used : 0;
  return result;
}

}  // namespace uringsim::sim
