// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace uringsim::sim {

using arch::LockKind;
using arch::LockWord;
using arch::Site;
using arch::TASK_RUNNING;

namespace {
constexpr u64 kNever = ~u64{0};
constexpr u64 kSmallHeap = 32 * 1024;  // copied back as a whole: cheaper than looking for what changed
constexpr u32 kMaxIdleMoves = 48;      // of time, for nobody but pollers: after that they are livelocked

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
  program.set_up(*this);
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
  timer_sync_ = interrupt_sync_ = nullptr;
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
    task.released = task.final = nullptr;
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

// Set-up has no choices: applications go first, kernel threads only where every application waits for something. It is over when
// each application is ready or cannot go on; a kernel thread that nobody had to wait for has not even begun by then.
u32 OperationalMachine::pick_warming() noexcept {
  while (++points_ <= options_.max_points) {
    if (drains_ != 0) {
      drained(static_cast<u32>(__builtin_ctzll(drains_)));
      continue;
    }
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
    const u64 next = applications != 0 ? applications : waiting ? runnable_ : 0;
    if (next != 0) return current_ != kNobody && (next & bit(current_)) != 0 ? current_ : static_cast<u32>(__builtin_ctzll(next));
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
      told_preempts_ = current_ != kNobody && action != current_ && (runnable_ & bit(current_)) != 0;
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
  if (task.spin_depth != 0) fail("lock-left-held", fmt::format("task {} ended with a spinlock held", task.task->name));
  task.ended = true;
  task.final = publish();
  world_.alive--;
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
  record.released = record.final = nullptr;
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
  auto* const state = static_cast<u32*>(arena_.alloc(8, 8));
  if (stack == nullptr || state == nullptr) return fail("out-of-memory", "no memory for another task's stack");
  const u32 id = add_record(task, entry, argument, stack);
  TaskRecord& record = records_[id];
  record.cpu = options.cpu;
  record.kernel_thread = options.kernel_thread;
  record.state = state;
  *state = arch::TASK_UNINTERRUPTIBLE;
  if (outside()) return;
  me().pass_effect = true;
  if (SyncView* const sync = publish()) join_lanes(record.view, sync->at, sync->lanes);
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

// ---- sleeping and waking -------------------------------------------------------------------------------------------------

void OperationalMachine::set_state(u32 state) noexcept {
  point();
  TaskRecord& task = me();
  Cell& cell = touch(task.state, 4, {});
  const u64 before = recording_ != nullptr ? peek(task.state, 4) : 0;
  do_store(cell, task.state, 4, state, arch::Order::relaxed);
  if (recording_ != nullptr) write_down(OpKind::set_state, current_, 4, before, state, {}, nullptr);
}

u32 OperationalMachine::state(const arch::Task& task) const noexcept {
  const TaskRecord& other = records_[task.id];
  if (outside()) return *other.state;
  auto& self = const_cast<OperationalMachine&>(*this);
  self.point();
  Cell& cell = self.touch(other.state, 4, {});
  const u64 value = self.do_load(cell, other.state, 4, arch::Order::relaxed);
  self.tell(OpKind::load, other.state, 4, value, value, {});
  return static_cast<u32>(value);
}

bool OperationalMachine::schedule(u64 deadline) noexcept {
  point();
  TaskRecord& task = me();
  do_fence(arch::Fence::full);
  Cell* cell = &touch(task.state, 4, {});
  if (do_locked_load(*cell, task.state, 4) == TASK_RUNNING) {
    if (recording_ != nullptr) write_down(OpKind::sleep, current_, 0, 0, 1, {}, nullptr);  // did not
    return true;
  }
  if (task.spin_depth != 0 || task.task->in_interrupt)
    fail("sleep-in-atomic", fmt::format("task {} sleeps {}", task.task->name,
                                        task.spin_depth != 0 ? "with a spinlock held" : "in interrupt context"));
  if (deadline <= world_.now) {
    do_locked_store(*cell, task.state, 4, TASK_RUNNING);
    if (recording_ != nullptr) write_down(OpKind::sleep, current_, 0, 0, 1, {}, nullptr);
    return false;
  }
  if (recording_ != nullptr) write_down(OpKind::sleep, current_, 0, 0, 0, {}, nullptr);
  task.timed_out = false;
  task.deadline = deadline;
  if (deadline != kNever) {
    world_.sleepers++;
    update_time();
  }
  block(Blocked::sleeping);
  if (deadline != kNever) {
    world_.sleepers--;
    update_time();
  }
  task.deadline = kNever;
  cell = &touch(task.state, 4, {});
  if (do_locked_load(*cell, task.state, 4) != TASK_RUNNING) do_locked_store(*cell, task.state, 4, TASK_RUNNING);
  return !task.timed_out;
}

bool OperationalMachine::wake(arch::Task& task, u32 mask) noexcept {
  TaskRecord& other = records_[task.id];
  const bool first_time = other.blocked == Blocked::not_woken;
  if (outside()) {
    if ((*other.state & mask) == 0) return false;
    *other.state = TASK_RUNNING;
    unblock(task.id);
    world_.alive += first_time ? 1 : 0;
    return true;
  }
  point();
  do_fence(arch::Fence::full);
  Cell& cell = touch(other.state, 4, {});
  const u64 seen = do_load(cell, other.state, 4, arch::Order::relaxed);
  if ((seen & mask) == 0 || (do_locked_load(cell, other.state, 4) & mask) == 0) {
    if (recording_ != nullptr) write_down(OpKind::wake, task.id, 4, seen, seen, {}, nullptr);
    return false;
  }
  me().pass_effect = true;
  do_locked_store(cell, other.state, 4, TASK_RUNNING);
  if (first_time) {
    world_.alive++;
    if (SyncView* const sync = publish()) join_lanes(other.view, sync->at, sync->lanes);
  }
  if (other.blocked == Blocked::sleeping || first_time) unblock(task.id);
  if (recording_ != nullptr) write_down(OpKind::wake, task.id, 4, seen, TASK_RUNNING, {}, nullptr);
  return true;
}

void OperationalMachine::poll_pass(Site site) noexcept {
  TaskRecord& task = me();
  if (!task.pass_effect) {
    bool news = false;
    for (u32 i = 0; i < task.watches; i++) {
      const Cell& cell = shadow_.by_number(task.watch[i].cell);
      news |= cell.version != task.watch[i].version;
    }
    bool held = false;
    if (!news) {
      for (u32 i = 0; i < task.watches; i++) shadow_.by_number(task.watch[i].cell).watchers |= bit(current_);
      task.site = site;
      if (task.pass_time) world_.time_pollers |= bit(current_);
      update_time();
      block(Blocked::polling);
      world_.time_pollers &= ~bit(current_);
      update_time();
      for (u32 i = 0; i < task.watches; i++) shadow_.by_number(task.watch[i].cell).watchers &= ~bit(current_);
      held = true;
    }
    do_advance(task);
    if (held || told_options_ > 1) tell(OpKind::poll, nullptr, 0, 0, 0, site);
  }
  task.watches = 0;
  task.pass_effect = task.pass_time = false;
}

void OperationalMachine::wake_watchers(Cell& cell) noexcept {
  for (u64 left = cell.watchers; left != 0; left &= left - 1) {
    const u32 id = static_cast<u32>(__builtin_ctzll(left));
    TaskRecord& task = records_[id];
    if (task.wants != nullptr && reinterpret_cast<const unsigned char*>(&task.wants->word) == cell.at) {
      if (task.wants->word == 0) {
        unblock(id);
      } else if (id != current_) {
        task.blocked = Blocked::lock;
        runnable_ &= ~bit(id);
      }
    } else if (task.blocked == Blocked::polling) {
      unblock(id);
    }
  }
}

// ---- locks ---------------------------------------------------------------------------------------------------------------

void OperationalMachine::take_lock(LockWord& lock, LockKind kind, Cell& cell) noexcept {
  TaskRecord& task = me();
  do_locked_load(cell, &lock.word, 4);
  do_lock_order(cell);
  const bool effect = task.pass_effect;
  do_locked_store(cell, &lock.word, 4, current_ + 1);
  task.pass_effect = effect;  // taking a lock is nobody's progress
  if (kind == LockKind::spin) task.spin_depth++;
}

void OperationalMachine::lock(LockWord& lock, LockKind kind, Site site) noexcept {
  TaskRecord& task = me();
  task.site = site;
  if (lock.word == current_ + 1 && (drains_ & bit(current_)) != 0) {  // its own release may still be on the way
    point();
    do_fence(arch::Fence::full);
    skip_point_ = true;
  }
  Cell& cell = touch(&lock.word, 4, site);
  if (lock.word == current_ + 1)
    fail("deadlock",
         fmt::format("task {} takes a lock that it holds, at {} ({}:{})", task.task->name, site.function, site.file, site.line));
  if (kind == LockKind::mutex && (task.spin_depth != 0 || task.task->in_interrupt))
    fail("sleep-in-atomic", fmt::format("task {} takes a mutex {}, at {} ({}:{})", task.task->name,
                                        task.spin_depth != 0 ? "with a spinlock held" : "in interrupt context", site.function,
                                        site.file, site.line));
  task.wants = &lock;
  cell.watchers |= bit(current_);
  if (lock.word != 0) {
    skip_point_ = false;
    block(Blocked::lock);
    skip_point_ = false;
  } else {
    point();
  }
  task.wants = nullptr;
  cell.watchers &= ~bit(current_);
  take_lock(lock, kind, cell);
  tell(OpKind::lock, &lock.word, 4, 0, current_ + 1, site);
}

bool OperationalMachine::try_lock(LockWord& lock, LockKind kind, Site site) noexcept {
  point();
  Cell& cell = touch(&lock.word, 4, site);
  const bool free = lock.word == 0;
  if (free)
    take_lock(lock, kind, cell);
  else
    note_read(cell, cell.version);
  tell(OpKind::try_lock, &lock.word, 4, free ? 0 : lock.word, lock.word, site);
  return free;
}

void OperationalMachine::unlock(LockWord& lock, LockKind kind, Site site) noexcept {
  point();
  TaskRecord& task = me();
  Cell& cell = touch(&lock.word, 4, site);
  if (lock.word != current_ + 1)
    fail("lock-imbalance", fmt::format("task {} releases a lock that it does not hold, at {} ({}:{})", task.task->name,
                                       site.function, site.file, site.line));
  if (kind == LockKind::spin) task.spin_depth--;
  task.unlocked = true;
  const bool effect = task.pass_effect;
  do_store(cell, &lock.word, 4, 0, arch::Order::release);
  task.pass_effect = effect;
  tell(OpKind::unlock, &lock.word, 4, current_ + 1, 0, site);
}

// ---- time ------------------------------------------------------------------------------------------------------------------

void OperationalMachine::update_time() noexcept {
  time_moves_ = (world_.timers != nullptr && world_.timers->due > world_.now) || world_.sleepers != 0 ||
                (world_.time_pollers != 0 && world_.idle_moves < kMaxIdleMoves);
}

void OperationalMachine::move_time(u32 /*acting*/) noexcept {
  u64 due = kNever;
  if (world_.timers != nullptr && world_.timers->due > world_.now) due = world_.timers->due;
  for (u32 i = 0; world_.sleepers != 0 && i < tasks_; i++)
    if (records_[i].blocked == Blocked::sleeping && !records_[i].timed_out) due = std::min(due, records_[i].deadline);
  if (world_.time_pollers != 0 && world_.idle_moves < kMaxIdleMoves && world_.now + world_.step_ns < due) {
    due = world_.now + world_.step_ns;
    world_.step_ns *= 2;
    world_.idle_moves++;
  }
  if (due == kNever) {
    time_moves_ = false;
    return;
  }
  world_.now = due;
  if (recording_ != nullptr) {
    Step step;
    step.kind = OpKind::time;
    step.after = due;
    recording_->push_back(step);
    strategy_->step(step);
  }
  for (u32 i = 0; i < tasks_; i++) {
    TaskRecord& task = records_[i];
    if (task.blocked == Blocked::sleeping && task.deadline <= world_.now) {
      task.timed_out = true;
      task.deadline = kNever;
      unblock(i);
    } else if (task.blocked == Blocked::polling && (world_.time_pollers & bit(i)) != 0) {
      unblock(i);
    }
  }
  look_at_timers();
  update_time();
}

u64 OperationalMachine::now() noexcept {
  if (outside()) return world_.now;
  me().pass_time = true;
  if (time_moves_) point();
  if (recording_ != nullptr) write_down(OpKind::now, 0, 8, world_.now, world_.now, {}, nullptr);
  return world_.now;
}

void OperationalMachine::unlink(arch::Timer& timer) noexcept {
  arch::Timer** link = &world_.timers;
  while (*link != &timer) link = reinterpret_cast<arch::Timer**>(&(*link)->engine[0]);
  *link = static_cast<arch::Timer*>(timer.engine[0]);
  timer.engine[0] = nullptr;
  timer.armed = false;
}

void OperationalMachine::timer_start(arch::Timer& timer, u64 due) noexcept {
  if (!outside()) {
    point();
    me().pass_effect = true;
    publish_into(timer_sync_);
  }
  if (timer.armed) unlink(timer);
  timer.due = due;
  timer.armed = true;
  arch::Timer** link = &world_.timers;
  while (*link != nullptr && (*link)->due <= due) link = reinterpret_cast<arch::Timer**>(&(*link)->engine[0]);
  timer.engine[0] = *link;
  *link = &timer;
  look_at_timers();
  update_time();
  if (!outside()) tell(OpKind::timer_start, &timer, 0, 0, due, {});
}

int OperationalMachine::timer_cancel(arch::Timer& timer) noexcept {
  if (!outside()) point();
  int result = world_.running_timer == &timer ? -1 : 0;
  if (timer.armed) {
    unlink(timer);
    update_time();
    result = 1;
    if (!outside()) me().pass_effect = true;
  }
  if (!outside()) {
    take(timer_sync_);
    tell(OpKind::timer_cancel, &timer, 0, 0, static_cast<u64>(static_cast<s64>(result)), {});
  }
  return result;
}

/// A context of its own for interrupts, made when it is first needed, that sleeps when there is nothing to do.
void OperationalMachine::run_service(u32& context, arch::Task& task, const char* name, void (*entry)(void*)) noexcept {
  if (context == kNobody) {
    if (!outside() && tasks_ >= clocks_) {
      clocks_ = round_lanes(tasks_ + kLanes);
      again_please();
      finish(End::stopped);
    }
    void* const stack = tasks_ < kMaxTasks ? arena_.alloc_stack() : nullptr;
    if (stack == nullptr) return fail("too-many-tasks", "no room for an interrupt context");
    std::strncpy(task.name, name, sizeof task.name - 1);
    task.in_interrupt = true;
    context = add_record(task, entry, this, stack);
    records_[context].service = true;
    records_[context].blocked = Blocked::sleeping;
  }
  if (records_[context].blocked == Blocked::sleeping) unblock(context);
}

void OperationalMachine::look_at_timers() noexcept {
  if (world_.timers != nullptr && world_.timers->due <= world_.now)
    run_service(world_.timer_context, timer_task_, "timer", &OperationalMachine::timer_context);
}

void OperationalMachine::timer_context(void* machine) noexcept {
  auto& self = *static_cast<OperationalMachine*>(machine);
  for (;;) {
    while (self.world_.timers != nullptr && self.world_.timers->due <= self.world_.now) {
      arch::Timer& timer = *self.world_.timers;
      self.unlink(timer);
      self.world_.running_timer = &timer;
      self.update_time();
      self.take(self.timer_sync_);
      self.tell(OpKind::fire, &timer, 0, 0, 0, {});
      timer.function(&timer);
      self.world_.running_timer = nullptr;  // the timer may be gone
      self.publish_into(self.timer_sync_);
    }
    self.block(Blocked::sleeping);
  }
}

void OperationalMachine::raise(arch::Interrupt& interrupt) noexcept {
  if (!outside()) {
    point();
    me().pass_effect = true;
    publish_into(interrupt_sync_);
    tell(OpKind::raise, &interrupt, 0, 0, 0, {});
  }
  interrupt.engine[0] = nullptr;
  arch::Interrupt** link = &world_.raised;
  while (*link != nullptr) link = reinterpret_cast<arch::Interrupt**>(&(*link)->engine[0]);
  *link = &interrupt;
  run_service(world_.interrupt_context, interrupt_task_, "interrupt", &OperationalMachine::interrupt_context);
}

void OperationalMachine::interrupt_context(void* machine) noexcept {
  auto& self = *static_cast<OperationalMachine*>(machine);
  for (;;) {
    while (self.world_.raised != nullptr) {
      arch::Interrupt& interrupt = *self.world_.raised;
      self.world_.raised = static_cast<arch::Interrupt*>(interrupt.engine[0]);
      self.take(self.interrupt_sync_);
      self.tell(OpKind::fire, &interrupt, 0, 0, 0, {});
      interrupt.function(&interrupt);
    }
    self.block(Blocked::sleeping);
  }
}

// ---- supply ------------------------------------------------------------------------------------------------------------------

void* OperationalMachine::alloc(u64 bytes, u64 align) noexcept {
  void* const memory = arena_.alloc(bytes, align);
  if (memory != nullptr && !outside()) shadow_.allocated(memory, bytes);
  return memory;
}

void OperationalMachine::free(void* memory, u64 bytes) noexcept {
  if (memory == nullptr) return;
  if (!outside()) {
    if ((drains_ & bit(current_)) != 0) do_fence(arch::Fence::full);  // nothing of its own may reach it later
    shadow_.freed(memory, bytes);
    any_freed_ = true;
  }
  arena_.free(memory, bytes);
}

u64 OperationalMachine::random() noexcept {
  // splitmix64
  world_.random += 0x9e3779b97f4a7c15;
  u64 z = world_.random;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

u32 OperationalMachine::choose(u32 options, const char* what) noexcept {
  if (options == 0 && !outside()) finish(End::blocked);
  if (outside() || options < 2) return 0;
  const u32 choice = choose_value(options, ValueKind::world);
  told_choice_ = choice;
  told_options_ = options;
  if (recording_ != nullptr) write_down(OpKind::choose, 0, 0, 0, choice, {"", what, 0}, nullptr);
  return choice;
}

void OperationalMachine::report(const char* what, bool fatal, Site site) noexcept {
  std::string text = fmt::format("{} at {} ({}:{})", what, site.function, site.file, site.line);
  if (fatal) return fail("report", std::move(text));
  if (violation_.check.empty()) violation_ = {"report", std::move(text)};
}

// ---- words -------------------------------------------------------------------------------------------------------------------

u64 OperationalMachine::peek(const void* at, unsigned size) noexcept {
  switch (size) {
    case 1:
      return *static_cast<const u8*>(at);
    case 2:
      return *static_cast<const u16*>(at);
    case 4:
      return *static_cast<const u32*>(at);
    default:
      return *static_cast<const u64*>(at);
  }
}

void OperationalMachine::poke(void* at, unsigned size, u64 value) noexcept {
  switch (size) {
    case 1:
      *static_cast<u8*>(at) = static_cast<u8>(value);
      break;
    case 2:
      *static_cast<u16*>(at) = static_cast<u16>(value);
      break;
    case 4:
      *static_cast<u32*>(at) = static_cast<u32>(value);
      break;
    default:
      *static_cast<u64*>(at) = value;
      break;
  }
}

u64 OperationalMachine::apply(arch::Rmw op, u64 old, u64 operand) noexcept {
  switch (op) {
    case arch::Rmw::add:
      return old + operand;
    case arch::Rmw::bit_and:
      return old & operand;
    case arch::Rmw::bit_or:
      return old | operand;
    default:
      return operand;
  }
}

bool OperationalMachine::is_left_out(const char* barrier) const noexcept {
  return std::any_of(options_.left_out.begin(), options_.left_out.end(),
                     [&](const std::string& name) { return name == barrier; });
}

SyncView* OperationalMachine::publish() noexcept {
  if (outside()) return nullptr;
  TaskRecord& task = me();
  const u32 lanes = view_lanes();
  auto* const sync = static_cast<SyncView*>(pool_.take(16 + u64{lanes} * sizeof(u32)));
  sync->lanes = lanes;
  copy_lanes(sync->at, task.view, lanes);
  if (task.has_extra) join_lanes(sync->at, task.extra, lanes);
  task.view[current_]++;
  return sync;
}

void OperationalMachine::publish_into(SyncView*& sync) noexcept {
  SyncView* const mine = publish();
  if (mine == nullptr) return;
  if (sync != nullptr) join_lanes(mine->at, sync->at, sync->lanes);
  sync = mine;
}

// ---- races -------------------------------------------------------------------------------------------------------------------

void OperationalMachine::race_check(Cell& cell, u8 bytes, bool write, bool plain, Site site) noexcept {
  if (!options_.races || warming_) return;
  const u32* const view = me().view;
  const auto races_with = [&](const LastAccess& last) {
    return last.task != kNobody && last.task != current_ && (plain || last.plain) && (last.bytes & bytes) != 0 &&
           view[last.task] < last.clock;
  };
  const LastAccess* const other = races_with(cell.write) ? &cell.write : write && races_with(cell.read) ? &cell.read : nullptr;
  if (other != nullptr) [[unlikely]]
    fail("data-race",
         race_text(cell, *other, other == &cell.write, {current_, 0, plain, bytes, site, current_scope(me())}, write));
  (write ? cell.write : cell.read) = {current_, view[current_], plain, bytes, site, current_scope(me())};
}

std::string OperationalMachine::race_text(const Cell& cell, const LastAccess& other, bool other_writes, const LastAccess& mine,
                                          bool write) const {
  const auto say = [this](const LastAccess& access, bool writes) {
    return fmt::format("{} {} by {} in {} ({}:{})", access.plain ? "plain" : "marked", writes ? "write" : "read",
                       task_name(access.task), access.scope != nullptr ? access.scope : access.site.function, access.site.file,
                       access.site.line);
  };
  std::string word = program_->word_name(cell.at);
  if (word.empty()) word = fmt::format("arena+{:#x}", arena_.offset(cell.at));
  return fmt::format("{} is accessed by two tasks that nothing orders: {} and {}", word, say(other, other_writes),
                     say(mine, write));
}

void OperationalMachine::plain(const void* at, u64 bytes, bool write, Site site) noexcept {
  auto from = reinterpret_cast<u64>(at);
  const u64 end = from + bytes;
  while (from < end) {
    const auto size = static_cast<unsigned>(std::min<u64>(end - from, 4 - from % 4));
    const auto* const word = reinterpret_cast<const void*>(from);
    Cell& cell = touch(word, size < 3 ? size : 4, site);
    if (shadow_.accessed_plainly(cell)) again_please();
    race_check(cell, byte_mask(cell, word, size), write, true, site);
    do_settle(cell);
    from += size;
  }
  if (write) me().pass_effect = true;
  tell(write ? OpKind::plain_write : OpKind::plain_read, at, 0, bytes, bytes, site);
}

void OperationalMachine::scope(const char* function) noexcept {
  if (outside()) return;
  TaskRecord& task = me();
  if (function == nullptr) {
    task.depth--;
    return;
  }
  task.scopes[task.depth++ % kMaxScopes] = function;
}

// ---- telling
// -------------------------------------------------------------------------------------------------------------------

std::string OperationalMachine::describe_access(const void* at, unsigned size, Site site) const {
  return fmt::format("the access to {} bytes at {} by {} in {} ({}:{})", size,
                     arena_.contains(at) ? fmt::format("arena+{:#x}", arena_.offset(at)) : "an address of the host",
                     task_name(current_), site.function, site.file, site.line);
}

/// Pointers are told as arena offsets, addresses of the host not at all: equal runs are equal wherever they lie.
u64 OperationalMachine::without_addresses(u64 value, unsigned size) const noexcept {
  if (size != 8) return value;
  if (arena_.contains(reinterpret_cast<const void*>(value))) return arena_.offset(reinterpret_cast<const void*>(value));
  return value >> 40 != 0 && value >> 47 == 0 ? 0 : value;
}

void OperationalMachine::write_down(OpKind kind, u64 object, unsigned size, u64 before, u64 after, Site site,
                                    const char* barrier) noexcept {
  Step step;
  step.task = current_;
  step.kind = kind;
  step.size = static_cast<u8>(size);
  step.choice = told_choice_;
  step.options = told_options_;
  step.object = object;
  step.site = site;
  step.scope = current_scope(me());
  step.barrier = barrier;
  step.left_out = left_out(barrier);
  step.preempts = told_preempts_;
  told_preempts_ = false;
  step.before = without_addresses(before, size);
  step.after = without_addresses(after, size);
  step.missed_task = told_missed_task_;
  step.missed_site = told_missed_site_;
  step.missed_value = told_missed_value_;
  told_choice_ = 0;
  told_options_ = 1;
  told_missed_task_ = kNobody;
  recording_->push_back(step);
  strategy_->step(step);
}

}  // namespace uringsim::sim
