// SPDX-License-Identifier: GPL-2.0-only
#include "sim/report/ring_metrics.h"

#include <algorithm>

namespace uringsim::sim {

using kernel::EventKind;

u32 RingMetrics::process_of(u32 task) const {
  const auto found = processes_.find(task);
  return found == processes_.end() ? 0 : found->second;
}

void RingMetrics::consumed(Ring& ring, u32 head, u64 user_data, u64 time) {
  ++ring.sqes;
  // Entry `head` was published by the first store of a tail beyond it.
  while (ring.first < ring.published.size() && static_cast<s32>(ring.published[ring.first].first - head) <= 0) ++ring.first;
  const u64 since = ring.first < ring.published.size() ? ring.published[ring.first].second : time;
  if (ring.first > 1024 && ring.first * 2 > ring.published.size()) {
    ring.published.erase(ring.published.begin(), ring.published.begin() + static_cast<std::ptrdiff_t>(ring.first));
    ring.first = 0;
  }
  ring.open.emplace(user_data, since);
}

void RingMetrics::completed(Ring& ring, u64 user_data, u64 time) {
  const auto found = ring.open.find(user_data);
  if (found == ring.open.end()) return;
  ring.latency.record(time > found->second ? time - found->second : 0);
  ring.open.erase(found);
}

void RingMetrics::event(const kernel::TraceEvent& event) noexcept {
  const auto ring = [&]() -> Ring& { return rings_[static_cast<u32>(event.values[0])]; };
  switch (event.kind) {
    case EventKind::io_uring_create: {
      const auto named = expected_.find(event.task);
      if (named != expected_.end()) {
        ring().name = named->second;
        expected_.erase(named);
      }
      descriptors_[{process_of(event.task), static_cast<int>(event.values[1])}] = static_cast<u32>(event.values[0]);
      break;
    }
    case EventKind::sys_enter_io_uring_enter: {
      const auto found = descriptors_.find({process_of(event.task), static_cast<int>(event.values[0])});
      if (found != descriptors_.end()) ++rings_[found->second].enter_calls;
      break;
    }
    case EventKind::sq_published: {
      Ring& one = ring();
      ++one.submits;
      one.largest_batch = std::max<u64>(one.largest_batch, static_cast<u32>(event.values[2] - event.values[1]));
      one.published.emplace_back(static_cast<u32>(event.values[2]), event.time);
      break;
    }
    case EventKind::sqe_consumed:
      consumed(ring(), static_cast<u32>(event.values[1]), static_cast<u64>(event.values[3]), event.time);
      break;
    case EventKind::sqe_dropped:
      ++ring().dropped;
      break;
    case EventKind::cqe_posted:
      ++ring().cqes;
      completed(ring(), static_cast<u64>(event.values[2]), event.time);
      break;
    case EventKind::cqe_overflow:
      ++ring().overflows;
      completed(ring(), static_cast<u64>(event.values[1]), event.time);
      break;
    case EventKind::cqe_reaped: {
      Ring& one = ring();
      ++one.reaped;
      if (one.taken.size() < most_kept)
        one.taken.push_back({static_cast<u64>(event.values[2]), static_cast<s32>(event.values[3])});
      break;
    }
    case EventKind::io_uring_queue_async_work:
      ++ring().punts;
      break;
    case EventKind::sq_wakeup_asked:
      ++ring().wakeups_asked;
      if (event.values[1] != 0) ++ring().wakeups_needed;
      break;
    case EventKind::sq_thread_sleep:
      ++ring().sq_thread_sleeps;
      [[fallthrough]];
    case EventKind::sq_thread_idle:
    case EventKind::sq_thread_need_wakeup:
      ring().sq_thread = event.task;
      break;
    case EventKind::sq_thread_awake:
      ring().sq_thread = event.task;
      ring().sq_thread_since = event.time;
      break;
    case EventKind::sq_head: {
      Ring& one = ring();
      if (one.sq_thread != event.task || one.sq_thread_since == 0) break;
      one.sq_thread_working += event.time - one.sq_thread_since;
      one.sq_thread_since = 0;
      break;
    }
    case EventKind::block_rq_issue: {
      DeviceFigures& device = devices_[static_cast<u32>(event.values[0])];
      if (device.in_flight++ == 0) device.since = event.time;
      device.deepest = std::max(device.deepest, device.in_flight);
      bios_[static_cast<u32>(event.values[1])] = {static_cast<u32>(event.values[0]), event.time};
      break;
    }
    case EventKind::block_rq_complete: {
      const auto found = bios_.find(static_cast<u32>(event.values[1]));
      if (found == bios_.end()) break;
      constexpr u64 sector = 512;
      DeviceFigures& device = devices_[found->second.first];
      const u64 bytes = static_cast<u64>(event.values[4]) * sector;
      (event.values[2] != 0 ? device.writes : device.reads) += 1;
      (event.values[2] != 0 ? device.bytes_written : device.bytes_read) += bytes;
      if (event.values[5] != 0) ++device.errors;
      device.latency.record(event.time > found->second.second ? event.time - found->second.second : 0);
      if (--device.in_flight == 0) device.busy_ns += event.time - device.since;
      bios_.erase(found);
      break;
    }
    default:
      break;
  }
}

const RingFigures* RingMetrics::ring(const std::string& name) const {
  for (const auto& [id, one] : rings_)
    if (one.name == name) return &one;
  return nullptr;
}

const std::map<std::string, DeviceFigures> RingMetrics::devices() const {
  std::map<std::string, DeviceFigures> named;
  for (const auto& [id, figures] : devices_) {
    const auto name = device_names_.find(id);
    if (name != device_names_.end()) named.emplace(name->second, figures);
  }
  return named;
}

}  // namespace uringsim::sim
