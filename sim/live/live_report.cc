// SPDX-License-Identifier: GPL-2.0-only
// What the machine can say about its tasks: times, and who waits for what.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "sim/live/live_task.h"

namespace uringsim::sim {

/// Anywhere, at any time. A fatal one ends the run and the task; outside of every task it ends the process.
void LiveMachine::report(const char* what, bool fatal, arch::Site site) noexcept {
  LiveTask* const task = self();
  {
    const std::lock_guard lock(mutex_);
    reports_.push_back({what, task != nullptr ? task->task->name : "", place_text(site), clock_ns() - start_, fatal});
    if (fatal) violated_ = true;
  }
  if (!fatal) return;
  if (task == nullptr) {
    std::fprintf(stderr, "uringsim: %s (outside of every task)\n", what);
    std::abort();
  }
  ended_.notify_all();
  if (!task->interrupt) exit();
  // An interrupt context is needed for ever; it stands still until the machine ends.
  task->place.store(LivePlace::waiting, std::memory_order_seq_cst);
  while (!dying_.load(std::memory_order_acquire)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  leave(*task);
}

TaskSituation LiveMachine::situation(const LiveTask& task) const {
  TaskSituation result;
  result.name = task.task->name;
  result.id = task.task->id;
  result.since = task.since.load(std::memory_order_relaxed);
  const LivePlace place = task.place.load(std::memory_order_acquire);
  const arch::LockWord* const lock = task.waits_for.load(std::memory_order_acquire);
  if (lock != nullptr) {
    const char* const kind = task.waits_kind == arch::LockKind::spin ? "spinlock" : "mutex";
    const u32 holder = __atomic_load_n(&lock->waiters, __ATOMIC_RELAXED);
    result.state = task.waits_kind == arch::LockKind::spin ? "spinning" : "waiting";
    result.where = place_text(task.waits_site);
    result.waits_for = fmt::format("{} held by a task that has ended", kind);
    for (const auto& other : parts_)
      if (other->alive && other->task->id + 1 == holder && other->place != LivePlace::ended)
        result.waits_for = fmt::format("{} held by {} ({})", kind, other->task->name, other->task->id);
  } else if (task.joins != nullptr) {
    result.state = "waiting";
    result.waits_for = fmt::format("end of {} ({})", task.joins->name, task.joins->id);
  } else if (place == LivePlace::sleeping) {
    const u64 deadline = task.deadline.load(std::memory_order_relaxed);
    result.state = "sleeping";
    result.waits_for = fmt::format("wake-up ({})", state_text(task.state.load(std::memory_order_relaxed) & ~LiveTask::kAsleep));
    if (deadline != kNever) result.waits_for += fmt::format(" or time {} ns", deadline);
  } else {
    result.state = "running";
  }
  return result;
}

TaskStatistics LiveMachine::statistics_of(const LiveTask& task) const {
  TaskStatistics result = task.statistics;
  result.passes += task.passes_in_a_row;
  const u64 now = result.ended ? task.over : clock_ns() - start_;
  if (!result.ended && task.place.load(std::memory_order_relaxed) == LivePlace::sleeping)
    result.asleep += now - std::min(now, task.since.load(std::memory_order_relaxed));
  result.running = now - task.began - std::min(now - task.began, result.asleep);
  return result;
}

std::vector<TaskStatistics> LiveMachine::task_statistics() const {
  const std::lock_guard lock(mutex_);
  std::vector<TaskStatistics> result = finished_;
  for (const auto& part : parts_)
    if (part->alive && !part->interrupt) result.push_back(statistics_of(*part));
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return result;
}

}  // namespace uringsim::sim
