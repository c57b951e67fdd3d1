// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace uringsim::sim {

namespace {
constexpr u64 kSmallHeap = 32 * 1024;  // copied back as a whole: cheaper than looking for what changed

[[noreturn]] void unreachable() noexcept { __builtin_trap(); }
}  // namespace

const char* to_string(Memory memory) noexcept { return memory == Memory::sc ? "sc" : memory == Memory::tso ? "tso" : "weak"; }

OperationalMachine::OperationalMachine(const MachineOptions& options)
    : options_(options),
      arena_(Arena::Options{.bytes = options.arena_bytes}),
      shadow_(arena_, options.arena_bytes),
      pool_(u64{1} << 30),
      records_(kMaxTasks),
      views_(u64{kMaxTasks} * 2 * kMaxLanes) {
  for (u32 i = 0; i < kMaxTasks; i++) {
    records_[i].view = &views_[u64{i} * 2 * kMaxLanes];
    records_[i].extra = &views_[(u64{i} * 2 + 1) * kMaxLanes];
  }
}

OperationalMachine::~OperationalMachine() = default;

// ---- executions ------------------------------------------------------------------------------------------------------

void OperationalMachine::set_up(Program& program) {
  program_ = &program;
  arena_.reset();
  shadow_.clear();
  pool_.clear();
  world_ = World{};
  world_.random = 0x9e3779b97f4a7c15;
  world_.step_ns = options_.tick_ns;
  tasks_ = 0;
  runnable_ = drains_ = 0;
  current_ = kNobody;
  violation_ = {};
  clocks_ = lanes_ = kMaxTasks;
  locks_ = nullptr;
  program.set_up(*this);
  locks_ = program.lock_watch();
  if (!violation_.check.empty()) throw std::runtime_error(fmt::format("{}: {}", program.name(), violation_.text));
  warm_ = program.warm_up();
  if (warm_) {
    save();
    warming_ = true;
    restore();
    execute();
    warming_ = false;
    if (end_ != End::complete)
      throw std::runtime_error(
          fmt::format("{}: its tasks do not get ready: {}", program.name(), end_ == End::cut ? "no end" : violation_.text));
    for (u32 i = 0; i < tasks_; i++)
      if (!records_[i].ended && records_[i].blocked == Blocked::no) runnable_ |= bit(i);
    timer_is_over();  // of a timer that fired before executions begin nobody finds anything left
  }
  clocks_ = round_lanes(tasks_ + 2);
  save();
  program.keep();
}

void OperationalMachine::ready() noexcept {
  if (!warming_) return;
  me().blocked = Blocked::no;
  runnable_ &= ~bit(current_);
  go_on();
  skip_point_ = true;
}

void OperationalMachine::save() noexcept {
  saved_world_ = world_;
  saved_world_.runnable = runnable_;
  saved_world_.tasks = tasks_;
  std::vector<ArenaRange> stacks;
  for (u32 i = 0; i < tasks_; i++) {
    TaskRecord& task = records_[i];
    task.saved = task;
    std::copy_n(task.scopes, std::min(task.depth, kMaxScopes), task.saved_scopes);
    if (!task.begun || task.ended) continue;
    task.rest = task.fiber.point();
    auto* const top = static_cast<unsigned char*>(task.stack) + arena_.stack_bytes(task.stack);
    auto* const pointer = static_cast<unsigned char*>(task.fiber.stack_pointer());
    stacks.push_back({pointer, static_cast<u64>(top - pointer)});
  }
  small_image_.clear();
  const u64 heap = arena_.offset(arena_.heap_end());
  if (stacks.empty() && heap <= kSmallHeap && !kPoisonIsChecked) {
    const auto* const base = static_cast<const unsigned char*>(arena_.base());
    small_image_.assign(base, base + heap);
  } else {
    arena_.save(snapshot_, stacks);
  }
  last_lanes_ = kMaxLanes;
  last_tasks_ = kMaxTasks;
}

void OperationalMachine::put_back_memory() noexcept {
  if (small_image_.empty()) {
    arena_.restore(snapshot_);
    return;
  }
  for (u32 i = tasks_; i > saved_world_.tasks; i--) arena_.free_stack(records_[i - 1].stack);
  std::memcpy(arena_.base(), small_image_.data(), small_image_.size());
}

