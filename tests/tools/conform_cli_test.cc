// SPDX-License-Identifier: GPL-2.0-only
// uringsim conform as scripts see it: what each option does, what is said of a difference, what a broken recording gives.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/tools/binary.h"

namespace uringsim::tools {
namespace {

const std::string kHeader = R"({"header":1,"profile":"v5.4"})"
                            "\n";
const std::string kGood =
    R"({"name":"op/good","group":"op","steps":[{"do":"setup","entries":2,"out":{"ret":0,"sq_entries":2,"cq_entries":4}},)"
    R"({"do":"sqe","op":"NOP","ud":7},{"do":"submit"},{"do":"enter","to_submit":1,"out":{"ret":1}},)"
    R"({"do":"reap","out":{"cqes":[[7,0,0]]}}],"end":"exit"})"
    "\n";
const std::string kBad =
    R"({"name":"enter/bad","group":"enter","steps":[{"do":"setup","entries":2,"out":{"ret":0,"sq_entries":2,"cq_entries":4}},)"
    R"({"do":"enter","to_submit":0,"out":{"ret":-5}}],"end":"exit"})"
    "\n";
const std::string kCrash = R"({"name":"op/crash","group":"op","steps":[{"do":"sleep","ms":1}],"end":{"kernel":"panic"}})"
                           "\n";
/// The second write is the first that a worker tries: see fsize in sim/tape/unknowns.cc. Recorded is one of the two answers.
const std::string kStale =
    R"({"name":"rw/stale","group":"rw","steps":[{"do":"file","name":"f","kind":"regular"},)"
    R"({"do":"buf","name":"b","size":64},{"do":"mem","name":"v","fields":[["ptr","b"],["u64",64]]},)"
    R"({"do":"setup","entries":2,"out":{"ret":0,"sq_entries":2,"cq_entries":4}},)"
    R"({"do":"sqe","op":"NOP","ud":1,"flags":["IO_LINK"]},{"do":"sqe","op":"WRITEV","ud":2,"fd":"f","addr":"v","len":1},)"
    R"({"do":"submit"},{"do":"enter","to_submit":2,"out":{"ret":2}},{"do":"wait_cq","n":2,"out":{"ok":true}},)"
    R"({"do":"reap","out":{"cqes":[[1,0,0],[2,64,0]]}}],"end":"exit"})"
    "\n";

size_t lines(const std::string& text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

TEST(ConformCli, SumsUpInFourDrawersThatAddUpToTheTapesRead) {
  const TemporaryFile recording(kHeader + kGood + kBad + kCrash + kStale);
  const Result result = uringsim("conform " + recording.path());
  EXPECT_EQ(result.code, 1) << result.out;
  EXPECT_NE(result.out.find("on v5.4: 1 matched, 1 differ, 1 not applicable, 1 without result"), std::string::npos) << result.out;
}

TEST(ConformCli, ADifferenceIsNamedWithStepExpectedAndGot) {
  const TemporaryFile recording(kHeader + kBad);
  const Result result = uringsim("conform " + recording.path());
  EXPECT_NE(result.out.find("differs enter/bad step 1 (enter): ret: expected -5, got 0"), std::string::npos) << result.out;
}

TEST(ConformCli, WhatIsNotApplicableIsNamedWithItsReason) {
  const TemporaryFile recording(kHeader + kGood + kStale);
  const Result result = uringsim("conform " + recording.path());
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_NE(result.out.find("not applicable rw/stale: needs the memory of earlier processes: "), std::string::npos) << result.out;
}

TEST(ConformCli, NoDifferenceExitsWithZero) {
  const TemporaryFile recording(kHeader + kGood);
  EXPECT_EQ(uringsim("conform " + recording.path()).code, 0);
}

TEST(ConformCli, JsonHasTheKeysThatScriptsRelyOn) {
  const TemporaryFile recording(kHeader + kGood + kBad + kCrash + kStale);
  const auto json = nlohmann::json::parse(uringsim("conform --json " + recording.path()).out);
  EXPECT_EQ(json["kernel"], "v5.4");
  EXPECT_EQ(json["matched"], 1);
  EXPECT_EQ(json["differ"], 1);
  EXPECT_EQ(json["not_applicable"], 1);
  EXPECT_EQ(json["no_result"], 1);
  EXPECT_EQ(json["differences"], nlohmann::json::parse(R"([{"tape":"enter/bad","step":1,"field":"ret","expected":-5,"got":0}])"));
  EXPECT_EQ(json["left_out"][0]["tape"], "rw/stale");
}

TEST(ConformCli, JsonIsAnArrayForSeveralRecordings) {
  const TemporaryFile one(kHeader + kGood), two(kHeader + kBad);
  const auto json = nlohmann::json::parse(uringsim("conform --json " + one.path() + " " + two.path()).out);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[1]["differ"], 1);
}

TEST(ConformCli, KernelGoesOverTheHeader) {
  const TemporaryFile recording(kGood);
  EXPECT_EQ(uringsim("conform " + recording.path()).code, 2);
  const Result result = uringsim("conform --kernel v5.1 " + recording.path());
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_NE(result.out.find("on v5.1: 1 matched"), std::string::npos) << result.out;
}

TEST(ConformCli, FilterAndGroupSelect) {
  const TemporaryFile recording(kHeader + kGood + kBad + kStale);
  EXPECT_NE(uringsim("conform --filter 'op/*' " + recording.path()).out.find("1 matched, 0 differ, 0 not"), std::string::npos);
  EXPECT_NE(uringsim("conform --group enter " + recording.path()).out.find("0 matched, 1 differ, 0 not"), std::string::npos);
  EXPECT_NE(uringsim("conform --group enter,op " + recording.path()).out.find("1 matched, 1 differ, 0 not"), std::string::npos);
}

TEST(ConformCli, SelectingNothingIsAMistake) {
  const TemporaryFile recording(kHeader + kGood);
  const Result result = uringsim("conform --filter 'nothing*' " + recording.path());
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(lines(result.out), 1u) << result.out;
}

TEST(ConformCli, JobsChangeNothingButTheTime) {
  const TemporaryFile recording(kHeader + kGood + kBad + kCrash + kStale);
  EXPECT_EQ(uringsim("conform --jobs 3 " + recording.path()).out, uringsim("conform " + recording.path()).out);
}

TEST(ConformCli, ExplainShowsTheTraceBothAnswersAndMarksTheFirstDifference) {
  const TemporaryFile recording(kHeader + kGood + kBad);
  const Result bad = uringsim("conform --explain enter/bad " + recording.path());
  EXPECT_EQ(bad.code, 1) << bad.out;
  EXPECT_NE(bad.out.find(">   1 {\"do\":\"enter\""), std::string::npos) << bad.out;
  EXPECT_NE(bad.out.find("recorded {\"ret\":-5}"), std::string::npos) << bad.out;
  EXPECT_NE(bad.out.find("modelled {\"ret\":0}"), std::string::npos) << bad.out;
  EXPECT_NE(bad.out.find("first difference: enter/bad step 1 (enter)"), std::string::npos) << bad.out;
  const Result good = uringsim("conform --explain op/good " + recording.path());
  EXPECT_EQ(good.code, 0) << good.out;
  EXPECT_NE(good.out.find("io_uring_complete"), std::string::npos) << good.out;  // the kernel's own tracepoint
  EXPECT_EQ(good.out.find("first difference"), std::string::npos) << good.out;
}

TEST(ConformCli, ExplainNamesTasksAndShowsBothAnswersOfEveryStep) {
  const TemporaryFile recording(kHeader + kGood);
  const Result result = uringsim("conform --explain op/good " + recording.path());
  EXPECT_NE(result.out.find(" tape-"), std::string::npos) << result.out;            // the task of a line, and its pid
  EXPECT_NE(result.out.find("comm=kworker/0:0"), std::string::npos) << result.out;  // a task that an event is about
  EXPECT_NE(result.out.find("recorded {\"ret\":1}"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("modelled {\"ret\":1}"), std::string::npos) << result.out;
}

TEST(ConformCli, AWrongAnswerBehindOneThatDependsOnTheMachineIsADifference) {
  std::string wrong = kStale;
  wrong.replace(wrong.find("[1,0,0]"), 7, "[9,0,0]");
  const TemporaryFile recording(kHeader + wrong);
  const Result result = uringsim("conform " + recording.path());
  EXPECT_EQ(result.code, 1) << result.out;
  EXPECT_NE(result.out.find("0 matched, 1 differ, 0 not applicable"), std::string::npos) << result.out;
}

TEST(ConformCli, NamesOfTapesReachTheTerminalWithoutControlCharacters) {
  std::string odd = kBad;
  odd.replace(odd.find("enter/bad"), 9, "enter/\\n\\u001b[31mbad");
  const TemporaryFile recording(kHeader + odd);
  const std::string shown = "enter/\\n\\x1b[31mbad";
  EXPECT_NE(uringsim("conform " + recording.path()).out.find("differs " + shown + " step 1"), std::string::npos);
  const Result unknown = uringsim("conform --explain other " + recording.path());
  EXPECT_EQ(unknown.out.find('\x1b'), std::string::npos) << unknown.out;
  EXPECT_NE(unknown.out.find(shown), std::string::npos) << unknown.out;
}

TEST(ConformCli, ARecordingWithoutTapesIsRefusedAsSuch) {
  const TemporaryFile recording(kHeader);
  const Result result = uringsim("conform " + recording.path());
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.out.find("the recording holds no tapes"), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("--filter"), std::string::npos) << result.out;
}

TEST(ConformCli, ExplainingAnUnknownTapeNamesTheNearest) {
  const TemporaryFile recording(kHeader + kGood);
  const Result result = uringsim("conform --explain op/goof " + recording.path());
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.out.find("op/good"), std::string::npos) << result.out;
}

TEST(ConformCli, CoverageListsOpcodeFlagsAndResult) {
  const TemporaryFile recording(kHeader + kGood + kBad);
  const Result result = uringsim("conform --coverage " + recording.path());
  EXPECT_NE(result.out.find("coverage under v5.4"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("NOP                -                                  ok             1"), std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find("io_uring_setup     -                                  ok             2"), std::string::npos)
      << result.out;
}

TEST(ConformCli, JsonHoldsWhatCoverageAndExplainShow) {
  const TemporaryFile recording(kHeader + kGood + kBad);
  const auto covered = nlohmann::json::parse(uringsim("conform --coverage --json " + recording.path()).out);
  EXPECT_EQ(std::count(covered["coverage"].begin(), covered["coverage"].end(),
                       nlohmann::json({{"op", "NOP"}, {"flags", "-"}, {"result", "ok"}, {"times", 1}})),
            1);
  const Result result = uringsim("conform --explain enter/bad --json " + recording.path());
  EXPECT_EQ(result.code, 1);
  const auto explained = nlohmann::json::parse(result.out);
  EXPECT_EQ(explained["difference"]["step"], 1);
  EXPECT_EQ(explained["steps"][1]["recorded"]["ret"], -5);
  EXPECT_EQ(explained["steps"][1]["modelled"]["ret"], 0);
  EXPECT_FALSE(explained["steps"][1]["trace"].empty());
  EXPECT_EQ(explained["end"]["modelled"], "exit");
}

TEST(ConformCli, ATapeToExplainMayStandInAnyOfTheRecordings) {
  const TemporaryFile one(kHeader + kGood), other(kHeader + kBad);
  const std::string both = one.path() + " " + other.path();
  EXPECT_EQ(uringsim("conform --explain enter/bad " + both).code, 1);
  EXPECT_EQ(uringsim("conform --explain op/good " + both).code, 0);
  const Result none = uringsim("conform --explain other " + both);
  EXPECT_EQ(none.code, 2);
  EXPECT_EQ(lines(none.out), 1u) << none.out;
}

TEST(ConformCli, AMalformedRecordingIsOneLineWithItsPlaceAndExitsWithTwo) {
  for (const std::string& content : {
           std::string("{\"header\":1,\"profile\":\"v5.4\"}\n{\"name\":\"a\",\n"),                           // torn
           std::string("no json\n"),                                                                         // no JSON
           kHeader + "{\"name\":\"a\"}\n",                                                                   // no steps
           kHeader + "{\"name\":\"a\",\"steps\":[{\"do\":\"dance\"}],\"end\":\"exit\"}\n",                   // unknown step
           kHeader + "{\"name\":\"a\",\"steps\":[{\"do\":\"enter\",\"to_submit\":-1}],\"end\":\"exit\"}\n",  // out of range
           kHeader + "{\"name\":\"a\",\"steps\":[{\"do\":\"enter\",\"too_submit\":1}],\"end\":\"exit\"}\n",  // unknown key
           kHeader + "{\"name\":\"a\",\"steps\":[{\"do\":\"sqe\",\"op\":\"NOOP\"}],\"end\":\"exit\"}\n",     // unknown name
           kHeader + "{\"name\":\"a\",\"steps\":[{\"do\":\"close\",\"name\":\"q\"}],\"end\":\"exit\"}\n",    // unknown fixture
           kHeader + "{\"name\":\"a\",\"steps\":[{\"do\":\"enter\",\"ring\":9}],\"end\":\"exit\"}\n",        // no result
           kHeader + "{\"name\":\"a\",\"steps\":[],\"end\":{\"hang\":1}}\n",  // an end behind the last step
           kHeader + "{\"name\":\"a\",\"steps\":[]}\n",                       // no end
           kHeader + "{\"name\":\"a\",\"steps\":[],\"end\":\"perhaps\"}\n",   // no such end
           std::string("{\"header\":1,\"profile\":\"v9.9\"}\n") + kGood,      // no such profile
           std::string(),                                                     // nothing
       }) {
    const TemporaryFile recording(content);
    const Result result = uringsim("conform " + recording.path());
    EXPECT_EQ(result.code, 2) << content << result.out;
    EXPECT_EQ(lines(result.out), 1u) << content << result.out;
    EXPECT_EQ(result.out.rfind("uringsim: ", 0), 0u) << content << result.out;
  }
}

TEST(ConformCli, UsageErrorsAreOneLineAndExitWithTwo) {
  for (const char* const arguments : {"conform", "conform /nonexistent.jsonl", "conform --jobs 0 tests/golden/v5.4.jsonl.gz",
                                      "conform --filtre x tests/golden/v5.4.jsonl.gz",
                                      "conform --kernel v5.5 tests/golden/v5.4.jsonl.gz", "conform tests/golden"}) {
    const Result result = uringsim(arguments);
    EXPECT_EQ(result.code, 2) << arguments << ": " << result.out;
    EXPECT_EQ(lines(result.out), 1u) << arguments << ": " << result.out;
  }
}

TEST(ConformCli, ReadsCompressedRecordings) {
  const Result result = uringsim("conform --filter setup/entries/1 tests/golden/v5.1.jsonl.gz");
  EXPECT_EQ(result.code, 0) << result.out;
}

}  // namespace
}  // namespace uringsim::tools
