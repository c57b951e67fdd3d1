// SPDX-License-Identifier: GPL-2.0-only
// Every execution, in depth-first order: the tree of all choices, without any reduction. What the others are measured by.
//
// With a bound on preemptions (Musuvathi, Qadeer: Iterative context bounding, PLDI 2007) only executions in which at most that
// many times another task is chosen although the last one could have gone on: most bugs need two or fewer. With a bound on
// reorderings, only executions in which at most that many values are other than the least surprising one.
// Shard i of n takes its share of the subtrees at a fixed depth; what lies above is run by the shard that owns the subtree, so
// nothing runs twice but the executions that find out whose a subtree is. Searches that run side by side divide a shard as they
// go: each asks for every subtree, in the same order, whether it may have it.
#pragma once

#include <functional>
#include <vector>

#include "sim/explore/strategy.h"

namespace uringsim::sim {

class DfsStrategy final : public Strategy {
 public:
  struct Options {
    u32 preemptions = ~u32{0};
    u32 reorderings = ~u32{0};
    u32 times = ~u32{0};    ///< at most so many moves of time,
    u32 choices = ~u32{0};  ///< and so many choices in an execution; counts with one of the bounds above only
    u32 shard = 0;
    u32 shards = 1;
    std::function<bool(u64 subtree)> claim{};  ///< of several searches: true if it gets the subtree. Null: it gets all
    u32 jobs = 1;                              ///< how many there are,
    u32 job = 0;                               ///< and which this is
  };

  DfsStrategy() = default;
  explicit DfsStrategy(const Options& options) : options_(options), divided_(options.shards > 1 || options.jobs > 1) {}

  bool begin() override;
  void again() override;
  Action action(const Choices& choices) noexcept override;
  u32 value(u32 options, ValueKind kind) noexcept override;
  void over(u64 points) noexcept override;
  [[nodiscard]] bool counted() const noexcept override;
  [[nodiscard]] bool exhausted() const noexcept override { return exhausted_; }
  [[nodiscard]] double share() const noexcept override;
  /// True if some execution was left out by a bound.
  [[nodiscard]] bool bounded() const noexcept { return bounded_; }

  /// The position in the tree, for a checkpoint: the option to take at each choice of the next execution. Empty at the end.
  [[nodiscard]] std::vector<u32> position() const;
  /// Subtrees met so far: goes with the position.
  [[nodiscard]] u64 subtrees() const noexcept { return subtrees_; }
  /// Goes on from there instead of from the beginning.
  void resume(const std::vector<u32>& position, u64 subtrees);

 private:
  struct Node {
    u32 taken;    ///< index of the option taken
    u32 options;  ///< how many there are within the bounds
  };
  static constexpr u32 kShardDepth = 12;

  u32 take(u32 options) noexcept;
  [[nodiscard]] u64 path_hash() const noexcept;
  void enter_subtree() noexcept;

  Options options_;
  std::vector<Node> path_;
  size_t depth_ = 0;
  u32 preemptions_ = 0;
  u32 reorderings_ = 0;
  u32 times_ = 0;
  u64 overtaking_ = 0;  ///< tasks that go on while a store of theirs is under way
  bool started_ = false;
  bool exhausted_ = false;
  bool bounded_ = false;
  bool divided_ = false;
  bool mine_ = true;  ///< the subtree that path_ leads into
  u64 subtrees_ = 0;
  std::vector<u32> prefix_;
};

}  // namespace uringsim::sim
