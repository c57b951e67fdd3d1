// SPDX-License-Identifier: GPL-2.0-only
// Who goes on: the machine's loop, which runs on the stack of whoever has to stop.
#include "sim/fiber/timed_machine.h"

#include <algorithm>
#include <cstring>

#include "sim/fiber/timed_task.h"

namespace uringsim::sim {

namespace {
constexpr u32 kFirstInterruptId = 0x10000000;  // ids of interrupt contexts, beyond any task's
constexpr u64 kStopFlagPeriod = 1'000'000;     // virtual ns between two looks at the stop flag
constexpr u32 kTaskDead = 0x80;                // TASK_DEAD, as Linux numbers it
}  // namespace

TimedMachine::TimedMachine(Arena& arena, const TimedOptions& options)
    : arena_(arena), options_(options), random_(options.seed), outside_(std::make_unique<TimedTask>()), time_(options.start) {
  options_.cpus = std::clamp(options_.cpus, 1u, 1024u);
  options_.lookahead = std::max(options_.lookahead, u64{1});
  arena_.reset();
  processors_ = std::make_unique<TimedProcessor[]>(options_.cpus);
  for (unsigned cpu = 0; cpu < options_.cpus; cpu++) {
    processors_[cpu].index = cpu;
    processors_[cpu].free_at = options_.start;
  }
}

TimedMachine::~TimedMachine() { arena_.reset(); }

TimedTask* TimedMachine::self() const noexcept {
  return running_ ? static_cast<TimedTask*>(arch::current_task()->engine) : nullptr;
}

u64 TimedMachine::caller_clock() const noexcept {
  const TimedTask* const task = self();
  return task != nullptr ? task->task->clock : time_;
}

u64 TimedMachine::next_event() const noexcept { return std::min(timers_.next_due(), sleepers_.next_due()); }

// ---- running ---------------------------------------------------------------------------------------------------------

RunResult TimedMachine::run(std::span<arch::Task* const> until, u64 time_limit) {
  awaited_ = 0;
  for (arch::Task* const task : until) {
    auto* const part = static_cast<TimedTask*>(task->engine);
    if (part == nullptr || part->awaited) continue;
    part->awaited = true;
    awaited_++;
  }
  time_limit_ = time_limit;
  arch::Task* const caller = arch::current_task();
  running_ = true;
  stop_requested_ = false;
  TimedTask& first = pick();
  if (&first != outside_.get()) {
    arch::set_current_task(first.task);
    Fiber::switch_to(outside_->fiber, first.fiber);
  }
  running_ = false;
  arch::set_current_task(caller);
  for (const auto& task : tasks_) task->awaited = false;
  RunResult result;
  result.end = end_;
  result.time = time_;
  if (end_ != RunEnd::finished)
    for (const auto& task : tasks_) result.tasks.push_back(situation(*task));
  return result;
}

void TimedMachine::request_stop() noexcept {
  stop_requested_ = true;
  let_others_catch_up();
}

TimedTask& TimedMachine::stop(RunEnd end) noexcept {
  end_ = end;
  for (unsigned cpu = 0; cpu < options_.cpus; cpu++) {
    const TimedTask* const lane = processors_[cpu].lane();
    time_ = std::max(time_, lane != nullptr ? lane->task->clock : processors_[cpu].free_at);
  }
  return *outside_;
}

/// Takes what the task has done since it was last asked into the world's count of effects.
void TimedMachine::settle(TimedTask& task) noexcept {
  world_ += task.task->effects - task.settled_effects;
  task.settled_effects = task.task->effects;
}

/// The machine itself changed something that a poller might see.
void TimedMachine::stir() noexcept { world_++; }

/// The caller, if it is a task, had an effect that a poller might see.
void TimedMachine::note_effect() noexcept {
  if (TimedTask* const task = self(); task != nullptr) task->task->effects++;
}

/// The caller, if it is a task, has changed what is due: it stops at its next operation at or after clock `from`.
void TimedMachine::let_others_catch_up(u64 from) noexcept {
  if (TimedTask* const task = self(); task != nullptr) task->task->deadline = std::min(task->task->deadline, from);
}

void TimedMachine::due() noexcept {
  if (TimedTask* const task = self(); task != nullptr) go_on(*task);
}

/// `from`, which runs, lets others catch up. Returns when it is its turn again.
void TimedMachine::go_on(TimedTask& from) noexcept {
  settle(from);
  TimedTask& next = pick();
  if (&next == &from) return;
  if (from.held_count != 0) {
    from.seen_holding = true;
    stir();
  }
  effort_.fiber_switches++;
  arch::set_current_task(next.task);
  Fiber::switch_to(from.fiber, next.fiber);
}

void TimedMachine::go_on_without(TimedTask& from) noexcept {
  TimedTask& next = pick();
  effort_.fiber_switches++;
  arch::set_current_task(next.task);
  Fiber::leave_for(from.fiber, next.fiber);
}

/// Whoever is furthest behind, with the deadline until which it may run ahead; the outside when the run is over.
TimedTask& TimedMachine::pick() noexcept {
  for (;;) {
    if (end_ == RunEnd::violation || end_ == RunEnd::livelock) return stop(end_);
    if (awaited_ == 0) return stop(RunEnd::finished);
    if (stop_requested_ || (options_.stop_flag != nullptr && *options_.stop_flag != 0)) return stop(RunEnd::stopped);
    TimedTask* first = nullptr;
    u64 clock = kNever;
    u64 second = kNever;
    for (unsigned cpu = 0; cpu < options_.cpus; cpu++) {
      TimedTask* const lane = processors_[cpu].lane();
      if (lane == nullptr) continue;
      if (lane->task->clock < clock) {
        second = clock;
        clock = lane->task->clock;
        first = lane;
      } else {
        second = std::min(second, lane->task->clock);
      }
    }
    const u64 event = next_event();
    if (std::min(event, clock) >= time_limit_) {
      if (first == nullptr && event == kNever) return stop(RunEnd::deadlock);
      time_ = std::max(time_, time_limit_);
      return stop(RunEnd::time_limit);
    }
    if (event <= clock) {
      time_ = std::max(time_, event);
      run_event();
      continue;
    }
    time_ = std::max(time_, clock);
    u64 deadline = std::min(event, time_limit_);
    if (second != kNever) deadline = std::min(deadline, std::max(window_start(clock) + options_.lookahead, window_start(second)));
    if (options_.stop_flag != nullptr) deadline = std::min(deadline, clock + kStopFlagPeriod);
    if (!first->interrupt) {
      TimedProcessor& on = processors_[first->cpu];
      if (on.queue != nullptr && !on.resched) {
        if (clock >= on.slice_end)
          on.resched = true;
        else
          deadline = std::min(deadline, on.slice_end);
      }
      if (on.resched && may_be_preempted(*first)) {
        give_way(*first, true);
        continue;
      }
    }
    first->task->deadline = deadline;
    return *first;
  }
}

void TimedMachine::run_event() noexcept {
  stir();
  barren_passes_ = 0;
  if (timers_.next_due() <= sleepers_.next_due()) {
    const u64 due = timers_.next_due();
    return expire(*timers_.pop(), due);
  }
  const u64 due = sleepers_.next_due();
  TimedTask& task = *sleepers_.pop();
  task.state = arch::TASK_RUNNING;
  task.timed_out = true;
  make_ready(task, due);
}

// ---- tasks -----------------------------------------------------------------------------------------------------------

void TimedMachine::spawn(arch::Task& task, void (*entry)(void*), void* argument, const arch::SpawnOptions& options) noexcept {
  void* const stack = options.stack_bytes <= Arena::kStackBytes / 2 ? arena_.alloc_stack() : nullptr;
  if (stack == nullptr) return report("no stack for another task", true, arch::Site::here());
  std::unique_ptr<TimedTask> part;
  if (spare_.empty()) {
    part = std::make_unique<TimedTask>();
  } else {
    part = std::move(spare_.back());
    spare_.pop_back();
    static_cast<TimedTaskState&>(*part) = {};
  }
  task.access = arch::Access::counted;
  task.machine = this;
  task.id = next_id_++;
  task.clock = caller_clock();
  task.deadline = 0;
  task.memory_cost = options_.costs.memory;
  task.engine = part.get();
  part->machine = this;
  part->task = &task;
  part->entry = entry;
  part->argument = argument;
  part->stack = stack;
  part->id = task.id;
  part->state = arch::TASK_UNINTERRUPTIBLE;
  part->in_schedule = true;
  part->kernel_thread = options.kernel_thread;
  part->affinity = options.cpu >= 0 && static_cast<unsigned>(options.cpu) < options_.cpus ? options.cpu : -1;
  if (const TimedTask* const caller = self(); caller != nullptr) part->cpu = caller->cpu;
  if (part->affinity >= 0) part->cpu = static_cast<unsigned>(part->affinity);
  part->not_running = part->since = task.clock;
  part->settled_effects = task.effects;
  part->virtual_offset = processors_[part->cpu].min_virtual;
  part->statistics.name = task.name;
  part->statistics.id = task.id;
  part->fiber.start(stack, arena_.stack_bytes(stack), &TimedMachine::task_entry, part.get());
  tasks_.push_back(std::move(part));
}

void TimedMachine::task_entry(void* argument) {
  const TimedTask& task = *static_cast<TimedTask*>(argument);
  TimedMachine& machine = *task.machine;
  task.entry(task.argument);
  machine.exit();
}

void TimedMachine::exit() noexcept {
  TimedTask& task = *self();
  if (task.held_count != 0) report("a task ended with a lock held", false, task.held[0].site);
  task.task->effects++;
  settle(task);
  const u64 clock = task.task->clock;
  TimedProcessor& on = processors_[task.cpu];
  task.statistics = statistics_of(task);
  task.statistics.ended = true;
  take_off(task);
  on.last_state = kTaskDead;
  ended_.push_back(std::move(task.statistics));
  if (task.awaited) awaited_--;
  for (TimedTask* joiner = task.joiners; joiner != nullptr;) {
    TimedTask* const next = joiner->next_joiner;
    joiner->joins = nullptr;
    make_ready(*joiner, clock);
    joiner = next;
  }
  task.task->engine = nullptr;
  arena_.free_stack(task.stack);
  const auto at = std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& other) { return other.get() == &task; });
  // What the fiber needs to leave stays as it is until the next spawn(), which somebody else makes.
  std::unique_ptr<TimedTask> part = std::move(*at);
  tasks_.erase(at);
  spare_.push_back(std::move(part));
  fill(on);
  go_on_without(task);
}

