// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/run_scenario.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "sim/scenario/input_error.h"
#include "sim/scenario/load.h"
#include "sim/scenario/vocabulary.h"
#include "tests/sim/scenario/wrong.h"

namespace uringsim::sim {
namespace {

RunReport run(const std::string& body, const RunOptions& options = {}) {
  const Scenario scenario = load_scenario_text("{\"name\": \"t\", " + body + "}", "t.json");
  return run_scenario(scenario, options);
}

TEST(RunScenario, AnotherSeedIsAnotherRun) {
  const Scenario scenario = load_scenario(URINGSIM_SOURCE_DIR "/scenarios/lessons/idle-window.json");
  RunOptions other;
  other.seed = 2;
  EXPECT_NE(run_scenario(scenario, {}).trace_hash, run_scenario(scenario, other).trace_hash);
}

TEST(RunScenario, ATaskThatWaitsForEverIsAHangThatSaysWhoWaitsForWhat) {
  const RunReport report = run(R"("rings": {"r": {}}, "tasks": {"a": {"steps": [{"wait": {"ring": "r"}}]}})");
  EXPECT_FALSE(report.pass);
  EXPECT_NE(wrong(report).find("no-hang"), std::string::npos);
  EXPECT_NE(wrong(report).find("deadlock at"), std::string::npos) << wrong(report);
  EXPECT_NE(wrong(report).find("; a ("), std::string::npos) << wrong(report);
  EXPECT_EQ(wrong(report).find("no-leak"), std::string::npos) << wrong(report);
  EXPECT_NE(wrong(report).find("not at their end: a"), std::string::npos);
}

TEST(RunScenario, ALostWakeupIsNamed) {
  const RunReport report = run(R"("rings": {"r": {"flags": ["SQPOLL"], "sq_thread_idle": "4ms"}},
    "tasks": {"a": {"steps": [{"sleep": "50ms"}, {"submit": {"ring": "r", "op": "NOP", "wake": false}}, {"wait": {"ring": "r"}}]}},
    "expect": [{"check": "no-lost-wakeup"}])");
  EXPECT_NE(wrong(report).find("1 entry lies in the SQ"), std::string::npos) << wrong(report);
}

// A mapping of one process is none of another's, whatever its address: what the first leaves behind the second does not use.
TEST(RunScenario, RequestsOfTwoProcessesHaveMemoryOfTheirOwn) {
  const RunReport report =
      run(R"("devices": {"d": {"type": "ram"}}, "files": {"f": {"device": "d", "size": "64KiB", "open": ["O_DIRECT"]}},
    "rings": {"r": {"owner": "a"}, "s": {"owner": "b"}},
    "tasks": {"a": {"process": "p", "steps": [{"submit": {"ring": "r", "op": "READV", "file": "f", "size": "16KiB"}}, {"wait": {"ring": "r"}}, {"post": "done"}]},
              "b": {"process": "q", "steps": [{"await": "done"}, {"submit": {"ring": "s", "op": "READV", "file": "f", "size": "16KiB"}}, {"wait": {"ring": "s"}}]}})");
  EXPECT_EQ(wrong(report), "");
}

// A TIMEOUT's interrupt signals an eventfd, which completes a POLL_ADD that holds the last reference to the eventfd's file.
TEST(RunScenario, AnInterruptMayDropTheLastReferenceToAFile) {
  const std::string body = R"("files": {"e": {"type": "eventfd"}},
    "rings": {"a": {"register_eventfd": "e"}, "b": {}},
    "tasks": {"app": {"steps": [
      {"submit": {"ring": "b", "op": "POLL_ADD", "file": "e"}}, {"close": {"file": "e"}},
      {"submit": {"ring": "a", "op": "TIMEOUT", "after": "1ms"}}, {"wait": {"ring": "b"}}]}}, "allow": ["no-cqe-error"])";
  for (const Engine engine : {Engine::timed, Engine::live}) {
    RunOptions options;
    options.engine = engine;
    EXPECT_EQ(wrong(run(body, options)), "") << name_of(engine);
  }
}

// A run with as many requests in flight as its memory allows for ends in a failure, not in a crash; and no request takes more
// memory than it needs.
TEST(RunScenario, MemoryThatRunsOutEndsInAFailureThatSaysSo) {
  const auto many = [](const char* request, const char* times) {
    return std::string(R"("machine": {"memory": "64MiB"}, "rings": {"r": {"entries": 64}}, "files": {"e": {"type": "eventfd"}},
      "allow": ["no-cqe-error"], "tasks": {"app": {"steps": [{"repeat": )") +
           times + R"(, "steps": [{"submit": {"ring": "r", )" + request + "}}]}]}}";
  };
  EXPECT_EQ(wrong(run(many(R"("op": "POLL_ADD", "file": "e")", "5000"))), "");
  EXPECT_NE(wrong(run(many(R"("op": "TIMEOUT", "after": "1s")", "50000"))).find("no memory for"), std::string::npos);
}

// A hundred megabytes in all, of a machine that has 32.
TEST(RunScenario, BuffersThatAreRegisteredInALoopTakeMemoryOnce) {
  EXPECT_EQ(
      wrong(run(
          R"("machine": {"memory": "64MiB"}, "rings": {"r": {}}, "tasks": {"a": {"steps": [{"repeat": 100, "steps": [{"register": {"ring": "r", "what": "buffers", "buffers": {"count": 2, "size": "512KiB"}}},
    {"register": {"ring": "r", "what": "buffers", "buffers": {"count": 2, "size": "512KiB"}, "result": "-EBUSY"}},
    {"unregister": {"ring": "r", "what": "buffers"}}]}]}})")),
      "");
  EXPECT_EQ(
      wrong(run(
          R"("machine": {"memory": "64MiB"}, "tasks": {"a": {"steps": [{"repeat": 100, "steps": [{"setup": {"ring": "r"}}, {"register": {"ring": "r", "what": "buffers", "buffers": {"count": 2, "size": "512KiB"}}},
    {"submit": {"ring": "r", "op": "READ_FIXED", "file": "zero", "size": "4KiB"}}, {"wait": {"ring": "r", "cqes": 1}}, {"close": {"ring": "r"}}]}]}},
    "rings": {"r": {}}, "files": {"zero": {"type": "devzero"}})")),
      "");
}

