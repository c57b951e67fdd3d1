// SPDX-License-Identifier: GPL-2.0-only
// Searches that are divided: over processes, over shards, and over time by checkpoints. Whatever the division, the executions are
// those of one search.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sim/explore/dpor/dpor.h"
#include "sim/explore/explore.h"
#include "sim/explore/programs/handshake.h"

namespace uringsim {
namespace {

using sim::Memory;
using sim::programs::Handshake;

ExploreOptions dpor_tso() {
  ExploreOptions options;
  options.strategy = Search::dpor;
  options.memory = Memory::tso;
  return options;
}

TEST(Divided, JobsOfDporRunWhatOneSearchRuns) {
  Handshake program({.submissions = 4});
  const ExploreResult one = explore(program, dpor_tso());
  for (const unsigned jobs : {2u, 3u}) {
    ExploreOptions options = dpor_tso();
    options.jobs = jobs;
    const ExploreResult all = explore(program, options);
    EXPECT_EQ(all.error, "");
    EXPECT_TRUE(all.exhaustive);
    EXPECT_EQ(all.executions, one.executions);
    EXPECT_EQ(all.blocked, one.blocked);
  }
}

TEST(Divided, ShardsOfDporMayHaveJobs) {
  Handshake program({.submissions = 4});
  const ExploreResult one = explore(program, dpor_tso());
  u64 executions = 0, blocked = 0;
  for (unsigned shard = 0; shard < 2; shard++) {
    ExploreOptions options = dpor_tso();
    options.jobs = 2;
    options.shard = shard;
    options.shards = 2;
    const ExploreResult part = explore(program, options);
    EXPECT_LT(part.executions, one.executions);
    executions += part.executions;
    blocked += part.blocked;
  }
  EXPECT_EQ(executions, one.executions);
  EXPECT_EQ(blocked, one.blocked);
}

TEST(Divided, SixteenShardsOfDporRunTwoInAHundredMoreThanOneSearch) {
  Handshake program({.submissions = 5});
  u64 run = 0, counted = 0;
  for (unsigned shard = 0; shard < 16; shard++) {
    sim::dpor::Options options;
    options.memory = sim::dpor::MemoryModel::tso;
    options.shard = shard;
    options.shards = 16;
    const sim::dpor::Result part = sim::dpor::explore(program, options);
    EXPECT_TRUE(part.exhausted);
    run += part.run;
    counted += part.complete + part.blocked;
  }
  EXPECT_EQ(counted, 112'258u + 125'097u);
  EXPECT_LE(run, counted + counted / 50);
}

TEST(Divided, AnInterruptedDporGoesOnFromItsCheckpoint) {
  const std::string path = testing::TempDir() + "dpor-checkpoint.json";
  std::remove(path.c_str());
  Handshake program({.submissions = 4});
  const ExploreResult whole = explore(program, dpor_tso());
  ExploreOptions options = dpor_tso();
  options.checkpoint = path;
  ExploreResult result;
  u64 parts = 0;
  for (options.executions = 997; !result.exhaustive && parts < 30; parts++) {
    result = explore(program, options);
    ASSERT_EQ(result.error, "");
    if (!result.exhaustive) {
      EXPECT_EQ(result.executions + result.blocked, 997 * (parts + 1)) << "nothing is run again";
    }
  }
  EXPECT_EQ(parts, (whole.executions + whole.blocked) / 997 + 1);
  EXPECT_TRUE(result.exhaustive);
  EXPECT_EQ(result.executions, whole.executions);
  EXPECT_EQ(result.blocked, whole.blocked);
  const ExploreResult again = explore(program, options);
  EXPECT_TRUE(again.exhaustive) << "it is known to be at its end";
  EXPECT_EQ(again.executions, whole.executions);
  std::remove(path.c_str());
}

TEST(Divided, AShardGoesOnFromItsCheckpointToo) {
  Handshake program({.submissions = 4});
  const ExploreResult whole = explore(program, dpor_tso());
  u64 executions = 0, blocked = 0;
  for (unsigned shard = 0; shard < 3; shard++) {
    const std::string path = testing::TempDir() + "shard-checkpoint.json";
    std::remove(path.c_str());
    ExploreOptions options = dpor_tso();
    options.checkpoint = path;
    options.shard = shard;
    options.shards = 3;
    options.executions = 3'000;  // of all shards
    ExploreResult result;
    for (u64 parts = 0; !result.exhaustive && parts < 30; parts++) {
      result = explore(program, options);
      ASSERT_EQ(result.error, "");
    }
    EXPECT_TRUE(result.exhaustive);
    executions += result.executions;
    blocked += result.blocked;
    std::remove(path.c_str());
  }
  EXPECT_EQ(executions, whole.executions);
  EXPECT_EQ(blocked, whole.blocked);
}

TEST(Divided, JobsGoOnFromTheirCheckpoint) {
  const std::string path = testing::TempDir() + "jobs-checkpoint.json";
  for (const Search strategy : {Search::dpor, Search::dfs}) {
    std::remove(path.c_str());
    Handshake program({.submissions = strategy == Search::dpor ? 4 : 2});
    ExploreOptions options = dpor_tso();
    options.strategy = strategy;
    options.memory = strategy == Search::dpor ? Memory::tso : Memory::sc;
    const ExploreResult whole = explore(program, options);
    ASSERT_TRUE(whole.exhaustive);
    options.checkpoint = path;
    options.jobs = 2;
    options.executions = (whole.executions + whole.blocked) / 5;
    ExploreResult result;
    u64 parts = 0;
    for (; !result.exhaustive && parts < 100; parts++) {
      result = explore(program, options);
      ASSERT_EQ(result.error, "");
    }
    EXPECT_GE(parts, 5u) << to_string(strategy);
    EXPECT_TRUE(result.exhaustive);
    EXPECT_EQ(result.executions, whole.executions) << to_string(strategy);
    EXPECT_EQ(result.blocked, whole.blocked);
    const ExploreResult again = explore(program, options);
    EXPECT_TRUE(again.exhaustive) << "it is known to be at its end";
    EXPECT_EQ(again.executions, whole.executions);
    options.jobs = 3;
    EXPECT_NE(explore(program, options).error, "") << "its parts belong to two jobs";
    options.jobs = 1;
    EXPECT_NE(explore(program, options).error, "");
  }
  std::remove(path.c_str());
}

TEST(Divided, JobsThatSampleGoOnBehindTheirLastSample) {
  const std::string path = testing::TempDir() + "jobs-samples-checkpoint.json";
  std::remove(path.c_str());
  Handshake program({.submissions = 2});
  ExploreOptions options;
  options.strategy = Search::random;
  options.executions = 500;
  options.jobs = 2;
  options.checkpoint = path;
  const ExploreResult half = explore(program, options);
  EXPECT_EQ(half.executions + half.blocked, 500u);
  options.executions = 1'000;  // of all sittings
  const ExploreResult all = explore(program, options);
  EXPECT_EQ(all.executions + all.blocked, 1'000u);
  options.checkpoint.clear();
  options.jobs = 1;
  EXPECT_EQ(explore(program, options).executions, all.executions) << "they are the samples of one search";
  std::remove(path.c_str());
}

TEST(Divided, ShardsOfSamplesRunTheSamplesOfOneSearch) {
  Handshake program({.submissions = 2});
  for (const Search strategy : {Search::pct, Search::random}) {
    ExploreOptions options;
    options.strategy = strategy;
    options.executions = 1'000;
    options.shards = 3;
    u64 executions = 0;
    for (options.shard = 0; options.shard < options.shards; options.shard++) {
      const ExploreResult part = explore(program, options);
      executions += part.executions + part.blocked;
    }
    EXPECT_EQ(executions, 1'000u);
  }
}

TEST(Divided, ACheckpointIsOfOneSearchOnly) {
  const std::string path = testing::TempDir() + "other-checkpoint.json";
  std::remove(path.c_str());
  Handshake program({.submissions = 3});
  ExploreOptions options = dpor_tso();
  options.checkpoint = path;
  options.scenario = "{}";
  options.executions = 100;
  EXPECT_EQ(explore(program, options).error, "");
  options.scenario = "{ }";  // the same name, another text
  EXPECT_NE(explore(program, options).error.find("/search"), std::string::npos);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace uringsim
