// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/minimise.h"

#include <algorithm>
#include <vector>

#include "sim/explore/cheap_sampler.h"
#include "sim/explore/dfs.h"
#include "sim/explore/pct.h"

namespace uringsim::sim {

namespace {

constexpr u64 kRunsBetweenLooks = 16;  // whether somebody wants it to end

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
    for (; at_ < decisions_.size(); at_++) {
      // Time that moves as somebody looks at it moves once whoever looks is running.
      const bool at_a_look = decisions_[at_].action == kTimeAction && decisions_[at_].choice != 0;
      const Action action = decisions_[std::min(at_ + (at_a_look ? 1 : 0), decisions_.size() - 1)].action;
      if (choices.allows(action)) return action;
    }
    if (choices.current != kNobody) {
      if (choices.allows(drain_action(choices.current))) return drain_action(choices.current);
      if (choices.allows(run_action(choices.current))) return run_action(choices.current);
    }
    return choices.at(0);
  }
  u32 value(u32 options, ValueKind) noexcept override {
    return at_ < decisions_.size() && decisions_[at_].choice < options ? decisions_[at_].choice : 0;
  }
  u32 time_passes(u32, u64) noexcept override {
    return at_ < decisions_.size() && decisions_[at_].action == kTimeAction ? decisions_[at_].choice : 0;
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
  static constexpr u64 kPointsOfOne = 1'000;
  static constexpr u64 kSamples = 1'500;

 public:
  Minimiser(OperationalMachine& machine, const Violation& violation, Schedule& best, const MinimiseOptions& options)
      : machine_(machine), violation_(violation), best_(best), left_(options.executions), stop_(options.stop) {
    memory_ = machine.options().memory;
    cost_ = cost_of(best, memory_);
  }

  Cost run() {
    simplify();
    sample();
    search();
    return cost_;
  }

 private:
  [[nodiscard]] bool same() const {
    return machine_.violation().check == violation_.check && machine_.violation().text == violation_.text;
  }

  /// Long executions cost more.
  void spend(const Run& run) noexcept {
    left_ -= std::min(left_, 1 + run.points / kPointsOfOne);
    if (stop_ && ++spent_ % kRunsBetweenLooks == 0 && stop_()) left_ = 0;
  }

  void simplify() {
    while (left_ > 0 && (drain_early() || take_apart())) {
    }
  }

  /// Keeps the schedule if it shows the violation at a smaller cost.
  bool try_decisions(const std::vector<Decision>& decisions) {
    if (left_ == 0) return false;
    Guided guided(decisions);
    guided.begin();
    Schedule schedule;
    const Run run = machine_.record(guided, schedule);
    spend(run);
    if (run.end != End::violation || !same()) return false;
    return keep(schedule);
  }

  bool keep(Schedule& schedule) {
    const Cost cost = cost_of(schedule, memory_);
    if (!(cost < cost_)) return false;
    cost_ = cost;
    best_ = std::move(schedule);
    return true;
  }

  /// tso: stores that reach memory at once: all of them, or one more with those in front of it in its buffer.
  bool drain_early() {
    if (memory_ != Memory::tso) return false;
    struct Store {
      size_t at, drained;          // steps; drained is kNever if a barrier did it
      std::vector<size_t> before;  // stores that were in the buffer
    };
    static constexpr size_t kNever = ~size_t{0};
    std::vector<Store> stores;
    std::vector<std::vector<size_t>> pending(kMaxTasks);
    for (size_t i = 0; i < best_.steps.size(); i++) {
      const Step& step = best_.steps[i];
      if (step.task >= kMaxTasks) continue;
      auto& queue = pending[step.task];
      if (step.kind == OpKind::store || step.kind == OpKind::set_state || step.kind == OpKind::unlock) {
        stores.push_back({i, kNever, queue});
        queue.push_back(stores.size() - 1);
      } else if (step.kind == OpKind::drain && !queue.empty()) {
        stores[queue.front()].drained = i;
        queue.erase(queue.begin());
      } else if (step.kind == OpKind::rmw || step.kind == OpKind::lock || step.kind == OpKind::sleep ||
                 step.kind == OpKind::wake ||
                 (step.kind == OpKind::fence && step.before == static_cast<u64>(arch::Fence::full) && step.after != 0)) {
        queue.clear();
      }
    }
    const std::vector<Decision> all = decisions_of(best_);
    const auto with = [&](size_t only) {
      std::vector<Decision> changed;
      std::vector<bool> early(all.size(), false);
      std::vector<bool> gone(all.size(), false);
      const auto drain_at_once = [&](const Store& store) {
        if (store.drained == store.at + 1) return;
        early[store.at] = true;
        if (store.drained != kNever) gone[store.drained] = true;
      };
      if (only != kNever) {
        drain_at_once(stores[only]);
        for (const size_t s : stores[only].before) drain_at_once(stores[s]);
      } else {
        std::for_each(stores.begin(), stores.end(), drain_at_once);
      }
      for (size_t i = 0; i < all.size(); i++) {
        if (!gone[i]) changed.push_back(all[i]);
        if (early[i]) changed.push_back({drain_action(best_.steps[i].task), 0});
      }
      return changed;
    };
    if (try_decisions(with(kNever))) return true;
    for (size_t s = 0; s < stores.size(); s++)
      if (stores[s].drained != stores[s].at + 1 && try_decisions(with(s))) return true;
    return false;
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
    const auto same_task = [&](size_t a, size_t b) {
      return all[blocks[a].from].action % kMaxTasks == all[blocks[b].from].action % kMaxTasks;
    };
    constexpr size_t kDropped = ~size_t{0};
    for (size_t moved = 0; moved < blocks.size(); moved++) {
      size_t target = moved;
      while (target > 0 && all[blocks[target - 1].from].action % kMaxTasks != all[blocks[moved].from].action % kMaxTasks)
        target--;
      size_t below = moved + 1;
      while (below < blocks.size() && !same_task(below, moved)) below++;
      // Moved up to behind the task's last run, or down in front of its next one; or dropped, so that it happens when nothing
      // else is asked for.
      for (const size_t place : {target, below, kDropped}) {
        if (place != kDropped && (place == 0 || place == moved || place == moved + 1 || place == blocks.size())) continue;
        std::vector<Decision> changed;
        const auto append = [&](size_t b) {
          changed.insert(changed.end(), all.begin() + static_cast<long>(blocks[b].from),
                         all.begin() + static_cast<long>(blocks[b].to));
        };
        for (size_t b = 0; b < blocks.size(); b++) {
          if (b == place) append(moved);
          if (b != moved) append(b);
        }
        if (try_decisions(changed)) return true;
      }
    }
    return false;
  }

  /// Runs the execution that the strategy has begun, and keeps its schedule if it shows the violation at a smaller cost.
  bool try_next(Strategy& strategy) {
    const Run run = machine_.run(strategy);
    spend(run);
    if (run.end != End::violation || !same()) return false;
    strategy.again();
    Schedule schedule;
    machine_.record(strategy, schedule);
    return keep(schedule);
  }

  /// Executions of each cost up to what was reached, the cheapest first, at random; what they show is simplified in its turn.
  void sample() {
    for (u32 sum = 0; sum <= cost_.preemptions + cost_.reorderings; sum++)
      for (u32 reorderings = 0; reorderings <= (memory_ == Memory::sc ? 0 : sum) && left_ > 0; reorderings++)
        sample(sum - reorderings, reorderings);
  }

  void sample(u32 preemptions, u32 reorderings) {
    CheapSampler sampler(1, preemptions, reorderings);
    for (u64 i = 0; i < kSamples && left_ > 0 && sampler.begin(); i++) {
      if (try_next(sampler)) simplify();
    }
  }

  /// Depth-first with growing bounds. What the first bound with a finding shows is the least there is. Each bound may use half of
  /// what is left, so that one with a large tree (stores that may be late) does not keep the others from being tried.
  void search() {
    for (u32 sum = 0; sum <= cost_.preemptions + cost_.reorderings && left_ > 0; sum++)
      for (u32 reorderings = 0; reorderings <= sum && left_ > 0; reorderings++) {
        const u32 preemptions = sum - reorderings;
        search(preemptions, reorderings);
        const u32 found = cost_.preemptions + cost_.reorderings;
        if (found < sum || (found == sum && reorderings == sum)) return;
      }
  }

  void search(u32 preemptions, u32 reorderings) {
    DfsStrategy::Options bounds;
    bounds.preemptions = preemptions;
    bounds.reorderings = reorderings;
    // Time that moves where everybody waits costs nothing: more of it may save a preemption.
    constexpr u32 kMoreTimes = 2;
    bounds.times = kMoreTimes + static_cast<u32>(std::count_if(best_.steps.begin(), best_.steps.end(),
                                                               [](const Step& step) { return step.kind == OpKind::time; }));
    bounds.choices = static_cast<u32>(best_.steps.size());
    DfsStrategy dfs(bounds);
    const u64 until = left_ - (left_ / 2 + 1);
    while (left_ > until && dfs.begin()) try_next(dfs);
  }

  OperationalMachine& machine_;
  const Violation& violation_;
  Schedule& best_;
  u64 left_;
  const std::function<bool()>& stop_;
  u64 spent_ = 0;
  Memory memory_;
  Cost cost_;
};

/// The schedule of an execution under sc on a machine with another memory model: every store reaches memory at once.
std::vector<Decision> without_reordering(const Schedule& schedule, Memory memory) {
  std::vector<Decision> decisions;
  for (const Step& step : schedule.steps) {
    if (step.kind == OpKind::drain) continue;
    const bool of_memory = step.kind != OpKind::choose && step.kind != OpKind::poll;
    const Action action = step.kind == OpKind::time ? kTimeAction : run_action(step.task);
    decisions.push_back({action, of_memory ? 0 : step.choice});
    if (memory == Memory::tso && (step.kind == OpKind::store || step.kind == OpKind::set_state || step.kind == OpKind::unlock))
      decisions.push_back({drain_action(step.task), 0});
  }
  return decisions;
}

bool follow(OperationalMachine& machine, const Violation& violation, const std::vector<Decision>& decisions, Schedule& schedule) {
  Guided guided(decisions);
  guided.begin();
  Schedule followed;
  if (machine.record(guided, followed).end != End::violation || machine.violation().check != violation.check ||
      machine.violation().text != violation.text)
    return false;
  schedule = std::move(followed);
  return true;
}

}  // namespace

