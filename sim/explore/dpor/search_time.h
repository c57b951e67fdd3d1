// SPDX-License-Identifier: GPL-2.0-only
// Time, timers and interrupts.
//
// The clock is a word like any other: who has seen it move knows, and nobody sees it go back. It moves to a deadline when that is
// found to have passed, to a timer's due time when it fires, and by a step longer than whatever is being waited for when somebody
// looks at it and chooses so.
//
// A timer that is started, and an interrupt that is raised, get a task of their own, which runs at any moment from then on.
// Timers run one at a time, and in due order: before it acts the task waits until no timer is armed that is due earlier, among
// those whose start it comes behind. (Of a timer that is started beside it, it may as well have been early.) Interrupts run one
// at a time, in the order of raising, as far as there is one.
//
// A timer's own word says all that there is to know of it: whether and as what it is armed, and whether its function runs. So who
// cancels it learns in one step whether it was in time, which no order of two steps could tell if others start and cancel it too.
#pragma once

#include <algorithm>

#include "sim/explore/dpor/search.h"

namespace uringsim::sim::dpor {

// ---- the clock ------------------------------------------------------------------------------------------------------

template <unsigned W>
u64 Search<W>::now() noexcept {
  if (set_up_) return own_->clock;
  const bool effect = running().effect;
  const u64 moved = decide(2, kOfTime);
  tell_as(OpKind::time);
  const u64 seen = moved != 0 ? move_time() : load(&own_->clock, 8, arch::Order::relaxed, nullptr, {});
  tell_as(OpKind::now);
  running().effect = effect;
  running().time_moved |= moved != 0;
  return seen;
}

/// A look that only sets deadlines: how late it comes makes no difference to anything.
template <unsigned W>
u64 Search<W>::ticks(u64 period) noexcept {
  if (set_up_) return own_->clock / period;
  const u64 seen = load(&own_->clock, 8, arch::Order::relaxed, nullptr, {});
  tell_as(OpKind::now);
  return seen / period;
}

/// Whether a deadline has passed is a choice, the first option being that it has. A polling pass that was told the opposite and
/// has no effect could as well have waited: what comes after it is found by the executions in which it did.
template <unsigned W>
bool Search<W>::ticks_passed(u64 period, s64 count) noexcept {
  if (static_cast<s64>(ticks(period)) > count) return true;
  if (set_up_) return false;
  const EventId look = trail_newest_;
  const u32 not_yet = decide(2, kOfTime);
  tell_as(OpKind::time);
  if (not_yet != 0) {
    running().waited = true;
    return false;
  }
  if (recording_) trail_[look].kind = OpKind::time;  // one look, which finds that time has gone on
  reach(static_cast<u64>(count + 1) * period);
  running().effect = true;
  return true;
}

template <unsigned W>
u64 Search<W>::move_time() noexcept {
  return perform(&own_->clock, {kTimeStep, 0, arch::Rmw::add, 8, arch::Order::relaxed}, OpKind::now, {}) + kTimeStep;
}

/// It is `at` now, or later.
template <unsigned W>
void Search<W>::reach(u64 at) noexcept {
  RmwOperation operation{at, 0, arch::Rmw::exchange, 8, arch::Order::relaxed};
  operation.raises = true;
  perform(&own_->clock, operation, OpKind::now, {});
}

/// The event just added is told as `kind`; OpKind::time: not at all.
template <unsigned W>
void Search<W>::tell_as(OpKind kind) noexcept {
  if (recording_) trail_[trail_newest_].kind = kind;
}

// ---- services -------------------------------------------------------------------------------------------------------

/// Starts the task that runs a timer or an interrupt. `word` is no longer `generation` once that is done or off.
template <unsigned W>
void Search<W>::spawn_service(void (*entry)(void*), void* object, u64* word, u64 generation, u64 due) noexcept {
  Task& parent = running();
  const EventId start = parent.cursor != 0 ? graph_->event[parent.cursor].po_prev : graph_->threads[parent.task->id].last;
  auto* const service = new (alloc(sizeof(Service), 16)) Service{{}, this, object, word, generation, due, start};
  prepare_service(*service);
  started_.push_back(service);
  spawn(service->task, entry, service, {});
  tasks_[service->task.id]->service = true;
}

template <unsigned W>
void Search<W>::prepare_service(Service& service) noexcept {
  service.task.in_interrupt = true;
  std::memcpy(service.task.name, "interrupt", 10);
}

/// True if `service` has to wait for `other`, of which it knows: an earlier timer, or an interrupt raised before.
template <unsigned W>
bool Search<W>::comes_before(const Service& other, const Service& service) const noexcept {
  if (&other == &service || (other.due == kNoTimer) != (service.due == kNoTimer)) return false;
  if (!graph_->porf[last_event(*tasks_[service.task.id])].test(other.start)) return false;
  if (other.due != service.due) return other.due < service.due;
  return other.start == service.start ? other.generation < service.generation : graph_->porf[service.start].test(other.start);
}

/// Waits for every service that comes before this one; returns how many these are.
template <unsigned W>
u32 Search<W>::await_earlier(const Service& service) noexcept {
  // In an order that is the same in every execution.
  u32 count = 0;
  for (u64 after = 0;; count++) {
    const Service* next = nullptr;
    for (const Service* other : started_)
      if (other->generation > after && comes_before(*other, service) && (next == nullptr || other->generation < next->generation))
        next = other;
    if (next == nullptr) return count;
    after = next->generation;
    RmwOperation look{0, next->generation, arch::Rmw::exchange, 8, arch::Order::acquire};
    look.waits = look.looks = look.differs = true;
    await(*tasks_[service.task.id], word_of(next->word, 8), Status::asleep, look);
  }
}

/// Whose turn it is has `lock`.
template <unsigned W>
void Search<W>::await_turn(const Service& service, arch::LockWord& serving) noexcept {
  for (u32 before = await_earlier(service);;) {
    lock(serving, arch::LockKind::spin, {});
    u32 known = 0;  // the one that ran before may have started more of them
    for (const Service* other : started_) known += comes_before(*other, service) ? 1 : 0;
    if (known == before) return;
    unlock(serving, arch::LockKind::spin, {});
    before = await_earlier(service);
  }
}

/// The event with which `service` was started (0: before executions began), and the one with which it fired, began to run or was
/// called off (0: none so far).
template <unsigned W>
std::pair<EventId, EventId> Search<W>::span_of(const Service& service) noexcept {
  const Graph<W>& g = *graph_;
  const u16 word = word_of(service.word, 8);
  if (word >= g.words.size()) return {0, 0};
  // Of an earlier run the word is told too that it is over.
  const auto armed = [&](EventId store) { return store != 0 && (g.event[store].value & ~kTimerRuns) == service.generation; };
  EventId start = 0;
  g.words[word].stores.each([&](unsigned store) {
    if (armed(static_cast<EventId>(store)) && !armed(g.event[store].co_prev)) start = static_cast<EventId>(store);
  });
  EventId ran = g.co_next(start, word);
  while (armed(ran)) ran = g.co_next(ran, word);
  return {start, ran};
}

/// False if a timer fires before one that was surely started by then and due earlier, or surely started earlier and due at the
/// same time, or if an interrupt runs before one that was surely raised earlier: await_earlier() keeps the order of those of
/// which the service knows, here is what coherence says.
template <unsigned W>
bool Search<W>::time_is_real() noexcept {
  if (started_.size() < 2) return true;
  const Graph<W>& g = *graph_;
  for (const Service* service : started_) {
    const auto [start, ran] = span_of(*service);
    if (ran == 0 || g.event[ran].thread != service->task.id) continue;
    const bool timer = service->due != kNoTimer;
    const Set before_running = timer ? g.all_before(ran) : Set{};
    const Set before_starting = g.all_before(start);
    for (const Service* other : started_) {
      if (other == service || timer != (other->due != kNoTimer) || (timer && other->due > service->due)) continue;
      const auto [other_start, other_ran] = span_of(*other);
      const bool earlier = timer && other->due < service->due;
      if (!earlier && (start == 0 || other_start == 0)) continue;  // await_earlier() has seen to it
      if (other_start != 0 && !(earlier ? before_running : before_starting).test(other_start)) continue;
      if (other_ran != 0 && !g.all_before(ran).test(other_ran) && g.all_before(other_ran).test(ran)) return false;
    }
  }
  return true;
}

// ---- timers ---------------------------------------------------------------------------------------------------------

template <unsigned W>
void Search<W>::timer_service(void* argument) {
  Service& service = *static_cast<Service*>(argument);
  Search& search = *service.search;
  auto* const timer = static_cast<arch::Timer*>(service.object);
  search.await_turn(service, search.own_->serving_timers);
  RmwOperation fire{kTimerRuns, service.generation, arch::Rmw::compare_exchange, 8, arch::Order::acquire};
  fire.timer = TimerStep::fire;
  if (search.perform(service.word, fire, OpKind::time, {}) == service.generation) {
    search.reach(service.due);
    timer->armed = false;
    timer->function(timer);  // which may free it: nobody gets that memory in this execution
    RmwOperation end{~kTimerRuns, 0, arch::Rmw::bit_and, 8, arch::Order::release};
    end.timer = TimerStep::end;
    search.perform(service.word, end, OpKind::time, {});
  }
  search.unlock(search.own_->serving_timers, arch::LockKind::spin, {});
}

template <unsigned W>
void Search<W>::timer_start(arch::Timer& timer, u64 due) noexcept {
  timer.due = due;
  if (set_up_) {
    if (!timer.armed) early_timers_.push_back(&timer);
    timer.armed = true;
    return;
  }
  timer.armed = true;
  auto* const word = reinterpret_cast<u64*>(&timer.engine[0]);
  const u64 generation = next_generation();
  word_info_[word_of(word, 8)].own = true;
  RmwOperation start{generation, 0, arch::Rmw::exchange, 8, arch::Order::acquire};
  start.timer = TimerStep::start;
  perform(word, start, OpKind::timer_start, {});
  spawn_service(&Search::timer_service, &timer, word, generation, due);
}

template <unsigned W>
int Search<W>::timer_cancel(arch::Timer& timer) noexcept {
  if (set_up_) {
    const int armed = static_cast<int>(std::erase(early_timers_, &timer));
    timer.armed = false;
    return armed;
  }
  RmwOperation cancel{0, 0, arch::Rmw::exchange, 8, arch::Order::acquire};
  cancel.timer = TimerStep::cancel;
  const u64 found = perform(&timer.engine[0], cancel, OpKind::timer_cancel, {});
  if ((found & kTimerRuns) != 0) return -1;
  if (found == 0) return 0;
  timer.armed = false;
  return 1;
}

// ---- interrupts -----------------------------------------------------------------------------------------------------

template <unsigned W>
void Search<W>::interrupt_service(void* argument) {
  Service& service = *static_cast<Service*>(argument);
  Search& search = *service.search;
  auto* const interrupt = static_cast<arch::Interrupt*>(service.object);
  search.await_turn(service, search.own_->serving_interrupts);
  search.store(service.word, 8, 0, arch::Order::relaxed, nullptr, {});
  interrupt->function(interrupt);
  search.unlock(search.own_->serving_interrupts, arch::LockKind::spin, {});
}

template <unsigned W>
void Search<W>::raise(arch::Interrupt& interrupt) noexcept {
  if (set_up_) {
    early_interrupts_.push_back(&interrupt);
    return;
  }
  const u64 generation = next_generation();
  auto* const word = static_cast<u64*>(alloc(8, 8));
  store(word, 8, generation, arch::Order::release, nullptr, {});
  spawn_service(&Search::interrupt_service, &interrupt, word, generation, kNoTimer);
}

/// Tells what one task starts apart, and is the same in every execution in which the task did the same.
template <unsigned W>
u64 Search<W>::next_generation() const noexcept {
  return u64{running().task->id + 1} << 32 | (running().replayed + u64{1});
}

// ---- before executions begin ----------------------------------------------------------------------------------------

/// Warm-up: runs what was raised; if everybody waits, time goes on to the next timer or deadline. False if nothing happened.
template <unsigned W>
bool Search<W>::serve_early(bool everybody_waits) {
  if (early_interrupts_.empty()) {
    if (!everybody_waits) return false;
    return pass_early_time();
  }
  arch::Interrupt* const interrupt = early_interrupts_.front();
  early_interrupts_.erase(early_interrupts_.begin());
  run_early([](void* object) { static_cast<arch::Interrupt*>(object)->function(static_cast<arch::Interrupt*>(object)); },
            interrupt);
  return true;
}

template <unsigned W>
bool Search<W>::pass_early_time() {
  const auto timer = std::min_element(early_timers_.begin(), early_timers_.end(),
                                      [](const arch::Timer* a, const arch::Timer* b) { return a->due < b->due; });
  const auto sleeper =
      std::min_element(tasks_.begin(), tasks_.end(), [](const auto& a, const auto& b) { return a->deadline < b->deadline; });
  const u64 due = timer != early_timers_.end() ? (*timer)->due : kNoTimer;
  const u64 deadline = sleeper != tasks_.end() ? (*sleeper)->deadline : kNoTimer;
  if (due == kNoTimer && deadline == kNoTimer) return false;
  own_->clock = std::max(own_->clock, std::min(due, deadline));
  if (deadline < due) {
    (*sleeper)->deadline = kNoTimer;
    *(*sleeper)->state = arch::TASK_RUNNING;
    return true;
  }
  arch::Timer* const fired = *timer;
  early_timers_.erase(timer);
  fired->armed = false;
  run_early([](void* object) { static_cast<arch::Timer*>(object)->function(static_cast<arch::Timer*>(object)); }, fired);
  return true;
}

/// Calls a function in interrupt context, and lets it come to its end: nobody else runs, so nobody can keep it waiting.
template <unsigned W>
void Search<W>::run_early(void (*function)(void*), void* object) {
  if (early_service_ == nullptr) {
    auto* const service = new (arena_.alloc(sizeof(Service), 16)) Service{{}, this, nullptr, nullptr, 0, 0, 0};
    prepare_service(*service);
    spawn(service->task, nullptr, nullptr, {.kernel_thread = true});
    early_service_ = tasks_.back().get();
  }
  Task& task = *early_service_;
  task.entry = function;
  task.argument = object;
  task.fiber.start(task.stack, task.stack_bytes, &Search::enter, &task);
  Task* const before = running_;
  run_task(task);
  running_ = before;
  if (task.status != Status::ended) refuse("an interrupt that waits before executions begin");
}

/// What is armed or raised when executions begin.
template <unsigned W>
void Search<W>::keep_early() {
  u64 generation = 0;
  const auto add = [&](void (*entry)(void*), void* object, u64* word, u64 due) {
    auto* const service = new (arena_.alloc(sizeof(Service), 16)) Service{{}, this, object, word, ++generation, due, 0};
    *word = generation;
    word_info_[word_of(word, 8)].own = true;
    prepare_service(*service);
    spawn(service->task, entry, service, {});
    tasks_.back()->initial = tasks_.back()->service = true;
    early_services_.push_back(service);
  };
  for (arch::Timer* timer : early_timers_)
    add(&Search::timer_service, timer, reinterpret_cast<u64*>(&timer->engine[0]), timer->due);
  for (arch::Interrupt* interrupt : early_interrupts_)
    add(&Search::interrupt_service, interrupt, static_cast<u64*>(arena_.alloc(8, 8)), kNoTimer);
}

}  // namespace uringsim::sim::dpor
