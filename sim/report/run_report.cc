// SPDX-License-Identifier: GPL-2.0-only
#include "sim/report/run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace uringsim::sim {

namespace {

using Json = nlohmann::ordered_json;

Json latency_json(const LatencyReport& latency) {
  return {{"p50", latency.p50},   {"p90", latency.p90}, {"p99", latency.p99},
          {"p999", latency.p999}, {"max", latency.max}, {"count", latency.count}};
}

Json ring_json(const RingReport& ring) {
  return {{"sqes", ring.sqes},
          {"cqes", ring.cqes},
          {"reaped", ring.reaped},
          {"enter_calls", ring.enter_calls},
          {"submits", ring.submits},
          {"largest_batch", ring.largest_batch},
          {"wakeups_needed", ring.wakeups_needed},
          {"wakeups_asked", ring.wakeups_asked},
          {"punts", ring.punts},
          {"overflows", ring.overflows},
          {"dropped", ring.dropped},
          {"latency_ns", latency_json(ring.latency)}};
}

std::string size_text(u64 bytes) {
  constexpr u64 kib = 1024;
  if (bytes >= kib * kib * kib)
    return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / static_cast<double>(kib * kib * kib));
  if (bytes >= kib * kib) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / static_cast<double>(kib * kib));
  return fmt::format("{} KiB", bytes / kib);
}

std::string share(u64 part, u64 whole) {
  return whole == 0 ? "-" : fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

std::string short_time(u64 nanoseconds) {
  const char* const units[] = {"ns", "us", "ms", "s"};
  double value = static_cast<double>(nanoseconds);
  unsigned unit = 0;
  while (value >= 1000 && unit < 3) {
    value /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} ns", nanoseconds);
  return fmt::format("{:.{}f} {}", value, value >= 100 ? 0 : value >= 10 ? 1 : 2, units[unit]);
}

std::string grouped(u64 number) {
  const std::string digits = std::to_string(number);
  std::string out;
  for (std::size_t at = 0; at < digits.size(); at++) {
    if (at > 0 && (digits.size() - at) % 3 == 0) out += ',';
    out += digits[at];
  }
  return out;
}

nlohmann::ordered_json to_json(const RunReport& report) {
  Json json = {{"scenario", report.scenario},
               {"kernel", report.kernel},
               {"engine", report.engine},
               {"seed", report.seed},
               {"verdict", report.pass ? "pass" : "fail"},
               {"violation_shown", report.sought},
               {"trace_hash", fmt::format("{:016x}", report.trace_hash)}};
  if (!report.point.empty()) json["point"] = report.point;
  json["time_ns"] = report.time_ns;
  json["rings"] = Json::object();
  for (const auto& [name, ring] : report.rings) json["rings"][name] = ring_json(ring);
  json["sq_threads"] = Json::object();
  for (const auto& [name, thread] : report.sq_threads)
    json["sq_threads"][name] = {{"spinning_ns", thread.spinning_ns},
                                {"working_ns", thread.working_ns},
                                {"asleep_ns", thread.asleep_ns},
                                {"sleeps", thread.sleeps}};
  json["tasks"] = Json::object();
  for (const auto& [name, task] : report.tasks)
    json["tasks"][name] = {{"running_ns", task.running_ns},
                           {"spinning_ns", task.spinning_ns},
                           {"asleep_ns", task.asleep_ns},
                           {"queued_ns", task.queued_ns},
                           {"switches", task.switches},
                           {"preempted", task.preempted},
                           {"ended", task.ended}};
  json["cpus"] = Json::array();
  for (const CpuReport& cpu : report.cpus)
    json["cpus"].push_back(
        {{"busy_ns", cpu.busy_ns}, {"interrupt_ns", cpu.interrupt_ns}, {"idle_ns", cpu.idle_ns}, {"switches", cpu.switches}});
  json["devices"] = Json::object();
  for (const auto& [name, device] : report.devices)
    json["devices"][name] = {{"reads", device.reads},           {"writes", device.writes},
                             {"bytes_read", device.bytes_read}, {"bytes_written", device.bytes_written},
                             {"errors", device.errors},         {"deepest_queue", device.deepest},
                             {"busy_ns", device.busy_ns},       {"latency_ns", latency_json(device.latency)}};
  json["expectations"] = Json::array();
  for (const ExpectationReport& one : report.expectations) {
    Json entry = {{"what", one.what}, {"holds", one.holds}};
    if (!one.where.empty()) entry["where"] = one.where;
    if (!one.got.empty()) entry["got"] = one.got;
    if (one.sought) entry["sought"] = true;
    json["expectations"].push_back(entry);
  }
  json["failures"] = report.failures;
  json["warnings"] = report.warnings;
  return json;
}

std::optional<double> metric_at(const nlohmann::ordered_json& report, const std::string& path) {
  const Json* at = &report;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('.', start), path.size());
    const std::string key = path.substr(start, end - start);
    if (at->is_object()) {
      const auto found = at->find(key);
      if (found == at->end()) return std::nullopt;
      at = &*found;
    } else if (at->is_array()) {
      std::size_t index = 0;
      const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), index);
      if (error != std::errc() || stop != key.data() + key.size() || index >= at->size()) return std::nullopt;
      at = &(*at)[index];
    } else {
      return std::nullopt;
    }
    start = end + 1;
  }
  if (at->is_boolean()) return at->get<bool>() ? 1.0 : 0.0;
  if (!at->is_number()) return std::nullopt;
  return at->get<double>();
}

