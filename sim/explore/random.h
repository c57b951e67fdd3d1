// SPDX-License-Identifier: GPL-2.0-only
// Random choice at every point. Finds most shallow bugs within a handful of executions, promises nothing.
//
// One execution in two chooses uniformly among all that can act. That alone would hardly ever let one task run far ahead of
// another, which long programs need: the others stay with the task that acted last, three times in four or fifteen in sixteen.
// Where time can move and somebody else can go on, time is chosen one time in eight: timers that always fire at once would
// hide everything that happens before they do.
#pragma once

#include "sim/explore/strategy.h"

namespace uringsim::sim {

/// xorshift64*, seeded through splitmix64: fast, and the same everywhere.
class RandomNumbers {
 public:
  explicit RandomNumbers(u64 seed = 0) noexcept { this->seed(seed); }
  void seed(u64 seed) noexcept {
    u64 z = seed + 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    state_ = (z ^ (z >> 31)) | 1;
  }
  u64 next() noexcept {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1d;
  }
  /// Below `bound`, which is at most 2^32.
  u32 below(u32 bound) noexcept { return static_cast<u32>(((next() >> 32) * bound) >> 32); }

 private:
  u64 state_ = 1;
};

class RandomStrategy final : public Strategy {
 public:
  /// Execution i of this strategy has the seed `seed` + `first` + i * `step`: shards take every step-th.
  explicit RandomStrategy(u64 seed, u64 first = 0, u64 step = 1) noexcept : next_(seed * 0x100000001b3 + first), step_(step) {}

  bool begin() override {
    seed_ = next_;
    next_ += step_;
    again();
    return true;
  }
  void again() override {
    numbers_.seed(seed_);
    const u64 manner = numbers_.next() >> 62;
    stay_ = manner == 2 ? 12 : manner == 3 ? 15 : 0;
  }

  Action action(const Choices& choices) noexcept override {
    if (stay_ != 0 && choices.current != kNobody && (choices.tasks >> choices.current & 1) != 0 &&
        (numbers_.next() >> 60) < stay_)
      return run_action(choices.current);
    if (choices.drains == 0 && !choices.time) {
      const u64 rest = choices.tasks & (choices.tasks - 1);
      if ((rest & (rest - 1)) == 0)  // the usual case: two tasks
        return static_cast<Action>(__builtin_ctzll((numbers_.next() >> 63) != 0 ? rest : choices.tasks));
    }
    u32 count = choices.count();
    if (choices.time && count > 1) {
      const u64 number = numbers_.next();
      if ((number >> 61) == 0) return kTimeAction;
      count--;
      return choices.at(static_cast<u32>((((number >> 16) & 0xffffffff) * count) >> 32));
    }
    return choices.at(numbers_.below(count));
  }
  u32 value(u32 options, ValueKind) noexcept override { return numbers_.below(options); }

 private:
  RandomNumbers numbers_;
  u64 next_;
  u64 step_;
  u64 seed_ = 0;
  u64 stay_ = 0;  // sixteenths
};

}  // namespace uringsim::sim