TEST(RunScenario, AnErrorInACqeFailsUnlessAllowed) {
  const std::string body =
      R"("rings": {"r": {}}, "tasks": {"a": {"steps": [{"submit": {"ring": "r", "op": "TIMEOUT", "after": "1ms"}}, {"wait": {"ring": "r"}}]}})";
  EXPECT_NE(wrong(run(body)).find("no-cqe-error: no CQE carries an error (res < 0) -> -ETIME for"), std::string::npos);
  EXPECT_EQ(wrong(run(body + R"(, "allow": ["no-cqe-error"])")), "");
}

TEST(RunScenario, AFailedStepFailsTheRunAndNamesItsPlace) {
  const RunReport report = run(R"("tasks": {"a": {"steps": [{"assert": "0", "message": "never"}]}})");
  ASSERT_EQ(report.failures.size(), 1u);
  EXPECT_EQ(report.failures[0], "t.json:1:41: /tasks/a/steps/0: assert failed: 0; never");
}

TEST(RunScenario, HoursOfIdleTimePassInAMomentAsleepAndSpinning) {
  const auto idle = [](const std::string& window) {
    const RunReport report =
        run(R"("rings": {"r": {"flags": ["SQPOLL"], "sq_thread_idle": ")" + window + R"("}}, "tasks": {"a": {"steps": [
      {"submit": {"ring": "r", "op": "NOP"}}, {"wait": {"ring": "r"}}, {"sleep": "10000s"}, {"spin": "200s"},
      {"submit": {"ring": "r", "op": "NOP"}}, {"wait": {"ring": "r"}}]}})");
    EXPECT_EQ(wrong(report), "");
    EXPECT_EQ(report.time_ns / 1'000'000'000, 10'200u);
    return report.sq_threads.at(0).second;
  };
  const SqThreadReport spins = idle("20000s"), sleeps = idle("1s");
  EXPECT_EQ(spins.sleeps, 0u);
  EXPECT_EQ(spins.spinning_ns / 1'000'000'000, 10'200u);
  EXPECT_EQ(sleeps.asleep_ns / 1'000'000'000, 10'198u);
}

