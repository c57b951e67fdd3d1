// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/run_observer.h"

#include <fmt/format.h>

#include "sim/scenario/expression.h"

namespace uringsim::sim {

using kernel::EventKind;

void RunObserver::event(const kernel::TraceEvent& event) noexcept {
  if (explored_) {  // one OS thread, hundreds of thousands of events a second
    deliver(event);
    return;
  }
  const std::lock_guard lock(mutex_);
  if (event.kind != EventKind::sched_wakeup) return deliver(event);
  kernel::TraceEvent woken = event;
  woken.values[2] = wake_cpu_;
  deliver(woken);
}

void RunObserver::on_switch(u64 time, unsigned cpu, const arch::Task* previous, u32 state, const arch::Task* next) noexcept {
  if (!open_ || tracer_ == nullptr) return;
  kernel::TraceEvent event;
  event.sequence = tracer_->take_sequence();
  event.time = time;
  event.kind = EventKind::sched_switch;
  event.cpu = static_cast<s16>(cpu);
  event.task = previous != nullptr ? previous->id : 0;
  event.values[0] = event.task;
  event.values[1] = state;
  event.values[2] = next != nullptr ? next->id : 0;
  deliver(event);
}

void RunObserver::on_wake(u64, unsigned cpu, const arch::Task&) noexcept { wake_cpu_ = cpu; }

void RunObserver::deliver(const kernel::TraceEvent& event) {
  checks_.event(event);
  if (event.kind == EventKind::io_uring_create) {
    const auto named = names_.naming.find(event.task);
    if (named != names_.naming.end()) {
      names_.numbers[named->second] = static_cast<u32>(event.values[0]);
      names_.naming.erase(named);
    }
  }
  if (explored_) {
    if (also_ != nullptr) also_->event(event);
    return;
  }
  if (also_ != nullptr && (open_ || event.kind == EventKind::task_newtask)) also_->event(event);
  if (!open_) return;
  metrics_.event(event);
  hash_.add(event);
  if (event.kind == EventKind::cqe_posted && event.values[3] < 0 && error_cqe_.empty())
    error_cqe_ =
        fmt::format("-{} for user_data {}", errno_name(static_cast<int>(-event.values[3])), static_cast<u64>(event.values[2]));
}

void RunObserver::keep() {
  checks_.keep();
  kept_ = names_;
}

void RunObserver::put_back() {
  checks_.put_back();
  if (kept_.numbers.size() != names_.numbers.size() || !names_.naming.empty()) names_ = kept_;
}

void RunObserver::name_ring(u32 task, u32 index, const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!explored_) metrics_.expect_ring(task, name);
  names_.naming[task] = index;
}

u32 RunObserver::ring_number(u32 index) const {
  const auto found = names_.numbers.find(index);
  return found == names_.numbers.end() ? 0 : found->second;
}

std::map<std::string, std::string> RunObserver::violations() const {
  std::map<std::string, std::string> found;
  if (!error_cqe_.empty()) found["no-cqe-error"] = error_cqe_;
  for (const auto& checker : checks_.checkers())
    if (const Finding* const finding = checker->finding()) found.emplace(finding->check, finding->text);
  return found;
}

}  // namespace uringsim::sim
