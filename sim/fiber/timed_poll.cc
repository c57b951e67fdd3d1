// SPDX-License-Identifier: GPL-2.0-only
// The short cut through idle polling.
//
// A pass is what a task does between two calls of poll_pass(). If it had no effect, if nothing that it may have read has been
// written since it began, and if it took as long as the pass before, then the next pass will be the same, and so on until
// something is due: an event, the end of a time slice, a tick of a clock that the pass looked at, or another processor's task.
// If the tasks of all other processors are in such passes too, nobody can disturb anybody, and all of them jump.
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
  poll.repeats = idle && poll.world == world_ && poll.duration == duration && poll.file == site.file && poll.line == site.line;
  poll.duration = duration;
  poll.last_world = poll.world;
  poll.last_bound = poll.bound;
  poll.file = site.file;
  poll.line = site.line;
  if (idle) {
    task->statistics.passes++;
    task->statistics.spinning += duration;
    effort_.passes_executed++;
  }
  if (world_ != last_world_) {
    last_world_ = world_;
    last_effect_ = task->task->clock;
  } else if (task->task->clock - last_effect_ >= options_.idle_limit && task->task->clock > last_effect_) {
    end_ = RunEnd::livelock;
    task->task->deadline = 0;
  }
  if (poll.repeats) skip_from(*task);
  poll.began = task->ran();
  poll.effects = task->task->effects;
  poll.world = world_;
  poll.bound = kNever;
  if (task->task->clock >= task->task->deadline) go_on(*task);
}

/// Stands in the middle of a pass that will end as the last one did.
bool TimedMachine::is_quiet(const TimedTask& task) const noexcept {
  return !task.interrupt && task.poll.repeats && task.poll.last_world == world_ && task.task->effects == task.poll.effects;
}

void TimedMachine::skip_from(TimedTask& task) noexcept {
  u64 bound = std::min(next_event(), time_limit_);
  bool others = false;
  bool undisturbed = true;
  for (unsigned cpu = 0; cpu < options_.cpus; cpu++) {
    const TimedProcessor& on = processors_[cpu];
    const TimedTask* const lane = on.lane();
    if (lane == nullptr) continue;
    if (on.queue != nullptr && !on.resched) bound = std::min(bound, on.slice_end);
    if (lane == &task) {
      bound = std::min(bound, task.poll.last_bound);
    } else {
      others = true;
      undisturbed = undisturbed && is_quiet(*lane);
      bound = std::min({bound, lane->poll.last_bound, lane->poll.bound});
    }
  }
  if (undisturbed && bound == kNever && options_.idle_limit == kNever) {
    end_ = RunEnd::livelock;  // nothing will ever change
    task.task->deadline = 0;
    return;
  }
  if (!options_.skip_passes) return;
  if (options_.idle_limit != kNever) bound = std::min(bound, last_effect_ + options_.idle_limit);
  if (!undisturbed) return skip_passes(task, std::min(task.poll.last_bound, task.task->deadline));
  // All of them must enter the window of the bound on their own: who is first there depends on how they come in.
  if (others) bound = window_start(bound);
  for (unsigned cpu = 0; cpu < options_.cpus; cpu++)
    if (TimedTask* const lane = processors_[cpu].lane(); lane != nullptr) skip_passes(*lane, bound);
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
