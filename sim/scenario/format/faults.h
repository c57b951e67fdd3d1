// SPDX-License-Identifier: GPL-2.0-only
// What goes wrong, and when.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "kernel_model/arch/types.h"
#include "sim/scenario/format/names.h"
#include "sim/scenario/format/steps.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

enum class DeviceOp : u8 { any, read, write, flush };

/// When a fault strikes. Without any of these: every time.
struct When {
  u64 nth = 0;                    ///< only the nth occurrence, from 1
  u64 every = 0;                  ///< each multiple of this
  std::optional<Nanoseconds> at;  ///< from this time on
  PartsPerMillion probability{1'000'000};
  u64 times = 0;  ///< no more than so often, 0: no limit
};
struct DeviceFault {
  Ref device;
  DeviceOp op = DeviceOp::any;
  s64 error = 0;  ///< positive errno, 0: none
  Nanoseconds delay;
  std::optional<Bytes> transfer;  ///< the request ends short after so many bytes
  When when;
};
/// An allocation of the kernel returns null.
struct AllocationFault {
  std::string site;  ///< kernel function that allocates; "any"
  Ref task;          ///< on behalf of this task; none: any
  When when;
};
struct SignalFault {
  Signal signal = Signal::usr1;
  Ref task;
  Nanoseconds at;
};
/// A task is killed: at a time, or before its nth step.
struct DeathFault {
  Ref task;
  std::optional<Nanoseconds> at;
  u64 nth = 0;
};
using Fault = std::variant<DeviceFault, AllocationFault, SignalFault, DeathFault>;

}  // namespace uringsim::sim
