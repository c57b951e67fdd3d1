// SPDX-License-Identifier: GPL-2.0-only
// What a task waits for: locks, being woken, something new to see.
#pragma once

#include "kernel_model/arch/wake.h"
#include "sim/explore/dpor/raw_memory.h"
#include "sim/explore/dpor/search.h"
#include "sim/fiber/source_path.h"

namespace uringsim::sim::dpor {

/// Adds, or replays, a load that must find a zero; the task waits in `status` until there is one. What it does with the zero is
/// up to `operation`.
template <unsigned W>
EventId Search<W>::await(Task& task, u16 word, Status status, const RmwOperation& operation) noexcept {
  const u16 thread = static_cast<u16>(task.task->id);
  for (;;) {
    EventId id = replayed_event(task, kRead, word_info_[word].at);
    if (id == 0) {
      const EventId last = graph_->threads[thread].last;
      if (last != 0 && (graph_->event[last].flags & kWaiting) != 0) {
        task.wait_word = word;
        leave(task, status);
        if (graph_->full()) at_frontier(task);
      } else {
        at_frontier(task);
      }
      const u16 flags = kRead | kLock | task.pending;
      task.pending = 0;
      id = add_load(thread, flags, word, &operation);
      task.replayed++;
      if ((graph_->event[id].flags & kRmw) != 0) {
        add_rmw_store(id);
        task.replayed++;
      }
      if (violated_) leave(task, Status::frontier);
    } else if ((graph_->event[id].flags & kRmw) != 0) {
      replayed_event(task, kWrite, word_info_[word].at);
    }
    if ((graph_->event[id].flags & kWaiting) == 0) return id;
  }
}

/// Whoever may sleep from here on must not hold a spinlock, nor be an interrupt.
template <unsigned W>
void Search<W>::may_sleep(const char* does, const arch::Site& site) noexcept {
  Task& task = running();
  if (task.spin_depth == 0 && !task.task->in_interrupt) return;
  fail("sleep-in-atomic",
       fmt::format(
           "task {} {} {}{}", task.task->name, does, task.spin_depth != 0 ? "with a spinlock held" : "in interrupt context",
           site.line == 0 ? std::string() : fmt::format(", at {} ({}:{})", site.function, source_path(site.file), site.line)));
  leave(task, Status::frontier);
}

template <unsigned W>
void Search<W>::lock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept {
  Task& task = running();
  task.site = site;
  if (warming_) {
    task.wanted = &lock;
    while (warming_ && lock.word != 0) leave(task, Status::waits_lock);
    if (warming_) {
      lock.word = task.task->id + 1;
      if (locks_ != nullptr) locks_->on_lock(task.task->id, lock, false, site);
      return;
    }
  }
  if (kind == arch::LockKind::mutex) may_sleep("takes a mutex", site);
  RmwOperation operation{task.task->id + u64{1}, 0, arch::Rmw::exchange, 4, arch::Order::acquire};
  operation.lock = operation.waits = true;
  const EventId id = await(task, word_of(&lock.word, 4), Status::waits_lock, operation);
  detail::poke(&lock.word, 4, operation.operand);
  note(id, OpKind::lock, &lock.word, 4, nullptr, site);
  note(graph_->event[id].po_next, OpKind::lock, &lock.word, 4, nullptr, site);
  if (kind == arch::LockKind::spin) task.spin_depth++;
  if (locks_ != nullptr) locks_->on_lock(task.task->id, lock, false, site);
}

template <unsigned W>
bool Search<W>::try_lock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept {
  RmwOperation operation{running().task->id + u64{1}, 0, arch::Rmw::compare_exchange, 4, arch::Order::acquire};
  operation.lock = true;
  const bool taken = perform(&lock.word, operation, OpKind::try_lock, site) == 0;
  if (taken && !warming_ && kind == arch::LockKind::spin) running().spin_depth++;
  if (taken && locks_ != nullptr) locks_->on_lock(running().task->id, lock, true, site);
  return taken;
}

template <unsigned W>
void Search<W>::unlock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept {
  if (locks_ != nullptr) locks_->on_unlock(running().task->id, lock);
  if (warming_) {
    lock.word = 0;
    return;
  }
  Task& task = running();
  // Nobody else writes the word between its taking and its release, and what comes before either has been replayed by then.
  if (detail::peek(&lock.word, 4) != task.task->id + u64{1}) [[unlikely]] {
    fail("lock-imbalance", fmt::format("task {} releases a lock that it does not hold, at {} ({}:{})", task.task->name,
                                       site.function, source_path(site.file), site.line));
    leave(task, Status::frontier);
  }
  if (kind == arch::LockKind::spin && task.spin_depth != 0) task.spin_depth--;
  EventId id = replayed_event(task, kWrite, &lock.word);
  if (id == 0) {
    at_frontier(task);
    const u16 flags = kWrite | kRelease | kLock | task.pending;
    task.pending = 0;
    id = add_store(static_cast<u16>(task.task->id), flags, word_of(&lock.word, 4), 0);
    task.replayed++;
    if (violated_) leave(task, Status::frontier);
    preempt_ = true;
  }
  detail::poke(&lock.word, 4, 0);
  note(id, OpKind::unlock, &lock.word, 4, nullptr, site);
}

template <unsigned W>
void Search<W>::set_state(u32 state) noexcept {
  if (warming_) {
    *running().state = state;
    return;
  }
  const bool effect = running().effect;
  store(running().state, 4, state, arch::Order::relaxed, nullptr, {});
  running().effect = effect;  // nobody's progress
  if (recording_) {
    Trail& trail = trail_[trail_newest_];
    trail.kind = OpKind::set_state;
    trail.object = running().task->id;
  }
}

template <unsigned W>
u32 Search<W>::state(const arch::Task& task) const noexcept {
  const Task& other = *tasks_[task.id];
  if (set_up_ || judging_) return *other.state;
  return static_cast<u32>(const_cast<Search*>(this)->load(other.state, 4, arch::Order::relaxed, nullptr, {}));
}

/// Sleeping with a deadline is a choice: to be woken, or to time out. The second may come at any moment, which is to say that its
/// step is unordered with what others do. A sleeper that chose the first and that nobody wakes, or somebody for whom its deadline
/// has passed, is cut: it would have timed out.
template <unsigned W>
bool Search<W>::schedule(u64 deadline) noexcept {
  Task& task = running();
  if (warming_) {
    task.deadline = deadline;
    while (warming_ && *task.state != arch::TASK_RUNNING) leave(task, Status::asleep);
    const bool woken = task.deadline == deadline;
    task.deadline = kNoTimer;
    if (warming_) return woken;
  }
  may_sleep("sleeps", {});
  fence(arch::Fence::full, nullptr, {});
  task.effect = true;
  task.may_time_out = deadline != ~u64{0};
  if (task.may_time_out && decide(2, kOfWorld) == 1) {
    task.may_time_out = false;
    reach(deadline);
    RmwOperation wake_self{arch::TASK_RUNNING, 0, arch::Rmw::exchange, 4, arch::Order::full};
    perform(task.state, wake_self, OpKind::sleep, {});
    return false;  // even if somebody woke it at the same time
  }
  RmwOperation look{0, 0, arch::Rmw::exchange, 4, arch::Order::acquire};
  look.waits = look.looks = true;
  const EventId id = await(task, word_of(task.state, 4), Status::asleep, look);
  note_task(id, OpKind::sleep, task.task->id);
  if (task.may_time_out && load(&own_->clock, 8, arch::Order::relaxed, nullptr, {}) >= deadline)
    for (;;) leave(task, Status::cut);
  task.may_time_out = false;
  return true;
}

template <unsigned W>
bool Search<W>::wake(arch::Task& task, u32 mask) noexcept {
  Task& target = *tasks_[task.id];
  if (set_up_) {
    if (target.state == nullptr || (*target.state & mask) == 0) return false;
    *target.state = arch::TASK_RUNNING;
    target.initial = true;
    return true;
  }
  const bool unordered = is_left_out(arch::kWakeBarrier);
  const auto say_unordered = [&](Trail& step) {
    step.object = task.id;
    step.left_out = true;
    step.barrier = arch::kWakeBarrier;
  };
  // Without the barrier a look that nothing orders says whether there is somebody to wake.
  if (unordered && (load(target.state, 4, arch::Order::relaxed, nullptr, {}) & mask) == 0) {
    if (recording_ && !warming_) {
      trail_[trail_newest_].kind = OpKind::wake;
      say_unordered(trail_[trail_newest_]);
    }
    return false;
  }
  fence(arch::Fence::full, nullptr, {});
  RmwOperation operation{arch::TASK_RUNNING, mask, arch::Rmw::exchange, 4, arch::Order::full};
  operation.wakes = true;
  const bool woken = (perform(target.state, operation, OpKind::wake, {}) & mask) != 0;
  if (recording_) {
    Trail& look = trail_[trail_newest_ - (woken ? 1 : 0)];
    trail_[trail_newest_].object = look.object = task.id;
    if (unordered) say_unordered(look);
  }
  if (woken) preempt_ = true;
  return woken;
}

/// True if the pass under way did what the one before it did, but for the time that it saw; not `exactly`: what that did at its
/// end, whatever the values.
template <unsigned W>
bool Search<W>::repeats_last_pass(const Task& task, bool exactly) const noexcept {
  const Graph<W>& g = *graph_;
  const auto skip = [&](EventId& event, u16 from) {  // what has to do with time
    while (event != 0 && g.event[event].index >= from &&
           ((g.event[event].flags & kChoice) != 0 ||
            ((g.event[event].flags & (kRead | kWrite)) != 0 && word_info_[g.event[event].word].at == &own_->clock)))
      event = g.event[event].po_prev;
    if (event != 0 && g.event[event].index < from) event = 0;
  };
  EventId now = last_event(task);
  EventId then = now;
  while (then != 0 && g.event[then].index >= task.pass_from) then = g.event[then].po_prev;
  for (;;) {
    skip(now, task.pass_from);
    skip(then, task.last_from);
    if (now == 0 || then == 0) return now == 0 && (then == 0 || !exactly);
    const Event &a = g.event[now], &b = g.event[then];
    constexpr u16 kKinds = kRead | kWrite | kRmw | kCas | kRange;
    if ((a.flags & kKinds) != (b.flags & kKinds) || a.word != b.word || (exactly && a.value != b.value)) return false;
    now = a.po_prev;
    then = b.po_prev;
  }
}

/// A pass that changed nothing would find the same again: the task stops here. Whatever gives it something else to see revisits
/// the loads of the pass. That time goes on is something else to see too: it goes on further than anybody waits, but the pass
/// that saw it may have begun to wait only then. So it is the same again once a second pass did what the first did.
/// What a task did on its way to a loop looks like a part of the first pass, but is not done again: where there is more than one
/// access, a pass is known by doing what the one before it did at its end. (The loop of a kernel thread is all there is to it.)
template <unsigned W>
void Search<W>::poll_pass(arch::Site site) noexcept {
  Task& task = running();
  if (warming_) {
    leave(task, Status::polling);
    if (warming_) return;
    task.in_loop = true;
  }
  if (task.copied_over != 0) settle(task);
  const bool effect = task.effect || (task.time_moved && !(task.time_is_up && repeats_last_pass(task, true)));
  const bool in_loop =
      std::exchange(task.in_loop, task.kernel_thread) || task.replayed <= task.pass_from + 1 || repeats_last_pass(task, false);
  if (!effect && in_loop && task.replayed > task.pass_from) {
    if (task.cursor != 0) return;  // cannot be
    task.site = site;
    idle_ |= task.waited;
    leave(task, Status::polling);
  }
  task.time_is_up = task.time_moved && !task.effect;
  task.effect = task.time_moved = task.waited = false;
  task.last_from = task.pass_from;
  task.pass_from = task.replayed;
}

}  // namespace uringsim::sim::dpor
