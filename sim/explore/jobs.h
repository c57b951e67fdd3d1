// SPDX-License-Identifier: GPL-2.0-only
// One search by several processes. Sampling strategies take every n-th execution. The others walk the top of the same tree, each
// by itself, and take of its parts what nobody else has taken: one bit a part in shared memory, set by whoever comes first. So
// nobody waits for anybody, and nobody is idle as long as there are parts.
#pragma once

#include <functional>

#include "sim/explore/explore.h"

namespace uringsim::sim {

/// Which of the searches that run side by side this is.
struct JobShare {
  unsigned job = 0;
  unsigned jobs = 1;
  std::function<bool(u64 part)> claim{};  ///< true if this job gets the part; null: it gets all
};

namespace detail {
/// The search in this process.
ExploreResult explore_here(Program& program, const ExploreOptions& options, const JobShare& share = {});
}  // namespace detail

/// The search by options.jobs processes; the first violation stops them all.
ExploreResult explore_in_jobs(Program& program, const ExploreOptions& options);

}  // namespace uringsim::sim
