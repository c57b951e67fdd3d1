// SPDX-License-Identifier: GPL-2.0-only
// Every barrier of kernel_model/ has an id, every id a row in the table, and every row holds.
#include "sim/scenario/barriers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <sstream>

#include "kernel_model/arch/wake.h"
#include "sim/explore/random.h"
#include "sim/scenario/barrier_programs.h"
#include "sim/scenario/load.h"
#include "sim/scenario/race.h"
#include "sim/scenario/scenario_program.h"

namespace uringsim {
namespace {

using sim::Barrier;

std::unique_ptr<sim::Program> program_of(const Barrier& barrier) {
  if (auto program = sim::make_barrier_program(barrier.scenario)) return program;
  const std::string file = std::string(URINGSIM_SOURCE_DIR "/scenarios/") + std::string(barrier.scenario) + ".json";
  std::vector<std::string> sets;
  if (barrier.fixed_twin) sets = sim::without_its_bugs(sim::load_scenario(file));
  return std::make_unique<sim::ScenarioProgram>(sim::load_scenario(file, sets));
}

ExploreResult search(const Barrier& barrier, Search strategy, u64 executions, bool without) {
  const auto program = program_of(barrier);
  ExploreOptions options;
  options.strategy = strategy;
  options.memory = barrier.memory;
  options.executions = executions;
  options.minimise = false;
  if (without) options.left_out = {std::string(barrier.id)};
  return explore(*program, options);
}

/// Whether some of the program's executions pass the barrier.
bool passes(const Barrier& barrier) {
  const auto program = program_of(barrier);
  const auto machine = sim::make_machine({.memory = barrier.memory, .left_out = {std::string(barrier.id)}});
  machine->set_up(*program);
  sim::RandomStrategy strategy(1);
  for (int i = 0; i < 100 && strategy.begin(); ++i) {
    sim::Schedule schedule;
    (void)machine->record(strategy, schedule);
    for (const sim::Step& step : schedule.steps)
      if (step.left_out) return true;
  }
  return false;
}

/// The text without comments.
std::string code_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return std::regex_replace(text.str(), std::regex("//[^\n]*"), "");
}

/// Ids in calls that are barriers, with an empty one for a call that has none.
std::vector<std::string> ids_in(const std::string& code) {
  static const std::regex call(
      R"(\b(smp_mb|smp_rmb|smp_wmb|smp_load_acquire|smp_store_release|smp_store_mb|smp_mb__before_atomic|smp_mb__after_atomic|)"
      R"(set_current_state|wq_has_sleeper)\()");
  std::vector<std::string> ids;
  for (std::sregex_iterator at(code.begin(), code.end(), call), end; at != end; ++at) {
    std::size_t begin = static_cast<std::size_t>(at->position() + at->length()), to = begin;
    for (int depth = 1; depth != 0 && to < code.size(); ++to) depth += code[to] == '(' ? 1 : code[to] == ')' ? -1 : 0;
    const std::string arguments = code.substr(begin, to - begin - 1);
    const std::size_t quote = arguments.find('"');
    if (quote == std::string::npos)
      ids.push_back(arguments.find("barrier") != std::string::npos ? "passed on" : "");
    else if (arguments.find("const char*") == std::string::npos)
      ids.push_back(arguments.substr(quote + 1, arguments.find('"', quote + 1) - quote - 1));
  }
  return ids;
}

TEST(Barriers, AllHaveAnIdAndARow) {
  std::vector<std::string> ids;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(URINGSIM_SOURCE_DIR "/kernel_model")) {
    const std::string path = entry.path().string();
    if (path.find("/arch/") != std::string::npos || (entry.path().extension() != ".cc" && entry.path().extension() != ".h"))
      continue;
    for (const std::string& id : ids_in(code_of(entry.path()))) {
      EXPECT_NE(id, "") << "a barrier without an id in " << path;
      if (id != "passed on") ids.push_back(id);
    }
  }
  ids.emplace_back(arch::kWakeBarrier);  // the one that an engine has
  EXPECT_GT(ids.size(), 30U);
  for (const std::string& id : ids)
    EXPECT_TRUE(std::any_of(sim::barriers().begin(), sim::barriers().end(), [&](const Barrier& one) { return one.id == id; }))
        << id << " is not in the table";
  for (const Barrier& barrier : sim::barriers())
    EXPECT_NE(std::find(ids.begin(), ids.end(), barrier.id), ids.end()) << barrier.id << " is not in the source";
}