void TimedMachine::join(arch::Task& task) noexcept {
  TimedTask* const caller = self();
  if (caller == nullptr || caller->interrupt) return report("join from outside of a task", true, arch::Site::here());
  while (task.engine != nullptr) {
    auto& target = *static_cast<TimedTask*>(task.engine);
    caller->joins = &task;
    caller->next_joiner = target.joiners;
    target.joiners = caller;
    caller->state = arch::TASK_UNINTERRUPTIBLE;
    block(*caller);
    caller->state = arch::TASK_RUNNING;
  }
}

void TimedMachine::set_state(u32 state) noexcept {
  TimedTask* const task = self();
  if (task == nullptr) return;
  task->task->clock += task->task->memory_cost;
  task->state = state;
}

u32 TimedMachine::state(const arch::Task& task) const noexcept {
  const auto* const part = static_cast<const TimedTask*>(task.engine);
  return part != nullptr ? part->state : kTaskDead;
}

bool TimedMachine::schedule(u64 deadline) noexcept {
  TimedTask* const task = self();
  if (task == nullptr || task->interrupt) {
    report("schedule() outside of a task", true, arch::Site::here());
    return true;
  }
  if (task->spin_depth != 0) report("scheduling while atomic", true, task->held[0].site);
  if (task->task->clock >= task->task->deadline) go_on(*task);
  if (task->state == arch::TASK_RUNNING) {
    yield();
    return true;
  }
  task->timed_out = false;
  task->in_schedule = true;
  if (deadline != kNever) sleepers_.insert(*task, std::max(deadline, task->task->clock));
  block(*task);
  task->in_schedule = false;
  return !task->timed_out;
}

