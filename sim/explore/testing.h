// SPDX-License-Identifier: GPL-2.0-only
// Exploring from GoogleTest: a failing test prints the story and the path of a repro file.
//
//     TEST(Queue, NeverLosesAnEntry) {
//       uringsim::sim::Tasks<Queue> program("queue");
//       program.task("producer", [](Queue& q) { ... });
//       program.task("consumer", [](Queue& q) { ... });
//       EXPECT_TRUE(uringsim::explores_clean(program, {.memory = uringsim::sim::Memory::weak}));
//     }
//
// The repro goes to the directory that URINGSIM_REPROS names, else to GoogleTest's TempDir(). replays() runs one again, for a
// regression test of a bug that was once found. tests/examples/ has a whole program to copy.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "sim/explore/explore.h"
#include "sim/explore/tasks.h"

namespace uringsim {

/// Explores; success if nothing was found. A search that was cut short is a success that says so.
inline testing::AssertionResult explores_clean(sim::Program& program, const ExploreOptions& options = {}) {
  const ExploreResult result = explore(program, options);
  if (!result.error.empty()) return testing::AssertionFailure() << program.name() << " cannot be explored: " << result.error;
  if (result.clean())
    return testing::AssertionSuccess() << result.executions << " executions, "
                                       << (result.exhaustive ? "all there are" : "not all");
  const char* const wanted = std::getenv("URINGSIM_REPROS");
  std::string path = wanted != nullptr ? std::string(wanted) + "/" : testing::TempDir();
  for (const char* c = program.name(); *c != 0; c++) path += std::isalnum(static_cast<unsigned char>(*c)) != 0 ? *c : '-';
  path += std::string(".") + to_string(options.memory) + ".repro.json";
  std::ofstream(path) << result.repro.to_json();
  return testing::AssertionFailure() << "\n"
                                     << result.story << "\nfound in execution " << result.found_at << " ("
                                     << to_string(options.strategy) << ")\nrepro: " << path << "\n";
}

/// Runs the repro in `path` again; success if the same violation occurs by the same steps.
inline testing::AssertionResult replays(sim::Program& program, const std::string& path) {
  std::ifstream in(path);
  if (!in) return testing::AssertionFailure() << path << ": cannot be read";
  std::ostringstream text;
  text << in.rdbuf();
  try {
    const ReplayResult result = replay(program, sim::Repro::from_json(text.str()));
    if (result.difference.empty()) return testing::AssertionSuccess() << result.story;
    return testing::AssertionFailure() << path << " is stale: " << result.difference;
  } catch (const sim::ReproError& error) {
    return testing::AssertionFailure() << path << ": " << error.what();
  }
}

}  // namespace uringsim
