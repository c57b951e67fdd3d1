// SPDX-License-Identifier: GPL-2.0-only
// Follows a schedule that was written down. Needs OperationalMachine::record(), which reports every step.
//
// Each step that is taken is compared with the one written down: task, kind, function, barrier and object. The first difference
// means that program or model have changed since; the execution is stopped and difference() says what differs.
#pragma once

#include <string>

#include "sim/explore/strategy.h"

namespace uringsim::sim {

/// What identifies a step across builds: task, kind, function, barrier, object. Lines may move.
u64 fingerprint(const Step& step) noexcept;
/// Hash of all that happened in a schedule: equal for equal runs, on any machine.
u64 trace_hash(const Schedule& schedule) noexcept;

class ReplayStrategy final : public Strategy {
 public:
  explicit ReplayStrategy(const Schedule& schedule) : schedule_(schedule) {}

  bool begin() override;
  void again() override;
  Action action(const Choices& choices) noexcept override;
  u32 value(u32 options, ValueKind kind) noexcept override;
  void step(const Step& step) noexcept override;

  /// Empty if the execution took the steps written down; else the first difference.
  [[nodiscard]] const std::string& difference() const noexcept { return difference_; }

 private:
  const Schedule& schedule_;
  size_t at_ = 0;
  bool begun_ = false;
  std::string difference_;
};

/// Follows the order of another machine's schedule as far as it can be followed: steps that this machine does not ask about are
/// passed over, and where the schedule does not fit, the task that acted last goes on. For findings of other searches.
class LooseReplayStrategy final : public Strategy {
 public:
  explicit LooseReplayStrategy(const Schedule& schedule) : schedule_(schedule) {}

  bool begin() override {
    again();
    return true;
  }
  void again() override { at_ = 0; }
  Action action(const Choices& choices) noexcept override;
  u32 value(u32 options, ValueKind kind) noexcept override;
  void step(const Step& step) noexcept override;

 private:
  const Schedule& schedule_;
  size_t at_ = 0;
};

}  // namespace uringsim::sim
