// SPDX-License-Identifier: GPL-2.0-only
// The explorer's own benchmarks: how many executions a second, how long a whole search, how many executions it takes.
#pragma once

#include <vector>

#include "sim/bench/bench.h"
#include "sim/explore/explore.h"

namespace uringsim::sim {

/// Rates and times of the explorer, beside what the user names as --peer.
[[nodiscard]] std::vector<Benchmark> explore_benchmarks();
/// Executions that dpor takes for the programs that explorers are compared on, beside what optimal ones take: one row a program
/// and memory model, named explore-count-PROGRAM-MODEL.
[[nodiscard]] std::vector<Benchmark> explore_counts();

/// `search` that ends once options.stop is set.
[[nodiscard]] ExploreOptions until_stopped(ExploreOptions search, const BenchOptions& options);

}  // namespace uringsim::sim
