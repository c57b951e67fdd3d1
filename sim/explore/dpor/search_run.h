// SPDX-License-Identifier: GPL-2.0-only
// Running the tasks of one execution: along the graph as far as it reaches, then beyond it.
//
// Replay keeps causality: a load waits until the store that it reads has been replayed. So what tasks exchange by other means
// than arch/ (data under a lock, for instance) is there when they look for it.
#pragma once

#include "sim/explore/dpor/search.h"

namespace uringsim::sim::dpor {

/// `task` has done nothing yet.
template <unsigned W>
void Search<W>::rewind(Task& task) noexcept {
  task.cursor = graph_->threads[task.task->id].first;
  task.replayed = task.pass_from = task.last_from = task.pending = 0;
  task.in_loop = task.effect = task.waited = task.time_moved = task.time_is_up = task.may_time_out = false;
  task.spin_depth = task.spawned = 0;
  task.born = task.copied_over = 0;
  task.pool_used = 0;
  task.pools_full = 0;
}

template <unsigned W>
void Search<W>::restart() {
  arena_.restore(snapshot_);
  program_.put_back();
  for (u32 id = 0; id < tasks_.size(); id++) {
    Task& task = *tasks_[id];
    task.status = Status::absent;
    task.replayed = 0;  // whoever waits for what it does, waits until it is spawned
    if (task.gone || id >= set_up_tasks_) continue;
    rewind(task);
    if (task.begun)
      task.fiber.rewind(task.rest);
    else
      task.fiber.start(task.stack, task.stack_bytes, &Search::enter, &task);
    task.status = Status::replaying;
    task.scopes = task.rest_scopes;
  }
  preempt_ = false;
  idle_ = false;
  *own_ = Own{};
  own_->clock = beginning_;
  started_.assign(early_services_.begin(), early_services_.end());
}

template <unsigned W>
void Search<W>::enter(void* argument) {
  Task& task = *static_cast<Task*>(argument);
  if (!task.initial && !task.search->warming_) task.search->first_wait(task);
  task.entry(task.argument);
  task.search->stop_task();
}

/// A task that was spawned in the run begins once it is woken, and knows what its spawner knew.
template <unsigned W>
void Search<W>::first_wait(Task& task) {
  EventId id = replayed_event(task);
  if (id == 0) {
    at_frontier(task);
    id = add_event(static_cast<u16>(task.task->id), kSync, task.born);
    task.replayed++;
  }
  if (task.service) return;
  RmwOperation look{0, 0, arch::Rmw::exchange, 4, arch::Order::acquire};
  look.waits = look.looks = true;
  await(task, word_of(task.state, 4), Status::unborn, look);
}

/// The current task is over.
template <unsigned W>
void Search<W>::stop_task() {
  Task& task = running();
  if (task.copied_over != 0) settle(task);
  if (task.spin_depth != 0) [[unlikely]]
    fail("lock-imbalance", fmt::format("task {} ended with a spinlock held", task.task->name));
  task.status = Status::ended;
  Fiber::leave_for(task.fiber, home_);
}

template <unsigned W>
void Search<W>::run_task(Task& task) {
  running_ = &task;
  arch::set_current_task(task.task);
  Fiber::switch_to(home_, task.fiber);
}

/// The running task stops here with `status`; returns when it is run again.
template <unsigned W>
void Search<W>::leave(Task& task, Status status) {
  task.status = status;
  Fiber::switch_to(task.fiber, home_);
}

template <unsigned W>
void Search<W>::replay() {
  const Graph<W>& g = *graph_;
  replaying_ = true;
  for (bool again = true; again;) {
    again = false;
    for (auto& entry : tasks_) {
      Task& task = *entry;
      if (task.status == Status::waits_rf) {
        const Event& store = g.event[task.wait_event];
        if (tasks_[store.thread]->replayed <= store.index) continue;
        task.status = Status::replaying;
      }
      if (task.status != Status::replaying) continue;
      run_task(task);
      again = true;
    }
  }
  replaying_ = false;
}

template <unsigned W>
void Search<W>::extend() {
  while (!abort_ && !outgrown_ && !violated_ && !idle_) {
    Task* const task = pick();
    if (task == nullptr) return;
    preempt_ = false;
    run_task(*task);
  }
}

/// Who goes on: the task with the lowest id that can.
template <unsigned W>
auto Search<W>::pick() -> Task* {
  const Graph<W>& g = *graph_;
  if (g.fires().any()) {
    Task* fires = nullptr;  // a timer that has fired sets the clock before anybody looks
    g.fires().each([&](unsigned store) {
      if (g.clock_at(static_cast<EventId>(store)) == 0) fires = tasks_[g.event[store].thread].get();
    });
    if (fires != nullptr) return fires;
  }
  for (auto& entry : tasks_) {
    Task& task = *entry;
    if (task.status == Status::frontier || task.status == Status::replaying) return &task;
    if (task.status == Status::waits_lock || task.status == Status::asleep || task.status == Status::unborn) {
      const EventId last = g.words[task.wait_word].last;
      const RmwOperation& operation = g.operation[g.threads[task.task->id].last];
      if (operation.stores(last == 0 ? g.words[task.wait_word].initial : g.event[last].value)) return &task;
    }
    if (task.status == Status::waits_join && tasks_[task.wait_id]->status == Status::ended) return &task;
  }
  return nullptr;
}

/// The next operation of `task` would be a new event. Returns when it may add it.
template <unsigned W>
void Search<W>::at_frontier(Task& task) {
  if (replaying_ || preempt_ || abort_ || violated_) [[unlikely]]
    leave(task, Status::frontier);
  if (graph_->full()) [[unlikely]] {
    outgrown_ = true;
    leave(task, Status::frontier);
  }
}

/// The event that the next operation of `task`, on the word `at` if it is on one, was; 0 if it is new. Then the caller goes to
/// at_frontier(). A task that does something else than before has been told so by memory that no event stands for.
template <unsigned W>
EventId Search<W>::replayed_event(Task& task, u16 flags, const void* at) {
  if (task.copied_over != 0) [[unlikely]]
    settle(task);
  const EventId id = task.cursor;
  if (id == 0) return 0;
  const Graph<W>& g = *graph_;
  const Event& e = g.event[id];
  constexpr u16 kKinds = kRead | kWrite | kRange | kChoice;
  if ((e.flags & kKinds & ~flags) != 0 || (at != nullptr && word_info_[e.word].at != at)) [[unlikely]]
    diverged(task);
  if (e.rf != 0) {
    const Event& source = g.event[e.rf];
    if (tasks_[source.thread]->replayed <= source.index) [[unlikely]] {
      task.wait_event = e.rf;
      leave(task, Status::waits_rf);
    }
  }
  task.cursor = e.po_next;
  task.replayed = static_cast<u16>(e.index + 1);
  task.pending = 0;
  return id;
}

/// True if the next polling pass of `task` would find something else than the last one did, so that another execution holds it: a
/// word that it reads before it writes it has another value now, or time did not go on where it could have, or what the world
/// chose could be chosen otherwise.
template <unsigned W>
bool Search<W>::may_see_news(const Task& task) {
  const Graph<W>& g = *graph_;
  EventId event = g.threads[task.task->id].last;
  while (g.event[event].index > task.pass_from) event = g.event[event].po_prev;
  written_.clear();
  for (; event != 0; event = g.event[event].po_next) {
    const Event& e = g.event[event];
    if ((e.flags & kChoice) != 0 && (e.word == kOfTime ? e.value == 0 : !task.time_is_up)) return true;
    if ((e.flags & (kRead | kWrite)) == 0 || (e.flags & kWaiting) != 0 ||
        std::find(written_.begin(), written_.end(), e.word) != written_.end())
      continue;
    if ((e.flags & kWrite) != 0) written_.push_back(e.word);
    const EventId last = g.words[e.word].last;
    if ((e.flags & kRead) != 0 && (last == 0 ? g.words[e.word].initial : g.event[last].value) != e.value) return true;
  }
  return false;
}

template <unsigned W>
void Search<W>::count(bool complete) noexcept {
  if (!counted_) return;
  (complete ? result_.complete : result_.blocked)++;
}

/// An execution is over: counts it, and has it judged.
template <unsigned W>
void Search<W>::finish() {
  if (idle_) return count(false);
  Graph<W>& g = *graph_;
  bool cut = false;
  all_ended_ = true;
  for (u32 id = 0; id < tasks_.size(); id++) {
    const Task& task = *tasks_[id];
    if (task.status == Status::ended || task.status == Status::absent || task.status == Status::unborn) continue;
    all_ended_ = false;
    if (task.status == Status::cut) cut = true;
    if (task.status == Status::asleep && task.may_time_out) cut = true;  // it would have timed out
    if (task.status == Status::polling && may_see_news(task)) cut = true;
    if (task.status == Status::waits_lock) {
      const EventId waiting = g.threads[id].last;
      const EventId newer_than = std::max(waiting, g.event[waiting].rf);
      const u32 first = static_cast<u32>(options_.size());
      const Set bound = g.before(static_cast<u16>(id), kRead | kLock);
      for (EventId store = g.words[task.wait_word].last; store > 0; store = g.event[store].co_prev) {
        if (g.event[store].value == 0 && store > newer_than) options_.push_back(store);
        if (bound.test(store)) break;
      }
      if (options_.size() != first) push_item(ItemKind::lock, g.newest(), static_cast<EventId>(id), first);
    }
  }
  cut = cut || !time_is_real();
  count(!cut);
  if (cut || !counted_) return;
  write_back();
  left_over_.clear();
  arch::set_current_task(nullptr);
  judging_ = true;
  program_.check(*this);
  judging_ = false;
  if (options_in_.digests && !violated_) result_.digests.push_back(program_.digest());
}

/// Gives every word the co-newest value, as the program's check expects it.
template <unsigned W>
void Search<W>::write_back() noexcept {
  const Graph<W>& g = *graph_;
  for (u32 word = 0; word < g.words.size(); word++) {
    const EventId last = g.words[word].last;
    if (last == 0) continue;
    const WordInfo& info = word_info_[word];
    detail::poke_after_the_end(info.at, info.size, g.event[last].value);
  }
}

/// Between executions: false if the search has to stop, by its budget or because somebody wants it to.
template <unsigned W>
bool Search<W>::may_go_on() {
  const u64 before = options_in_.from.complete + options_in_.from.blocked;
  if (result_.complete + result_.blocked - before >= options_in_.max_executions) return false;
  constexpr u64 kEventsBetweenLooks = 8192;  // at the clock: often enough for long executions, seldom enough for short ones
  events_ += 32 + graph_->count();
  if (events_ < kEventsBetweenLooks) return true;
  events_ = 0;
  const auto now = std::chrono::steady_clock::now();
  if (options_in_.keep && now >= keep_) {
    keep_ = now + kKeepEvery;
    options_in_.keep(position());
  }
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - began_).count();
  if (static_cast<u64>(elapsed) >= options_in_.max_milliseconds) return false;
  if (!options_in_.progress || now < report_) return true;
  report_ = now + std::chrono::milliseconds(100);
  return options_in_.progress({result_.complete, result_.blocked, static_cast<unsigned>(items_.size()), share()});
}

