// SPDX-License-Identifier: GPL-2.0-only
// The short cut through idle polling.
//
// A pass is what a task does between two calls of poll_pass(). If three in a row had no effect and took equally long, and nothing
// that they may have read was written or ticked since the first began, then the next pass will be the same, and so on until
// something is due: an event, the end of a time slice, a tick of a clock that the pass looked at, or another processor's task.
// If the tasks of all other processors are in such passes too, nobody can disturb anybody, and all of them jump; unless two of
// them take locks in their passes, which leaves nothing behind but is seen by the other while it lasts.
//
// Three, because a pass may end one loop and the next one begin another; together they may happen to take as long as a pass of
// the first loop, but then the third does not.
//
// Pollers that take the same lock in turn leave each other a changed world and are never skipped. If many passes in a row lead to
// nothing (no system call, no data moved, nobody woken, no event, no look at a clock), and nothing is due, they never will.
//
// Who has to give way does not go on as before, unless it never asks and cannot be made to (a kernel thread without
// cond_resched(), 5.1's SQ thread): for it the others in its queue change nothing.
//
// A jump ends before anything would have happened within the passes that it leaves out: with t the clock, d the length of a
// pass and b the earliest bound, k = (b - 1 - t) / d passes leave the clock below b at each of their operations. What comes
// after is executed. So every clock, every statistic and every event is that of the long way.
#include <algorithm>

#include "sim/fiber/timed_task.h"

namespace uringsim::sim {

void TimedMachine::poll_pass(arch::Site site) noexcept {
  TimedTask* const task = self();
  if (task == nullptr || task->interrupt) return;
  task->task->clock += options_.costs.relax;
  settle(*task);
  PollState& poll = task->poll;
  const u64 duration = task->ran() - poll.began;
  const bool idle = task->task->effects == poll.effects;
  const bool alike = idle && poll.last_world == world_ && poll.last_bound == poll.bound && poll.duration == duration &&
                     poll.file == site.file && poll.line == site.line;
  poll.alike = alike ? poll.alike + 1 : 0;
  poll.duration = duration;
  poll.last_world = poll.world;
  poll.last_bound = poll.bound;
  poll.last_locks = poll.locks;
  poll.last_asks = poll.asks;
  poll.file = site.file;
  poll.line = site.line;
  if (idle) {
    task->statistics.passes++;
    task->statistics.spinning += duration;
    effort_.passes_executed++;
  }
  // An application that writes something in its passes computes.
  const bool computes = !idle && !task->kernel_thread && !task->task->in_kernel;
  barren_passes_ = !computes && poll.bound == kNever && next_event() == kNever ? barren_passes_ + 1 : 0;
  if (barren_passes_ >= options_.pass_limit) {
    end_ = RunEnd::livelock;
    task->task->deadline = 0;
  }
  if (world_ != last_world_) {
    last_world_ = world_;
    last_effect_ = task->task->clock;
  } else if (task->task->clock > last_effect_ && task->task->clock - last_effect_ >= options_.idle_limit &&
             next_event() == kNever) {
    end_ = RunEnd::livelock;
    task->task->deadline = 0;
  }
  // If others are due now, they come first; what they leave behind decides about the next pass.
  if (poll.repeats() && task->task->clock < task->task->deadline) skip_from(*task);
  poll.began = task->ran();
  poll.effects = task->task->effects;
  poll.world = world_;
  poll.bound = kNever;
  poll.locks = poll.asks = false;
  if (task->task->clock >= task->task->deadline) go_on(*task);
}

/// Stands in the middle of a pass that will end as the last one did.
bool TimedMachine::is_quiet(const TimedTask& task) const noexcept {
  return !task.interrupt && task.poll.repeats() && task.poll.last_world == world_ && task.task->effects == task.poll.effects;
}

void TimedMachine::skip_from(TimedTask& task) noexcept {
  const u64 event = next_event();
  u64 bound = std::min({event, time_limit_, task.poll.last_bound});
  if (options_.idle_limit != kNever && event == kNever) bound = std::min(bound, last_effect_ + options_.idle_limit);
  u64 common = bound;
  bool others = false;
  bool undisturbed = true;
  unsigned lockers = 0;
  u64 longest = 0;
  for (unsigned cpu = 0; cpu < options_.cpus; cpu++) {
    const TimedProcessor& on = processors_[cpu];
    const TimedTask* const lane = on.lane();
    if (lane == nullptr) continue;
    const bool keeps = on.queue == nullptr || (!may_be_preempted(*lane) && !lane->poll.asks && !lane->poll.last_asks);
    const u64 slice_end = keeps ? kNever : on.resched ? 0 : on.slice_end;  // who must give way is not left alone
    common = std::min(common, slice_end);
    longest = std::max(longest, lane->poll.duration);
    lockers += lane->poll.last_locks || lane->poll.locks ? 1 : 0;
    if (lane == &task) {
      bound = std::min(bound, slice_end);
    } else {
      others = true;
      undisturbed = undisturbed && is_quiet(*lane);
      common = std::min({common, lane->poll.last_bound, lane->poll.bound});
    }
  }
  undisturbed = undisturbed && lockers <= 1;
  if (undisturbed && common == kNever) {
    end_ = RunEnd::livelock;  // nothing will ever change
    task.task->deadline = 0;
    return;
  }
  if (!options_.skip_passes) return;
  if (!undisturbed) return skip_passes(task, std::min(bound, task.task->deadline));
  if (others) {
    // Who is first in a window depends on how they came in, and an operation may reach as far as a pass beyond the window that
    // it began in: all of them enter the last window from which the bound can be reached on their own.
    const u64 reach = longest + options_.lookahead;
    common = common > reach ? window_start(common - reach) : 0;
  }
  for (unsigned cpu = 0; cpu < options_.cpus; cpu++)
    if (TimedTask* const lane = processors_[cpu].lane(); lane != nullptr) skip_passes(*lane, common);
}

void TimedMachine::skip_passes(TimedTask& task, u64 bound) noexcept {
  const u64 clock = task.task->clock;
  if (bound <= clock || task.poll.duration == 0) return;
  const u64 passes = (bound - 1 - clock) / task.poll.duration;
  const u64 time = passes * task.poll.duration;
  task.task->clock += time;
  task.poll.began += time;
  task.statistics.passes += passes;
  task.statistics.spinning += time;
  effort_.passes_skipped += passes;
}

}  // namespace uringsim::sim
