// SPDX-License-Identifier: GPL-2.0-only
#include "sim/trace/export.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "sim/scenario/load.h"
#include "sim/scenario/run_scenario.h"
#include "sim/trace/recorder.h"

namespace uringsim::sim {
namespace {

using kernel::EventKind;
using kernel::TraceEvent;

const TraceAbout about{.scenario = "s",
                       .kernel = "v5.4",
                       .engine = "timed",
                       .clock = "virtual time",
                       .schedule = "",
                       .seed = 1,
                       .cpus = 2,
                       .unit = 1};

class Events {
 public:
  Events& at(u64 time, u32 task, s16 cpu, EventKind kind, std::initializer_list<s64> values) {
    TraceEvent event;
    event.sequence = list.size();
    event.time = time;
    event.kind = kind;
    event.cpu = cpu;
    event.task = task;
    std::copy(values.begin(), values.end(), event.values);
    list.push_back(event);
    return *this;
  }
  Events& task(u32 id, int pid, const char* name) {
    s64 comm[2] = {};
    std::strncpy(reinterpret_cast<char*>(comm), name, sizeof comm);
    return at(0, 0, 0, EventKind::task_newtask, {id, pid, comm[0], comm[1], pid});
  }
  std::vector<TraceEvent> list;
};

/// Without its header.
std::string body(const std::string& text) {
  std::string lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (text[at] != '#') lines += text.substr(at, end - at + 1);
    at = end + 1;
  }
  return lines;
}

TEST(Ftrace, LinesAreThoseOfTheKernelsTraceFile) {
  Events events;
  events.task(1, 7, "app").task(2, 8, "io_uring-sq");
  events.at(1'000'002'345, 1, 0, EventKind::sys_enter_io_uring_enter, {4, 8, 0, 2});
  events.at(1'000'003'000, 1, 0, EventKind::io_uring_submit_sqe, {1, 22, 0x1234, 1, 0});
  events.at(1'000'004'000, 1, 0, EventKind::io_uring_complete, {1, 0x1234, -11, 3});
  events.at(1'000'005'000, 1, 0, EventKind::sys_exit_io_uring_enter, {8});
  events.at(1'000'006'000, 1, 0, EventKind::sched_wakeup, {2, 1, 1});
  events.at(1'000'007'000, 1, 1, EventKind::sched_switch, {1, 1, 2});
  events.at(1'000'008'000, 0x40000001, 1, EventKind::block_rq_complete, {1, 5, 0, 128, 8, 0});
  EXPECT_EQ(
      body(to_ftrace(events.list, about)),
      "          <idle>-0     [000] ....     0.000000: task_newtask: pid=7 comm=app\n"
      "          <idle>-0     [000] ....     0.000000: task_newtask: pid=8 comm=io_uring-sq\n"
      "             app-7     [000] ....     1.000002: sys_io_uring_enter(fd: 4, to_submit: 8, min_complete: 0, flags: 2)\n"
      "             app-7     [000] ....     1.000003: io_uring_submit_sqe: ring 0x1, op 22, data 0x1234, non block 1, "
      "sq_thread 0\n"
      "             app-7     [000] ....     1.000004: io_uring_complete: ring 0x1, user_data 0x1234, result -11\n"
      "             app-7     [000] ....     1.000005: sys_io_uring_enter -> 0x8\n"
      "             app-7     [000] ....     1.000006: sched_wakeup: comm=io_uring-sq pid=8 prio=120 target_cpu=001\n"
      "             app-7     [001] ....     1.000007: sched_switch: prev_comm=app prev_pid=7 prev_prio=120 prev_state=S ==> "
      "next_comm=io_uring-sq next_pid=8 next_prio=120\n"
      "          <idle>-0     [001] d.h.     1.000008: block_rq_complete: 259,1 R () 128 + 8 [0]\n");
}

TEST(Ftrace, TheHeaderCarriesWhatTheTraceIsOf) {
  const std::string text = to_ftrace({}, about);
  EXPECT_EQ(text.find("# tracer: nop\n"), 0u);
  EXPECT_NE(text.find("# uringsim: scenario s, kernel v5.4, engine timed, seed 1\n"), std::string::npos);
  EXPECT_NE(text.find("# entries-in-buffer/entries-written: 0/0   #P:2\n"), std::string::npos);
}

TEST(Ftrace, IsInOrderOfTime) {
  Events events;
  events.at(2000, 0, 1, EventKind::sq_head, {1, 2}).at(1000, 0, 0, EventKind::sq_head, {1, 1});
  const std::string text = body(to_ftrace(events.list, about));
  EXPECT_LT(text.find("head 1"), text.find("head 2"));
}

/// The events of a run of a shipped lesson.
std::vector<TraceEvent> events_of(const std::string& name) {
  TraceRecorder recorder;
  RunOptions options;
  options.trace = &recorder;
  EXPECT_TRUE(run_scenario(load_scenario(URINGSIM_SOURCE_DIR "/scenarios/lessons/" + name + ".json"), options).pass);
  return recorder.events();
}

TEST(ChromeJson, IsAValidObjectWithWhatTheViewersAskFor) {
  const std::string text = to_chrome_json(events_of("cold-buffered-read"), about);
  const nlohmann::json trace = nlohmann::json::parse(text);
  EXPECT_EQ(trace["otherData"]["scenario"], "s");
  EXPECT_EQ(trace["otherData"]["kernel"], "v5.4");
  std::map<std::string, int> phases;
  std::map<std::string, int> alive;
  bool named = false;
  for (const nlohmann::json& event : trace["traceEvents"]) {
    const std::string phase = event["ph"];
    ++phases[phase];
    EXPECT_TRUE(event["pid"].is_number() && event["tid"].is_number());
    EXPECT_EQ(event.contains("ts"), phase != "M");
    if (phase == "b" || phase == "e") alive[event["id"]] += phase == "b" ? 1 : -1;
    for (const auto& [id, count] : alive) EXPECT_TRUE(count == 0 || count == 1) << id;
    named |= phase == "M" && event["name"] == "thread_name" && event["args"]["name"] == "app";
  }
  EXPECT_TRUE(named);
  for (const char* const phase : {"M", "X", "b", "n", "e", "s", "t", "f", "C", "i"}) EXPECT_GT(phases[phase], 0) << phase;
  EXPECT_EQ(phases["b"], phases["e"]);
  EXPECT_EQ(phases["s"], phases["f"]);
}

TEST(ChromeJson, SlicesOfATrackNestStrictly) {
  for (const char* const lesson : {"cold-buffered-read", "sqpoll-idle", "link-broken-by-short-read"}) {
    std::map<std::pair<int, int>, std::vector<std::pair<double, double>>> tracks;
    const nlohmann::json trace = nlohmann::json::parse(to_chrome_json(events_of(lesson), about));
    for (const nlohmann::json& event : trace["traceEvents"])
      if (event["ph"] == "X") {
        const double from = event["ts"];
        tracks[{event["pid"], event["tid"]}].push_back({from, from + event["dur"].get<double>()});
      }
    for (auto& [track, slices] : tracks) {
      std::sort(slices.begin(), slices.end(),
                [](const auto& a, const auto& b) { return a.first != b.first ? a.first < b.first : a.second > b.second; });
      std::vector<double> ends;
      constexpr double rounding = 1e-6;
      for (const auto& [from, until] : slices) {
        while (!ends.empty() && ends.back() <= from + rounding) ends.pop_back();
        EXPECT_TRUE(ends.empty() || until <= ends.back() + rounding) << lesson;
        ends.push_back(until);
      }
    }
  }
}

TEST(Export, EqualRunsGiveEqualBytes) {
  const std::vector<TraceEvent> first = events_of("cold-buffered-read"), second = events_of("cold-buffered-read");
  EXPECT_EQ(to_chrome_json(first, about), to_chrome_json(second, about));
  EXPECT_EQ(to_ftrace(first, about), to_ftrace(second, about));
}

}  // namespace
}  // namespace uringsim::sim
