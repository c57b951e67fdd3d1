// SPDX-License-Identifier: GPL-2.0-only
// The benchmarks run to their end and measure something. How fast they are is nobody's verdict here; how much memory a request
// takes is the same everywhere.
#include "sim/bench/bench.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "sim/bench/bench_worlds.h"
#include "sim/bench/explore_bench.h"
#include "sim/bench/two_processes.h"

namespace uringsim::sim {

void PrintTo(const Benchmark& bench, std::ostream* out) { *out << bench.name; }

namespace {

TEST(Bench, MediansAreTakenOfAlternatingMeasurements) {
  double next = 0;
  std::string order;
  const Medians both = medians(
      {.repeats = 3},
      [&] {
        order += 'a';
        return next += 1;
      },
      [&] {
        order += 'b';
        return 10 * next;
      });
  EXPECT_EQ(order, "ababab");
  EXPECT_DOUBLE_EQ(both.value, 2);
  EXPECT_DOUBLE_EQ(both.peer, 20);
}

TEST(Bench, ARatioNeedsAPeer) {
  EXPECT_FALSE((BenchFigure{"a", 4, "x"}.ratio().has_value()));
  EXPECT_DOUBLE_EQ((BenchFigure{"a", 4, "x", "p", 8.0}.ratio().value()), 0.5);
}

/// Those that stop when their time is over.
std::vector<Benchmark> quick_ones() {
  std::vector<Benchmark> quick;
  for (const Benchmark& bench : benchmarks()) {
    const bool whole_search = bench.name.starts_with("explore-count-") || bench.name.starts_with("explore-dpor-n5") ||
                              bench.name == "explore-jobs2-dpor";
    if (!whole_search) quick.push_back(bench);
  }
  return quick;
}

class EveryBenchmark : public testing::TestWithParam<Benchmark> {};
INSTANTIATE_TEST_SUITE_P(Benchmarks, EveryBenchmark, testing::ValuesIn(quick_ones()), [](const auto& tested) {
  std::string name = tested.param.name;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
});

TEST_P(EveryBenchmark, MeasuresSomethingUnderItsName) {
  const bool needs_host = std::string(GetParam().name).starts_with("live-o") || std::string(GetParam().name) == "live-nop-b32";
  if (needs_host && native_nops(1, {1}).error != 0) GTEST_SKIP() << "the host has no io_uring";
  std::string directory = std::filesystem::temp_directory_path() / "uringsim-bench-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const BenchOptions quick{.repeats = 1, .measure_ns = 1'000'000, .directory = directory, .file_bytes = u64{4} << 20};
  const BenchFigure figure = GetParam().run(quick);
  EXPECT_EQ(figure.name, GetParam().name);
  EXPECT_GT(figure.value, 0);
  EXPECT_FALSE(figure.unit.empty());
  EXPECT_GT(figure.peer_value.value_or(1), 0);
  EXPECT_TRUE(std::filesystem::is_empty(directory));
  std::filesystem::remove(directory);
}

TEST_P(EveryBenchmark, EndsOnceItIsToldToStop) {
  volatile std::sig_atomic_t stop = 1;
  std::string directory = std::filesystem::temp_directory_path() / "uringsim-bench-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const BenchOptions endless{.measure_ns = 3'600'000'000'000, .stop = &stop, .directory = directory};
  EXPECT_EQ(GetParam().run(endless).name, GetParam().name);
  EXPECT_TRUE(std::filesystem::is_empty(directory));
  std::filesystem::remove(directory);
}

TEST(Bench, WholeSearchesEndOnceTheyAreToldTo) {
  volatile std::sig_atomic_t stop = 1;
  BenchOptions options;
  options.stop = &stop;
  for (const Benchmark& bench : benchmarks())
    if (bench.name == "explore-count-handshake-n5-tso" || bench.name == "explore-jobs2-dpor") {
      EXPECT_FALSE(bench.run(options).pass.value_or(false)) << bench.name;
    }
}

TEST(Bench, CountsOfExecutionsAreAtMostThoseOfOptimalExplorers) {
  unsigned judged = 0;
  for (const Benchmark& bench : explore_counts()) {
    const bool small = bench.name.starts_with("explore-count-litmus-") || bench.name.starts_with("explore-count-handshake-n2");
    if (!small) continue;
    const BenchFigure figure = bench.run({});
    EXPECT_EQ(figure.pass.has_value(), !bench.name.ends_with("-weak")) << bench.name;
    EXPECT_TRUE(figure.pass.value_or(true)) << bench.name << ": " << figure.value << ", " << figure.note;
    judged += figure.pass.has_value() ? 1 : 0;
  }
  EXPECT_EQ(judged, 30u);
}

TEST(Bench, TwoProcessesMeasureAtTheSameTimeAndAddUp) {
  const pid_t here = getpid();
  EXPECT_EQ(in_two_processes([&] { return getpid() == here ? 2.0 : 5.0; }), 7.0);
  EXPECT_EQ(in_two_processes([&]() -> double {
              if (getpid() != here) throw std::runtime_error("no figure there");
              return 2.0;
            }),
            2.0);
  EXPECT_THROW((void)in_two_processes([]() -> double { throw std::runtime_error("none here"); }), std::runtime_error);
}

TEST(Bench, AMeasurementOfThePeerIsTakenInTurnWithOnesOwn) {
  std::string order;
  BenchOptions options{.repeats = 3};
  options.peer = [&] { return order += 'p', 2.0; };
  options.peer_name = "theirs";
  double next = 0;
  const BenchFigure figure = figure_of(options, "a", "x", [&] { return order += 'o', next += 1; });
  EXPECT_EQ(order, "opopop");
  EXPECT_EQ(figure.peer, "theirs");
  EXPECT_DOUBLE_EQ(figure.ratio().value(), 1);
  EXPECT_DOUBLE_EQ(figure.lowest.value(), 1);
  EXPECT_DOUBLE_EQ(figure.highest.value(), 3);
}

TEST(Bench, ARequestInFlightTakesAtMost512Bytes) {
  for (const Benchmark& bench : benchmarks())
    if (std::string(bench.name) == "bytes-per-request") {
      EXPECT_LE(bench.run({}).value, 512);
    }
}

}  // namespace
}  // namespace uringsim::sim
