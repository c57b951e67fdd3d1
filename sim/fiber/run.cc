// SPDX-License-Identifier: GPL-2.0-only
#include "sim/fiber/run.h"

#include <fmt/format.h>

#include "sim/fiber/source_path.h"

namespace uringsim::sim {

std::string place_text(const arch::Site& site) {
  return site.line != 0 ? fmt::format("{}:{} {}()", source_path(site.file), site.line, site.function) : std::string();
}

std::string state_text(u32 state) {
  switch (state) {
    case arch::TASK_RUNNING:
      return "running";
    case arch::TASK_INTERRUPTIBLE:
      return "interruptible";
    case arch::TASK_UNINTERRUPTIBLE:
      return "uninterruptible";
    case arch::TASK_PARKED:
      return "parked";
  }
  return fmt::format("state {:#x}", state);
}

const char* run_end_name(RunEnd end) noexcept {
  switch (end) {
    case RunEnd::finished:
      return "finished";
    case RunEnd::deadlock:
      return "deadlock";
    case RunEnd::livelock:
      return "livelock";
    case RunEnd::time_limit:
      return "time limit";
    case RunEnd::stopped:
      return "stopped";
    case RunEnd::violation:
      return "violation";
  }
  return "?";
}

std::string RunResult::describe() const {
  std::string text = fmt::format("{} at {} ns\n", run_end_name(end), time);
  for (const TaskSituation& task : tasks) {
    text += fmt::format("  {} ({}) {} since {} ns", task.name, task.id, task.state, task.since);
    if (!task.waits_for.empty()) text += ", waits for " + task.waits_for;
    if (!task.where.empty()) text += ", at " + task.where;
    text += '\n';
  }
  return text;
}

}  // namespace uringsim::sim
