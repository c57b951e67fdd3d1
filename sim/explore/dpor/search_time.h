// SPDX-License-Identifier: GPL-2.0-only
// Time, timers and interrupts.
#pragma once

#include "sim/explore/dpor/search.h"

namespace uringsim::sim::dpor {

/// Time moves when somebody looks at it: by a step that is longer than whatever is being waited for, or not at all. The clock is
/// a word like any other, so who has seen it move knows, and nobody sees it go back.
template <unsigned W>
u64 Search<W>::now() noexcept {
  if (set_up_) return kBeginning;
  const bool effect = running().effect;
  const u64 moved = choose(2, "time");
  const u64 seen = moved != 0 ? move_time() : load(&own_->clock, 8, arch::Order::relaxed, nullptr, {});
  running().effect = effect || moved != 0;
  return seen;
}

/// A look that only sets deadlines: how late it comes makes no difference to anything.
template <unsigned W>
u64 Search<W>::ticks(u64 period) noexcept {
  if (set_up_) return kBeginning / period;
  return load(&own_->clock, 8, arch::Order::relaxed, nullptr, {}) / period;
}

/// Whether a deadline has passed is a choice, the first option being that it has. A polling pass that was told the opposite and
/// has no effect could as well have waited: what comes after it is found by the executions in which it did.
template <unsigned W>
bool Search<W>::ticks_passed(u64 period, s64 count) noexcept {
  if (static_cast<s64>(ticks(period)) > count) return true;
  if (set_up_) return false;
  if (choose(2, "time") == 0) return static_cast<s64>(move_time() / period) > count;
  running().waited = true;
  return false;
}

template <unsigned W>
u64 Search<W>::move_time() noexcept {
  return perform(&own_->clock, {kTimeStep, 0, arch::Rmw::add, 8, arch::Order::relaxed}, OpKind::now, {}) + kTimeStep;
}

/// A timer or an interrupt runs in a context of its own, one at a time, at any moment from now on. Timers that are armed together
/// may fire in any order: more than a machine does.
template <unsigned W>
void Search<W>::spawn_service(void (*entry)(void*), void* object, u64 generation) {
  auto* const service = new (alloc(sizeof(Service), 16)) Service{{}, this, object, generation};
  service->task.in_interrupt = true;
  std::memcpy(service->task.name, "interrupt", 10);
  spawn(service->task, entry, service, {});
  tasks_[service->task.id]->service = true;
}

template <unsigned W>
void Search<W>::interrupt_service(void* argument) {
  Service& service = *static_cast<Service*>(argument);
  Search& search = *service.search;
  auto* const interrupt = static_cast<arch::Interrupt*>(service.object);
  search.lock(search.own_->serving, arch::LockKind::spin, {});
  interrupt->function(interrupt);
  search.unlock(search.own_->serving, arch::LockKind::spin, {});
}

template <unsigned W>
void Search<W>::timer_service(void* argument) {
  Service& service = *static_cast<Service*>(argument);
  Search& search = *service.search;
  auto* const timer = static_cast<arch::Timer*>(service.object);
  search.lock(search.own_->serving, arch::LockKind::spin, {});
  search.store(&search.own_->running_timer, 8, reinterpret_cast<u64>(timer), arch::Order::relaxed, nullptr, {});
  const RmwOperation fire{0, service.generation, arch::Rmw::compare_exchange, 8, arch::Order::full};
  if (search.perform(&timer->engine[0], fire, OpKind::time, {}) == service.generation) {
    search.move_time();
    timer->armed = false;
    timer->function(timer);  // which may free it
  }
  search.store(&search.own_->running_timer, 8, 0, arch::Order::release, nullptr, {});
  search.unlock(search.own_->serving, arch::LockKind::spin, {});
}

template <unsigned W>
void Search<W>::timer_start(arch::Timer& timer, u64 due) noexcept {
  if (set_up_) return refuse("timers that are started before executions begin");
  timer.due = due;
  timer.armed = true;
  Task& task = running();
  const u64 generation = u64{task.task->id} << 32 | (task.replayed + u64{1});
  perform(&timer.engine[0], {generation, 0, arch::Rmw::exchange, 8, arch::Order::full}, OpKind::timer_start, {});
  spawn_service(&Search::timer_service, &timer, generation);
}

template <unsigned W>
int Search<W>::timer_cancel(arch::Timer& timer) noexcept {
  if (set_up_) return 0;
  const u64 armed = perform(&timer.engine[0], {0, 0, arch::Rmw::exchange, 8, arch::Order::full}, OpKind::timer_cancel, {});
  if (armed != 0) {
    timer.armed = false;
    return 1;
  }
  return load(&own_->running_timer, 8, arch::Order::acquire, nullptr, {}) == reinterpret_cast<u64>(&timer) ? -1 : 0;
}

template <unsigned W>
void Search<W>::raise(arch::Interrupt& interrupt) noexcept {
  if (set_up_) return refuse("interrupts that are raised before executions begin");
  spawn_service(&Search::interrupt_service, &interrupt, 0);
}

}  // namespace uringsim::sim::dpor
