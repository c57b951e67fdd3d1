// SPDX-License-Identifier: GPL-2.0-only
// What a task's steps work with: its variables and buffers, and lists of steps.
#pragma once

#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

/// Slot of a variable in the task's array; false: the value is not wanted.
struct Variable {
  static constexpr u32 none = ~u32{0};
  u32 slot = none;
  explicit operator bool() const noexcept { return slot != none; }
};

/// One of the task's buffers.
struct BufferSlot {
  u32 slot = 0;
};

struct TaskStep;
/// Steps that may be nested; std::vector of an incomplete type.
using Steps = std::vector<TaskStep>;

}  // namespace uringsim::sim
