// SPDX-License-Identifier: GPL-2.0-only
// Follows a schedule that was written down. Needs OperationalMachine::record(), which reports every step.
//
// Each step that is taken is compared with the one written down: task, kind, function, barrier and object. The first difference
// means that program or model have changed since; the execution is stopped and difference() says what differs.
//
// Where things lie in the arena is the business of the build: compilers differ in the sizes of objects. So words are known by
// when they first came up: the first one that a schedule touches is word 1, and so on.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/explore/random.h"
#include "sim/explore/strategy.h"

namespace uringsim::sim {

/// Numbers what lies in the arena, in order of coming up.
class ArenaNumbers {
 public:
  /// The number of an arena offset; 0 is nothing.
  u64 of(u64 offset);
  /// `step` with its object's number.
  Step numbered(Step step);

 private:
  std::map<u64, u64> numbers_;
};
/// The schedule with numbers for objects. That of a numbered schedule is itself.
Schedule numbered(const Schedule& schedule);

/// What identifies a numbered step across builds: task, kind, function, barrier, object. Lines may move.
u64 fingerprint(const Step& step) noexcept;
/// Hash of all that happened in a schedule: equal for equal runs, on any machine.
u64 trace_hash(const Schedule& schedule) noexcept;

class ReplayStrategy final : public Strategy {
 public:
  explicit ReplayStrategy(const Schedule& schedule) : schedule_(numbered(schedule)) {}

  bool begin() override;
  void again() override;
  Action action(const Choices& choices) noexcept override;
  u32 value(u32 options, ValueKind kind) noexcept override;
  u32 time_passes(u32, u64) noexcept override {
    return at_ < schedule_.steps.size() && schedule_.steps[at_].kind == OpKind::time ? schedule_.steps[at_].choice : 0;
  }
  void step(const Step& step) noexcept override;

  /// Empty if the execution took the steps written down; else the first difference.
  [[nodiscard]] const std::string& difference() const noexcept { return difference_; }

 private:
  Schedule schedule_;
  ArenaNumbers numbers_;  // of the run under way
  size_t at_ = 0;
  bool begun_ = false;
  std::string difference_;
};

/// Leads this machine along the schedule of another search. The two agree in what the tasks do, not in every detail: one has
/// steps that the other has not (locks of its own, looks at the clock), and words lie elsewhere. So a step is known by its task,
/// its kind and where it stands in the source, every task is let run until it has done its next one, and a step that never comes
/// is passed over as soon as a later one of the same task has come. A look at the clock that moved time becomes a move of time.
///
/// Attempt 0 follows as closely as it can; later ones stray from time to time, each differently, since a lead that misses the
/// violation misses it by little.
class LeadStrategy final : public Strategy {
 public:
  LeadStrategy(const Schedule& schedule, u64 attempt);

  bool begin() override {
    again();
    return true;
  }
  void again() override;
  Action action(const Choices& choices) noexcept override;
  u32 value(u32 options, ValueKind kind) noexcept override;
  u32 time_passes(u32 task, u64 tick_ns) noexcept override;
  void step(const Step& step) noexcept override;

 private:
  static constexpr size_t kNone = ~size_t{0};

  /// The first step of `task` that has not been done.
  [[nodiscard]] size_t front(u32 task) const noexcept;
  void done(size_t index) noexcept;

  std::vector<Step> steps_;
  std::vector<bool> done_;
  size_t first_ = 0;        // the first step that has not been done
  u32 running_ = kNobody;   // as far as is known
  u64 known_ = 0;           // tasks that have steps
  u64 waits_for_time_ = 0;  // tasks whose last step was to move time
  u64 attempt_;
  RandomNumbers numbers_;
};

}  // namespace uringsim::sim
