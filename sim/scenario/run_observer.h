// SPDX-License-Identifier: GPL-2.0-only
// Everything that watches a run's event stream, behind one sink: figures, hash, checks, and what else a caller wants to listen.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>

#include "sim/report/ring_metrics.h"
#include "sim/trace/trace_hash.h"

namespace uringsim::sim {

/// Events are counted between open() and close(): what happens before is the building of the world. Serialises the stream, as
/// tasks of the live engine emit at once.
class RunObserver final : public kernel::TraceSink {
 public:
  /// `also` hears every event of the run; may be null.
  explicit RunObserver(kernel::TraceSink* also) noexcept : also_(also) {}

  void open() { open_ = true; }
  void close() { open_ = false; }
  void event(const kernel::TraceEvent& event) noexcept override;

  void name_ring(u32 task, u32 index, const std::string& name);
  /// The kernel's number of the scenario's ring `index`, 0 if it was never made.
  [[nodiscard]] u32 ring_number(u32 index) const;

  [[nodiscard]] const RingMetrics& metrics() const noexcept { return metrics_; }
  [[nodiscard]] RingMetrics& metrics() noexcept { return metrics_; }
  [[nodiscard]] u64 hash() const noexcept { return hash_.value(); }
  /// First violation of each check that the stream alone can show, at the end of a run.
  [[nodiscard]] std::map<std::string, std::string> violations() const;

 private:
  struct Ring {
    u32 published = 0, consumed = 0;
    u64 taken = 0, answered = 0;
    bool asleep = false, freed = false, sqpoll = false;
    u64 requests = 0;  ///< allocated and not freed
  };

  std::mutex mutex_;
  RingMetrics metrics_;
  TraceHash hash_;
  kernel::TraceSink* also_;
  bool open_ = false;
  std::map<u32, Ring> rings_;
  std::unordered_map<u32, u32> naming_;   ///< task -> index of the ring it makes next
  std::unordered_map<u32, u32> numbers_;  ///< index -> the kernel's number
  std::string error_cqe_;
};

}  // namespace uringsim::sim