class EveryBarrier : public testing::TestWithParam<Barrier> {};

TEST_P(EveryBarrier, IsNeededOrListedWithAProof) {
  const Barrier& barrier = GetParam();
  EXPECT_TRUE(passes(barrier)) << barrier.scenario << " does not pass " << barrier.id;
  if (barrier.known == Barrier::Known::found) {
    const ExploreResult found = search(barrier, Search::pct, 100'000, true);
    ASSERT_EQ(found.error, "");
    EXPECT_TRUE(found.found) << "not needed in " << found.executions << " executions";
    const ExploreResult clean = search(barrier, Search::pct, std::max<u64>(10 * found.found_at, 1'000), false);
    EXPECT_FALSE(clean.found) << clean.violation.text;
    return;
  }
  const ExploreResult proof = search(barrier, Search::dpor, 1'000'000, true);
  ASSERT_EQ(proof.error, "");
  EXPECT_TRUE(proof.exhaustive);
  EXPECT_FALSE(proof.found) << proof.violation.text;
  EXPECT_NE(barrier.reason, "");
}

INSTANTIATE_TEST_SUITE_P(Kernel, EveryBarrier, testing::ValuesIn(sim::barriers().begin(), sim::barriers().end()),
                         [](const auto& of) {
                           std::string name(of.param.id);
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// Who polls for room in a peer's queue joins those who wait for it and looks at the queue again, with nothing but the give-back
// of a lock between the two; who takes a message has a full barrier there. 5.4 has it so, too (unix_dgram_peer_wake_me()).
TEST(Barriers, APollForRoomInAPeersQueueCanMissItWhereStoresAreLate) {
  for (const sim::Memory memory : {sim::Memory::sc, sim::Memory::tso}) {
    const auto program = sim::make_barrier_program("programs/unix-room-first-poll");
    ExploreOptions options;
    options.memory = memory;
    const ExploreResult result = explore(*program, options);
    ASSERT_EQ(result.error, "");
    EXPECT_EQ(result.found, memory == sim::Memory::tso) << result.story;
    EXPECT_TRUE(result.found || result.exhaustive);
  }
}

// The barrier of a wakeup is the engines' own; each search leaves it out in its own way.
TEST(Barriers, OfAWakeupIsMissedByEverySearchAlike) {
  for (const sim::Memory memory : {sim::Memory::sc, sim::Memory::tso, sim::Memory::weak}) {
    for (const Search strategy : {Search::dpor, Search::random}) {
      const Barrier barrier{arch::kWakeBarrier, "", Barrier::Known::found, "barriers/pipe-poll", memory, false, ""};
      const ExploreResult result = search(barrier, strategy, 20'000, true);
      ASSERT_EQ(result.error, "");
      EXPECT_EQ(result.found, memory != sim::Memory::sc) << to_string(strategy) << " " << sim::to_string(memory);
    }
  }
}

// What orders a word of the rings, or the SQ thread's sleep, is needed: a listing is not enough.
TEST(Barriers, OfRingWordsAndOfTheSleepOfTheSqThreadAreFound) {
  for (const Barrier& barrier : sim::barriers()) {
    if (barrier.id.rfind("io_", 0) != 0) continue;
    EXPECT_EQ(barrier.known, Barrier::Known::found) << barrier.id;
  }
}

}  // namespace
}  // namespace uringsim
