// SPDX-License-Identifier: GPL-2.0-only
// The hazards of the 2019 series, each under both releases that had them or had just mended them.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "sim/explore/explore.h"
#include "sim/scenario/load.h"
#include "sim/scenario/run_scenario.h"
#include "sim/scenario/scenario_program.h"

namespace uringsim::sim {
namespace {

std::vector<std::string> history() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(URINGSIM_SOURCE_DIR "/scenarios/history"))
    files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

class History : public testing::TestWithParam<std::string> {};

TEST_P(History, ShowsWhatItClaimsUnderBothReleases) {
  for (const char* const kernel : {"v5.1", "v5.4"}) {
    RunOptions options;
    options.engine = Engine::timed;
    options.kernel = kernel;
    const RunReport report = run_scenario(load_scenario(GetParam()), options);
    std::string wrong;
    for (const ExpectationReport& one : report.expectations)
      if (!one.holds) wrong += one.what + " -> " + one.got + "; ";
    for (const std::string& failure : report.failures) wrong += failure + "; ";
    EXPECT_EQ(wrong, "") << kernel;
  }
}

INSTANTIATE_TEST_SUITE_P(Scenarios, History, testing::ValuesIn(history()), [](const auto& tested) {
  std::string name = std::filesystem::path(tested.param).stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

ExploreResult search(const std::string& name, const std::string& kernel) {
  ScenarioProgram program(load_scenario(URINGSIM_SOURCE_DIR "/scenarios/history/" + name + ".json"), kernel);
  return explore(program);
}

/// The answer of an exhaustive search to the SQE whose opcode changes while it is submitted.
ExploreResult opcode_changed_under(const std::string& kernel) { return search("sqe-changed-between-reads", kernel); }

TEST(HistorySearch, Linux51RefusesAnSqeForWantOfAFileThatItDidNotLookFor) {
  const ExploreResult result = opcode_changed_under("v5.1");
  ASSERT_TRUE(result.found);
  EXPECT_NE(result.violation.text.find("looked for no file, and then wanted one"), std::string::npos) << result.violation.text;
}

TEST(HistorySearch, Linux54ReadsTheOpcodeOnceAndNeverDoes) {
  const ExploreResult result = opcode_changed_under("v5.4");
  EXPECT_TRUE(result.clean());
  EXPECT_TRUE(result.exhaustive);
}

// A page's mapping is stored by who reads it in, and late under these models: who reads it in has to see it all the same.
TEST(HistorySearch, ABufferedReadFindsItsPagesUnderEveryMemoryModel) {
  const Scenario scenario = load_scenario(URINGSIM_SOURCE_DIR "/scenarios/history/short-buffered-read.json");
  for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) {
    ScenarioProgram program(scenario, "v5.4");
    ExploreOptions options;
    options.memory = memory;
    options.executions = 50;
    options.minimise = false;
    const ExploreResult result = explore(program, options);
    // A defect of 5.4 itself.
    EXPECT_TRUE(!result.found || result.violation.text.find("left req->task_list uninitialised") != std::string::npos)
        << result.violation.text;
  }
}

// Not made simpler, but told all the same, and replayed.
TEST(HistorySearch, AFindingIsToldThoughSomebodyWantsTheSearchToEnd) {
  ScenarioProgram program(load_scenario(URINGSIM_SOURCE_DIR "/scenarios/races/async-list-missing-mb.json"));
  unsigned asked = 0;
  ExploreOptions options;
  options.strategy = Search::pct;
  options.memory = Memory::tso;
  options.progress = [&](const ExploreProgress& progress) {
    const bool searching = progress.depth != 0;
    asked += searching ? 0 : 1;
    return searching;
  };
  const ExploreResult result = explore(program, options);
  ASSERT_TRUE(result.found);
  EXPECT_GT(asked, 0u);
  EXPECT_LE(asked, 3u);  // once in each of the three parts that make it simpler
  EXPECT_EQ(replay(program, Repro::from_json(result.repro.to_json())).difference, "");
}

// The count of a pipe's buffers, too: who takes the last one looks whether there is another.
TEST(HistorySearch, AReaderThatEmptiesAPipeSeesThatItIsEmpty) {
  for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) {
    ScenarioProgram program(load_scenario_text(R"({"name": "t", "files": {"p": {"type": "pipe"}},
      "tasks": {"reader": {"steps": [{"read": {"file": "p.r", "size": 100, "result": 1}}]},
                "writer": {"steps": [{"write": {"file": "p.w", "size": 1, "result": 1}}]}}})",
                                               "t.json"));
    ExploreOptions options;
    options.memory = memory;
    options.executions = 100;
    const ExploreResult result = explore(program, options);
    EXPECT_FALSE(result.found) << result.violation.text;
    EXPECT_GT(result.executions, 0u);
  }
}

// A poll that a worker completes is on the list of work that the ring's release walks: nobody frees it under the walker.
TEST(HistorySearch, APollThatEndsDuringTheRingsReleaseIsNotUsedAfterThat) {
  ScenarioProgram program(load_scenario_text(R"({"name": "t", "files": {"p": {"type": "pipe"}},
    "rings": {"r": {"entries": 4, "owner": "a"}},
    "tasks": {"a": {"steps": [{"submit": {"ring": "r", "op": "POLL_ADD", "file": "p.r"}}, {"close": {"ring": "r"}}]},
              "w": {"steps": [{"write": {"file": "p.w", "size": 1}}]}}, "allow": ["no-cqe-error"]})",
                                             "t.json"));
  for (const Memory memory : {Memory::sc, Memory::weak}) {
    ExploreOptions options;
    options.strategy = Search::random;
    options.memory = memory;
    options.executions = 3'000;
    options.minimise = false;
    const ExploreResult result = explore(program, options);
    EXPECT_FALSE(result.found) << result.violation.text;
  }
}

TEST(HistorySearch, TheSqThreadFindsNoReferenceForWhatItTakesDuringARegistration) {
  const Scenario scenario = load_scenario(URINGSIM_SOURCE_DIR "/scenarios/history/register-against-sq-thread.json");
  for (const char* const kernel : {"v5.1", "v5.4"}) {
    ScenarioProgram program(scenario, kernel);
    ExploreOptions options;
    options.strategy = Search::random;
    options.executions = 2'000;
    options.minimise = false;
    const ExploreResult result = explore(program, options);
    ASSERT_TRUE(result.found) << kernel;
    EXPECT_NE(result.violation.text.find("the SQ thread found no reference for the NOP"), std::string::npos)
        << kernel << ": " << result.violation.text;
  }
}

TEST(HistorySearch, BothReleasesCheckFlagsAndThenReadThemAgain) {
  for (const char* const kernel : {"v5.1", "v5.4"}) {
    const ExploreResult result = search("sqe-flags-changed-between-reads", kernel);
    ASSERT_TRUE(result.found) << kernel;
    EXPECT_NE(result.violation.text.find("let the old flags pass, and obeyed the new ones"), std::string::npos)
        << result.violation.text;
  }
}

}  // namespace
}  // namespace uringsim::sim
