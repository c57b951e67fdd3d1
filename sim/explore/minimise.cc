// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/minimise.h"

#include <algorithm>
#include <vector>

#include "sim/explore/dfs.h"

namespace uringsim::sim {

namespace {

/// One decision of a schedule: an action, and the choice that its step took.
struct Decision {
  Action action;
  u32 choice;
};

std::vector<Decision> decisions_of(const Schedule& schedule) {
  std::vector<Decision> decisions;
  for (const Step& step : schedule.steps) {
    const Action action = step.kind == OpKind::time    ? kTimeAction
                          : step.kind == OpKind::drain ? drain_action(step.task)
                                                       : run_action(step.task);
    decisions.push_back({action, step.choice});
  }
  return decisions;
}

/// Follows decisions as far as they can be followed, and does the ordinary thing otherwise.
class Guided final : public Strategy {
 public:
  explicit Guided(const std::vector<Decision>& decisions) : decisions_(decisions) {}

  bool begin() override {
    again();
    return true;
  }
  void again() override { at_ = 0; }
  Action action(const Choices& choices) noexcept override {
    while (at_ < decisions_.size() && !choices.allows(decisions_[at_].action)) at_++;
    if (at_ < decisions_.size()) return decisions_[at_].action;
    if (choices.current != kNobody) {
      if (choices.allows(drain_action(choices.current))) return drain_action(choices.current);
      if (choices.allows(run_action(choices.current))) return run_action(choices.current);
    }
    return choices.at(0);
  }
  u32 value(u32 options, ValueKind) noexcept override {
    return at_ < decisions_.size() && decisions_[at_].choice < options ? decisions_[at_].choice : 0;
  }
  void step(const Step& step) noexcept override {
    const Action action = step.kind == OpKind::time    ? kTimeAction
                          : step.kind == OpKind::drain ? drain_action(step.task)
                                                       : run_action(step.task);
    if (at_ < decisions_.size() && decisions_[at_].action == action) at_++;
  }

 private:
  const std::vector<Decision>& decisions_;
  size_t at_ = 0;
};

class Minimiser {
 public:
  Minimiser(OperationalMachine& machine, const Violation& violation, Schedule& best, u64 executions)
      : machine_(machine), violation_(violation), best_(best), left_(executions) {
    memory_ = machine.options().memory;
    cost_ = cost_of(best, memory_);
  }

  Cost run() {
    while (left_ > 0 && take_apart()) {
    }
    search();
    return cost_;
  }

 private:
  [[nodiscard]] bool same() const {
    return machine_.violation().check == violation_.check && machine_.violation().text == violation_.text;
  }

  /// Keeps the schedule if it shows the violation at a smaller cost.
  bool try_decisions(const std::vector<Decision>& decisions) {
    if (left_ == 0) return false;
    left_--;
    Guided guided(decisions);
    guided.begin();
    Schedule schedule;
    if (machine_.record(guided, schedule).end != End::violation || !same()) return false;
    const Cost cost = cost_of(schedule, memory_);
    if (!(cost < cost_)) return false;
    cost_ = cost;
    best_ = std::move(schedule);
    return true;
  }

  bool take_apart() {
    const std::vector<Decision> all = decisions_of(best_);
    for (size_t i = 0; i < all.size(); i++) {  // an ordinary value instead
      if (all[i].choice == 0) continue;
      std::vector<Decision> changed = all;
      changed[i].choice = 0;
      if (try_decisions(changed)) return true;
    }
    struct Block {
      size_t from, to;
    };
    std::vector<Block> blocks;
    for (size_t i = 0; i < all.size(); i++) {
      if (blocks.empty() || all[blocks.back().from].action != all[i].action) blocks.push_back({i, i});
      blocks.back().to = i + 1;
    }
    for (size_t moved = 1; moved < blocks.size(); moved++) {
      size_t target = moved;
      while (target > 0 && all[blocks[target - 1].from].action % kMaxTasks != all[blocks[moved].from].action % kMaxTasks)
        target--;
      // Moved up to behind the task's last run; or dropped, so that it happens when nothing else is asked for.
      for (const bool drop : {false, true}) {
        if (!drop && (target == 0 || target == moved)) continue;
        std::vector<Decision> changed;
        for (size_t b = 0; b < blocks.size(); b++) {
          if (b == moved) continue;
          changed.insert(changed.end(), all.begin() + static_cast<long>(blocks[b].from),
                         all.begin() + static_cast<long>(blocks[b].to));
          if (!drop && b + 1 == target)
            changed.insert(changed.end(), all.begin() + static_cast<long>(blocks[moved].from),
                           all.begin() + static_cast<long>(blocks[moved].to));
        }
        if (try_decisions(changed)) return true;
      }
    }
    return false;
  }

  /// Depth-first with growing bounds. What the first bound with a finding shows is the least there is.
  void search() {
    for (u32 sum = 0; sum <= cost_.preemptions + cost_.reorderings && left_ > 0; sum++)
      for (u32 preemptions = 0; preemptions <= sum && left_ > 0; preemptions++) {
        DfsStrategy::Options bounds;
        bounds.preemptions = preemptions;
        bounds.reorderings = sum - preemptions;
        DfsStrategy dfs(bounds);
        while (left_ > 0 && dfs.begin()) {
          left_--;
          if (machine_.run(dfs).end != End::violation || !same()) continue;
          dfs.again();
          Schedule schedule;
          machine_.record(dfs, schedule);
          const Cost cost = cost_of(schedule, memory_);
          if (!(cost < cost_)) continue;
          cost_ = cost;
          best_ = std::move(schedule);
        }
        if (cost_.preemptions + cost_.reorderings <= sum && cost_.preemptions <= preemptions) return;
      }
  }

  OperationalMachine& machine_;
  const Violation& violation_;
  Schedule& best_;
  u64 left_;
  Memory memory_;
  Cost cost_;
};

}  // namespace

Cost minimise(OperationalMachine& machine, const Violation& violation, Schedule& schedule, const MinimiseOptions& options) {
  return Minimiser(machine, violation, schedule, options.executions).run();
}

}  // namespace uringsim::sim
