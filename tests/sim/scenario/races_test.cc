// SPDX-License-Identifier: GPL-2.0-only
// The scenarios of scenarios/races/: what each search finds, and that its fixed twin is clean.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/scenario/load.h"
#include "sim/scenario/race.h"
#include "sim/scenario/run_scenario.h"
#include "sim/scenario/scenario_program.h"
#include "sim/scenario/vocabulary.h"

namespace uringsim {
namespace {

using sim::Memory;

sim::ScenarioProgram race(const std::string& name, const std::vector<std::string>& sets = {}) {
  return sim::ScenarioProgram(sim::load_scenario(URINGSIM_SOURCE_DIR "/scenarios/races/" + name + ".json", sets));
}

ExploreResult search(const std::string& name, Memory memory, u64 executions, const std::vector<std::string>& sets = {},
                     Search strategy = Search::pct) {
  auto program = race(name, sets);
  ExploreOptions options;
  options.strategy = strategy;
  options.memory = memory;
  options.executions = executions;
  options.minimise = false;
  return explore(program, options);
}

/// Every execution, up to equivalence, or up to the first that violates something.
ExploreResult search_all(const std::string& name, Memory memory, const std::vector<std::string>& sets = {}) {
  return search(name, memory, ~u64{0}, sets, Search::dpor);
}

// ---- the handshake -----------------------------------------------------------------------------------------------------------

/// One line of the table: each cell is proved by a search of every execution, or refuted by one that loses a wakeup.
std::string row_of_handshakes(const char* name, const char* told, u32 submissions) {
  std::string row = fmt::format("{:<18}{:>3}", told, submissions);
  for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) {
    const ExploreResult result = search_all(name, memory, {fmt::format("N={}", submissions)});
    const bool lost = memory != Memory::sc && std::string_view(name) != "handshake-both";
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.found, lost) << name << " under " << to_string(memory) << "\n" << result.story;
    EXPECT_EQ(result.violation.check, lost ? "no-lost-wakeup" : "");
    EXPECT_EQ(result.exhaustive, !lost) << name << " under " << to_string(memory);
    row += fmt::format("{:>24}", result.found ? fmt::format("lost, execution {}", result.found_at)
                                              : fmt::format("clean, all of {}", result.executions + result.blocked));
  }
  return row + "\n";
}

TEST(HandshakeTable, OnlyBothBarriersAreEnoughOnceStoresMayBeLate) {
  constexpr std::pair<const char*, const char*> kRows[] = {{"handshake-both", "both barriers"},
                                                           {"handshake-app-only", "application only"},
                                                           {"handshake-kernel-only", "kernel only"},
                                                           {"handshake-none", "none"}};
  std::string table = fmt::format("{:<18}{:>3}{:>24}{:>24}{:>24}\n", "", "N", "sc", "tso", "weak");
  for (const u32 submissions : {1u, 2u})
    for (const auto& [name, told] : kRows) table += row_of_handshakes(name, told, submissions);
  fmt::print("{}", table);
}

const char* const second_look = R"(fixes=["sqpoll-flag-set-after-last-check"])";
const char* const second_look_and_barrier =
    R"(fixes=["sqpoll-flag-set-after-last-check", "sqpoll-need-wakeup-barrier-dropped-58"])";

TEST(V510, LosesAWakeupUnderScAsReleasedUnderTsoWithASecondLookAndNeverWithTheBarrierToo) {
  const auto lost = [](Memory memory, const std::vector<std::string>& sets) {
    const ExploreResult result = search_all("v5.10-lost-wakeup", memory, sets);
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.violation.check, result.found ? "no-lost-wakeup" : "");
    EXPECT_TRUE(result.found || result.exhaustive);
    return result.found;
  };
  EXPECT_TRUE(lost(Memory::sc, {}));
  EXPECT_TRUE(lost(Memory::sc, {"rings.r.sq_thread_idle=1s"}));  // time goes a long way at once
  EXPECT_FALSE(lost(Memory::sc, {second_look}));
  EXPECT_TRUE(lost(Memory::tso, {second_look}));
  for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) EXPECT_FALSE(lost(memory, {second_look_and_barrier}));
}

// ---- bugs --------------------------------------------------------------------------------------------------------------------

class EveryRace : public testing::TestWithParam<std::string> {};

TEST_P(EveryRace, IsFoundWithTheBugAndNotWithoutIt) {
  sim::RaceOptions options;
  options.exhaust = 1'000;
  const sim::RaceReport report = sim::hunt(GetParam(), options);
  EXPECT_EQ(report.error, "");
  EXPECT_TRUE(report.found);
  EXPECT_EQ(report.check, report.expected.empty() ? report.check : report.expected);
  EXPECT_EQ(report.false_alarm, "");
  EXPECT_TRUE(report.clean_exhaustive || report.clean_executions >= 990) << report.clean_executions;  // a few may be cut
}

INSTANTIATE_TEST_SUITE_P(Races, EveryRace, testing::ValuesIn(sim::races_in(URINGSIM_SOURCE_DIR "/scenarios/races")),
                         [](const auto& of) {
                           std::string name = of.param.substr(of.param.rfind('/') + 1);
                           name.resize(name.rfind('.'));
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

// A plain timed run passes: it takes a search to find these.
TEST(PlainRuns, PassWithTheBugIn) {
  for (const std::string& file : sim::races_in(URINGSIM_SOURCE_DIR "/scenarios/races")) {
    const sim::Scenario scenario = sim::load_scenario(file);
    unsigned passes = 0;
    for (const u64 seed : {1U, 2U, 3U}) {
      sim::RunOptions options;
      options.seed = seed;
      const sim::RunReport report = sim::run_scenario(scenario, options);
      passes += report.pass && !report.sought ? 1 : 0;  // `sought`: it met the violation
    }
    EXPECT_GE(passes, 2U) << file;
  }
}

// Every switch and every mistake has its scenario.
TEST(Races, AreThereForEveryBug) {
  std::vector<std::string> names;
  for (const std::string& file : sim::races_in(URINGSIM_SOURCE_DIR "/scenarios/races"))
    names.push_back(sim::load_scenario(file).name);
  for (const std::string_view bug : sim::known_bugs())
    EXPECT_NE(std::find(names.begin(), names.end(), bug), names.end()) << bug << " has no scenario";
}

}  // namespace
}  // namespace uringsim
