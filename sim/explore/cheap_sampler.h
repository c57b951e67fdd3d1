// SPDX-License-Identifier: GPL-2.0-only
// Samples the executions that cost little: at most so many preemptions and reorderings, as cost_of() counts them, at random
// places. What a depth-first search with the same bounds enumerates, for programs whose tree is too large for that.
//
// The idea is that of PCT (pct.h): where a few of many points matter, draw the points before the execution. Between them the
// task that acts goes on, its stores reach memory at once, and loads read the newest store. Where the task cannot go on, who acts
// next costs nothing and is drawn evenly. Under tso a task that runs ahead of its stores may do so again behind a barrier that
// nobody was asked about, as in the depth-first search: what an execution costs, cost_of() says.
#pragma once

#include <vector>

#include "sim/explore/random.h"

namespace uringsim::sim {

class CheapSampler final : public Strategy {
 public:
  CheapSampler(u64 seed, u32 preemptions, u32 reorderings) noexcept
      : next_(seed * 0x100000001b3), preemptions_(preemptions), reorderings_(reorderings) {}

  bool begin() override;
  void again() override;
  Action action(const Choices& choices) noexcept override;
  u32 value(u32 options, ValueKind kind) noexcept override;
  void over(u64 points) noexcept override;

 private:
  /// Places drawn among those where a thing could be done, and how many there were.
  struct Places {
    std::vector<u64> drawn;
    u64 seen = 0;       ///< in this execution
    u64 most = 16;      ///< in an execution so far
    u64 drawn_of = 16;  ///< what the execution under way was drawn with

    void draw(RandomNumbers& numbers, u32 count);
    [[nodiscard]] bool next() noexcept;
  };

  u64 next_;
  u64 seed_ = 0;
  u32 preemptions_;
  u32 reorderings_;
  RandomNumbers numbers_;
  Places preempt_;
  Places reorder_;
  u64 overtaking_ = 0;  ///< tasks that run ahead of their own stores, until those have reached memory
  u32 lateness_ = 0;    ///< sixteenths: how often a late store stays where it is
};

}  // namespace uringsim::sim