void OperationalMachine::restore() noexcept {
  put_back_memory();
  if (!warming_) program_->put_back();
  world_ = saved_world_;
  runnable_ = saved_world_.runnable;
  drains_ = 0;
  tasks_ = saved_world_.tasks;
  shadow_.clear();
  pool_.clear();
  any_freed_ = false;
  known_to_.clear();
  for (u32 i = 0; i < last_tasks_; i++) {
    zero_lanes(records_[i].view, round_lanes(last_lanes_));
    if (records_[i].has_extra || last_lanes_ == kMaxLanes) zero_lanes(records_[i].extra, round_lanes(last_lanes_));
  }
  lanes_ = clocks_;
  for (u32 i = 0; i < tasks_; i++) {
    TaskRecord& task = records_[i];
    static_cast<TaskState&>(task) = task.saved;
    std::copy_n(task.saved_scopes, std::min(task.depth, kMaxScopes), task.scopes);
    task.has_extra = task.unlocked = task.timed_out = task.pass_effect = task.pass_time = false;
    task.pass_timer = nullptr;
    task.released = task.final = nullptr;
    task.fence = task.fence_read = 0;
    task.watches = 0;
    task.view[i] = 1;
    if (task.ended) continue;
    if (task.begun)
      task.fiber.rewind(task.rest);
    else
      task.fiber.start(task.stack, arena_.stack_bytes(task.stack), &OperationalMachine::first, &task);
  }
  update_time();
  do_begin();
}

void OperationalMachine::execute() noexcept {
  end_ = End::complete;
  if (!violation_.check.empty()) violation_ = {};
  left_over_known_ = false;
  points_ = 0;
  skip_point_ = false;
  told_choice_ = 0;
  told_options_ = 1;
  told_missed_task_ = kNobody;
  told_preempts_ = false;
  current_ = kNobody;
  const u32 next = pick();
  if (next != kNobody) {
    current_ = next;
    arch::set_current_task(records_[next].task);
    Fiber::switch_to(main_, records_[next].fiber);
    arch::set_current_task(nullptr);
    current_ = kNobody;
  }
  last_lanes_ = lanes_;
  last_tasks_ = tasks_;
  if (end_ != End::complete || rerun_ || warming_) return;
  if (violation_.check.empty()) program_->check(*this);
  if (!violation_.check.empty()) end_ = End::violation;
}

Run OperationalMachine::run(Strategy& strategy) noexcept {
  strategy_ = &strategy;
  for (;;) {
    rerun_ = false;
    restore();
    execute();
    if (!rerun_) break;
    strategy.again();
  }
  strategy.over(points_);
  return {end_, points_};
}

Run OperationalMachine::record(Strategy& strategy, Schedule& schedule) noexcept {
  schedule.steps.clear();
  schedule.stacks = options_.arena_bytes / 2;
  recording_ = &schedule.steps;
  strategy_ = &strategy;
  for (;;) {
    rerun_ = false;
    restore();
    execute();
    if (!rerun_) break;
    schedule.steps.clear();
    strategy.again();
  }
  recording_ = nullptr;
  strategy.over(points_);
  return {end_, points_};
}

const char* OperationalMachine::task_name(u32 task) const noexcept {
  return task < tasks_ && records_[task].task != nullptr ? records_[task].task->name : "?";
}

const std::vector<LeftOver>& OperationalMachine::left_over() {
  if (left_over_known_) return left_over_;
  left_over_known_ = true;
  left_over_.clear();
  for (u32 i = 0; i < tasks_; i++) {
    const TaskRecord& task = records_[i];
    if (task.ended || task.service || task.blocked == Blocked::not_woken) continue;
    LeftOver left{i, task.blocked, task.task->name, current_scope(task), task.site, 0, kNobody};
    if (task.blocked == Blocked::join) left.object = task.joins;
    if (task.blocked == Blocked::lock && task.wants != nullptr) {
      left.object = arena_.offset(task.wants);
      left.holder = task.wants->word - 1;
    }
    left_over_.push_back(left);
  }
  return left_over_;
}

