// SPDX-License-Identifier: GPL-2.0-only
// Chrome's trace event format, object form. Written by hand rather than through a JSON library: a million events, one pass.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_map>

#include "sim/trace/export.h"

namespace uringsim::sim {

using kernel::EventKind;
using kernel::TraceEvent;

namespace {

constexpr int kProcessors = 1'000'000;  ///< "process" of the processors' tracks; pids of tasks are small
constexpr int kInterrupts = 1'000'001;
constexpr int kKernelThreads = 1'000'002;
constexpr int kCounters = 1'000'003;

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + '"';
}

/// Where an event is drawn.
struct Track {
  int process = 0, thread = 0;
};

class Writer {
 public:
  Writer(std::span<const TraceEvent> events, const TraceAbout& about) : tasks_(traced_tasks(events)), unit_(about.unit) {
    for (const TracedTask& task : tasks_) by_id_[task.id] = &task;
    text_ = fmt::format(
        "{{\"displayTimeUnit\": \"ns\",\n\"otherData\": {{\"scenario\": {}, \"kernel\": {}, \"engine\": {}, \"seed\": {}, "
        "\"clock\": {}, "
        "\"schedule\": {}, \"tracepoints\": \"io_uring: those of 5.10\"}},\n\"traceEvents\": [",
        json_string(about.scenario), json_string(about.kernel), json_string(about.engine), about.seed, json_string(about.clock),
        json_string(about.schedule));
    name_tracks(about.cpus);
  }

  void event(const TraceEvent& event) {
    last_ = std::max(last_, event.time);
    switch (event.kind) {
      case EventKind::task_newtask:
        return;
      case EventKind::sched_switch:
        return switched(event);
      case EventKind::sys_enter_io_uring_setup:
      case EventKind::sys_enter_io_uring_enter:
      case EventKind::sys_enter_io_uring_register:
      case EventKind::workqueue_execute_start:
      case EventKind::sq_thread_sleep:
        return begin(event);
      case EventKind::sys_exit_io_uring_setup:
      case EventKind::sys_exit_io_uring_enter:
      case EventKind::sys_exit_io_uring_register:
      case EventKind::workqueue_execute_end:
      case EventKind::sq_thread_awake:
        return end(event);
      default:
        break;
    }
    instant(event);
    request(event);
    count(event);
  }

  std::string finish() {
    for (auto& [id, open] : open_)
      for (; !open.empty(); open.pop_back()) slice(open.back(), track(id), last_);
    for (auto& [cpu, running] : running_) slice(running, {kProcessors, cpu}, last_);
    return text_ + "\n]}\n";
  }

 private:
  struct Open {
    std::string name, arguments;
    u64 since = 0;
  };

  [[nodiscard]] std::string stamp(u64 time) const {
    const u64 ns = time * unit_;
    return fmt::format("{}.{:03}", ns / 1000, ns % 1000);
  }

  void line(const std::string& body) {
    text_ += first_ ? "\n{" : ",\n{";
    text_ += body + '}';
    first_ = false;
  }

  void name_tracks(unsigned cpus) {
    const auto meta = [&](const char* what, Track at, std::string_view name) {
      line(fmt::format("\"ph\": \"M\", \"name\": \"{}\", \"pid\": {}, \"tid\": {}, \"args\": {{\"name\": {}}}", what, at.process,
                       at.thread, json_string(name)));
    };
    meta("process_name", {kProcessors, 0}, "processors");
    meta("process_name", {kInterrupts, 0}, "interrupts");
    meta("process_name", {kKernelThreads, 0}, "kernel threads");
    meta("process_name", {kCounters, 0}, "rings and devices");
    for (unsigned cpu = 0; cpu < cpus; cpu++) {
      meta("thread_name", {kProcessors, static_cast<int>(cpu)}, fmt::format("cpu {}", cpu));
      meta("thread_name", {kInterrupts, static_cast<int>(cpu)}, fmt::format("cpu {}", cpu));
    }
    for (const TracedTask& task : tasks_) {
      const Track at = track(task.id);
      if (at.process == task.pid) meta("process_name", at, task.comm);
      meta("thread_name", at, task.comm);
    }
  }

