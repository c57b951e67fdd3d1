// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/verdict.h"

#include <gtest/gtest.h>

#include "sim/scenario/load.h"

namespace uringsim::sim {
namespace {

class VerdictTest : public testing::Test {
 protected:
  VerdictTest() {
    metrics.expect_ring(1, "r");
    event(kernel::EventKind::io_uring_create, 1, 3, 8, 16, 0);
    for (const s64 user_data : {1, 5, 2, 3}) event(kernel::EventKind::cqe_reaped, 1, 0, user_data, user_data == 5 ? -5 : 0);
    outcome.metrics = &metrics;
    outcome.watched = {"no-cqe-error", "tasks-end", "no-leak", "no-hang"};
    report.engine = "timed";
    report.kernel = "v5.4";
    report.rings.push_back({"r", {}});
    report.rings[0].second.enter_calls = 4;
    report.rings[0].second.latency.p99 = 2'000'000;
  }
  template <class... Values>
  void event(kernel::EventKind kind, Values... values) {
    kernel::TraceEvent one;
    one.task = 1;
    one.kind = kind;
    const s64 list[] = {static_cast<s64>(values)...};
    std::copy(std::begin(list), std::end(list), one.values);
    metrics.event(one);
  }
  /// Judges a scenario with these expectations; returns the text of what failed.
  std::string failed(const std::string& expectations, const std::string& more = "") {
    const Scenario scenario = load_scenario_text(
        R"({"name": "t", "rings": {"r": {}}, "devices": {"d": {"type": "ram"}}, "files": {"f": {"device": "d"}}, "tasks": {"a": {"steps": [{"set": {"v": 1}}]}}, "expect": [)" +
            expectations + "]" + more + "}",
        "t.json");
    RunReport judged = report;
    judge(scenario, outcome, judged);
    std::string text;
    for (const ExpectationReport& one : judged.expectations)
      if (!one.holds) text += one.what + " -> " + one.got + "; ";
    EXPECT_EQ(judged.pass, text.empty() && judged.failures.empty());
    return text;
  }
  RingMetrics metrics;
  RunOutcome outcome;
  RunReport report;
};

TEST_F(VerdictTest, NothingExpectedHoldsIfTheUnaskedDo) { EXPECT_EQ(failed(""), ""); }

TEST_F(VerdictTest, UnaskedChecksFailTheRunUnlessAllowed) {
  outcome.violations["no-cqe-error"] = "a CQE with -EIO";
  EXPECT_EQ(failed(""), "no-cqe-error: no CQE carries an error (res < 0) -> a CQE with -EIO; ");
  EXPECT_EQ(failed("", R"(, "allow": ["no-cqe-error"])"), "");
}

TEST_F(VerdictTest, ACheckThatNobodyWatchesDoesNotHold) {
  EXPECT_NE(failed(R"({"check": "no-lost-wakeup"})").find("nobody watches"), std::string::npos);
}

TEST_F(VerdictTest, AStepsFailureFailsTheRun) {
  report.failures.push_back("t.json:1:1: assert failed");
  EXPECT_EQ(failed(""), "");
}

TEST_F(VerdictTest, WhatASearchHasToFindIsShownWhereARunMeetsIt) {
  const Scenario scenario = load_scenario_text(
      R"({"name": "t", "rings": {"r": {}}, "tasks": {"a": {"steps": []}},
          "expect": [{"explore": "violation", "kernels": ["v5.4"]}, {"metric": "rings.r.enter_calls", "equals": 4}]})",
      "t.json");
  const auto judged = [&] {
    RunReport result = report;
    judge(scenario, outcome, result);
    return result;
  };
  outcome.executed = true;
  EXPECT_TRUE(judged().pass && !judged().sought);  // not met this time
  outcome.violations["no-hang"] = "deadlock";
  EXPECT_TRUE(judged().pass && judged().sought);
  report.failures.push_back("t.json:1:1: assert failed");
  EXPECT_TRUE(judged().pass && judged().sought);
  report.rings[0].second.enter_calls = 5;  // asked for by name: has to hold all the same
  EXPECT_FALSE(judged().pass || judged().sought);
  report.rings[0].second.enter_calls = 4;
  report.kernel = "v5.1";  // no search of this release finds it
  EXPECT_FALSE(judged().pass);
  report.kernel = "v5.4";
  outcome.executed = false;  // the world could not be built
  EXPECT_FALSE(judged().pass);
}

TEST_F(VerdictTest, CqesAreCountedByResultAndUserData) {
  EXPECT_EQ(
      failed(
          R"({"cqes": {"ring": "r", "count": 4}}, {"cqes": {"ring": "r", "res": "-EIO", "count": 1}}, {"cqes": {"ring": "r", "user_data": 2, "at_least": 1, "at_most": 1}})"),
      "");
  EXPECT_EQ(failed(R"({"cqes": {"ring": "r", "res": "-EIO", "count": 2}})"), "CQEs taken from r, res -EIO: 2 -> 1; ");
}