TEST(RunScenario, PollingForWhatNobodyDoesIsALivelock) {
  const RunReport report = run(
      R"("rings": {"r": {}}, "tasks": {"a": {"steps": [{"reap": {"ring": "r", "cqes": 1, "until": true}}]}, "b": {"steps": [{"sleep": "2000s"}]}})");
  EXPECT_NE(wrong(report).find("livelock at"), std::string::npos) << wrong(report);
}

TEST(RunScenario, ALoopThatOnlyComputesTakesTimeAndEndsAtALimit) {
  const RunReport counts = run(
      R"("tasks": {"a": {"steps": [{"set": {"n": 200000}}, {"repeat": "n", "steps": []}, {"repeat": 200, "steps": [{"repeat": 1000, "steps": []}]}]}})");
  EXPECT_EQ(wrong(counts), "");
  EXPECT_GT(counts.time_ns, 40'000u);
  const RunReport endless =
      run(R"("tasks": {"a": {"steps": [{"set": {"n": 2000000000}}, {"repeat": "n", "steps": []}]}}, "limit": "1ms")");
  EXPECT_NE(wrong(endless).find("time limit at"), std::string::npos) << wrong(endless);
}

TEST(RunScenario, TwoWaitersThatPollAnEmptyRingAreALivelock) {
  const RunReport report = run(R"("bugs": ["iopoll-spins-with-cqe-ready"], "rings": {"r": {"flags": ["IOPOLL"]}},
    "tasks": {"a": {"count": 2, "steps": [{"wait": {"ring": "r"}}]}})");
  EXPECT_NE(wrong(report).find("livelock at"), std::string::npos) << wrong(report);
}

// With a processor less than waiters the scheduler ends each look of 5.4 at its ring, and the library looks again, for ever.
TEST(RunScenario, MorePollingWaitersThanProcessorsAreALivelock) {
  for (const char* const kernel : {"v5.1", "v5.4"}) {
    const RunReport report = run(R"("machine": {"cpus": 2}, "kernel": ")" + std::string(kernel) + R"(",
      "rings": {"r": {"flags": ["IOPOLL"], "owner": "a"}, "s": {"flags": ["IOPOLL"], "owner": "b"},
                "t": {"flags": ["IOPOLL"], "owner": "c"}},
      "tasks": {"a": {"steps": [{"wait": {"ring": "r"}}]}, "b": {"steps": [{"wait": {"ring": "s"}}]},
                "c": {"steps": [{"wait": {"ring": "t"}}]}})");
    EXPECT_NE(wrong(report).find("livelock at"), std::string::npos) << wrong(report);
    EXPECT_NE(wrong(report).find("a change that it polls for at kernel_model/io_uring/iopoll.cc"), std::string::npos)
        << wrong(report);
  }
}

TEST(RunScenario, ALoopThatOnlyComputesCanBeStoppedOnEveryEngine) {
  for (const Engine engine : {Engine::timed, Engine::live}) {
    volatile std::sig_atomic_t stop = 0;
    RunOptions options;
    options.engine = engine;
    options.stop = &stop;
    const std::jthread stopper([&stop] {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      stop = 1;
    });
    const RunReport report = run(
        R"("tasks": {"a": {"steps": [{"set": {"n": 900000000}}, {"repeat": 1000, "steps": [{"repeat": "n", "steps": []}]}]}})",
        options);
    EXPECT_NE(wrong(report).find("stopped at"), std::string::npos) << wrong(report);
  }
}

TEST(RunScenario, FilesOnSeveralDevicesEachGoToTheirOwn) {
  const RunReport report = run(
      R"("devices": {"a": {"type": "ram", "size": "1MiB"}, "b": {"type": "ram", "size": "1MiB"}, "idle": {"type": "ram"}},
    "files": {"x": {"device": "a", "size": "64KiB", "open": ["O_DIRECT"]}, "y": {"device": "b", "size": "64KiB", "seed": 5, "open": ["O_DIRECT"]},
              "z": {"device": "b", "size": "8KiB", "content": "zero"}},
    "rings": {"r": {}},
    "tasks": {"t": {"steps": [
      {"submit": {"ring": "r", "sqes": [{"op": "READV", "file": "x", "count": 3}, {"op": "READV", "file": "y", "count": 2}]}},
      {"wait": {"ring": "r", "cqes": 5, "res": 4096}},
      {"submit": {"ring": "r", "op": "WRITEV", "file": "y", "offset": 4096, "seed": 9}}, {"wait": {"ring": "r"}}]}},
    "expect": [{"metric": "devices.a.reads", "equals": 3}, {"metric": "devices.b.reads", "equals": 2},
               {"metric": "devices.a.writes", "equals": 0}, {"metric": "devices.b.writes", "equals": 1},
               {"metric": "devices.idle.reads", "equals": 0}, {"content": {"file": "x"}},
               {"content": {"file": "y", "size": "4KiB", "seed": 5}}, {"content": {"file": "y", "offset": 4096, "size": "4KiB", "seed": 9}},
               {"content": {"file": "z", "content": "zero"}}])");
  EXPECT_EQ(wrong(report), "");
}

TEST(RunScenario, WhatIsWrittenIsInTheFileAtTheEnd) {
  EXPECT_EQ(
      wrong(run(
          R"("devices": {"d": {"type": "ram", "latency": "20us"}}, "files": {"f": {"device": "d", "size": "64KiB", "content": "zero", "open": ["O_DIRECT"]}},
    "rings": {"r": {}}, "tasks": {"a": {"steps": [{"submit": {"ring": "r", "op": "WRITEV", "file": "f", "offset": "8KiB", "seed": 3, "count": 2}}, {"wait": {"ring": "r", "cqes": 2}}]}},
    "expect": [{"content": {"file": "f", "offset": 8192, "size": "8KiB", "seed": 3}}, {"content": {"file": "f", "size": "8KiB", "content": "zero"}}])")),
      "");
}

TEST(RunScenario, AForkedChildSharesTheRingAndIsWaitedFor) {
  EXPECT_EQ(wrong(run(R"("rings": {"r": {}}, "tasks": {"a": {"steps": [{"set": {"x": 5}},
    {"fork": "child", "steps": [{"assert": "x == 5"}, {"submit": {"ring": "r", "op": "NOP", "user_data": 9}}]}, {"set": {"x": 6}}, {"wait": {"ring": "r", "user_data": 9}}]}})")),
            "");
}

