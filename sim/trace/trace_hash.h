// SPDX-License-Identifier: GPL-2.0-only
// One number for a whole event stream: two runs with equal hashes went the same way. Over every field of every event, in order.
#pragma once

#include "kernel_model/trace/trace.h"

namespace uringsim::sim {

class TraceHash {
 public:
  void add(const kernel::TraceEvent& event) noexcept {
    mix(event.sequence);
    mix(event.time);
    mix(static_cast<u64>(event.kind) << 32 | static_cast<u64>(static_cast<u16>(event.cpu)) << 48 | event.task);
    for (const s64 value : event.values) mix(static_cast<u64>(value));
  }
  [[nodiscard]] u64 value() const noexcept { return state_ ^ (state_ >> 29); }

 private:
  void mix(u64 word) noexcept {
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15ull;
    state_ ^= state_ >> 32;
  }
  u64 state_ = 0xcbf29ce484222325ull;
};

/// Hands every event to several sinks, in order.
class TraceFanout final : public kernel::TraceSink {
 public:
  static constexpr unsigned most = 8;
  /// Null is ignored. At most `most` sinks.
  void add(kernel::TraceSink* sink) noexcept {
    if (sink != nullptr && count_ < most) sinks_[count_++] = sink;
  }
  void event(const kernel::TraceEvent& event) noexcept override {
    for (unsigned i = 0; i < count_; ++i) sinks_[i]->event(event);
  }

 private:
  kernel::TraceSink* sinks_[most] = {};
  unsigned count_ = 0;
};

}  // namespace uringsim::sim
