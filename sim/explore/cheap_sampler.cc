// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/cheap_sampler.h"

#include <algorithm>

namespace uringsim::sim {

void CheapSampler::Places::draw(RandomNumbers& numbers, u32 count) {
  drawn.clear();
  for (u32 i = 0; i < count; i++) drawn.push_back(numbers.next() % drawn_of);
  seen = 0;
}

bool CheapSampler::Places::next() noexcept { return std::find(drawn.begin(), drawn.end(), seen++) != drawn.end(); }

bool CheapSampler::begin() {
  seed_ = next_++;
  preempt_.drawn_of = preempt_.most;
  reorder_.drawn_of = reorder_.most;
  again();
  return true;
}

void CheapSampler::again() {
  numbers_.seed(seed_);
  preempt_.draw(numbers_, preemptions_);
  reorder_.draw(numbers_, reorderings_);
  overtaking_ = 0;
  lateness_ = (numbers_.next() >> 63) != 0 ? 15 : 8;
}

Action CheapSampler::action(const Choices& choices) noexcept {
  overtaking_ &= choices.drains;
  Choices others = choices;
  const bool has_current = choices.current != kNobody;
  const bool can_go_on = has_current && (choices.tasks >> choices.current & 1) != 0;
  if (can_go_on && ((choices.drains & ~overtaking_) >> choices.current & 1) != 0) {
    if (!reorder_.next()) return drain_action(choices.current);
    overtaking_ |= u64{1} << choices.current;
  }
  if (choices.drains != 0 && (numbers_.next() >> 60) >= lateness_) {
    others.tasks = 0;
    others.time = false;
    return others.at(numbers_.below(others.count()));
  }
  if (can_go_on) {
    others.tasks &= ~(u64{1} << choices.current);
    others.drains = 0;
    if (others.count() == 0 || !preempt_.next()) return run_action(choices.current);
    return others.at(numbers_.below(others.count()));
  }
  // Who takes over while a store of its own is under way pays for it.
  others.tasks &= ~(choices.drains & ~overtaking_);
  if (others.tasks != 0 && others.time && (numbers_.next() >> 61) != 0) others.time = false;
  return others.at(numbers_.below(others.count()));
}

u32 CheapSampler::value(u32 options, ValueKind kind) noexcept {
  const bool reordering = kind == ValueKind::read || kind == ValueKind::place;
  if (!reordering) return numbers_.below(options);
  return reorder_.next() ? 1 + numbers_.below(options - 1) : 0;
}

void CheapSampler::over(u64) noexcept {
  preempt_.most = std::max(preempt_.most, preempt_.seen);
  reorder_.most = std::max(reorder_.most, reorder_.seen);
}

}  // namespace uringsim::sim
