// SPDX-License-Identifier: GPL-2.0-only
// Rings, and what is registered with them from the start.
#pragma once

#include <optional>
#include <vector>

#include "kernel_model/arch/types.h"
#include "sim/scenario/expression.h"
#include "sim/scenario/format/names.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

struct SetupFlagNames {};

struct BufferSet {
  u32 count = 0;
  Bytes size{4096};
};

/// Which ring library the application was built with: whether flush_sq is followed by a full barrier before the flags are read.
enum class Library : u8 { v2_2, v2_1 };

/// The arguments of io_uring_setup and what is registered right after it. Made before the tasks' first step by the ring's
/// owner (a `setup` step makes it later instead). What Linux itself would refuse is not refused here: see `result`.
struct RingOptions {
  u32 entries = 64;
  std::optional<u32> cq_entries;
  Flags<SetupFlagNames> flags;
  Nanoseconds sq_thread_idle;  ///< rounded up to milliseconds, the unit of the system call
  std::optional<u32> sq_thread_cpu;
  Ref attach;  ///< ring whose SQ thread or workers are shared (ATTACH_WQ)
  Ref owner;   ///< task that calls setup; none: the first task that uses the ring
  std::vector<Ref> register_files;
  std::optional<BufferSet> register_buffers;
  Ref register_eventfd;
  Library library = Library::v2_2;
  Expression result;  ///< what setup returns: 0, or "-EPERM" where that is the subject
};

}  // namespace uringsim::sim