bool find_under_sc(OperationalMachine& machine, const Violation& violation, const Schedule& like, const MinimiseOptions& options,
                   Schedule& schedule) {
  if (follow(machine, violation, without_reordering(like, Memory::sc), schedule)) return true;
  PctStrategy pct(1, 3);
  for (u64 left = options.executions; left > 0 && pct.begin(); left--) {
    if (options.stop && left % kRunsBetweenLooks == 0 && options.stop()) return false;
    if (machine.run(pct).end != End::violation || machine.violation().check != violation.check ||
        machine.violation().text != violation.text)
      continue;
    pct.again();
    machine.record(pct, schedule);
    return true;
  }
  return false;
}

bool follow_from_sc(OperationalMachine& machine, const Violation& violation, const Schedule& sc, Schedule& schedule) {
  Schedule followed;
  const Memory memory = machine.options().memory;
  if (!follow(machine, violation, without_reordering(sc, memory), followed)) return false;
  if (!(cost_of(followed, memory) < cost_of(schedule, memory))) return false;
  schedule = std::move(followed);
  return true;
}

Cost minimise(OperationalMachine& machine, const Violation& violation, Schedule& schedule, const MinimiseOptions& options) {
  return Minimiser(machine, violation, schedule, options).run();
}

}  // namespace uringsim::sim
