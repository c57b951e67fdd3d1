// SPDX-License-Identifier: GPL-2.0-only
// Which steps of a schedule are told, and which of them share a line.
//
// Told is what other tasks can notice: operations on words that several tasks touch and one of them changes, sleeping and waking,
// time, and barriers that stand between two such operations of their task (none under sc, where they order nothing). Not told:
//   a task's rest    once it has done its steps
//   words on stacks  they are entries of wait queues
//   locks            unless somebody still holds the lock at the end. What a critical section changes is told
//   task states      unless the task then sleeps, or somebody tries to wake it
//   a second look    of a task at a word that it has looked at or changed, if all look at it under the same lock
//   a buffered store that reaches memory before anybody does anything else: it is told as a plain store
//
// Told in any case: the access that an execution stops at, and the one of another task that it is in conflict with.
//
// A line holds consecutive told operations of one task of which at most one changes what others see without taking a lock first.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "sim/explore/machine.h"
#include "sim/explore/schedule.h"

namespace uringsim::sim {

/// tso: what is in the store buffers, as far as the steps tell.
class Buffers {
 public:
  struct Pending {
    size_t step;
    u64 object;
    u64 value;
  };
  explicit Buffers(Memory memory) : tso_(memory == Memory::tso) {}
  /// Takes the step at `index` into account. Returns the stores that reach memory by it.
  std::vector<Pending> step(const Step& step, size_t index);
  [[nodiscard]] const std::vector<Pending>* of(u32 task) const {
    const auto found = pending_.find(task);
    return found == pending_.end() || found->second.empty() ? nullptr : &found->second;
  }
  /// Another task whose store of the word that `step` loads is still under way, or kNobody.
  [[nodiscard]] u32 withheld(const Step& step, u64& value) const;

 private:
  bool tso_;
  std::map<u32, std::vector<Pending>> pending_;
};

struct Line {
  u32 task = kNobody;         ///< kNobody: time moves
  std::vector<size_t> steps;  ///< told ones
  bool changes = false;       ///< one of them changes what others see
};

class Lines {
 public:
  Lines(const Schedule& schedule, Memory memory);

  [[nodiscard]] const std::vector<Line>& lines() const noexcept { return lines_; }
  /// Tasks that take no part.
  [[nodiscard]] const std::set<u32>& bystanders() const noexcept { return bystanders_; }
  /// Others can notice what happens to the word.
  [[nodiscard]] bool shared(u64 object) const noexcept { return shared_.contains(object); }
  /// A store that is told as if it had reached memory at once.
  [[nodiscard]] bool immediate(size_t step) const noexcept { return immediate_.contains(step); }
  /// How often a task went on to load a shared word while a store of its own to one was under way, once for each time that its
  /// stores were.
  [[nodiscard]] u32 overtakings() const noexcept { return overtakings_; }
  /// Nothing is shared: the operations of the task that acted last are told instead.
  [[nodiscard]] bool alone() const noexcept { return alone_; }

 private:
  void find_shared();
  void find_bystanders();
  void find_told();
  void tell_end();
  void follow_buffers(Memory memory);
  void drop_second_looks();
  void tell_states();
  void tell_barriers(Memory memory);
  void add(size_t index);
  [[nodiscard]] bool changes(size_t index) const;

  const Schedule& schedule_;
  std::set<u64> shared_;
  std::set<u64> guarded_;     ///< shared words that are touched with one and the same lock held only
  std::set<u64> counters_;    ///< that nobody reads: counting up and down has no order until it comes to 0
  std::set<u64> held_locks_;  ///< at the end
  std::set<u32> bystanders_;
  std::set<size_t> immediate_;
  std::set<size_t> late_;  ///< fences and sleeps by which told stores reach memory
  std::vector<bool> told_;
  u32 overtakings_ = 0;
  bool alone_ = false;
  std::vector<Line> lines_;
};

/// An unmarked access.
inline bool is_plain(OpKind kind) noexcept { return kind == OpKind::plain_read || kind == OpKind::plain_write; }
inline bool is_lock(OpKind kind) noexcept { return kind == OpKind::lock || kind == OpKind::try_lock || kind == OpKind::unlock; }
/// Its object is a word.
bool has_word(OpKind kind) noexcept;

}  // namespace uringsim::sim
