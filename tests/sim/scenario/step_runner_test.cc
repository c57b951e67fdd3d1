// SPDX-License-Identifier: GPL-2.0-only
// The runner's steps against the running kernel. What the test cares for is the runner; the kernel is right by definition.
#include "sim/scenario/step_runner.h"

#include <gtest/gtest.h>

#include "sim/scenario/load.h"
#include "tests/sim/scenario/host_environment.h"

namespace uringsim::sim {
namespace {

class StepRunnerOnHost : public testing::Test {
 protected:
  void SetUp() override {
    uapi::Ring<uapi::Native> ring;
    const int error = ring.queue_init(2, 0);
    if (error < 0) GTEST_SKIP() << "the running kernel has no io_uring for us: " << errno_name(-error);
    ring.queue_exit();
  }

  /// Runs {"rings": ..., "tasks": ...} and returns the failures.
  std::vector<std::string> run(const std::string& body) {
    const Scenario scenario =
        load_scenario_text("{\"name\": \"t\", \"devices\": {\"d\": {\"type\": \"ram\"}}, " + body + "}", "t.json");
    HostWorld world(scenario);
    std::vector<std::string> failures = world.run();
    reaped = world.reaped;
    return failures;
  }
  std::vector<std::string> steps(const std::string& list) {
    return run(
        R"("files": {"data": {"device": "d", "size": "64KiB", "seed": 5}, "p": {"type": "pipe"}, "s": {"type": "socketpair"},
                            "e": {"type": "eventfd"}, "zeros": {"device": "d", "size": "64KiB", "content": "zero"}},
                  "rings": {"r": {"entries": 8, "register_buffers": {"count": 2}}},
                  "tasks": {"a": {"buffers": {"page": {"content": "pattern", "seed": 9}}, "steps": [)" +
        list + "]}}");
  }
  std::vector<HostWorld::Reaped> reaped;
  const std::vector<std::string> none = {};
};

TEST_F(StepRunnerOnHost, ANopGoesThrough) {
  EXPECT_EQ(
      steps(
          R"({"submit": {"ring": "r", "op": "NOP", "user_data": 7, "into": "n"}}, {"wait": {"ring": "r", "res": 0, "user_data": 7}}, {"assert": "n == 1"})"),
      none);
  ASSERT_EQ(reaped.size(), 1u);
  EXPECT_EQ(reaped[0].user_data, 7u);
}

TEST_F(StepRunnerOnHost, AFailedAssertionNamesItsPlaceAndItsVariables) {
  const auto failures = steps(R"({"set": {"x": 3}}, {"assert": "x == 4", "message": "four"}, {"assert": "0"})");
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_NE(failures[0].find("/tasks/a/steps/1: assert failed: x == 4 (x = 3); four"), std::string::npos) << failures[0];
}

TEST_F(StepRunnerOnHost, LoopsBranchesAndVariables) {
  EXPECT_EQ(
      steps(
          R"({"set": {"sum": 0, "i": 0}}, {"repeat": 5, "index": "k", "steps": [{"set": {"sum": "sum + k"}}]}, {"assert": "sum == 10"},
                     {"while": "i < 3", "limit": 3, "steps": [{"set": {"i": "i + 1"}}]}, {"assert": "i == 3"},
                     {"if": "i == 4", "then": [{"assert": 0}], "else": [{"set": {"i": 9}}]}, {"assert": "i == 9 && self == 0"})"),
      none);
}

TEST_F(StepRunnerOnHost, ALoopBeyondItsLimitFails) {
  const auto failures = steps(R"({"while": 1, "limit": 10, "steps": []})");
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_NE(failures[0].find("the loop is not over after 10 rounds"), std::string::npos);
}

TEST_F(StepRunnerOnHost, ReadsAreVerifiedByteForByte) {
  EXPECT_EQ(
      steps(
          R"({"submit": {"ring": "r", "op": "READV", "file": "data", "size": "4KiB", "iovecs": 3, "count": 4}}, {"wait": {"ring": "r", "cqes": 4, "res": 4096}},
                     {"submit": {"ring": "r", "op": "READ_FIXED", "file": "data", "size": "4KiB", "offset": "random", "count": 2}}, {"wait": {"ring": "r", "cqes": 2, "res": 4096}},
                     {"submit": {"ring": "r", "op": "READV", "file": "zeros", "size": "512"}}, {"wait": {"ring": "r", "res": 512}})"),
      none);
}

TEST_F(StepRunnerOnHost, WrongDataIsFound) {
  // The write makes the content unknown, so the comparison is asked for.
  const auto failures = steps(R"({"write": {"file": "data", "size": 100, "offset": 1000, "seed": 77}},
                                 {"submit": {"ring": "r", "op": "READV", "file": "data", "offset": 0, "verify": true}}, {"wait": {"ring": "r"}})");
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_NE(failures[0].find("wrong data: byte 1000 of the file is"), std::string::npos) << failures[0];
}

TEST_F(StepRunnerOnHost, WhatIsWrittenCanBeReadBack) {
  EXPECT_EQ(
      steps(
          R"({"submit": {"ring": "r", "op": "WRITEV", "file": "data", "offset": "8KiB", "seed": 5}}, {"wait": {"ring": "r", "res": 4096}},
                     {"submit": {"ring": "r", "op": "WRITE_FIXED", "file": "data", "offset": "12KiB", "seed": 5, "size": "1KiB"}}, {"wait": {"ring": "r", "res": 1024}},
                     {"submit": {"ring": "r", "op": "FSYNC", "file": "data", "datasync": true}}, {"wait": {"ring": "r", "res": 0}},
                     {"submit": {"ring": "r", "op": "READV", "file": "data", "offset": "8KiB", "size": "8KiB", "verify": true}}, {"wait": {"ring": "r", "res": 8192}})"),
      none);
}

TEST_F(StepRunnerOnHost, MessagesPollsAndTimeouts) {
  EXPECT_EQ(
      steps(
          R"({"submit": {"ring": "r", "sqes": [{"op": "POLL_ADD", "file": "p.r", "user_data": 1}, {"op": "RECVMSG", "file": "s.b", "size": 100, "user_data": 2}]}},
                     {"write": {"file": "p.w", "size": 1}}, {"wait": {"ring": "r", "user_data": 1, "res": 1}},
                     {"submit": {"ring": "r", "op": "SENDMSG", "file": "s.a", "size": 100, "iovecs": 2, "user_data": 3}}, {"wait": {"ring": "r", "cqes": 2, "res": 100}},
                     {"submit": {"ring": "r", "op": "TIMEOUT", "after": "1ms"}}, {"wait": {"ring": "r", "res": "-ETIME"}},
                     {"submit": {"ring": "r", "op": "POLL_ADD", "file": "e", "user_data": 9}}, {"submit": {"ring": "r", "op": "POLL_REMOVE", "target": 9, "user_data": 10}},
                     {"wait": {"ring": "r", "cqes": 2}})"),
      none);
}

TEST_F(StepRunnerOnHost, ChainsAndDrainsReachTheKernel) {
  EXPECT_EQ(
      steps(
          R"({"submit": {"ring": "r", "sqes": [{"op": "READV", "file": "data", "offset": "63KiB", "size": "4KiB", "link": true, "flags": ["IO_LINK"], "user_data": 1},
                                                       {"op": "NOP", "user_data": 2}, {"op": "NOP", "drain": true, "user_data": 3}]}}, {"wait": {"ring": "r", "cqes": 3}})"),
      none);
  ASSERT_EQ(reaped.size(), 3u);
  EXPECT_EQ(reaped[0].res, 1024);
  EXPECT_EQ(reaped[1].res, -ECANCELED);
  EXPECT_EQ(reaped[2].user_data, 3u);
}