TEST(RunScenario, JoinWaitsForAForkedChildHoweverItEnds) {
  for (const char* const end : {R"({"exit": 0})", R"({"read": {"file": "q.r", "size": 1}})"})
    EXPECT_EQ(wrong(run(fmt::format(
                  R"("files": {{"p": {{"type": "pipe"}}, "q": {{"type": "pipe"}}}}, "tasks": {{"a": {{"steps": [
    {{"repeat": 2, "steps": [{{"fork": "child", "steps": [{{"sleep": "2ms"}}, {{"write": {{"file": "p.w", "size": 3}}}}, {}]}},
      {{"if": {}, "then": [{{"sleep": "5ms"}}, {{"signal": {{"task": "child", "signal": "SIGKILL"}}}}]}}, {{"join": "child"}},
      {{"poll": {{"file": "p.r", "timeout": 0, "into": "there"}}}}, {{"assert": "there & 1"}},
      {{"read": {{"file": "p.r", "size": 3, "result": 3}}}}]}}]}}}})",
                  end, std::string_view(end).find("exit") != std::string_view::npos ? 0 : 1))),
              "")
        << end;
}

TEST(RunScenario, ProcessesHaveTheSameFiles) {
  EXPECT_EQ(
      wrong(run(
          R"("files": {"p": {"type": "pipe"}}, "tasks": {"a": {"process": "one", "steps": [{"read": {"file": "p.r", "size": 3, "result": 3}}]},
    "b": {"process": "two", "steps": [{"sleep": "1ms"}, {"write": {"file": "p.w", "size": 3}}]}})")),
      "");
}

