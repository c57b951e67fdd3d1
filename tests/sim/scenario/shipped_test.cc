// SPDX-License-Identifier: GPL-2.0-only
// Every shipped scenario on every engine that it declares. In virtual time twice, with equal hashes, and the hash is the one in
// tests/golden/trace_hashes.txt: the same in every build and on every machine. A change of the model that changes them is
// confirmed with URINGSIM_UPDATE_GOLDEN=1, which writes the file anew.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "sim/scenario/load.h"
#include "sim/scenario/run_scenario.h"
#include "tests/sim/scenario/wrong.h"

namespace uringsim::sim {
namespace {

constexpr const char* golden_file = URINGSIM_SOURCE_DIR "/tests/golden/trace_hashes.txt";

/// Paths below scenarios/, sorted.
std::vector<std::string> shipped() {
  const std::filesystem::path root = URINGSIM_SOURCE_DIR "/scenarios";
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root))
    if (entry.path().extension() == ".json" && entry.path().filename() != "schema.json")
      files.push_back(std::filesystem::relative(entry.path(), root).string());
  std::sort(files.begin(), files.end());
  return files;
}

Scenario load_shipped(const std::string& file) { return load_scenario(URINGSIM_SOURCE_DIR "/scenarios/" + file); }

/// True if the scenario is about something that goes wrong: a plain run may meet it.
bool about_a_violation(const Scenario& scenario) {
  return std::any_of(scenario.expect.begin(), scenario.expect.end(), [](const Expectation& one) {
    const auto* const search = std::get_if<SearchExpectation>(&one.what);
    return search != nullptr && search->verdict == Verdict::violation;
  });
}

bool declares(const Scenario& scenario, Engine engine) {
  return std::find(scenario.engines.begin(), scenario.engines.end(), engine) != scenario.engines.end();
}

/// Those that declare real threads.
std::vector<std::string> shipped_live() {
  std::vector<std::string> files = shipped();
  std::erase_if(files, [](const std::string& file) { return !declares(load_shipped(file), Engine::live); });
  return files;
}

std::string name_of(const testing::TestParamInfo<std::string>& tested) {
  std::string name = std::filesystem::path(tested.param).replace_extension().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '/' || c == '.'; }, '_');
  return name;
}

class Shipped : public testing::TestWithParam<std::string> {};

class ShippedLive : public testing::TestWithParam<std::string> {};

TEST_P(Shipped, PassesInVirtualTimeTwiceWithEqualHashes) {
  const Scenario scenario = load_shipped(GetParam());
  ASSERT_TRUE(declares(scenario, Engine::timed));
  RunOptions options;
  options.engine = Engine::timed;
  const RunReport first = run_scenario(scenario, options);
  EXPECT_EQ(wrong(first), "");
  EXPECT_TRUE(first.pass);
  EXPECT_EQ(first.trace_hash, run_scenario(scenario, options).trace_hash);
}

// Real threads meet what goes wrong when they will.
TEST_P(Shipped, DeclaresVirtualTimeAloneIfItIsAboutAViolation) {
  const Scenario scenario = load_shipped(GetParam());
  EXPECT_FALSE(about_a_violation(scenario) && declares(scenario, Engine::live));
}

TEST_P(ShippedLive, PassesOnRealThreads) {
  RunOptions options;
  options.engine = Engine::live;
  EXPECT_EQ(wrong(run_scenario(load_shipped(GetParam()), options)), "");
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Shipped, testing::ValuesIn(shipped()), name_of);
INSTANTIATE_TEST_SUITE_P(Scenarios, ShippedLive, testing::ValuesIn(shipped_live()), name_of);

TEST(ShippedHashes, AreTheSameInEveryBuild) {
  std::map<std::string, std::string> golden;
  std::ifstream in(golden_file);
  for (std::string file, hash; in >> file >> hash;) golden[file] = hash;
  std::string now;
  bool same = true;
  for (const std::string& file : shipped()) {
    RunOptions options;
    options.engine = Engine::timed;
    const std::string hash = fmt::format("{:016x}", run_scenario(load_shipped(file), options).trace_hash);
    now += fmt::format("{} {}\n", file, hash);
    EXPECT_EQ(golden[file], hash) << file << "; URINGSIM_UPDATE_GOLDEN=1 writes the file anew";
    same = same && golden[file] == hash;
    golden.erase(file);
  }
  for (const auto& [file, hash] : golden) ADD_FAILURE() << file << " is in the file of hashes, and no more among the scenarios";
  if (!same && std::getenv("URINGSIM_UPDATE_GOLDEN") != nullptr) std::ofstream(golden_file) << now;
}

}  // namespace
}  // namespace uringsim::sim