  [[nodiscard]] Track track(u32 id, int cpu = 0) const {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return {kInterrupts, std::max(cpu, 0)};
    return {kernel_thread(*found->second) ? kKernelThreads : found->second->tgid, found->second->pid};
  }
  /// By name, as the stream does not say: application tasks are named by the scenario.
  [[nodiscard]] static bool kernel_thread(const TracedTask& task) {
    for (const std::string_view prefix : {"kworker", "io_uring-sq", "kthread", "rcu", "ksoftirqd"})
      if (task.comm.starts_with(prefix)) return true;
    return false;
  }

  // ---- slices ----------------------------------------------------------------------------------------------------------

  void slice(const Open& open, Track at, u64 until) {
    line(fmt::format("\"ph\": \"X\", \"name\": {}, \"pid\": {}, \"tid\": {}, \"ts\": {}, \"dur\": {}{}", json_string(open.name),
                     at.process, at.thread, stamp(open.since), stamp(until > open.since ? until - open.since : 0),
                     open.arguments));
  }
  void begin(const TraceEvent& event) {
    std::string name = kernel::event_name(event.kind);
    name = name.substr(name.find(':') + 1);
    if (name.starts_with("sys_enter_")) name = name.substr(10);
    if (event.kind == EventKind::workqueue_execute_start) name = "work";
    if (event.kind == EventKind::sq_thread_sleep) name = "asleep";
    open_[event.task].push_back(
        {name, fmt::format(", \"args\": {{\"event\": {}}}", json_string(event_line(event, tasks_))), event.time});
  }
  void end(const TraceEvent& event) {
    std::vector<Open>& open = open_[event.task];
    if (event.kind == EventKind::sq_thread_awake && (open.empty() || open.back().name != "asleep")) return instant(event);
    if (open.empty()) return;  // it began before the trace
    slice(open.back(), track(event.task, event.cpu), event.time);
    open.pop_back();
  }
  void switched(const TraceEvent& event) {
    const int cpu = event.cpu;
    if (const auto running = running_.find(cpu); running != running_.end()) {
      slice(running->second, {kProcessors, cpu}, event.time);
      running_.erase(running);
    }
    const auto next = by_id_.find(static_cast<u32>(event.values[2]));
    if (event.values[2] != 0 && next != by_id_.end()) running_[cpu] = {next->second->comm, "", event.time};
  }

  // ---- the rest --------------------------------------------------------------------------------------------------------

  void instant(const TraceEvent& event) {
    const Track at = track(event.task, event.cpu);
    std::string name = kernel::event_name(event.kind);
    line(
        fmt::format("\"ph\": \"i\", \"s\": \"t\", \"name\": {}, \"cat\": {}, \"pid\": {}, \"tid\": {}, \"ts\": {}, \"args\": "
                    "{{\"event\": {}}}",
                    json_string(name.substr(name.find(':') + 1)), json_string(name.substr(0, name.find(':'))), at.process,
                    at.thread, stamp(event.time), json_string(event_line(event, tasks_))));
  }
  void async(const char* phase, const TraceEvent& event, s64 id) {
    const Track at = track(event.task, event.cpu);
    line(fmt::format(
        "\"ph\": \"{}\", \"cat\": \"request\", \"name\": \"request\", \"id\": \"{:#x}\", \"pid\": {}, \"tid\": {}, "
        "\"ts\": {}, \"args\": {{\"event\": {}}}",
        phase, static_cast<u64>(id), at.process, at.thread, stamp(event.time), json_string(event_line(event, tasks_))));
  }
  void flow(const char* phase, const TraceEvent& event, s64 id) {
    const Track at = track(event.task, event.cpu);
    line(fmt::format(
        "\"ph\": \"{}\", {}\"cat\": \"flow\", \"name\": \"request\", \"id\": \"{:#x}\", \"pid\": {}, \"tid\": {}, \"ts\": "
        "{}",
        phase, *phase == 'f' ? "\"bp\": \"e\", " : "", static_cast<u64>(id), at.process, at.thread, stamp(event.time)));
  }
  void request(const TraceEvent& event) {
    switch (event.kind) {
      case EventKind::request_take:
        requests_[event.values[1]] = true;
        async("b", event, event.values[1]);
        return flow("s", event, event.values[1]);
      case EventKind::request_issue:
        if (requests_.count(event.values[1]) == 0) return;
        async("n", event, event.values[1]);
        return flow("t", event, event.values[1]);
      case EventKind::io_uring_complete:
        if (requests_.count(event.values[3]) == 0) return;
        async("n", event, event.values[3]);
        return flow("f", event, event.values[3]);
      case EventKind::request_free:
        if (requests_.erase(event.values[1]) != 0) async("e", event, event.values[1]);
        return;
      default:
        return;
    }
  }