std::string to_text(const RunReport& report, Style style, const void* context) {
  const auto styled = [&](std::string_view how, std::string_view text) {
    return style == nullptr ? std::string(text) : style(context, how, text);
  };
  std::string out =
      fmt::format("{}  {}{}{}\n", styled("bold", report.scenario), report.pass ? styled("good", "pass") : styled("bad", "FAIL"),
                  report.point.empty() ? "" : "  " + report.point,
                  report.sought ? ", and shows the violation that a search of it has to find" : "");
  out += fmt::format("  kernel {}, engine {}, seed {}, {} of its own time, trace {:016x}\n", report.kernel, report.engine,
                     report.seed, short_time(report.time_ns), report.trace_hash);
  for (const auto& [name, ring] : report.rings) {
    out += fmt::format("  ring {:<10} {} SQEs in {} submits (largest {}), {} CQEs, {} enter calls\n", name, grouped(ring.sqes),
                       grouped(ring.submits), ring.largest_batch, grouped(ring.cqes), grouped(ring.enter_calls));
    if (ring.latency.count != 0)
      out += fmt::format("    latency       p50 {}, p99 {}, p99.9 {}, max {}\n", short_time(ring.latency.p50),
                         short_time(ring.latency.p99), short_time(ring.latency.p999), short_time(ring.latency.max));
    if (ring.wakeups_asked + ring.punts + ring.overflows + ring.dropped != 0)
      out += fmt::format("    wakeups       {} asked for, {} needed; {} punted, {} CQEs lost, {} SQEs dropped\n",
                         grouped(ring.wakeups_asked), grouped(ring.wakeups_needed), grouped(ring.punts), grouped(ring.overflows),
                         grouped(ring.dropped));
  }
  for (const auto& [name, thread] : report.sq_threads) {
    const u64 whole = thread.spinning_ns + thread.working_ns + thread.asleep_ns;
    out += fmt::format("  sq thread {:<5} spinning {} ({}), working {} ({}), asleep {} ({})\n", name,
                       short_time(thread.spinning_ns), share(thread.spinning_ns, whole), short_time(thread.working_ns),
                       share(thread.working_ns, whole), short_time(thread.asleep_ns), share(thread.asleep_ns, whole));
  }
  for (const auto& [name, device] : report.devices)
    out += fmt::format("  device {:<8} {} reads ({}), {} writes ({}), {} errors; queue to {}, busy {}; p50 {}, p99 {}\n", name,
                       grouped(device.reads), size_text(device.bytes_read), grouped(device.writes),
                       size_text(device.bytes_written), device.errors, device.deepest, share(device.busy_ns, report.time_ns),
                       short_time(device.latency.p50), short_time(device.latency.p99));
  for (const auto& [name, task] : report.tasks)
    out += fmt::format("  task {:<10} running {}, asleep {}, waiting for a processor {}\n", name, short_time(task.running_ns),
                       short_time(task.asleep_ns), short_time(task.queued_ns));
  for (std::size_t i = 0; i < report.cpus.size(); ++i) {
    const CpuReport& cpu = report.cpus[i];
    const u64 whole = cpu.busy_ns + cpu.interrupt_ns + cpu.idle_ns;
    out += fmt::format("  cpu {:<11} busy {}, interrupts {}, idle {}\n", i, share(cpu.busy_ns, whole),
                       share(cpu.interrupt_ns, whole), share(cpu.idle_ns, whole));
  }
  for (const ExpectationReport& one : report.expectations) {
    out += fmt::format("  {} {}\n",
                       one.holds    ? styled("good", "holds")
                       : one.sought ? styled("bold", "shows")
                                    : styled("bad", "FAILS"),
                       one.what);
    if (!one.holds) out += fmt::format("        got {}\n", one.got);
    if (!one.holds && !one.where.empty()) out += fmt::format("        {}\n", one.where);
  }
  for (const std::string& failure : report.failures)
    out += fmt::format("  {} {}\n", report.sought ? styled("bold", "shows") : styled("bad", "failure:"), failure);
  for (const std::string& warning : report.warnings) out += fmt::format("  {} {}\n", styled("dim", "note:"), warning);
  if (!out.empty()) out.pop_back();
  return out;
}

}  // namespace uringsim::sim