TEST_F(StepRunnerOnHost, TheRingByHand) {
  EXPECT_EQ(
      steps(
          R"({"sqe": {"ring": "r", "opcode": "NOP", "user_data": 41}}, {"sqe": {"ring": "r", "slot": 0, "keep": true, "user_data": 42}},
                     {"load": {"ring": "r", "word": "sq_tail", "into": "tail"}}, {"store": {"ring": "r", "word": "sq_tail", "value": "tail + 1"}}, {"fence": "full"},
                     {"enter": {"ring": "r", "to_submit": 1, "into": "taken"}}, {"assert": "taken == 1"},
                     {"load": {"ring": "r", "word": "cq_tail", "order": "acquire", "into": "ready"}}, {"assert": "ready == 1"},
                     {"cqe": {"ring": "r", "at": 0, "user_data": "tag", "res": "res"}}, {"assert": "tag == 42 && res == 0"},
                     {"advance": {"ring": "r"}}, {"load": {"ring": "r", "word": "cq_head", "into": "head"}}, {"assert": "head == 1"},
                     {"enter": {"ring": "r", "flags": [1048576], "result": "-EINVAL"}})"),
      none);
}

TEST_F(StepRunnerOnHost, HighAndLowStepsMix) {
  EXPECT_EQ(
      steps(
          R"({"submit": {"ring": "r", "op": "NOP"}}, {"wait": {"ring": "r"}}, {"sqe": {"ring": "r", "slot": 1, "opcode": "NOP", "user_data": 3}},
                     {"advance": {"ring": "r", "word": "sq_tail"}}, {"enter": {"ring": "r", "to_submit": 1}}, {"wait": {"ring": "r", "user_data": 3}},
                     {"submit": {"ring": "r", "op": "NOP", "user_data": 4}}, {"reap": {"ring": "r", "cqes": 1, "until": true, "into_user_data": "t"}}, {"assert": "t == 4"})"),
      none);
}

TEST_F(StepRunnerOnHost, ScribblingStaysInsideOfItsArea) {
  EXPECT_EQ(
      steps(
          R"({"scribble": {"ring": "r", "area": "sqes", "size": 512, "value": 255}}, {"scribble": {"ring": "r", "area": "sq_array", "size": 32}})"),
      none);
  EXPECT_EQ(steps(R"({"scribble": {"ring": "r", "area": "sqes", "offset": 448, "size": 65}})").size(), 1u);
}

