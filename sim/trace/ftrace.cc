// SPDX-License-Identifier: GPL-2.0-only
// The kernel's own trace file (Documentation/trace/ftrace.rst).
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "sim/trace/export.h"

namespace uringsim::sim {

namespace {

std::string header(std::size_t events, const TraceAbout& about) {
  std::string text = "# tracer: nop\n#\n";
  text += fmt::format("# uringsim: scenario {}, kernel {}, engine {}, seed {}\n", about.scenario, about.kernel, about.engine,
                      about.seed);
  text += fmt::format("# clock: {}\n", about.clock);
  if (!about.schedule.empty()) text += fmt::format("# schedule: {}\n", about.schedule);
  text += "# io_uring tracepoints are those of 5.10: older releases have none\n#\n";
  text += fmt::format("# entries-in-buffer/entries-written: {}/{}   #P:{}\n", events, events, about.cpus);
  text +=
      "#\n"
      "#                              _-----=> irqs-off\n"
      "#                             / _----=> need-resched\n"
      "#                            | / _---=> hardirq/softirq\n"
      "#                            || / _--=> preempt-depth\n"
      "#                            ||| /     delay\n"
      "#           TASK-PID   CPU#  ||||    TIMESTAMP  FUNCTION\n"
      "#              | |       |   ||||       |         |\n";
  return text;
}

}  // namespace

std::string to_ftrace(std::span<const kernel::TraceEvent> events, const TraceAbout& about) {
  const std::vector<TracedTask> tasks = traced_tasks(events);
  std::unordered_map<u32, const TracedTask*> known;
  for (const TracedTask& task : tasks) known[task.id] = &task;
  std::vector<const kernel::TraceEvent*> ordered;
  for (const kernel::TraceEvent& event : events) ordered.push_back(&event);
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) { return a->time < b->time; });

  std::string text = header(events.size(), about);
  constexpr u64 kSecond = 1'000'000'000, kMicrosecond = 1'000;
  for (const kernel::TraceEvent* const event : ordered) {
    const auto found = known.find(event->task);
    const bool task = found != known.end();  // else the machine's own: idle (0), or an interrupt
    const u64 at = event->time * about.unit;
    text += fmt::format("{:>16}-{:<5} [{:03}] {} {:>5}.{:06}: {}\n", task ? found->second->comm : "<idle>",
                        task ? found->second->pid : 0, std::max<int>(event->cpu, 0), task || event->task == 0 ? "...." : "d.h.",
                        at / kSecond, at % kSecond / kMicrosecond, event_line(*event, tasks));
  }
  return text;
}

}  // namespace uringsim::sim