/// The execution at hand violates something; the first such is told. False if the search ends with it.
template <unsigned W>
bool Search<W>::take_violation() {
  if (!time_is_real()) {
    count(false);
    result_.violation = {};
    race_ = {};
    violated_ = false;
    return true;
  }
  if (!result_.found) {
    result_.found = true;
    result_.found_at = std::max<u64>(1, result_.complete + result_.blocked);
    tell();
  }
  violated_ = false;
  return !options_in_.stop_at_violation;
}

/// Runs the graph at hand to its end.
template <unsigned W>
void Search<W>::run_once() {
  if (!violated_) {
    restart();
    replay();
    extend();
  }
  arch::set_current_task(nullptr);
  if (outgrown_ || abort_) return;
  result_.events = std::max<u64>(result_.events, graph_->count() - 1);
  if (!violated_) finish();
}

template <unsigned W>
Result Search<W>::run() {
  if (!begin()) return result_;
  began_ = std::chrono::steady_clock::now();
  report_ = began_ + std::chrono::milliseconds(100);
  keep_ = began_ + kKeepEvery;
  bool more = true;
  while (more && may_go_on()) {
    counted_ = is_counted();
    result_.run++;
    run_once();
    if (outgrown_ || abort_) break;
    if (violated_ && !take_violation()) break;
    more = backtrack();
  }
  result_.exhausted = !more && !outgrown_ && !abort_;
  result_.position = position();
  std::sort(result_.digests.begin(), result_.digests.end());
  result_.digests.erase(std::unique(result_.digests.begin(), result_.digests.end()), result_.digests.end());
  return result_;
}

}  // namespace uringsim::sim::dpor
