// SPDX-License-Identifier: GPL-2.0-only
// The binary as scripts see it: exit codes, one-line errors, JSON.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/tools/binary.h"

namespace uringsim::tools {
namespace {

TEST(Cli, AScenarioThatHoldsExitsWithZero) { EXPECT_EQ(uringsim("run scenarios/lessons/first-nop.json").code, 0); }

TEST(Cli, AnExpectationThatDoesNotHoldExitsWithOne) {
  const Result result = uringsim("run scenarios/lessons/first-nop.json --set expect.0.cqes.count=2");
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.out.find("FAILS CQEs taken from r: 2"), std::string::npos) << result.out;
}

TEST(Cli, TraceGoesByTheSuffixAndPftraceIsRefusedByName) {
  const std::string file = testing::TempDir() + "uringsim-trace.ftrace";
  EXPECT_EQ(uringsim("run scenarios/lessons/first-nop.json --trace " + file).code, 0);
  EXPECT_GT(std::filesystem::file_size(file), 1000u);
  std::filesystem::remove(file);
  const Result refused = uringsim("run scenarios/lessons/first-nop.json --trace out.pftrace");
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.out.find(".pftrace (Perfetto's protobuf) is not part of this version"), std::string::npos) << refused.out;
  EXPECT_EQ(uringsim("run scenarios/lessons/first-nop.json --trace /nowhere/out.json").code, 2);
  EXPECT_EQ(uringsim("run scenarios/lessons/first-nop.json scenarios/lessons/drain.json --trace out.json").code, 2);
}

TEST(Cli, UsageErrorsAreOneLineAndExitWithTwo) {
  for (const char* const arguments : {"",
                                      "rum",
                                      "run",
                                      "run /nonexistent.json",
                                      "run scenarios/lessons/first-nop.json --engin live",
                                      "run scenarios/lessons/first-nop.json --engine warp",
                                      "run scenarios/lessons/first-nop.json --kernel v9",
                                      "run scenarios/lessons/first-nop.json --step",
                                      "run scenarios/lessons/first-nop.json --set x=1",
                                      "list nothing",
                                      "validate",
                                      "explore scenarios/races/handshake-both.json --without io_sq_thread.need_wakup",
                                      "races --strategy luck",
                                      "exec -- true",
                                      "run scenarios/lessons/first-nop.json --seed abc",
                                      "run scenarios/lessons/first-nop.json --seed -1",
                                      "bench world --repeats=-2",
                                      "bench live-odirect --directory /nonexistent",
                                      "replay scenarios/lessons/first-nop.json",
                                      "run --help >/dev/full"}) {
    const Result result = uringsim(arguments);
    EXPECT_EQ(result.code, 2) << arguments << ": " << result.out;
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << arguments << ": " << result.out;
  }
}

TEST(Cli, ANumberThatIsNoneIsToldWithItsOptionAndWhatWouldBeRight) {
  EXPECT_EQ(uringsim("run scenarios/lessons/first-nop.json --seed 1e3").out,
            "uringsim: run: --seed: 1e3 is not a number from 0 on\n");
}

TEST(Cli, WhatComesLaterIsRefusedByName) {
  EXPECT_NE(uringsim("exec -- true").out.find("\"exec\" is not part of this version"), std::string::npos);
  EXPECT_NE(uringsim("run scenarios/lessons/first-nop.json --step").out.find("--step is not part of this version"),
            std::string::npos);
}

TEST(Cli, JsonIsAnObjectForOneRunAndAnArrayForSeveral) {
  const auto one = nlohmann::json::parse(uringsim("run scenarios/lessons/first-nop.json --json").out);
  EXPECT_EQ(one["verdict"], "pass");
  EXPECT_EQ(one["rings"]["r"]["cqes"], 1);
  const auto two = nlohmann::json::parse(uringsim("run scenarios/lessons/first-nop.json --kernel v5.1,v5.4 --json").out);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0]["kernel"], "v5.1");
}

TEST(Cli, ValidateNamesTheFirstMistakeOfEachFile) {
  const Result result = uringsim("validate scenarios/lessons/first-nop.json scenarios/schema.json");
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.out.find("first-nop.json: valid"), std::string::npos);
  EXPECT_NE(result.out.find("scenarios/schema.json:"), std::string::npos);
}

TEST(Cli, SweepPrintsARowForEachPoint) {
  const Result table = uringsim("sweep scenarios/lessons/idle-window.json --csv");
  EXPECT_EQ(table.code, 0) << table.out;
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'), 5) << table.out;
  EXPECT_EQ(table.out.rfind("idle,r0.cqes,", 0), 0u);
}

TEST(Cli, HelpOfEveryCommandHasAnExample) {
  for (const char* const command : {"run", "sweep", "validate", "list"}) {
    const Result result = uringsim(std::string(command) + " --help");
    EXPECT_EQ(result.code, 0);
    EXPECT_NE(result.out.find("Example: uringsim " + std::string(command)), std::string::npos) << result.out;
  }
}

TEST(Cli, VersionNamesCompilerAndProfiles) {
  const Result result = uringsim("--version");
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.out.find("v5.4"), std::string::npos);
}

}  // namespace
}  // namespace uringsim::tools