// ---- scheduling --------------------------------------------------------------------------------------------------------

// Set-up has no choices: applications go first, kernel threads only where every application waits for something, the newest first
// and each until it cannot go on. It is over when each application is ready or cannot go on; a kernel thread that nobody had to
// wait for has not even begun by then.
u32 OperationalMachine::pick_warming() noexcept {
  while (++points_ <= options_.max_points) {
    if (drains_ != 0) {
      drained(static_cast<u32>(__builtin_ctzll(drains_)));
      continue;
    }
    if (current_ != kNobody && (runnable_ & bit(current_)) != 0) return current_;
    u64 applications = 0;
    bool waiting = false;
    for (u32 i = 0; i < tasks_; i++) {
      const TaskRecord& task = records_[i];
      if (task.ended || task.service || task.kernel_thread) continue;
      if ((runnable_ & bit(i)) != 0)
        applications |= bit(i);
      else
        waiting = waiting || (task.blocked != Blocked::no && task.blocked != Blocked::not_woken);
    }
    if (applications != 0) return static_cast<u32>(__builtin_ctzll(applications));
    if (waiting && runnable_ != 0) return static_cast<u32>(63 - __builtin_clzll(runnable_));
    if (!waiting || !time_moves_) {
      end_ = End::complete;
      return kNobody;
    }
    move_time(current_);
  }
  end_ = End::cut;
  return kNobody;
}

u32 OperationalMachine::pick() noexcept {
  if (warming_) [[unlikely]]
    return pick_warming();
  for (;;) {
    if (++points_ > options_.max_points || ((points_ & 63) == 0 && nearly_full())) [[unlikely]] {
      end_ = End::cut;
      return kNobody;
    }
    const Choices choices{runnable_, drains_, time_moves_, current_};
    Action action;
    if (drains_ == 0 && !time_moves_ && (runnable_ & (runnable_ - 1)) == 0) {
      if (runnable_ == 0) {
        end_ = End::complete;
        return kNobody;
      }
      return static_cast<u32>(__builtin_ctzll(runnable_));
    }
    action = choices.count() == 1 ? choices.at(0) : strategy_->action(choices);
    if (recording_ != nullptr && action < kMaxTasks)
      // Whoever came in between may block before its first step: it stays a preemption.
      told_preempts_ |= current_ != kNobody && action != current_ && (runnable_ & bit(current_)) != 0;
    if (action < kMaxTasks) return action;
    if (action == kStop) {
      end_ = End::stopped;
      return kNobody;
    }
    if (action == kTimeAction)
      move_time(current_);
    else
      drained(action - kMaxTasks);
  }
}

void OperationalMachine::go_on() noexcept {
  const u32 next = pick();
  if (next == current_) return;
  if (next == kNobody) return leave();
  switch_to(next);
}

void OperationalMachine::switch_to(u32 next) noexcept {
  TaskRecord& from = me();
  TaskRecord& to = records_[next];
  current_ = next;
  skip_point_ = false;
  arch::set_current_task(to.task);
  Fiber::switch_to(from.fiber, to.fiber);
}

/// Back to run(). Returns only in a task that was the last one to get ready: executions find it here.
void OperationalMachine::leave() noexcept { Fiber::switch_to(me().fiber, main_); }

void OperationalMachine::finish(End end) noexcept {
  end_ = end;
  leave();
  unreachable();
}

void OperationalMachine::fail_here(const char* check, std::string text, const void* at, arch::Site site) noexcept {
  if (!outside()) tell(OpKind::plain_read, at, 0, 0, 0, site);
  fail(check, std::move(text));
}

void OperationalMachine::fail(const char* check, std::string text) noexcept {
  // By value and moved on: the caller's frame is dropped, and a string left in it would be lost.
  if (violation_.check.empty()) violation_ = {check, std::move(text)};
  if (!outside()) finish(End::violation);
}

void OperationalMachine::first(void* record) noexcept {
  auto& task = *static_cast<TaskRecord*>(record);
  auto& machine = *static_cast<OperationalMachine*>(task.task->machine);
  task.begun = true;
  machine.skip_point_ = true;
  task.entry(task.argument);
  machine.end_task();
}