TEST_F(StepRunnerOnHost, BuffersAreFilledAndCompared) {
  EXPECT_EQ(
      steps(
          R"({"compare": {"buffer": "page", "seed": 9}}, {"fill": {"buffer": "page", "seed": 3}}, {"compare": {"buffer": "page", "seed": 3, "size": 100}})"),
      none);
  EXPECT_EQ(steps(R"({"fill": {"buffer": "page", "value": 1}}, {"compare": {"buffer": "page", "seed": 9}})").size(), 1u);
}

TEST_F(StepRunnerOnHost, CallsReturnWhatTheKernelSays) {
  EXPECT_EQ(
      steps(
          R"({"write": {"file": "e", "value": 5, "result": 8}}, {"poll": {"file": "e", "timeout": "1s", "into": "ev"}}, {"assert": "ev == POLLIN"},
                     {"read": {"file": "e", "size": 8, "result": 8}}, {"read": {"file": "e", "size": 1, "result": "-EINVAL"}},
                     {"poll": {"ring": "r", "timeout": "1ms", "into": "ev"}}, {"assert": "ev == 0"},
                     {"unregister": {"ring": "r", "what": "buffers"}}, {"unregister": {"ring": "r", "what": "buffers", "result": "-ENXIO"}},
                     {"register": {"ring": "r", "what": "eventfd", "eventfd": "e"}}, {"submit": {"ring": "r", "op": "NOP"}}, {"wait": {"ring": "r"}},
                     {"read": {"file": "e", "size": 8, "result": 8}}, {"close": {"ring": "r"}})"),
      none);
  EXPECT_EQ(steps(R"({"read": {"file": "e", "size": 1}})").size(), 1u);
}

TEST_F(StepRunnerOnHost, ARingCanBeMappedAgain) {
  EXPECT_EQ(
      steps(
          R"({"submit": {"ring": "r", "op": "NOP"}}, {"unmap": "r"}, {"map": "r"}, {"wait": {"ring": "r"}}, {"submit": {"ring": "r", "op": "NOP"}}, {"wait": {"ring": "r"}})"),
      none);
}

TEST_F(StepRunnerOnHost, AClosedRingIsNotUsable) {
  const auto failures = steps(R"({"close": {"ring": "r"}}, {"submit": {"ring": "r", "op": "NOP"}})");
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_NE(failures[0].find("ring r is not set up, or closed"), std::string::npos);
}

TEST_F(StepRunnerOnHost, SetupThatFailsMayBeExpected) {
  EXPECT_EQ(run(R"("rings": {"r": {"entries": 0, "result": "-EINVAL"}}, "tasks": {"a": {"steps": []}})"), none);
  EXPECT_EQ(run(R"("rings": {"r": {"entries": 0}}, "tasks": {"a": {"steps": []}})").size(), 1u);
}

TEST_F(StepRunnerOnHost, TasksWaitForEachOther) {
  EXPECT_EQ(
      run(R"("rings": {"r": {}}, "tasks": {"a": {"steps": [{"await": "go"}, {"wait": {"ring": "r", "cqes": 3}}, {"join": "b"}]},
                   "b": {"steps": [{"submit": {"ring": "r", "op": "NOP", "count": 3}}, {"post": "go"}]}})"),
      none);
}

TEST_F(StepRunnerOnHost, AFullSqIsSaidSo) {
  const auto failures = steps(R"({"submit": {"ring": "r", "op": "NOP", "count": 9}})");
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_NE(failures[0].find("the SQ of 8 entries is full: only 8 fit"), std::string::npos) << failures[0];
}

TEST_F(StepRunnerOnHost, TheOldLibraryWorksToo) {
  EXPECT_EQ(
      run(R"("rings": {"r": {"library": "2.1"}}, "tasks": {"a": {"steps": [{"submit": {"ring": "r", "op": "NOP", "count": 3, "wait": 3}}, {"wait": {"ring": "r", "cqes": 3}},
                   {"submit": {"ring": "r", "op": "NOP"}}, {"wait": {"ring": "r"}}]}})"),
      none);
}

TEST_F(StepRunnerOnHost, WorkloadsEndAndVerify) {
  for (const char* const workload : {R"("rw": "randread", "iodepth": 8, "batch": 4, "ios": 500, "verify": true)",
                                     R"("rw": "read", "bs": "1KiB", "ios": 130, "iodepth": 3, "verify": true)",
                                     R"("rw": "randrw", "iodepth": 4, "batch": 2, "link": 2, "drain": 5, "fsync": 7, "ios": 200)",
                                     R"("rw": "randread", "rate": 5000, "arrival": "poisson", "ios": 100, "iodepth": 4)",
                                     R"("rw": "write", "runtime": "20ms", "thinktime": "1ms")",
                                     R"("rw": "randread", "fixed_buffers": true, "iodepth": 2, "completion": "reap", "ios": 64)"})
    EXPECT_EQ(steps(std::string(R"({"workload": {"ring": "r", "file": "data", )") + workload + "}}"), none) << workload;
}

}  // namespace
}  // namespace uringsim::sim
