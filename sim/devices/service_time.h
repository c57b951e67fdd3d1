// SPDX-License-Identifier: GPL-2.0-only
// Drawing service times, in integers: every distribution becomes a table of its quantile function, linear in between.
//
// Error: a lognormal one is within 2 % of the true quantile between the shares 0.0001 % and 99.9999 % for sigma up to 0.5, and
// cut off there.
#pragma once

#include "kernel_model/arch/machine.h"
#include "sim/devices/options.h"

namespace uringsim::sim {

/// Lives in the machine's memory, as everything that a run changes or reads.
class ServiceTime {
 public:
  /// False when memory ran out.
  [[nodiscard]] bool build(arch::Machine& machine, const ServiceTimeOptions& options) noexcept;
  void release(arch::Machine& machine) noexcept;

  /// Nanoseconds. Takes a random number from the machine unless the time is fixed.
  [[nodiscard]] u64 draw(arch::Machine& machine) const noexcept {
    return count_ == 1 ? segments_[0].value : at(static_cast<u32>(machine.random() >> 32));
  }
  /// The quantile of share / 2^32.
  [[nodiscard]] u64 at(u32 share) const noexcept;
  /// Whether every request takes no time at all.
  [[nodiscard]] bool is_zero() const noexcept { return count_ == 1 && segments_[0].value == 0; }

 private:
  struct Segment {
    u64 from;   // share, of 2^32
    u64 value;  // ns
    u64 slope;  // ns a unit of share, times 2^32
  };
  Segment* segments_ = nullptr;
  u32 count_ = 0;
  u32 room_ = 0;  // segments allocated
};

/// e^(sigma z) times `median`, in integers. `z_micro`: millionths.
[[nodiscard]] u64 lognormal_value(u64 median, u32 sigma_milli, s64 z_micro) noexcept;

}  // namespace uringsim::sim