void OperationalMachine::end_task() noexcept {
  TaskRecord& task = me();
  if (task.spin_depth != 0) fail("lock-imbalance", fmt::format("task {} ended with a spinlock held", task.task->name));
  task.ended = true;
  task.final = publish();
  world_.alive--;
  time_for_pollers();
  runnable_ &= ~bit(current_);
  tell(OpKind::end, nullptr, 0, 0, 0, {});
  if ((drains_ & bit(current_)) == 0)
    for (u64 left = task.joiners; left != 0; left &= left - 1) unblock(static_cast<u32>(__builtin_ctzll(left)));
  go_on();
  unreachable();
}

void OperationalMachine::exit() noexcept {
  end_task();
  unreachable();
}

void OperationalMachine::drained(u32 task) noexcept {
  do_drain(task);
  TaskRecord& owner = records_[task];
  if (owner.ended && (drains_ & bit(task)) == 0)
    for (u64 left = owner.joiners; left != 0; left &= left - 1) unblock(static_cast<u32>(__builtin_ctzll(left)));
}

u32 OperationalMachine::add_record(arch::Task& task, void (*entry)(void*), void* argument, void* stack) noexcept {
  const u32 id = tasks_++;
  TaskRecord& record = records_[id];
  static_cast<TaskState&>(record) = TaskState{};
  record.task = &task;
  record.entry = entry;
  record.argument = argument;
  record.stack = stack;
  record.has_extra = record.unlocked = record.timed_out = record.pass_effect = record.pass_time = false;
  record.pass_timer = nullptr;
  record.released = record.final = nullptr;
  record.fence = record.fence_read = 0;
  record.watches = 0;
  task.id = id;
  task.machine = this;
  task.access = arch::Access::explored;
  record.fiber.start(stack, arena_.stack_bytes(stack), &OperationalMachine::first, &record);
  if (!outside()) {
    zero_lanes(record.view, view_lanes());
    zero_lanes(record.extra, view_lanes());
    record.view[id] = 1;
  }
  return id;
}

void OperationalMachine::spawn(arch::Task& task, void (*entry)(void*), void* argument,
                               const arch::SpawnOptions& options) noexcept {
  if (tasks_ >= kMaxTasks) return fail("too-many-tasks", fmt::format("an explored world has at most {} tasks", kMaxTasks));
  if (options.stack_bytes > Arena::kStackBytes / 2) return fail("stack-size", "an explored task has 128 KiB of stack at most");
  if (!outside() && tasks_ >= clocks_) {  // more than ever before: once more, with room for their clocks
    clocks_ = round_lanes(tasks_ + kLanes);
    again_please();
    finish(End::stopped);
  }
  void* const stack = arena_.alloc_stack();
  auto* const state = static_cast<u32*>(alloc(8, 8));
  if (stack == nullptr || state == nullptr) return fail("out-of-memory", "no memory for another task's stack");
  const u32 id = add_record(task, entry, argument, stack);
  TaskRecord& record = records_[id];
  record.cpu = options.cpu;
  record.kernel_thread = options.kernel_thread;
  record.state = state;
  *state = arch::TASK_UNINTERRUPTIBLE;
  if (outside()) return;
  me().pass_effect = true;
  if (SyncView* const sync = publish()) take_for(record, *sync);
  record.view[id] = 1;
  if (recording_ != nullptr) write_down(OpKind::spawn, id, 0, 0, 0, {}, nullptr);
}

void OperationalMachine::join(arch::Task& task) noexcept {
  TaskRecord& other = records_[task.id];
  if (!other.ended || (drains_ & bit(task.id)) != 0) {
    other.joiners |= bit(current_);
    me().joins = task.id;
    block(Blocked::join);
  }
  take(other.final);
  if (recording_ != nullptr) write_down(OpKind::join, task.id, 0, 0, 0, {}, nullptr);
}

void OperationalMachine::set_affinity(arch::Task& task, int cpu) noexcept { records_[task.id].cpu = cpu; }
int OperationalMachine::current_cpu() const noexcept { return current_ == kNobody ? 0 : std::max(records_[current_].cpu, 0); }

}  // namespace uringsim::sim
