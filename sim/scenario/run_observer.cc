// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/run_observer.h"

#include <fmt/format.h>

#include "sim/scenario/expression.h"

namespace uringsim::sim {

using kernel::EventKind;

void RunObserver::event(const kernel::TraceEvent& event) noexcept {
  const std::lock_guard lock(mutex_);
  const auto number = static_cast<u32>(event.values[0]);
  // A ring's end may come after the last task's: always looked at.
  if (event.kind == EventKind::ring_free) rings_[number].freed = true;
  if (event.kind == EventKind::request_free && rings_[number].requests != 0) --rings_[number].requests;
  if (!open_) return;
  metrics_.event(event);
  hash_.add(event);
  if (also_ != nullptr) also_->event(event);
  switch (event.kind) {
    case EventKind::io_uring_create: {
      rings_[number].sqpoll = (event.values[4] & 2) != 0;
      const auto named = naming_.find(event.task);
      if (named == naming_.end()) break;
      numbers_[named->second] = number;
      naming_.erase(named);
      break;
    }
    case EventKind::request_alloc:
      ++rings_[number].requests;
      break;
    case EventKind::sq_published:
      rings_[number].published = static_cast<u32>(event.values[2]);
      break;
    case EventKind::sqe_consumed:
      rings_[number].consumed = static_cast<u32>(event.values[1]) + 1;
      ++rings_[number].taken;
      break;
    case EventKind::sqe_dropped:
      rings_[number].consumed = static_cast<u32>(event.values[1]) + 1;
      break;
    case EventKind::sq_thread_sleep:
      rings_[number].asleep = true;
      break;
    case EventKind::sq_thread_awake:
      rings_[number].asleep = false;
      break;
    case EventKind::cqe_posted:
      ++rings_[number].answered;
      if (event.values[3] < 0 && error_cqe_.empty())
        error_cqe_ = fmt::format("-{} for user_data {}", errno_name(static_cast<int>(-event.values[3])),
                                 static_cast<u64>(event.values[2]));
      break;
    case EventKind::cqe_overflow:
      ++rings_[number].answered;
      break;
    default:
      break;
  }
}

void RunObserver::name_ring(u32 task, u32 index, const std::string& name) {
  const std::lock_guard lock(mutex_);
  metrics_.expect_ring(task, name);
  naming_[task] = index;
}

u32 RunObserver::ring_number(u32 index) const {
  const auto found = numbers_.find(index);
  return found == numbers_.end() ? 0 : found->second;
}

std::map<std::string, std::string> RunObserver::violations() const {
  std::map<std::string, std::string> found;
  if (!error_cqe_.empty()) found["no-cqe-error"] = error_cqe_;
  for (const auto& [number, ring] : rings_) {
    if (!ring.freed) found.emplace("no-leak", fmt::format("ring {} outlives its tasks", number));
    if (ring.requests != 0)
      found.emplace("no-leak", fmt::format("{} requests of ring {} were never freed", ring.requests, number));
    if (ring.sqpoll && ring.asleep && ring.published != ring.consumed)
      found.emplace("no-lost-wakeup", fmt::format("the SQ thread of ring {} sleeps, {} SQEs lie in the SQ", number,
                                                  ring.published - ring.consumed));
    if (ring.answered > ring.taken)
      found.emplace("exactly-once", fmt::format("ring {}: {} SQEs, {} CQEs", number, ring.taken, ring.answered));
    if (ring.freed && ring.answered < ring.taken)
      found.emplace("exactly-once", fmt::format("ring {}: {} SQEs, {} CQEs and drops", number, ring.taken, ring.answered));
  }
  return found;
}

}  // namespace uringsim::sim