TEST_F(VerdictTest, MetricsAreFiguresOfTheReport) {
  EXPECT_EQ(
      failed(
          R"({"metric": "rings.r.enter_calls", "at_least": 4, "at_most": 4}, {"metric": "rings.r.latency_ns.p99", "at_most": "2ms"})"),
      "");
  EXPECT_EQ(failed(R"({"metric": "rings.r.enter_calls", "equals": 5})"), "rings.r.enter_calls: 5 -> 4; ");
}

TEST_F(VerdictTest, ExpectationsOfOtherEnginesAndKernelsAreLeftOut) {
  EXPECT_EQ(failed(R"({"metric": "rings.r.enter_calls", "equals": 5, "on": ["live"]})"), "");
  EXPECT_NE(failed(R"({"metric": "rings.r.enter_calls", "equals": 5, "on": ["timed"], "kernels": ["v5.4"]})"), "");
}

TEST_F(VerdictTest, OrderIsOfTheNamedOnesAndExactlyOfAll) {
  EXPECT_EQ(
      failed(
          R"({"order": {"ring": "r", "user_data": [1, 2, 3]}}, {"order": {"ring": "r", "user_data": [2, 3], "exactly": true}})"),
      "");
  EXPECT_EQ(failed(R"({"order": {"ring": "r", "user_data": [2, 1]}})"), "CQEs taken from r in the order 2, 1 -> 1, 2; ");
  EXPECT_EQ(failed(R"({"order": {"ring": "r", "user_data": [1, 2], "exactly": true}})"),
            "CQEs taken from r in the order 1, 2, none between -> 1, 5, 2, 3; ");
}

TEST_F(VerdictTest, VariablesAreThoseAtTheEndOfTheTask) {
  EXPECT_NE(failed(R"({"variable": "a.v", "equals": 7})"), "");
  outcome.variables["a"] = {0, 7};
  EXPECT_EQ(failed(R"({"variable": "a.v", "equals": 7})"), "");
  EXPECT_EQ(failed(R"({"variable": "a.v", "at_least": 8})"), "a.v: at least 8 -> 7; ");
}

TEST_F(VerdictTest, ContentIsComparedByteForByte) {
  outcome.content = [](const std::string&, u64 offset, u64 bytes) {
    std::vector<u8> held;
    for (u64 at = offset; at < 100 && at - offset < bytes; ++at) held.push_back(at == 50 ? u8{1} : u8{0});
    return held;
  };
  EXPECT_EQ(failed(R"({"content": {"file": "f", "content": "zero", "size": 50}})"), "");
  EXPECT_EQ(failed(R"({"content": {"file": "f", "content": "zero"}})"),
            "f holds zeroes from byte 0 on -> 0x01 at byte 50, where 0x00 is expected; ");
  EXPECT_EQ(failed(R"({"content": {"file": "f", "content": "zero", "offset": 51, "size": 50}})"),
            "f holds zeroes from byte 51 on -> 49 bytes that can be read there; ");
}

TEST(Remarks, TellWhatLinuxMakesOfIdleTimes) {
  const auto notes = [](const char* idle) {
    return remarks(load_scenario_text(std::string(R"({"name": "t", "rings": {"r": {"flags": ["SQPOLL"], "sq_thread_idle": ")") +
                                          idle + R"("}}, "tasks": {"a": {"steps": []}}})",
                                      "t"))
        .size();
  };
  EXPECT_EQ(notes("0"), 1u);
  EXPECT_EQ(notes("1ms"), 1u);
  EXPECT_EQ(notes("4ms"), 0u);
  EXPECT_EQ(notes("4.5ms"), 1u);
}

TEST(RunReport, JsonHasTheFixedKeys) {
  RunReport report;
  report.rings.push_back({"r", {}});
  report.sq_threads.push_back({"r", {}});
  const auto json = to_json(report);
  for (const char* const key :
       {"scenario", "kernel", "engine", "seed", "verdict", "trace_hash", "rings", "sq_threads", "expectations"})
    EXPECT_TRUE(json.contains(key)) << key;
  for (const char* const key :
       {"sqes", "cqes", "enter_calls", "wakeups_needed", "wakeups_asked", "punts", "overflows", "latency_ns"})
    EXPECT_TRUE(json["rings"]["r"].contains(key)) << key;
  for (const char* const key : {"p50", "p99", "max"}) EXPECT_TRUE(json["rings"]["r"]["latency_ns"].contains(key)) << key;
  for (const char* const key : {"spinning_ns", "working_ns", "asleep_ns"})
    EXPECT_TRUE(json["sq_threads"]["r"].contains(key)) << key;
}

TEST(RunReport, ShortTimesHaveThreeDigits) {
  EXPECT_EQ(short_time(999), "999 ns");
  EXPECT_EQ(short_time(1'250), "1.25 us");
  EXPECT_EQ(short_time(12'345'678), "12.3 ms");
  EXPECT_EQ(short_time(5'000'000'000'000), "5000 s");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(grouped(123), "123");
}

}  // namespace
}  // namespace uringsim::sim
