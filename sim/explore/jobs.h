// SPDX-License-Identifier: GPL-2.0-only
// One search by several processes. Sampling strategies take every n-th execution. The others walk the top of the same tree, each
// by itself, and take of its parts what nobody else has taken: one bit a part in shared memory, set by whoever comes first. So
// nobody waits for anybody, and nobody is idle as long as there are parts.
//
// A checkpoint has where each job stands and which parts it had taken by then. What a job that is killed took after that is free
// again: it lies ahead of where this job goes on, so nothing is lost although others may have passed it by.
#pragma once

#include <functional>

#include "sim/explore/checkpoint.h"
#include "sim/explore/explore.h"

namespace uringsim::sim {

/// Which of the searches that run side by side this is.
struct JobShare {
  unsigned job = 0;
  unsigned jobs = 1;
  std::function<bool(u64 part)> claim{};          ///< true if this job gets the part; null: it gets all
  const Checkpoint* from = nullptr;               ///< go on from there
  std::function<void(const Checkpoint&)> keep{};  ///< called every few seconds and at the end with where this job stands
};

namespace detail {
/// What a checkpoint is of: a search, its shard, and how many jobs divide that.
std::string checkpoint_identity(const Program& program, const ExploreOptions& options, unsigned jobs);
/// The search in this process.
ExploreResult explore_here(Program& program, const ExploreOptions& options, const JobShare& share = {});
}  // namespace detail

/// The search by options.jobs processes; the first violation stops them all.
ExploreResult explore_in_jobs(Program& program, const ExploreOptions& options);

}  // namespace uringsim::sim
