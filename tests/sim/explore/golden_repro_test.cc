// SPDX-License-Identifier: GPL-2.0-only
// A finding is the same in every build: what happens in its schedule has the same trace hash. The hashes are in tests/golden,
// written by one build and read by all (GCC and Clang, optimised or not, with sanitizers or without).
//
// A change of explorer or model that changes them on purpose: run this test with URINGSIM_UPDATE_GOLDEN=1, and look at the diff.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "sim/explore/explore.h"
#include "sim/explore/programs/handshake.h"
#include "sim/scenario/load.h"
#include "sim/scenario/race.h"
#include "sim/scenario/scenario_program.h"

namespace uringsim {
namespace {

using sim::Memory;

/// One line for every wrong variant of the handshake, memory model and strategy: the trace hash.
std::string found_by_this_build() {
  std::string text;
  for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak})
    for (const char* const variant : {"no-a", "no-b", "v5.10"}) {
      sim::programs::HandshakeOptions options{.submissions = 2};
      options.app_barrier = std::string_view(variant) != "no-a";
      options.sq_barrier = std::string_view(variant) != "no-b";
      options.second_look = std::string_view(variant) != "v5.10";
      if (memory == Memory::sc && options.second_look) continue;  // nothing to be found
      for (const Search strategy : {Search::dfs, Search::pct, Search::random}) {
        sim::programs::Handshake program(options);
        ExploreOptions search;
        search.strategy = strategy;
        search.memory = memory;
        search.executions = 100'000;
        const ExploreResult result = explore(program, search);
        EXPECT_TRUE(result.found) << program.name() << " " << to_string(strategy) << " " << to_string(memory);
        EXPECT_EQ(replay(program, sim::Repro::from_json(result.repro.to_json())).difference, "");
        text += fmt::format("{} {} {} {:016x}\n", program.name(), sim::to_string(memory), to_string(strategy), result.repro.hash);
      }
    }
  return text;
}

/// One line for every race over the whole kernel model and strategy, told as it was found; each replays to the same bytes.
std::string found_in_the_kernel() {
  std::string text;
  for (const std::string& file : sim::races_in(URINGSIM_SOURCE_DIR "/scenarios/races")) {
    sim::ScenarioProgram program(sim::load_scenario(file));
    Memory memory = Memory::sc;
    for (const Memory one : {Memory::weak, Memory::tso, Memory::sc}) {
      const sim::SearchExpectation* const expected = program.expected(one);
      if (expected != nullptr && expected->verdict == sim::Verdict::violation) memory = one;
    }
    for (const Search strategy : {Search::pct, Search::dpor}) {
      ExploreOptions search;
      search.strategy = strategy;
      search.memory = memory;
      search.executions = strategy == Search::dpor ? 800 : 5'000;
      search.minimise = false;
      search.profile = program.kernel();
      search.scenario = program.scenario().text;
      const ExploreResult result = explore(program, search);
      EXPECT_TRUE(result.found || strategy == Search::dpor) << program.name();
      EXPECT_EQ(result.unconfirmed, "") << program.name();
      if (!result.found) continue;  // a large program
      const sim::Repro repro = sim::Repro::from_json(result.repro.to_json());
      const ReplayResult again = replay(*sim::program_of(repro), repro);
      EXPECT_EQ(again.difference, "") << program.name();
      EXPECT_EQ(again.hash, result.repro.hash);
      text += fmt::format("{} {} {} {:016x}\n", program.name(), sim::to_string(memory), to_string(strategy), result.repro.hash);
    }
  }
  return text;
}

void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = URINGSIM_SOURCE_DIR "/tests/golden/" + name;
  if (std::getenv("URINGSIM_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  std::ostringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(text, golden.str());
}

TEST(GoldenRepro, FindingsAreTheSameInEveryBuild) { expect_golden("repro_hashes.txt", found_by_this_build()); }

TEST(GoldenRepro, FindingsInTheKernelAreTheSameInEveryBuild) { expect_golden("kernel_repro_hashes.txt", found_in_the_kernel()); }

}  // namespace
}  // namespace uringsim
