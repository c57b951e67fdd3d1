// SPDX-License-Identifier: GPL-2.0-only
// Who is on which processor: queues, placement, preemption. timed_machine.h states the rules.
#include <algorithm>

#include "sim/fiber/timed_task.h"

namespace uringsim::sim {

using arch::Cost;

unsigned TimedMachine::choose_processor(const TimedTask& task) const noexcept {
  if (task.affinity >= 0) return static_cast<unsigned>(task.affinity);
  const auto idle = [this](unsigned cpu) { return processors_[cpu].running == nullptr; };
  if (idle(task.cpu) || !options_.balance) return task.cpu;
  for (unsigned cpu = 0; cpu < options_.cpus; cpu++)
    if (idle(cpu)) return cpu;
  return task.cpu;
}

/// A blocked task can run again, from `at` on.
void TimedMachine::make_ready(TimedTask& task, u64 at) noexcept {
  at = std::max(at, task.since);
  task.statistics.asleep += at - task.since;
  task.since = at;
  const unsigned cpu = choose_processor(task);
  TimedProcessor& on = processors_[cpu];
  if (cpu != task.cpu) {
    task.virtual_offset += on.min_virtual - processors_[task.cpu].min_virtual;
    task.statistics.migrations++;
    task.cpu = cpu;
  }
  // A sleeper does not save up more than a slice.
  if (const s64 behind = virtual_difference(on.min_virtual - options_.slice, task.virtual_time()); behind > 0)
    task.virtual_offset += static_cast<u64>(behind);
  if (options_.observer != nullptr) options_.observer->on_wake(at, cpu, *task.task);
  if (on.running == nullptr) {
    put_on(on, task, std::max(at, on.free_at) + options_.costs.nanoseconds(Cost::wakeup, 1));
  } else {
    enqueue(on, task, at);
    if (virtual_difference(on.running->virtual_time(), task.virtual_time()) > static_cast<s64>(options_.wakeup_granularity))
      on.resched = true;
  }
  let_others_catch_up();
}

void TimedMachine::enqueue(TimedProcessor& on, TimedTask& task, u64 at) noexcept {
  task.where = Whereabouts::queued;
  task.since = at;
  // From the end: of thousands that wait (children just forked, say) the newcomer is nearly always the last or the first.
  TimedTask* before = on.queue_last;
  if (on.queue != nullptr && virtual_difference(on.queue->virtual_time(), task.virtual_time()) > 0) before = nullptr;
  while (before != nullptr && virtual_difference(before->virtual_time(), task.virtual_time()) > 0)
    before = before->previous_queued;
  TimedTask* const behind = before != nullptr ? before->next_queued : on.queue;
  task.previous_queued = before;
  task.next_queued = behind;
  (before != nullptr ? before->next_queued : on.queue) = &task;
  (behind != nullptr ? behind->previous_queued : on.queue_last) = &task;
  on.queued++;
  if (on.running != nullptr) on.running->task->deadline = std::min(on.running->task->deadline, on.slice_end);
}

/// `task` runs on the idle processor `on` from clock `at` on.
void TimedMachine::put_on(TimedProcessor& on, TimedTask& task, u64 at) noexcept {
  task.where = Whereabouts::running;
  task.cpu = on.index;
  task.statistics.queued += at - task.since;
  task.statistics.switches++;
  task.shift(at - task.task->clock);
  on.running = &task;
  on.resched = on.migrate = false;
  on.slice_end = at + options_.slice;
  on.took_over = task.ran();
  on.statistics.switches++;
  if (virtual_difference(task.virtual_time(), on.min_virtual) > 0) on.min_virtual = task.virtual_time();
  if (options_.observer != nullptr) options_.observer->on_switch(at, on.index, on.last, on.last_state, task.task);
  on.last = nullptr;
  on.last_state = 0;
}

/// The running `task` leaves its processor, which is idle then.
void TimedMachine::take_off(TimedTask& task) noexcept {
  TimedProcessor& on = processors_[task.cpu];
  if (virtual_difference(task.virtual_time(), on.min_virtual) > 0 &&
      (on.queue == nullptr || virtual_difference(on.queue->virtual_time(), task.virtual_time()) > 0))
    on.min_virtual = task.virtual_time();
  on.statistics.busy += task.ran() - on.took_over;
  on.free_at = std::max(on.free_at, task.task->clock);
  on.running = nullptr;
  on.resched = on.migrate = false;
  on.last = task.task;
  on.last_state = task.state;
  task.since = task.task->clock;
}

/// First of the queue; for another processor, the first that may go there.
TimedTask* TimedMachine::take_queued(TimedProcessor& from, const TimedProcessor* for_whom) noexcept {
  TimedTask* task = from.queue;
  while (task != nullptr && for_whom != &from && task->affinity >= 0) task = task->next_queued;
  if (task != nullptr) leave_queue(from, *task);
  return task;
}

/// Whoever runs there is no longer asked to make room for nobody.
void TimedMachine::leave_queue(TimedProcessor& from, TimedTask& task) noexcept {
  TimedTask* const before = task.previous_queued;
  TimedTask* const behind = task.next_queued;
  (before != nullptr ? before->next_queued : from.queue) = behind;
  (behind != nullptr ? behind->previous_queued : from.queue_last) = before;
  task.next_queued = task.previous_queued = nullptr;
  from.queued--;
  if (from.queue == nullptr && !from.migrate) from.resched = false;
}

/// Gives an idle processor its next task: its own first, else one from the longest queue.
void TimedMachine::fill(TimedProcessor& idle) noexcept {
  TimedTask* next = take_queued(idle, &idle);
  if (next == nullptr && options_.balance) {
    TimedProcessor* longest = nullptr;
    for (unsigned cpu = 0; cpu < options_.cpus; cpu++) {
      TimedProcessor& other = processors_[cpu];
      if (other.queued > (longest != nullptr ? longest->queued : 0)) longest = &other;
    }
    if (longest != nullptr) next = take_queued(*longest, &idle);
    if (next != nullptr) {
      next->virtual_offset += idle.min_virtual - longest->min_virtual;
      next->statistics.migrations++;
    }
  }
  if (next != nullptr) {
    put_on(idle, *next, std::max(next->since, idle.free_at) + options_.costs.nanoseconds(Cost::context_switch, 1));
  } else if (options_.observer != nullptr) {
    options_.observer->on_switch(idle.free_at, idle.index, idle.last, idle.last_state, nullptr);
    idle.last = nullptr;
    idle.last_state = 0;
  }
}

bool TimedMachine::may_be_preempted(const TimedTask& task) const noexcept {
  const bool asks = task.kernel_thread || task.task->in_kernel;
  return task.spin_depth == 0 && (!asks || options_.preempt_kernel || processors_[task.cpu].migrate);
}

/// The running `task` makes room for the next one in its processor's queue, if there is one.
void TimedMachine::give_way(TimedTask& task, bool preempted) noexcept {
  TimedProcessor& on = processors_[task.cpu];
  on.resched = false;
  if (on.queue == nullptr && !on.migrate) return;
  if (preempted) task.statistics.preempted++;
  const bool migrate = on.migrate;
  TimedTask* const next = take_queued(on, &on);
  take_off(task);
  if (next != nullptr) put_on(on, *next, std::max(next->since, on.free_at) + options_.costs.nanoseconds(Cost::context_switch, 1));
  if (migrate) {
    make_ready(task, task.task->clock);
    if (next == nullptr) fill(on);
  } else {
    enqueue(on, task, task.task->clock);
  }
}

/// The running `task` leaves its processor until make_ready(). Returns then.
void TimedMachine::block(TimedTask& task) noexcept {
  TimedProcessor& on = processors_[task.cpu];
  task.task->effects++;
  take_off(task);
  task.where = Whereabouts::blocked;
  fill(on);
  go_on(task);
}

bool TimedMachine::need_resched() noexcept {
  TimedTask* const task = self();
  if (task == nullptr || task->interrupt) return false;
  task->poll.asks = true;
  TimedProcessor& on = processors_[task->cpu];
  if (on.queue != nullptr && task->task->clock >= on.slice_end) on.resched = true;
  return on.resched;
}

void TimedMachine::yield() noexcept {
  TimedTask* const task = self();
  if (task == nullptr || task->interrupt) return;
  task->poll.asks = true;
  task->task->clock += task->task->memory_cost;
  if (processors_[task->cpu].queue != nullptr && task->spin_depth == 0) {
    give_way(*task, false);
    go_on(*task);
  } else if (task->task->clock >= task->task->deadline) {
    go_on(*task);
  }
}

void TimedMachine::set_affinity(arch::Task& task, int cpu) noexcept {
  auto* const part = static_cast<TimedTask*>(task.engine);
  if (part == nullptr || part->interrupt) return;
  part->affinity = cpu >= 0 && static_cast<unsigned>(cpu) < options_.cpus ? cpu : -1;
  if (part->affinity < 0 || part->cpu == static_cast<unsigned>(part->affinity)) return;
  if (part->where == Whereabouts::running) {
    processors_[part->cpu].resched = processors_[part->cpu].migrate = true;
    part->task->deadline = 0;
  } else if (part->where == Whereabouts::queued) {
    leave_queue(processors_[part->cpu], *part);
    make_ready(*part, std::max(part->since, caller_clock()));
  }
}

}  // namespace uringsim::sim