bool TimedMachine::wake(arch::Task& task, u32 mask) noexcept {
  auto* const part = static_cast<TimedTask*>(task.engine);
  if (TimedTask* const caller = self(); caller != nullptr) caller->task->clock += caller->task->memory_cost;
  if (part == nullptr || (part->state & mask) == 0) return false;
  note_effect();
  barren_passes_ = 0;
  part->state = arch::TASK_RUNNING;
  if (part->where != Whereabouts::blocked || part->joins != nullptr) return true;
  sleepers_.remove(*part);
  part->timed_out = false;
  make_ready(*part, caller_clock());
  return true;
}

// ---- time and supply --------------------------------------------------------------------------------------------------

int TimedMachine::current_cpu() const noexcept {
  const TimedTask* const task = self();
  return task != nullptr ? static_cast<int>(task->cpu) : 0;
}

u64 TimedMachine::now() noexcept {
  TimedTask* const task = self();
  if (task == nullptr) return time_;
  task->poll.bound = 0;
  task->task->clock += task->task->memory_cost;
  return task->task->clock;
}

u64 TimedMachine::ticks(u64 period) noexcept {
  TimedTask* const task = self();
  if (task == nullptr) return time_ / period;
  task->task->clock += task->task->memory_cost;
  const u64 tick = task->task->clock / period;
  task->poll.bound = std::min(task->poll.bound, (tick + 1) * period);
  return tick;
}

