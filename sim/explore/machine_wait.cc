// SPDX-License-Identifier: GPL-2.0-only
// The operational machine: sleeping, waking, polling and locks: how a task waits, and what makes it go on.
#include "sim/explore/machine.h"

#include <fmt/format.h>

#include "kernel_model/arch/wake.h"

namespace uringsim::sim {

using arch::LockKind;
using arch::LockWord;
using arch::Site;
using arch::TASK_RUNNING;

// ---- sleeping and waking -------------------------------------------------------------------------------------------------

void OperationalMachine::set_state(u32 state) noexcept {
  point();
  TaskRecord& task = me();
  if (task.task->in_interrupt) [[unlikely]]  // which has no state of its own
    fail_here("sleep-in-atomic", fmt::format("task {} goes to sleep in interrupt context", task.task->name), nullptr, {});
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
  if (task.task->in_interrupt) [[unlikely]]
    fail_here("sleep-in-atomic", fmt::format("task {} sleeps in interrupt context", task.task->name), nullptr, {});
  do_fence(arch::Fence::full);
  Cell* cell = &touch(task.state, 4, {});
  if (do_locked_load(*cell, task.state, 4) == TASK_RUNNING) {
    if (recording_ != nullptr) write_down(OpKind::sleep, current_, 0, 0, 1, {}, nullptr);  // did not
    return deadline > world_.now;
  }
  if (task.spin_depth != 0)
    fail_here("sleep-in-atomic", fmt::format("task {} sleeps with a spinlock held", task.task->name), task.state, {});
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
  time_for_pollers();
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
  const char* const missing = left_out(arch::kWakeBarrier) ? arch::kWakeBarrier : nullptr;
  if (missing == nullptr) do_fence(arch::Fence::full);
  Cell& cell = touch(other.state, 4, {});
  const u64 seen = do_load(cell, other.state, 4, arch::Order::relaxed);
  if ((seen & mask) == 0 || (do_locked_load(cell, other.state, 4) & mask) == 0) {
    if (recording_ != nullptr) write_down(OpKind::wake, task.id, 4, seen, seen, {}, missing);
    return false;
  }
  me().pass_effect = true;
  do_locked_store(cell, other.state, 4, TASK_RUNNING);
  if (first_time) {
    world_.alive++;
    if (SyncView* const sync = publish()) take_for(other, *sync);
  }
  if (other.blocked == Blocked::sleeping || first_time) unblock(task.id);
  if (recording_ != nullptr) write_down(OpKind::wake, task.id, 4, seen, TASK_RUNNING, {}, missing);
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
    news = news || runs_no_more(task);
    bool held = false;
    if (!news) {
      for (u32 i = 0; i < task.watches; i++) shadow_.by_number(task.watch[i].cell).watchers |= bit(current_);
      task.site = site;
      if (task.pass_time) {
        world_.time_pollers |= bit(current_);
        world_.moves_ahead = 0;  // it has looked
      }
      update_time();
      block(Blocked::polling);
      world_.time_pollers &= ~bit(current_);
      update_time();
      for (u32 i = 0; i < task.watches; i++) shadow_.by_number(task.watch[i].cell).watchers &= ~bit(current_);
      held = true;
    }
    do_advance(task);
    if (held || told_options_ > 1) tell(OpKind::poll, nullptr, 0, 0, 0, site);
  } else {
    time_for_pollers();
  }
  task.watches = 0;
  task.pass_effect = task.pass_time = false;
  task.pass_timer = nullptr;
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
  Cell& cell = touch(&lock.word, 4, site);
  if (lock.word == current_ + 1 && (drains_ & bit(current_)) != 0) {  // its own release may still be on the way
    point();
    do_fence(arch::Fence::full);
    skip_point_ = true;
    (void)touch(&lock.word, 4, site);
  }
  if (kind == LockKind::mutex && (task.spin_depth != 0 || task.task->in_interrupt))
    fail("sleep-in-atomic", fmt::format("task {} takes a mutex {}, at {} ({}:{})", task.task->name,
                                        task.spin_depth != 0 ? "with a spinlock held" : "in interrupt context", site.function,
                                        source_path(site.file), site.line));
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
  (void)touch(&lock.word, 4, site);  // its memory may have been given back meanwhile
  take_lock(lock, kind, cell);
  if (locks_ != nullptr) locks_->on_lock(current_, lock, false, site);
  tell(OpKind::lock, &lock.word, 4, 0, current_ + 1, site);
}

bool OperationalMachine::try_lock(LockWord& lock, LockKind kind, Site site) noexcept {
  point();
  Cell& cell = touch(&lock.word, 4, site);
  const bool free = lock.word == 0;
  if (free) {
    take_lock(lock, kind, cell);
    if (locks_ != nullptr) locks_->on_lock(current_, lock, true, site);
  } else {
    note_read(cell, cell.version);
  }
  tell(OpKind::try_lock, &lock.word, 4, free ? 0 : lock.word, lock.word, site);
  return free;
}

void OperationalMachine::unlock(LockWord& lock, LockKind kind, Site site) noexcept {
  point();
  TaskRecord& task = me();
  Cell& cell = touch(&lock.word, 4, site);
  if (lock.word != current_ + 1)
    fail("lock-imbalance", fmt::format("task {} releases a lock that it does not hold, at {} ({}:{})", task.task->name,
                                       site.function, source_path(site.file), site.line));
  if (kind == LockKind::spin) task.spin_depth--;
  if (locks_ != nullptr) locks_->on_unlock(current_, lock);
  task.unlocked = true;
  const bool effect = task.pass_effect;
  do_store(cell, &lock.word, 4, 0, arch::Order::release);
  task.pass_effect = effect;
  tell(OpKind::unlock, &lock.word, 4, current_ + 1, 0, site);
}

}  // namespace uringsim::sim
