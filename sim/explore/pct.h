// SPDX-License-Identifier: GPL-2.0-only
// Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte: A randomized scheduler with probabilistic
// guarantees of finding bugs, ASPLOS 2010).
//
// Every task gets a random priority, the one with the highest runs; at depth - 1 random points the running one drops below all
// others. A bug that needs `depth` ordering constraints is hit by one execution with probability at least
// 1 / (n k^(depth - 1)), for n tasks and k points.
//
// Deviations: under tso each store buffer is a task of its own, and so is time, since they act by the scheduler's choice; n
// counts them. k is the largest number of choices of the executions so far (the first one runs with 64), so the guarantee holds
// from the time on at which k has been seen. Values (which store a load reads) are drawn uniformly.
#pragma once

#include <array>
#include <vector>

#include "sim/explore/random.h"

namespace uringsim::sim {

class PctStrategy final : public Strategy {
 public:
  PctStrategy(u64 seed, u32 depth, u64 first = 0, u64 step = 1);

  bool begin() override;
  void again() override;
  Action action(const Choices& choices) noexcept override;
  u32 value(u32 options, ValueKind) noexcept override { return numbers_.below(options); }
  void over(u64 points) noexcept override;

  /// The guarantee for one execution, with the n and k seen so far.
  [[nodiscard]] double guarantee() const noexcept;
  [[nodiscard]] u32 actors() const noexcept { return actors_; }
  [[nodiscard]] u64 choices() const noexcept { return k_; }

 private:
  static constexpr u32 kActions = 2 * kMaxTasks + 1;

  u32 depth_;
  u64 next_;
  u64 step_;
  u64 seed_ = 0;
  u64 k_ = 64;       // choices of the longest execution
  u64 used_k_ = 64;  // what the execution under way was planned with
  u64 asked_ = 0;
  u32 actors_ = 1;
  RandomNumbers numbers_;
  std::array<u64, kActions> priority_{};
  std::array<bool, kActions> seen_{};
  std::vector<u64> changes_;  // choices at which the running actor is demoted
  u64 lowest_ = 0;
};

}  // namespace uringsim::sim
