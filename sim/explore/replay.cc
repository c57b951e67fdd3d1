// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/replay.h"

#include <fmt/format.h>

#include <algorithm>

namespace uringsim::sim {

namespace {

u64 mix(u64 hash, u64 value) noexcept {
  for (int i = 0; i < 8; i++) hash = (hash ^ (value >> (8 * i) & 0xff)) * 0x100000001b3;
  return hash;
}
u64 mix(u64 hash, std::string_view text) noexcept {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return mix(hash, u64{0});
}
constexpr u64 kStart = 0xcbf29ce484222325;

/// Of another search's step: the clock is not only looked at.
bool moves_time(const Step& step) noexcept { return step.kind == OpKind::now && step.before != step.after; }

/// Steps without a place in the source are what a search's machine is made of, but for these.
bool is_of_machine(const Step& step) noexcept {
  switch (step.kind) {
    case OpKind::drain:
    case OpKind::set_state:
    case OpKind::sleep:
    case OpKind::wake:
    case OpKind::spawn:
    case OpKind::join:
    case OpKind::now:
    case OpKind::end:
    case OpKind::choose:
      return false;
    default:
      return step.site.line == 0;
  }
}

std::string say(const Step& step) {
  const std::string who = step.task == kNobody ? "time" : fmt::format("task {}", step.task);
  return fmt::format("{} {} in {}() on {}", who, to_string(step.kind),
                     step.scope != nullptr ? step.scope : function_name(step.site.function), step.object);
}

}  // namespace

u64 ArenaNumbers::of(u64 offset) { return offset == 0 ? 0 : numbers_.try_emplace(offset, numbers_.size() + 1).first->second; }

Step ArenaNumbers::numbered(Step step) {
  switch (step.kind) {
    case OpKind::spawn:
    case OpKind::join:
    case OpKind::set_state:
    case OpKind::sleep:
    case OpKind::wake:
      break;  // their object is a task
    default:
      step.object = of(step.object);
  }
  return step;
}

Schedule numbered(const Schedule& schedule) {
  ArenaNumbers numbers;
  Schedule result;
  result.steps.reserve(schedule.steps.size());
  for (const Step& step : schedule.steps) result.steps.push_back(numbers.numbered(step));
  return result;
}

u64 fingerprint(const Step& step) noexcept {
  u64 hash = mix(mix(kStart, step.task), static_cast<u64>(step.kind));
  hash = mix(mix(hash, function_name(step.site.function)), step.barrier == nullptr ? "" : step.barrier);
  return mix(hash, step.object);
}

u64 trace_hash(const Schedule& schedule) noexcept {
  u64 hash = kStart;
  ArenaNumbers numbers;
  const auto value = [&](u64 told) { return is_pointer(told) ? kPointer | numbers.of(told - kPointer) : told; };
  for (const Step& step : schedule.steps) {
    hash = mix(hash, fingerprint(numbers.numbered(step)));
    hash = mix(mix(mix(hash, step.choice), value(step.before)), value(step.after));
  }
  return hash;
}

bool ReplayStrategy::begin() {
  if (begun_) return false;
  begun_ = true;
  again();
  return true;
}

void ReplayStrategy::again() {
  at_ = 0;
  numbers_ = {};
  difference_.clear();
}

Action ReplayStrategy::action(const Choices& choices) noexcept {
  if (!difference_.empty()) return kStop;
  if (at_ >= schedule_.steps.size()) {
    difference_ = fmt::format("the schedule ends after step {}, but the execution goes on", at_);
    return kStop;
  }
  // Time that moves as somebody looks at it moves once whoever looks is running.
  const bool at_a_look = schedule_.steps[at_].kind == OpKind::time && schedule_.steps[at_].choice != 0;
  const Step& next = schedule_.steps[std::min(at_ + (at_a_look ? 1 : 0), schedule_.steps.size() - 1)];
  const Action action = next.kind == OpKind::time    ? kTimeAction
                        : next.kind == OpKind::drain ? drain_action(next.task)
                                                     : run_action(next.task);
  if (next.kind != OpKind::time && next.task >= kMaxTasks) return kStop;
  if (choices.allows(action)) return action;
  difference_ = fmt::format("step {} was \"{}\", which cannot happen now", at_ + 1, say(next));
  return kStop;
}

u32 ReplayStrategy::value(u32 options, ValueKind) noexcept {
  if (at_ >= schedule_.steps.size()) return 0;
  const Step& next = schedule_.steps[at_];
  if (next.choice < options) return next.choice;
  if (difference_.empty())
    difference_ = fmt::format("step {} took choice {}, of which there are now {}", at_ + 1, next.choice, options);
  return 0;
}

void ReplayStrategy::step(const Step& taken) noexcept {
  if (!difference_.empty()) return;
  const Step step = numbers_.numbered(taken);
  if (at_ >= schedule_.steps.size()) {
    difference_ = fmt::format("step {} is \"{}\", but the schedule has ended", at_ + 1, say(step));
  } else if (fingerprint(step) != fingerprint(schedule_.steps[at_])) {
    difference_ = fmt::format("step {} was \"{}\" and is now \"{}\"", at_ + 1, say(schedule_.steps[at_]), say(step));
  }
  at_++;
}

LeadStrategy::LeadStrategy(const Schedule& schedule, u64 attempt) : attempt_(attempt) {
  for (const Step& step : schedule.steps) {
    const bool plain = step.kind == OpKind::plain_read || step.kind == OpKind::plain_write;
    if (plain || step.task >= kMaxTasks || is_of_machine(step)) continue;
    steps_.push_back(step);
    known_ |= u64{1} << step.task;
  }
}

void LeadStrategy::again() {
  done_.assign(steps_.size(), false);
  first_ = 0;
  running_ = kNobody;
  waits_for_time_ = 0;
  numbers_.seed(attempt_);
}

size_t LeadStrategy::front(u32 task) const noexcept {
  for (size_t i = first_; i < steps_.size(); i++)
    if (!done_[i] && steps_[i].task == task && steps_[i].kind != OpKind::drain) return i;
  return kNone;
}

void LeadStrategy::done(size_t index) noexcept {
  done_[index] = true;
  while (first_ < steps_.size() && done_[first_]) first_++;
}

Action LeadStrategy::action(const Choices& choices) noexcept {
  const auto go = [&](Action action) {
    if (action < kMaxTasks) running_ = action;
    return action;
  };
  if (attempt_ != 0 && numbers_.below(attempt_ % 2 != 0 ? 64 : 16) == 0) return go(choices.at(numbers_.below(choices.count())));
  u64 seen = 0;     // tasks that an earlier step that is still to come belongs to
  u64 drained = 0;  // and their buffers
  for (size_t i = first_; i < steps_.size() && i < first_ + 512; i++) {
    if (done_[i]) continue;
    const Step& next = steps_[i];
    const u64 mask = u64{1} << next.task;
    if (next.kind == OpKind::drain) {
      if ((drained & mask) == 0 && (seen & mask) == 0 && choices.allows(drain_action(next.task))) return drain_action(next.task);
      drained |= mask;
      continue;
    }
    if ((seen & mask) != 0) continue;
    seen |= mask;
    if (moves_time(next) && choices.time) {
      waits_for_time_ |= mask;
      done(i);
      return kTimeAction;
    }
    if (choices.allows(run_action(next.task))) return go(run_action(next.task));
    if ((waits_for_time_ & mask) != 0 && choices.time) return kTimeAction;
    const u64 others = choices.tasks & ~known_;  // an interrupt context has another number here
    if (others != 0 && (mask & known_) != 0) return go(run_action(static_cast<u32>(__builtin_ctzll(others))));
  }
  if (choices.current != kNobody && choices.allows(drain_action(choices.current))) return drain_action(choices.current);
  if (choices.current != kNobody && choices.allows(run_action(choices.current))) return go(run_action(choices.current));
  return go(choices.at(0));
}

u32 LeadStrategy::value(u32 options, ValueKind kind) noexcept {
  const auto fits = [kind](OpKind step) {
    switch (kind) {
      case ValueKind::read:
        return step == OpKind::load || step == OpKind::rmw;
      case ValueKind::place:
        return step == OpKind::store;
      case ValueKind::world:
        return step == OpKind::choose;
      case ValueKind::poll:
        return step == OpKind::poll;
      case ValueKind::timer:
        return step == OpKind::timer_start || step == OpKind::timer_cancel;
    }
    return false;
  };
  for (size_t i = first_; i < steps_.size() && i < first_ + 64; i++)
    if (!done_[i] && (running_ == kNobody || steps_[i].task == running_) && fits(steps_[i].kind))
      return steps_[i].choice < options ? steps_[i].choice : 0;
  return 0;
}

u32 LeadStrategy::time_passes(u32 task, u64 tick_ns) noexcept {
  const size_t next = front(task);
  if (next == kNone || !moves_time(steps_[next])) return 0;
  running_ = task;
  return static_cast<u32>(std::min<u64>((steps_[next].after - steps_[next].before + tick_ns - 1) / tick_ns, ~u32{0}));
}

void LeadStrategy::step(const Step& step) noexcept {
  if (step.kind == OpKind::time && step.choice != 0) {  // as time_passes() has asked
    waits_for_time_ |= u64{1} << running_;
    return done(front(running_));
  }
  if (step.task >= kMaxTasks) return;
  if (step.kind == OpKind::drain) {
    for (size_t i = first_; i < steps_.size(); i++) {
      if (done_[i] || steps_[i].task != step.task || steps_[i].kind != OpKind::drain) continue;
      return done(i);
    }
    return;
  }
  running_ = step.task;
  if (is_of_machine(step)) return;
  if (step.kind == OpKind::now) {  // there may be more of these looks, or fewer
    const size_t next = front(step.task);
    if (next != kNone && steps_[next].kind == OpKind::now && !moves_time(steps_[next])) done(next);
    return;
  }
  u32 looked = 0;
  for (size_t i = first_; i < steps_.size() && looked < 24; i++) {
    const Step& other = steps_[i];
    if (done_[i] || other.task != step.task || other.kind == OpKind::drain) continue;
    looked++;
    const bool same =
        other.kind == step.kind &&
        (other.site.line == 0 || step.site.line == 0 ||
         (other.site.line == step.site.line && function_name(other.site.function) == function_name(step.site.function)));
    if (!same) continue;
    for (size_t before = first_; before <= i; before++)
      if (steps_[before].task == step.task && steps_[before].kind != OpKind::drain) done_[before] = true;
    done(i);
    waits_for_time_ &= ~(u64{1} << step.task);
    return;
  }
}

}  // namespace uringsim::sim
