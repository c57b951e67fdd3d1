// SPDX-License-Identifier: GPL-2.0-only
// Locks of counted tasks: one word that names the holder, waiters in order of arrival. timed_machine.h states the rules.
#include <algorithm>

#include "sim/fiber/timed_task.h"

namespace uringsim::sim {

using arch::LockKind;
using arch::LockWord;
using arch::Site;

/// The lock is `task`'s now.
void TimedMachine::took(TimedTask& task, LockWord& lock, LockKind kind, Site site, bool tried) noexcept {
  lock.word = task.id + 1;
  if (options_.locks != nullptr && task.task != nullptr) options_.locks->on_lock(task.id, lock, tried, site);
  if (task.held_count < TimedTask::kHeldLocks) task.held[task.held_count] = {&lock, kind, site};
  task.held_count++;
  task.spin_depth += kind == LockKind::spin ? 1 : 0;
}

void TimedMachine::lock(LockWord& lock, LockKind kind, Site site) noexcept {
  TimedTask* const task = self();
  if (task == nullptr) {
    if (lock.word != 0) return report("a lock that is taken while nothing can run", true, site);
    return took(*outside_, lock, kind, site);
  }
  if (task->interrupt && kind == LockKind::mutex) report("a sleeping lock in interrupt context", true, site);
  task->task->clock += task->task->memory_cost;
  task->poll.locks = true;
  if (task->task->clock >= task->task->deadline) go_on(*task);
  if (lock.word != 0) return lock_contended(*task, lock, kind, site);
  took(*task, lock, kind, site);
}

bool TimedMachine::try_lock(LockWord& lock, LockKind kind, Site site) noexcept {
  TimedTask& task = self() != nullptr ? *self() : *outside_;
  if (task.task != nullptr) task.task->clock += task.task->memory_cost;
  task.poll.locks = true;
  if (lock.word != 0) return false;
  took(task, lock, kind, site, true);
  return true;
}

void TimedMachine::lock_contended(TimedTask& task, LockWord& lock, LockKind kind, Site site) noexcept {
  if (lock.word == task.id + 1) report("a lock taken again by its holder", false, site);
  task.waits_for = &lock;
  task.waits_kind = kind;
  task.waits_site = site;
  task.lost = task.handed = false;
  task.next_waiter = nullptr;
  (last_lock_waiter_ != nullptr ? last_lock_waiter_->next_waiter : lock_waiters_) = &task;
  last_lock_waiter_ = &task;
  lock.waiters++;
  task.task->effects++;
  if (kind == LockKind::spin) {
    task.spinning = true;
    return go_on(task);  // unlock() hands it over
  }
  if (task.spin_depth != 0) report("a sleeping lock under a spinlock", true, site);
  while (!task.handed && lock.word != 0) {
    task.state = arch::TASK_UNINTERRUPTIBLE;
    block(task);
    task.lost = true;
  }
  task.state = arch::TASK_RUNNING;
  drop_waiter(task);
  lock.waiters--;
  took(task, lock, kind, site);
}

TimedTask* TimedMachine::first_waiter(const LockWord& lock) noexcept {
  TimedTask* waiter = lock_waiters_;
  while (waiter != nullptr && waiter->waits_for != &lock) waiter = waiter->next_waiter;
  return waiter;
}

void TimedMachine::drop_waiter(TimedTask& task) noexcept {
  TimedTask* previous = nullptr;
  for (TimedTask* at = lock_waiters_; at != &task; at = at->next_waiter) previous = at;
  (previous != nullptr ? previous->next_waiter : lock_waiters_) = task.next_waiter;
  if (last_lock_waiter_ == &task) last_lock_waiter_ = previous;
  task.next_waiter = nullptr;
  task.waits_for = nullptr;
}

void TimedMachine::unlock(LockWord& lock, LockKind kind, Site site) noexcept {
  TimedTask& task = self() != nullptr ? *self() : *outside_;
  const u64 clock = task.task != nullptr ? task.task->clock += task.task->memory_cost : time_;
  if (lock.word != task.id + 1) return report("a lock released by somebody who does not hold it", true, site);
  lock.word = 0;
  if (options_.locks != nullptr && task.task != nullptr) options_.locks->on_unlock(task.id, lock);
  unsigned at = std::min(task.held_count, TimedTask::kHeldLocks);
  while (at > 0 && task.held[at - 1].lock != &lock) at--;
  if (at > 0) std::move(task.held + at, task.held + std::min(task.held_count, TimedTask::kHeldLocks), task.held + at - 1);
  task.held_count--;
  task.spin_depth -= kind == LockKind::spin ? 1 : 0;
  if (task.task == nullptr) return;
  if (task.seen_holding) {  // others may have found it taken, and now would not; no effect of the task's own
    stir();
    task.seen_holding = task.held_count != 0;
  }
  if (task.spin_depth == 0 && !task.interrupt && processors_[task.cpu].resched) task.task->deadline = 0;
  if (lock.waiters == 0) return;

  TimedTask* const first = first_waiter(lock);
  if (first == nullptr) {  // a builder took it directly, which leaves its name there
    lock.waiters = 0;
    return;
  }
  TimedTask& waiter = *first;
  task.task->effects++;
  task.task->deadline = 0;
  if (kind == LockKind::mutex) {
    if (waiter.lost) {
      waiter.handed = true;
      lock.word = waiter.id + 1;
    }
    if (waiter.where == Whereabouts::blocked) make_ready(waiter, clock);
    return;
  }
  drop_waiter(waiter);
  lock.waiters--;
  waiter.spinning = false;
  const u64 taken = std::max(waiter.task->clock, clock + options_.costs.handoff);
  const u64 waited = taken - waiter.task->clock;
  waiter.statistics.lock_wait += waited;
  waiter.task->clock = taken;
  if (waiter.interrupt) processors_[waiter.cpu].interrupt_waited += waited;
  took(waiter, lock, kind, waiter.waits_site);
}

}  // namespace uringsim::sim
