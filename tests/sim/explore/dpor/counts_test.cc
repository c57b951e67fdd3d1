// SPDX-License-Identifier: GPL-2.0-only
// How many executions a program has is known from other explorers: GenMC 0.10.3 (sc, tso, rc11) and Nidhugg (sc optimal) agree on
// every figure here. An optimal search runs exactly that many.
#include <gtest/gtest.h>

#include <memory>

#include "sim/explore/dpor/dpor.h"
#include "sim/explore/programs/counting.h"
#include "sim/explore/programs/handshake.h"

namespace uringsim::sim::dpor {
namespace {

using programs::Accesses;

struct Count {
  u64 complete, blocked;
  bool operator==(const Count&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Count& count) { return out << count.complete << "+" << count.blocked; }

constexpr MemoryModel kModels[] = {MemoryModel::sc, MemoryModel::tso, MemoryModel::weak};
constexpr const char* kNames[] = {"sc", "tso", "weak"};

Result search(Program& program, MemoryModel memory) {
  Options options;
  options.memory = memory;
  const Result result = explore(program, options);
  EXPECT_EQ(result.error, "") << program.name();
  return result;
}

Count count(Program& program, MemoryModel memory) {
  const Result result = search(program, memory);
  EXPECT_TRUE(result.exhausted) << program.name();
  EXPECT_FALSE(result.found) << program.name() << ": " << result.violation.text;
  return {result.complete, result.blocked};
}

struct HandshakeRow {
  int submissions;
  const char* variant;
  bool app_barrier, sq_barrier, second_look;
  Count expected[3];
};

// Without the final assertion, so that buggy variants are counted too; K = N + 2.
constexpr HandshakeRow kHandshakes[] = {
    {1, "A full B full", true, true, true, {{5, 1}, {5, 1}, {5, 1}}},
    {1, "A none B full", false, true, true, {{5, 1}, {6, 1}, {6, 1}}},
    {1, "A full B none", true, false, true, {{5, 1}, {6, 1}, {6, 1}}},
    {1, "A none B none", false, false, true, {{5, 1}, {6, 1}, {6, 1}}},
    {1, "v5.10", true, true, false, {{3, 1}, {3, 1}, {3, 1}}},
    {2, "A full B full", true, true, true, {{59, 20}, {71, 24}, {71, 24}}},
    {2, "A none B full", false, true, true, {{59, 20}, {93, 38}, {93, 40}}},
    {2, "A full B none", true, false, true, {{59, 20}, {93, 40}, {100, 40}}},
    {2, "A none B none", false, false, true, {{59, 20}, {93, 40}, {100, 40}}},
    {2, "v5.10", true, true, false, {{17, 6}, {22, 8}, {22, 8}}},
    {3, "A full B full", true, true, true, {{522, 406}, {770, 623}, {770, 623}}},
    {3, "A none B full", false, true, true, {{522, 406}, {1212, 1014}, {1268, 1171}}},
    {3, "A full B none", true, false, true, {{522, 406}, {1268, 1171}, {1432, 1196}}},
    {3, "A none B none", false, false, true, {{522, 406}, {1268, 1171}, {1432, 1196}}},
    {3, "v5.10", true, true, false, {{106, 42}, {202, 102}, {202, 102}}},
    {4, "A full B full", true, true, true, {{5401, 4271}, {9742, 8528}, {9742, 8528}}},
};

programs::HandshakeOptions options_of(const HandshakeRow& row) {
  programs::HandshakeOptions options;
  options.submissions = row.submissions;
  options.app_barrier = row.app_barrier;
  options.sq_barrier = row.sq_barrier;
  options.second_look = row.second_look;
  return options;
}

TEST(DporCounts, TheHandshakeHasAsManyExecutionsAsOtherOptimalExplorersFind) {
  for (const HandshakeRow& row : kHandshakes)
    for (int model = 0; model < 3; model++) {
      programs::HandshakeOptions options = options_of(row);
      options.require_consumed = false;
      programs::Handshake program(options);
      const Count got = count(program, kModels[model]);
      std::cout << "N=" << row.submissions << " " << row.variant << " " << kNames[model] << ": expected " << row.expected[model]
                << ", got " << got << "\n";
      EXPECT_EQ(got, row.expected[model]) << program.name() << " " << kNames[model];
    }
}

TEST(DporCounts, ACompleteLoopBoundIsCountedLikeElsewhere) {
  constexpr Count kExpected[3][3] = {
      {{5, 1}, {5, 1}, {5, 1}}, {{67, 12}, {83, 12}, {83, 12}}, {{935, 169}, {1515, 205}, {1515, 205}}};
  for (int n = 1; n <= 3; n++)
    for (int model = 0; model < 3; model++) {
      programs::HandshakeOptions options;
      options.submissions = n;
      options.rounds = 3 * n;
      programs::Handshake program(options);
      EXPECT_EQ(count(program, kModels[model]), kExpected[n - 1][model]) << n << " " << kNames[model];
    }
}

TEST(DporCounts, OnlyBothBarriersMakeTheHandshakeRightWhereStoresAreLate) {
  for (const HandshakeRow& row : kHandshakes)
    for (int model = 0; model < 3; model++) {
      programs::Handshake program(options_of(row));
      const Result result = search(program, kModels[model]);
      const bool right = row.second_look && (kModels[model] == MemoryModel::sc || (row.app_barrier && row.sq_barrier));
      EXPECT_EQ(result.found, !right) << program.name() << " " << kNames[model];
    }
}

TEST(DporCounts, LeavingABarrierOutByNameIsLikeNotHavingIt) {
  for (const char* barrier : {"application.tail", "sq_thread.need_wakeup"}) {
    programs::HandshakeOptions program_options;
    program_options.submissions = 2;
    programs::Handshake program(program_options);
    Options options;
    options.memory = MemoryModel::tso;
    options.left_out = {barrier};
    EXPECT_TRUE(explore(program, options).found) << barrier;
  }
}

struct Row {
  std::unique_ptr<Program> program;
  Count expected;
};

TEST(DporCounts, TheClassicProgramsHaveAsManyExecutionsAsOtherOptimalExplorersFind) {
  std::vector<Row> rows;
  const auto add = [&](auto program, u64 complete) {
    rows.push_back({std::make_unique<decltype(program)>(std::move(program)), {complete, 0}});
  };
  add(programs::Indexer(11), 1);
  add(programs::Indexer(12), 8);
  add(programs::Indexer(13), 64);
  add(programs::Indexer(14), 512);
  add(programs::Indexer(15), 4096);
  add(programs::Indexer(12, true), 8);
  add(programs::Indexer(13, true), 64);
  add(programs::Filesystem(14), 2);
  add(programs::Filesystem(16), 8);
  add(programs::Filesystem(18), 32);
  add(programs::LastZero(5, Accesses::ordered), 64);
  add(programs::LastZero(10, Accesses::ordered), 3328);
  add(programs::Readers(8), 256);
  add(programs::Readers(10), 1024);
  add(programs::Readers(13), 8192);
  add(programs::NWriters(3), 6);
  add(programs::NWriters(4), 24);
  add(programs::NWriters(5), 120);
  add(programs::NWriters(6), 720);
  add(programs::NWriters(7), 5040);
  add(programs::NWriters(3, true), 6);
  add(programs::NWriters(5, true), 120);
  add(programs::NWriters(7, true), 5040);
  for (const Row& row : rows)
    for (int model = 0; model < 3; model++) {
      const Count got = count(*row.program, kModels[model]);
      std::cout << row.program->name() << " " << kNames[model] << ": expected " << row.expected << ", got " << got << "\n";
      EXPECT_EQ(got, row.expected) << row.program->name() << " " << kNames[model];
    }
}

TEST(DporCounts, ShardsTogetherRunWhatOneSearchRuns) {
  for (const unsigned shards : {2u, 3u, 16u})
    for (int model = 0; model < 3; model++) {
      programs::HandshakeOptions options;
      options.submissions = 4;
      programs::Handshake program(options);
      Count sum{0, 0};
      u64 largest = 0;
      for (unsigned shard = 0; shard < shards; shard++) {
        Options search_options;
        search_options.memory = kModels[model];
        search_options.shard = shard;
        search_options.shards = shards;
        const Result result = explore(program, search_options);
        EXPECT_TRUE(result.exhausted);
        sum.complete += result.complete;
        sum.blocked += result.blocked;
        largest = std::max(largest, result.complete + result.blocked);
      }
      EXPECT_EQ(sum, kHandshakes[std::size(kHandshakes) - 1].expected[model]) << shards << " " << kNames[model];
      EXPECT_LT(largest, (sum.complete + sum.blocked) * 3 / 4) << shards << " " << kNames[model];
    }
}

TEST(DporCounts, ABudgetStopsTheSearchAndSaysSo) {
  programs::HandshakeOptions options;
  options.submissions = 3;
  programs::Handshake program(options);
  Options search_options;
  search_options.max_executions = 100;
  const Result result = explore(program, search_options);
  EXPECT_FALSE(result.exhausted);
  EXPECT_EQ(result.complete + result.blocked, 100u);
}

TEST(DporCounts, RelaxedAccessesAddExecutionsUnderWeakOnly) {
  programs::LastZero program(5, Accesses::relaxed);
  EXPECT_EQ(count(program, MemoryModel::sc), (Count{64, 0}));
  EXPECT_EQ(count(program, MemoryModel::tso), (Count{64, 0}));
  EXPECT_EQ(count(program, MemoryModel::weak), (Count{96, 0}));
}

}  // namespace
}  // namespace uringsim::sim::dpor
