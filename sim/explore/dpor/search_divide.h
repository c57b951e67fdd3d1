// SPDX-License-Identifier: GPL-2.0-only
// Dividing a search: over shards that know nothing of each other, over jobs that take what nobody else has taken, and over time.
//
// The tree is cut twice. Near its root it falls into units; a unit belongs to one shard. What lies above is run by all shards and
// counted by one, so there is little of it: for up to sixteen shards some 300 executions, 2 % of what the shards run together
// once a search has 200,000. The size of a unit is a guess, so shards are of unlike size, by a factor of three or so: who has
// machines to keep busy makes a few times as many shards. A shard's units fall into parts, a great many, so that jobs which take
// them as they go end together.
//
// A search that stopped goes on from its position: the alternatives that lead from the root to the execution that comes next. To
// get there again only the executions on that way are run, some dozens; whatever was done already is dropped from the stack.
#pragma once

#include <algorithm>

#include "sim/explore/dpor/search.h"

namespace uringsim::sim::dpor {

/// Scatters units over the shards: neighbours are of like size.
inline u64 scatter(u64 unit) noexcept {
  unit = (unit ^ unit >> 30) * 0xbf58476d1ce4e5b9;
  unit = (unit ^ unit >> 27) * 0x94d049bb133111eb;
  return unit ^ unit >> 31;
}

/// An alternative that is likely to hold less than one in so many is a unit.
inline float units_of(unsigned shards) noexcept { return static_cast<float>(std::max(4 * shards, std::min(96 * shards, 1536U))); }

/// Goes to where the search before this one stopped. False if that cannot be: the program is another one.
template <unsigned W>
bool Search<W>::resume() {
  dividing_ = options_in_.shards > 1 || options_in_.jobs > 1;
  level_ = options_in_.shards > 1 ? Division::everybody : Division::shard;
  const Position& from = options_in_.from;
  result_.complete = from.complete;
  result_.blocked = from.blocked;
  units_ = from.units;
  of_everybody_ = from.of_everybody;
  of_shard_ = from.of_shard;
  parts_ = from.parts;
  counted_ = false;
  bool runnable = true;
  for (const Position::Branch& branch : from.path) {
    if (runnable) run_once();
    if (abort_ || outgrown_) return false;
    const std::size_t index = path_bases_.back() + branch.item;
    if (violated_ || index >= items_.size() || branch.option >= items_[index].total) {
      result_.error = "the checkpoint is of another search: it leads to nothing";
      return false;
    }
    items_.resize(index + 1);
    options_.resize(items_[index].first + items_[index].total - branch.option);
    runnable = take_newest(static_cast<Division>(branch.level));
  }
  return true;
}

/// Where the search stands, about to run the graph at hand.
template <unsigned W>
Position Search<W>::position() const {
  Position position;
  position.path = path_;
  position.complete = result_.complete;
  position.blocked = result_.blocked;
  position.units = units_;
  position.of_everybody = of_everybody_;
  position.of_shard = of_shard_;
  position.parts = parts_;
  return position;
}

/// Whether the alternative that `weight_`, `depth_` and `level_` describe is run here; lowers the level where a unit or part
/// begins.
template <unsigned W>
bool Search<W>::is_here() noexcept {
  if (level_ == Division::everybody && weight_ * units_of(options_in_.shards) < 1) {
    if (scatter(++units_) % options_in_.shards != options_in_.shard) return false;
    level_ = Division::shard;
  }
  if (level_ != Division::shard || options_in_.jobs == 1) return true;
  const float part = weight_ * static_cast<float>(options_in_.shards * options_in_.jobs);
  if ((part < 1.0F / 256 && depth_ >= 9) || part < 1.0F / 16384) {
    level_ = Division::part;
    ++parts_;
    return !options_in_.claim || options_in_.claim(parts_);
  }
  return true;
}

/// Whether the execution under way, which others may run too, is counted here.
template <unsigned W>
bool Search<W>::is_counted() noexcept {
  if (!dividing_ || level_ == Division::part) return true;
  if (level_ == Division::shard) return of_shard_++ % options_in_.jobs == options_in_.job;
  const u64 number = of_everybody_++;
  return number % options_in_.shards == options_in_.shard && number / options_in_.shards % options_in_.jobs == options_in_.job;
}

/// Roughly how much of the tree is done: as if all alternatives of an item were of the same size.
template <unsigned W>
double Search<W>::share() const noexcept {
  double done = 0;
  double weight = 1;
  for (std::size_t i = 0; i < items_.size(); i++) {
    const u32 end = i + 1 < items_.size() ? items_[i + 1].first : static_cast<u32>(options_.size());
    const u32 left = std::min<u32>(end - items_[i].first, items_[i].total);
    const double ways = items_[i].total + 1.0;
    done += weight * (items_[i].total - left) / ways;
    weight /= ways;
  }
  return done;
}

}  // namespace uringsim::sim::dpor
