// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/replay.h"

#include <fmt/format.h>

namespace uringsim::sim {

namespace {

u64 mix(u64 hash, u64 value) noexcept {
  for (int i = 0; i < 8; i++) hash = (hash ^ (value >> (8 * i) & 0xff)) * 0x100000001b3;
  return hash;
}
u64 mix(u64 hash, const char* text) noexcept {
  for (; text != nullptr && *text != 0; text++) hash = (hash ^ static_cast<unsigned char>(*text)) * 0x100000001b3;
  return mix(hash, u64{0});
}
constexpr u64 kStart = 0xcbf29ce484222325;

std::string say(const Step& step) {
  const std::string who = step.task == kNobody ? "time" : fmt::format("task {}", step.task);
  return fmt::format("{} {} in {}() on {:#x}", who, to_string(step.kind), step.scope != nullptr ? step.scope : step.site.function,
                     step.object);
}

}  // namespace

u64 fingerprint(const Step& step) noexcept {
  u64 hash = mix(mix(kStart, step.task), static_cast<u64>(step.kind));
  hash = mix(mix(hash, step.site.function), step.barrier);
  return mix(hash, step.object);
}

u64 trace_hash(const Schedule& schedule) noexcept {
  u64 hash = kStart;
  for (const Step& step : schedule.steps) {
    hash = mix(hash, fingerprint(step));
    hash = mix(mix(mix(hash, step.choice), step.before), step.after);
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
  difference_.clear();
}

Action ReplayStrategy::action(const Choices& choices) noexcept {
  if (!difference_.empty()) return kStop;
  if (at_ >= schedule_.steps.size()) {
    difference_ = fmt::format("the schedule ends after step {}, but the execution goes on", at_);
    return kStop;
  }
  const Step& next = schedule_.steps[at_];
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

void ReplayStrategy::step(const Step& step) noexcept {
  if (!difference_.empty()) return;
  if (at_ >= schedule_.steps.size()) {
    difference_ = fmt::format("step {} is \"{}\", but the schedule has ended", at_ + 1, say(step));
  } else if (fingerprint(step) != fingerprint(schedule_.steps[at_])) {
    difference_ = fmt::format("step {} was \"{}\" and is now \"{}\"", at_ + 1, say(schedule_.steps[at_]), say(step));
  }
  at_++;
}

Action LooseReplayStrategy::action(const Choices& choices) noexcept {
  for (size_t i = at_; i < schedule_.steps.size(); i++) {
    const Step& next = schedule_.steps[i];
    if (next.kind != OpKind::time && next.task >= kMaxTasks) continue;
    const Action action = next.kind == OpKind::time    ? kTimeAction
                          : next.kind == OpKind::drain ? drain_action(next.task)
                                                       : run_action(next.task);
    if (!choices.allows(action)) continue;
    at_ = i;
    return action;
  }
  if (choices.current != kNobody && choices.allows(run_action(choices.current))) return run_action(choices.current);
  return choices.at(0);
}

u32 LooseReplayStrategy::value(u32 options, ValueKind) noexcept {
  return at_ < schedule_.steps.size() && schedule_.steps[at_].choice < options ? schedule_.steps[at_].choice : 0;
}

void LooseReplayStrategy::step(const Step& step) noexcept {
  for (size_t i = at_; i < schedule_.steps.size() && i < at_ + 8; i++) {
    const Step& other = schedule_.steps[i];
    if (other.task != step.task || other.kind != step.kind || other.object != step.object) continue;
    at_ = i + 1;
    return;
  }
}

}  // namespace uringsim::sim