  void counter(const std::string& name, u64 time, s64 value) {
    line(fmt::format("\"ph\": \"C\", \"name\": {}, \"pid\": {}, \"tid\": 0, \"ts\": {}, \"args\": {{\"value\": {}}}",
                     json_string(name), kCounters, stamp(time), value));
  }
  void count(const TraceEvent& event) {
    const s64 id = event.values[0];
    switch (event.kind) {
      case EventKind::sq_published:
        sq_[id].first = static_cast<u32>(event.values[2]);
        return counter(fmt::format("ring {:#x} SQ entries", id), event.time, sq_[id].first - sq_[id].second);
      case EventKind::sq_head:
        sq_[id].second = static_cast<u32>(event.values[1]);
        if (static_cast<s32>(sq_[id].first - sq_[id].second) < 0) sq_[id].first = sq_[id].second;  // a publication nobody told of
        return counter(fmt::format("ring {:#x} SQ entries", id), event.time, sq_[id].first - sq_[id].second);
      case EventKind::cq_tail:
        cq_[id] = {static_cast<u32>(event.values[1]), static_cast<u32>(event.values[2])};
        return counter(fmt::format("ring {:#x} CQ entries", id), event.time, cq_[id].first - cq_[id].second);
      case EventKind::cqe_reaped:
        cq_[id].second = static_cast<u32>(event.values[1]) + 1;
        return counter(fmt::format("ring {:#x} CQ entries", id), event.time, cq_[id].first - cq_[id].second);
      case EventKind::block_rq_issue:
        return counter(fmt::format("device {} queue", id), event.time, ++queue_[id]);
      case EventKind::block_rq_complete:
        return counter(fmt::format("device {} queue", id), event.time, --queue_[id]);
      default:
        return;
    }
  }

  std::vector<TracedTask> tasks_;
  u64 unit_;
  std::unordered_map<u32, const TracedTask*> by_id_;
  std::string text_;
  bool first_ = true;
  u64 last_ = 0;
  std::map<u32, std::vector<Open>> open_;  ///< by task
  std::map<int, Open> running_;            ///< by processor
  std::unordered_map<s64, bool> requests_;
  std::map<s64, std::pair<u32, u32>> sq_, cq_;  ///< tail and head
  std::map<s64, s64> queue_;
};

}  // namespace

std::string to_chrome_json(std::span<const TraceEvent> events, const TraceAbout& about) {
  Writer writer(events, about);
  std::vector<const TraceEvent*> ordered;
  for (const TraceEvent& event : events) ordered.push_back(&event);
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) { return a->time < b->time; });
  for (const TraceEvent* const event : ordered) writer.event(*event);
  return writer.finish();
}

}  // namespace uringsim::sim
