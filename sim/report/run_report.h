// SPDX-License-Identifier: GPL-2.0-only
// The outcome of one run, as plain data with two renderings: JSON for scripts (keys that stay), text for people.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

struct LatencyReport {
  u64 count = 0, p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0;  ///< ns
};

struct RingReport {
  u64 sqes = 0, cqes = 0, reaped = 0, enter_calls = 0, submits = 0, largest_batch = 0;
  u64 wakeups_needed = 0, wakeups_asked = 0, punts = 0, overflows = 0, dropped = 0;
  LatencyReport latency;
};

struct SqThreadReport {
  u64 spinning_ns = 0, working_ns = 0, asleep_ns = 0, sleeps = 0;
};

struct TaskReport {
  u64 running_ns = 0, spinning_ns = 0, asleep_ns = 0, queued_ns = 0, switches = 0, preempted = 0;
  bool ended = false;
};

struct CpuReport {
  u64 busy_ns = 0, interrupt_ns = 0, idle_ns = 0, switches = 0;
};

struct DeviceReport {
  u64 reads = 0, writes = 0, bytes_read = 0, bytes_written = 0, errors = 0, deepest = 0, busy_ns = 0;
  LatencyReport latency;
};

struct ExpectationReport {
  std::string what;   ///< "cqes of r0: 8000"
  std::string where;  ///< file:line:column: /path; empty for what is expected without being asked
  bool holds = true;
  std::string got;      ///< what came instead; empty if it holds
  bool sought = false;  ///< does not hold, and shows what the scenario says that a search finds: no failure
};

struct RunReport {
  std::string scenario, file, kernel, engine, point;  ///< `point`: of a sweep, "idle=4ms"
  u64 seed = 0;
  bool pass = true;
  bool sought = false;  ///< passes, and shows the violation that a search of the scenario has to find
  u64 trace_hash = 0;
  u64 time_ns = 0;     ///< of the run's own clock
  double seconds = 0;  ///< of the wall; left out where output has to be the same each time
  std::vector<std::pair<std::string, RingReport>> rings;
  std::vector<std::pair<std::string, SqThreadReport>> sq_threads;
  std::vector<std::pair<std::string, TaskReport>> tasks;
  std::vector<CpuReport> cpus;
  std::vector<std::pair<std::string, DeviceReport>> devices;
  std::vector<ExpectationReport> expectations;
  std::vector<std::string> failures;  ///< of steps and of the machine; "" never
  std::vector<std::string> warnings;
};

/// The fixed keys of `uringsim run --json`, and more beside them.
[[nodiscard]] nlohmann::ordered_json to_json(const RunReport& report);
/// The number at a dotted path of to_json() ("rings.r0.latency_ns.p99"); none if there is no number there.
[[nodiscard]] std::optional<double> metric_at(const nlohmann::ordered_json& report, const std::string& path);
/// A page for people. `styled(style, text)` colours: "good", "bad", "dim", "bold".
using Style = std::string (*)(const void* context, std::string_view style, std::string_view text);
[[nodiscard]] std::string to_text(const RunReport& report, Style style, const void* context);

/// "1.25 ms": three significant digits.
[[nodiscard]] std::string short_time(u64 nanoseconds);
/// "12,345"
[[nodiscard]] std::string grouped(u64 number);

}  // namespace uringsim::sim
