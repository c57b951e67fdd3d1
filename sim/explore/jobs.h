// SPDX-License-Identifier: GPL-2.0-only
// One search by several processes: each takes a shard, nothing is shared but a page of counters.
#pragma once

#include "sim/explore/explore.h"

namespace uringsim::sim {

namespace detail {
/// The search in this process.
ExploreResult explore_here(Program& program, const ExploreOptions& options);
}  // namespace detail

/// The search by options.jobs processes; the first violation stops them all.
ExploreResult explore_in_jobs(Program& program, const ExploreOptions& options);

}  // namespace uringsim::sim
