// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/pct.h"

#include <algorithm>

namespace uringsim::sim {

PctStrategy::PctStrategy(u64 seed, u32 depth, u64 first, u64 step)
    : depth_(std::max(depth, 1u)), next_(seed * 0x100000001b3 + first), step_(step) {}

bool PctStrategy::begin() {
  seed_ = next_;
  next_ += step_;
  used_k_ = k_;
  again();
  return true;
}

void PctStrategy::again() {
  numbers_.seed(seed_);
  // Priorities stay above 2^32, demotions below; an actor's is drawn whether it turns up or not, so that it depends on nothing.
  for (u64& priority : priority_) priority = (u64{1} << 32) + (numbers_.next() >> 33);
  changes_.clear();
  for (u32 i = 1; i < depth_; i++) changes_.push_back(numbers_.next() % used_k_);
  lowest_ = u64{1} << 31;
  asked_ = 0;
  seen_.fill(false);
}

Action PctStrategy::action(const Choices& choices) noexcept {
  const auto best = [&] {
    Action chosen = kStop;
    for (u32 i = 0; i < choices.count(); i++) {
      const Action action = choices.at(i);
      seen_[action] = true;
      if (chosen == kStop || priority_[action] > priority_[chosen]) chosen = action;
    }
    return chosen;
  };
  Action chosen = best();
  if (std::find(changes_.begin(), changes_.end(), asked_++) != changes_.end()) {
    priority_[chosen] = --lowest_;
    chosen = best();
  }
  return chosen;
}

void PctStrategy::over(u64) noexcept {
  k_ = std::max(k_, asked_);
  actors_ = std::max(actors_, static_cast<u32>(std::count(seen_.begin(), seen_.end(), true)));
}

double PctStrategy::guarantee() const noexcept {
  double bound = 1.0 / actors_;
  for (u32 i = 1; i < depth_; i++) bound /= static_cast<double>(k_);
  return bound;
}

}  // namespace uringsim::sim
