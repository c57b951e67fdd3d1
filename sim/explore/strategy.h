// SPDX-License-Identifier: GPL-2.0-only
// The one seam through which an execution is steered: everything that could happen otherwise is asked here.
//
// A strategy is a small class with three duties: begin the next execution (or say that there is none), choose who acts, and
// choose a value. again() runs the execution of the last begin() once more, for recording it. Everything is a function of the
// seed and of the executions before; nothing else may enter.
#pragma once

#include "kernel_model/arch/types.h"
#include "sim/explore/schedule.h"

namespace uringsim::sim {

/// Who acts next: a task's next operation, the oldest store of a task's buffer reaching memory, or time moving on.
using Action = u32;
constexpr u32 kMaxTasks = 64;
constexpr Action run_action(u32 task) noexcept { return task; }
constexpr Action drain_action(u32 task) noexcept { return kMaxTasks + task; }
constexpr Action kTimeAction = 2 * kMaxTasks;

/// What can happen at a scheduling point. Bit i of a mask is the task with id i.
struct Choices {
  u64 tasks = 0;   ///< can take their next step
  u64 drains = 0;  ///< have a store in their buffer
  bool time = false;
  u32 current = kNobody;  ///< who acted last

  [[nodiscard]] u32 count() const noexcept { return bits(tasks) + bits(drains) + (time ? 1 : 0); }
  /// Number of bits set; few, as a rule, and popcount is a call on x86-64 as Debian builds for it.
  [[nodiscard]] static u32 bits(u64 mask) noexcept {
    u32 count = 0;
    for (; mask != 0; mask &= mask - 1) count++;
    return count;
  }
  /// The action at position `index` of count(): tasks by id, then drains by id, then time.
  [[nodiscard]] Action at(u32 index) const noexcept;
  [[nodiscard]] bool allows(Action action) const noexcept {
    if (action == kTimeAction) return time;
    return ((action < kMaxTasks ? tasks >> action : drains >> (action - kMaxTasks)) & 1) != 0;
  }
};

/// What a value is chosen for. Option 0 is always the least surprising one.
enum class ValueKind : u8 { read, place, world, poll, timer };

class Strategy {
 public:
  virtual ~Strategy() = default;
  /// Prepares the next execution; false if there is none left.
  virtual bool begin() = 0;
  /// Prepares the execution of the last begin() once more.
  virtual void again() = 0;
  /// Who acts? Asked only where there are two or more answers. May be told to stop by returning kStop.
  virtual Action action(const Choices& choices) noexcept = 0;
  /// A number below `options`, which is at least 2.
  virtual u32 value(u32 options, ValueKind kind) noexcept = 0;
  /// How many ticks of `tick_ns` has time gone on when `task` looks at the clock, though nothing is due so soon? Searches on this
  /// machine leave it out: whoever looks again finds it later. Who follows a schedule may need it.
  virtual u32 time_passes(u32 /*task*/, u64 /*tick_ns*/) noexcept { return 0; }
  /// A step was taken; called in recorded executions only.
  virtual void step(const Step&) noexcept {}
  /// The execution is over after `points` scheduling points.
  virtual void over(u64 /*points*/) noexcept {}
  /// False if the execution that just ended is another shard's to count.
  [[nodiscard]] virtual bool counted() const noexcept { return true; }
  /// True once every execution of the program has been run (never for sampling strategies).
  [[nodiscard]] virtual bool exhausted() const noexcept { return false; }
  /// Rough share of the search that is done, 0 to 1; negative if unknown.
  [[nodiscard]] virtual double share() const noexcept { return -1; }
};

/// Returned by action(): this execution leads nowhere new (a bound was reached, a prefix belongs to another shard).
constexpr Action kStop = ~u32{0};

inline Action Choices::at(u32 index) const noexcept {
  u64 mask = tasks;
  u32 base = 0;
  const u32 runnable = bits(tasks);
  if (index >= runnable) {
    index -= runnable;
    mask = drains;
    base = kMaxTasks;
    if (index >= bits(drains)) return kTimeAction;
  }
  for (; index > 0; index--) mask &= mask - 1;
  return base + static_cast<u32>(__builtin_ctzll(mask));
}

}  // namespace uringsim::sim
