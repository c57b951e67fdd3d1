// SPDX-License-Identifier: GPL-2.0-only
// Keeps a run's events, for exports that are written when the run is over.
#pragma once

#include <vector>

#include "kernel_model/trace/trace.h"

namespace uringsim::sim {

/// In order of arrival. While exploring, what was recorded before keep() stays and put_back() drops the rest: at the end it holds
/// the last execution.
class TraceRecorder final : public kernel::TraceSink {
 public:
  void event(const kernel::TraceEvent& event) noexcept override { events_.push_back(event); }
  void keep() { kept_ = events_.size(); }
  void put_back() { events_.resize(kept_); }
  [[nodiscard]] const std::vector<kernel::TraceEvent>& events() const noexcept { return events_; }

 private:
  std::vector<kernel::TraceEvent> events_;
  std::size_t kept_ = 0;
};

}  // namespace uringsim::sim
