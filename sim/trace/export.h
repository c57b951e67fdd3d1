// SPDX-License-Identifier: GPL-2.0-only
// Renderings of the event stream, for the tools that people have: the kernel's own trace file, and Chrome's JSON.
//
//     TraceRecorder recorder;                      // a sink of the run
//     out << to_ftrace(recorder.events(), about);  // or to_chrome_json()
//
// Deterministic: equal streams give equal bytes. Events are told in order of their time, those of equal time as they came.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernel_model/trace/trace.h"

namespace uringsim::sim {

/// What a trace is of; every rendering carries it.
struct TraceAbout {
  std::string scenario, kernel, engine;
  std::string clock;     ///< what the times are: "virtual ns", "CLOCK_MONOTONIC", "order of events"
  std::string schedule;  ///< of a replay: how it was chosen; else empty
  u64 seed = 0;
  unsigned cpus = 1;
  u64 unit = 1;  ///< ns that one unit of an event's time is shown as: where time is the order of events, more than one
};

/// A task as the stream introduced it (task_newtask).
struct TracedTask {
  u32 id = 0;
  int pid = 0, tgid = 0;
  std::string comm;
};
/// All of them, by id.
[[nodiscard]] std::vector<TracedTask> traced_tasks(std::span<const kernel::TraceEvent> events);

/// One line as Linux prints it behind the timestamp: "io_uring_complete: ring 0x1, user_data 0x5, result 0". Formats are the
/// kernel's own; objects appear as their small ids, and values that the model does not have are left out.
[[nodiscard]] std::string event_line(const kernel::TraceEvent& event, std::span<const TracedTask> tasks);

/// As /sys/kernel/debug/tracing/trace: scripts that read that file read this.
[[nodiscard]] std::string to_ftrace(std::span<const kernel::TraceEvent> events, const TraceAbout& about);

/// The object form of Chrome's trace event format, for chrome://tracing and ui.perfetto.dev. Tracks: one a processor (who runs),
/// one a task (system calls, work, sleep of SQ threads; other events as instants). A request is an asynchronous slice from its
/// SQE to its end, with a flow through the tasks that carry it; counters follow rings and devices.
[[nodiscard]] std::string to_chrome_json(std::span<const kernel::TraceEvent> events, const TraceAbout& about);

}  // namespace uringsim::sim
