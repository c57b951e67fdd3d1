// SPDX-License-Identifier: GPL-2.0-only
// What a run tells of its rings, devices and SQ threads, gathered from the event stream alone.
//
// Rings have names only in a scenario; the kernel numbers them. Whoever makes a ring says so right before (expect_ring), and the
// io_uring_create event of the same task carries the number.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel_model/trace/trace.h"
#include "sim/report/histogram.h"

namespace uringsim::sim {

/// A CQE as a task took it.
struct ReapedCqe {
  u64 user_data;
  s32 res;
};

struct RingFigures {
  u64 sqes = 0;    ///< consumed by the kernel
  u64 cqes = 0;    ///< posted
  u64 reaped = 0;  ///< taken by tasks
  u64 enter_calls = 0;
  u64 submits = 0;  ///< publications: stores of the tail that moved it
  u64 largest_batch = 0;
  u64 wakeups_asked = 0;   ///< enter calls with SQ_WAKEUP
  u64 wakeups_needed = 0;  ///< of these, such as found the SQ thread asleep
  u64 punts = 0;           ///< requests handed to a worker
  u64 overflows = 0;       ///< CQEs dropped
  u64 dropped = 0;         ///< SQEs with a bad index
  u64 sq_thread_sleeps = 0;
  u32 sq_thread = 0;             ///< its task, 0 if there is none
  u64 sq_thread_working = 0;     ///< ns from its finding SQEs to its moving the head, of the machine's clock
  u64 sq_thread_since = 0;       ///< when it last found some; 0 while it has none
  Histogram latency;             ///< ns from publication of the SQE to its CQE
  std::vector<ReapedCqe> taken;  ///< in order, as far as kept (RingMetrics::most_kept)
};

struct DeviceFigures {
  u64 reads = 0, writes = 0;
  u64 bytes_read = 0, bytes_written = 0;
  u64 errors = 0;
  u64 in_flight = 0, deepest = 0;
  u64 busy_ns = 0;    ///< with at least one request in flight
  u64 since = 0;      ///< when it last became busy
  Histogram latency;  ///< ns from issue to completion
};

class RingMetrics final : public kernel::TraceSink {
 public:
  static constexpr std::size_t most_kept = 1'000'000;  ///< reaped CQEs of one ring that are kept for order and counts by value

  /// The next ring that `task` creates is the one called `name`.
  void expect_ring(u32 task, const std::string& name) { expected_[task] = name; }
  /// `task` belongs to `process`: descriptors are a process's own.
  void add_task(u32 task, u32 process) { processes_[task] = process; }
  void name_device(u32 id, const std::string& name) { device_names_[id] = name; }

  void event(const kernel::TraceEvent& event) noexcept override;

  /// Figures of a ring by its name; null if it was never made.
  [[nodiscard]] const RingFigures* ring(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, DeviceFigures> devices() const;

 private:
  struct Ring : RingFigures {
    std::string name;
    std::vector<std::pair<u32, u64>> published;  ///< (tail, time), not yet consumed; a queue from `first`
    std::size_t first = 0;
    std::unordered_multimap<u64, u64> open;  ///< user_data -> time of publication
  };
  void consumed(Ring& ring, u32 head, u64 user_data, u64 time);
  void completed(Ring& ring, u64 user_data, u64 time);
  u32 process_of(u32 task) const;

  std::unordered_map<u32, std::string> expected_;
  std::unordered_map<u32, u32> processes_;
  std::map<u32, Ring> rings_;                       ///< by the kernel's number
  std::map<std::pair<u32, int>, u32> descriptors_;  ///< (process, fd) -> ring
  std::map<u32, DeviceFigures> devices_;
  std::unordered_map<u32, std::string> device_names_;
  std::unordered_map<u32, std::pair<u32, u64>> bios_;  ///< bio -> (device, time of issue)
};

}  // namespace uringsim::sim