void TimedMachine::charge(arch::Cost what, u64 units) noexcept {
  TimedTask* const task = self();
  if (task == nullptr) return;
  task->task->clock += options_.costs.nanoseconds(what, units);
  // Work on data is progress even where nothing shared is written; entering the kernel to look around is not, and coming by
  // with no call to pay for is a program that goes on.
  if (what != arch::Cost::syscall || units == 0) barren_passes_ = 0;
  if (what != arch::Cost::syscall) task->task->effects++;
}

u64 TimedMachine::random() noexcept {
  note_effect();
  return random_.next();
}

u32 TimedMachine::choose(u32 options, const char*) noexcept {
  note_effect();
  return options > 1 ? random_.below(options) : 0;
}

void TimedMachine::set_interrupt_task(unsigned cpu, arch::Task& task) noexcept {
  TimedProcessor& on = processors_[cpu];
  if (on.interrupt == nullptr) on.interrupt = std::make_unique<TimedTask>();
  TimedTask& part = *on.interrupt;
  part.machine = this;
  part.task = &task;
  part.id = task.id = kFirstInterruptId + cpu;
  part.where = Whereabouts::running;
  part.interrupt = true;
  part.cpu = cpu;
  task.access = arch::Access::counted;
  task.in_interrupt = true;
  task.machine = this;
  task.clock = time_;
  task.memory_cost = options_.costs.memory;
  task.engine = &part;
  part.settled_effects = task.effects;
}

// Explored operations: nothing runs that way here, but a task that asks for them gets plain memory.

u64 TimedMachine::load(const void* at, unsigned size, arch::Order, const char*, arch::Site) noexcept {
  u64 value = 0;
  std::memcpy(&value, at, size);
  return value;
}

void TimedMachine::store(void* at, unsigned size, u64 value, arch::Order, const char*, arch::Site) noexcept {
  std::memcpy(at, &value, size);
}

u64 TimedMachine::rmw(void* at, unsigned size, arch::Rmw op, u64 operand, u64 expected, arch::Order, arch::Site) noexcept {
  u64 old = 0;
  std::memcpy(&old, at, size);
  u64 value = operand;
  if (op == arch::Rmw::compare_exchange && old != expected) return old;
  if (op == arch::Rmw::add) value = old + operand;
  if (op == arch::Rmw::bit_and) value = old & operand;
  if (op == arch::Rmw::bit_or) value = old | operand;
  std::memcpy(at, &value, size);
  return old;
}

}  // namespace uringsim::sim
