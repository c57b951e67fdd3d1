// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/dfs.h"

#include <array>

namespace uringsim::sim {

bool DfsStrategy::begin() {
  if (exhausted_) return false;
  if (started_) {
    while (!path_.empty() && path_.back().taken + 1 >= path_.back().options) path_.pop_back();
    if (path_.empty()) {
      exhausted_ = true;
      return false;
    }
    path_.back().taken++;
    if (divided_ && path_.size() == kShardDepth) enter_subtree();
  }
  started_ = true;
  again();
  return true;
}

void DfsStrategy::again() {
  depth_ = 0;
  preemptions_ = reorderings_ = 0;
  times_ = 0;
  overtaking_ = 0;
}

u32 DfsStrategy::take(u32 options) noexcept {
  if (depth_ == path_.size()) {
    const u32 taken = depth_ < prefix_.size() && prefix_[depth_] < options ? prefix_[depth_] : 0;
    path_.push_back({taken, options});
    if (divided_ && path_.size() == kShardDepth) enter_subtree();
  }
  return path_[depth_++].taken;
}

Action DfsStrategy::action(const Choices& choices) noexcept {
  if (divided_ && depth_ >= kShardDepth && !mine_) return kStop;
  const bool current_can = choices.current != kNobody && (choices.tasks >> choices.current & 1) != 0;
  const bool unbounded = options_.preemptions == ~u32{0} && options_.reorderings == ~u32{0};
  Choices rest = choices;
  if (current_can) rest.tasks &= ~(u64{1} << choices.current);
  if (unbounded) {
    const u32 index = take(choices.count());
    if (!current_can) return choices.at(index);
    return index == 0 ? run_action(choices.current) : rest.at(index - 1);
  }
  // Acting in the place of somebody who could go on is a preemption, and so is time that passes meanwhile. Another's store that
  // arrives stops nobody, as cost_of() has it. Acting while one's own store is still under way is a reordering, until the store
  // has got there.
  overtaking_ &= choices.drains;
  std::array<Action, 2 * kMaxTasks + 1> allowed{};
  std::array<u8, 2 * kMaxTasks + 1> cost{};
  u32 count = 0;
  const auto consider = [&](Action action) {
    const bool task = action < kMaxTasks;
    const bool stops = (task && action != run_action(choices.current)) || action == kTimeAction;
    const u32 preemption = current_can && stops ? 1 : 0;
    const u32 reordering = task && ((choices.drains & ~overtaking_) >> action & 1) != 0 ? 1 : 0;
    if (action == kTimeAction && times_ >= options_.times) {
      bounded_ = true;
      return;
    }
    if (preemptions_ + preemption > options_.preemptions || reorderings_ + reordering > options_.reorderings) {
      bounded_ = true;
      return;
    }
    cost[count] = static_cast<u8>(preemption | (reordering << 1));
    allowed[count++] = action;
  };
  // A store that may not be late gets there before its task goes on: a preemption in between is one before the store. That of a
  // task that is at its end, or waits, overtakes nothing whenever it arrives.
  const u64 own_store = choices.current != kNobody ? choices.drains >> choices.current & 1 : 0;
  if (current_can && own_store != 0 && (overtaking_ >> choices.current & 1) == 0 && reorderings_ >= options_.reorderings) {
    bounded_ = true;
    return drain_action(choices.current);
  }
  // What costs nothing comes first, so that an early finding is a simple one.
  if (choices.current != kNobody && (choices.drains >> choices.current & 1) != 0) {
    consider(drain_action(choices.current));
    rest.drains &= ~(u64{1} << choices.current);
  }
  if (current_can) consider(run_action(choices.current));
  for (u32 i = 0; i < rest.count(); i++) consider(rest.at(i));
  if (count == 0 || depth_ >= options_.choices) return kStop;
  const u32 index = count == 1 ? 0 : take(count);
  preemptions_ += cost[index] & 1;
  reorderings_ += cost[index] >> 1;
  times_ += allowed[index] == kTimeAction ? 1 : 0;
  if (allowed[index] < kMaxTasks && (choices.drains >> allowed[index] & 1) != 0) overtaking_ |= u64{1} << allowed[index];
  return allowed[index];
}

u32 DfsStrategy::value(u32 options, ValueKind kind) noexcept {
  const bool reordering = kind == ValueKind::read || kind == ValueKind::place;
  if (reordering && reorderings_ >= options_.reorderings) {
    bounded_ = true;
    return 0;
  }
  const u32 index = take(options);
  if (reordering && index != 0) reorderings_++;
  return index;
}

void DfsStrategy::over(u64) noexcept { prefix_.clear(); }

bool DfsStrategy::counted() const noexcept {
  if (!divided_ || path_.size() >= kShardDepth) return mine_ || !divided_;
  return path_hash() % (options_.shards * options_.jobs) == options_.shard + options_.job * options_.shards;
}

u64 DfsStrategy::path_hash() const noexcept {
  u64 hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < path_.size() && i < kShardDepth; i++) hash = (hash ^ path_[i].taken) * 0x100000001b3;
  return hash ^ hash >> 29;
}

/// The path has got as far as a subtree that one shard runs.
void DfsStrategy::enter_subtree() noexcept {
  mine_ = path_hash() % options_.shards == options_.shard;
  if (mine_ && options_.claim) mine_ = options_.claim(subtrees_);
  subtrees_++;
}

double DfsStrategy::share() const noexcept {
  double done = 0;
  double weight = 1;
  for (const Node& node : path_) {
    weight /= node.options;
    done += node.taken * weight;
  }
  return exhausted_ ? 1 : done;
}

std::vector<u32> DfsStrategy::position() const {
  std::vector<u32> taken;
  size_t length = path_.size();
  while (length > 0 && path_[length - 1].taken + 1 >= path_[length - 1].options) length--;
  for (size_t i = 0; i < length; i++) taken.push_back(path_[i].taken + (i + 1 == length ? 1 : 0));
  return taken;
}

void DfsStrategy::resume(const std::vector<u32>& position, u64 subtrees) {
  prefix_ = position;
  // A way that ends inside of a subtree enters it once more, and under its old number.
  subtrees_ = position.size() > kShardDepth && subtrees != 0 ? subtrees - 1 : subtrees;
}

}  // namespace uringsim::sim