TEST(RunScenario, ASignalEndsAWaitWithEintr) {
  EXPECT_EQ(
      wrong(run(
          R"("rings": {"r": {}}, "tasks": {"a": {"handlers": ["SIGUSR1"], "steps": [{"enter": {"ring": "r", "min_complete": 1, "flags": ["GETEVENTS"], "result": "-EINTR"}}]}},
    "faults": [{"signal": "SIGUSR1", "task": "a", "at": "2ms"}])")),
      "");
}

TEST(RunScenario, ATaskThatDiesMidWayLeavesNothingBehind) {
  EXPECT_EQ(
      wrong(run(
          R"("rings": {"r": {"flags": ["SQPOLL"], "sq_thread_idle": "4ms"}}, "tasks": {"a": {"steps": [{"submit": {"ring": "r", "op": "TIMEOUT", "after": "10s"}},
    {"sleep": "1ms"}, {"wait": {"ring": "r"}}]}}, "faults": [{"die": "a", "nth": 3}], "allow": ["no-cqe-error"])")),
      "");
}

TEST(RunScenario, ATaskThatDiesAtOnceHasItsFilesByThenAndTakesThemWithIt) {
  EXPECT_EQ(
      wrong(run(
          R"("machine": {"cpus": 4}, "files": {"e": {"type": "eventfd"}, "p": {"type": "pipe"}}, "tasks": {"b": {"steps": [{"sleep": "1ms"}]}, "a": {"must_end": false, "steps": []}},
    "faults": [{"die": "a", "at": "0ns"}], "allow": ["tasks-end", "no-hang"])")),
      "");
}

TEST(RunScenario, AnUnprivilegedSqThreadIsRefusedByTheKernel) {
  EXPECT_EQ(
      wrong(run(R"("rings": {"r": {"flags": ["SQPOLL"], "result": "-EPERM"}}, "tasks": {"a": {"uid": 1000, "steps": []}})")), "");
}

TEST(RunScenario, ManyTasksOnOneProcessor) {
  EXPECT_EQ(
      wrong(run(
          R"("machine": {"cpus": 1}, "rings": {"r": {"entries": 64}}, "tasks": {"a": {"count": 8, "steps": [{"sleep": "1ms"}, {"assert": "self < 8"}]}})")),
      "");
}

TEST(RunScenario, AnEngineThatIsNotDeclaredIsRefused) {
  const Scenario scenario = load_scenario_text(R"({"name": "t", "engines": ["timed"], "tasks": {"a": {"steps": []}}})", "t.json");
  RunOptions options;
  options.engine = Engine::live;
  EXPECT_THROW((void)run_scenario(scenario, options), InputError);
}

TEST(RunScenario, AnAllocationFailsByTheFunctionThatMakesIt) {
  const std::string tasks = R"("tasks": {"a": {"steps": [{"submit": {"ring": "r", "op": "NOP", "count": 3, "user_data": 1}},
    {"wait": {"ring": "r", "cqes": 3}}]}}, "allow": ["no-cqe-error"],)";
  const std::string one = R"("faults": [{"allocation": "io_get_req", "nth": 2, "task": "a"}],
    "expect": [{"cqes": {"ring": "r", "user_data": 2, "res": "-EAGAIN", "count": 1}}, {"cqes": {"ring": "r", "res": 0, "count": 2}}])";
  EXPECT_EQ(wrong(run(R"("rings": {"r": {}}, )" + tasks + one)), "");
  const std::string all = R"("faults": [{"allocation": "io_get_req", "every": 1}],
    "expect": [{"cqes": {"ring": "r", "res": "-EAGAIN", "count": 3}}])";
  EXPECT_EQ(wrong(run(R"("rings": {"r": {}}, )" + tasks + all)), "");
}

TEST(RunScenario, WhereEveryAllocationFailsTheRunItselfGoesOn) {
  const RunReport report = run(R"("rings": {"r": {}}, "tasks": {"a": {"steps": []}}, "faults": [{"allocation": "any"}])");
  EXPECT_FALSE(report.pass);
  EXPECT_NE(wrong(report).find("t.json:"), std::string::npos) << wrong(report);
}

TEST(RunScenario, ARingThatCannotBeAllocatedIsEnomem) {
  EXPECT_EQ(wrong(run(R"("rings": {"r": {"result": "-ENOMEM"}}, "tasks": {"a": {"steps": []}},
    "faults": [{"allocation": "io_ring_ctx_alloc"}])")),
            "");
}

// The device has been written to before, to make the file.
TEST(RunScenario, ADevicesFaultsCountFromTheScenariosOwnTime) {
  const std::string body = R"("devices": {"d": {"type": "ram", "size": "1MiB"}},
    "files": {"f": {"device": "d", "size": "64KiB", "open": ["O_DIRECT"]}, "g": {"device": "d", "size": "8KiB", "cached": true}},
    "rings": {"r": {}}, "allow": ["no-cqe-error"], "tasks": {"a": {"steps": [{"sleep": "1ms"},
      {"submit": {"ring": "r", "op": "WRITEV", "file": "f", "offset": 0}}, {"wait": {"ring": "r"}},
      {"submit": {"ring": "r", "op": "READV", "file": "f", "offset": 0}}, {"wait": {"ring": "r"}}]}},)";
  EXPECT_EQ(wrong(run(body + R"("faults": [{"device": "d", "op": "write", "nth": 1, "error": "ENOSPC"},
                                           {"device": "d", "op": "read", "at": "1ms", "error": "EIO"}],
    "expect": [{"cqes": {"ring": "r", "res": "-ENOSPC", "count": 1}}, {"cqes": {"ring": "r", "res": "-EIO", "count": 1}}])")),
            "");
  EXPECT_EQ(wrong(run(body + R"("faults": [{"device": "d", "at": "1s", "error": "EIO"}],
    "expect": [{"cqes": {"ring": "r", "res": 4096, "count": 2}}])")),
            "");
}

TEST(RunScenario, AnAllocationFaultThatNobodyCameToIsRemarked) {
  const RunReport report = run(R"("tasks": {"a": {"steps": []}}, "faults": [{"allocation": "io_get_rq"}])");
  ASSERT_EQ(report.warnings.size(), 1u);
  EXPECT_NE(report.warnings[0].find("\"io_get_rq\": misspelt"), std::string::npos) << report.warnings[0];
}

TEST(RunScenario, OnThreadsAnSqThreadsSpinningIsToldFromItsWork) {
  RunOptions options;
  options.engine = Engine::live;
  const RunReport report = run(R"("rings": {"r": {"flags": ["SQPOLL"], "sq_thread_idle": "20ms"}}, "tasks": {"a": {"steps": [
    {"submit": {"ring": "r", "op": "NOP"}}, {"wait": {"ring": "r"}}, {"sleep": "10ms"}]}})",
                               options);
  ASSERT_EQ(report.sq_threads.size(), 1u);
  EXPECT_GT(report.sq_threads[0].second.spinning_ns, 0u);
  EXPECT_GT(report.sq_threads[0].second.working_ns, 0u);
}

TEST(RunScenario, CostsChangeTheClock) {
  const std::string body =
      R"("rings": {"r": {}}, "tasks": {"a": {"steps": [{"repeat": 100, "steps": [{"submit": {"ring": "r", "op": "NOP"}}, {"wait": {"ring": "r"}}]}]}})";
  const u64 usual = run(body).time_ns;
  const u64 slow = run(body + R"(, "machine": {"costs": {"syscall": {"value": "10us"}}})").time_ns;
  EXPECT_GT(slow, usual + 100 * 9'000);
}

// The release waits for RCU, and RCU for an SQ thread that spins its idle time without giving way.
TEST(RunScenario, ARingOf51OutlivesItsTasksByTheIdleTimeAndIsNoLeak) {
  RunOptions options;
  options.kernel = "v5.1";
  const RunReport report = run_scenario(
      load_scenario_text(R"({"name": "t", "rings": {"r": {"entries": 8, "flags": ["SQPOLL"], "sq_thread_idle": "3s"}},
        "tasks": {"app": {"steps": [{"submit": {"ring": "r", "op": "NOP"}}, {"reap": {"ring": "r", "cqes": 1, "until": true}}]}}})",
                         "t.json"),
      options);
  for (const ExpectationReport& one : report.expectations) EXPECT_TRUE(one.holds) << one.what << " -> " << one.got;
}

}  // namespace
}  // namespace uringsim::sim
