// SPDX-License-Identifier: GPL-2.0-only
// What the fiber engines cost in real time, without a kernel on them. `uringsim bench` prints these beside the others.
#pragma once

#include <string>
#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

/// One measured figure.
struct FiberFigure {
  std::string name;
  double value = 0;
  std::string unit;
  std::string about;
};

/// Runs all of them, about a second each at most; `filter` is the beginning of the names to run, empty for all.
///   fiber-switch       ns   from one fiber to another
///   fiber-restart      ns   a fiber started from its beginning, entered and left
///   timed-operation    ns   one counted READ_ONCE or WRITE_ONCE
///   timed-two-cpus     ns   the same while a second processor is busy, windows of 200 ns
///   timed-world        us   machine and two tasks that wake each other once: built, run, destroyed
///   timed-idle-asleep  s    10,000 virtual seconds asleep, two timers a second
///   timed-idle-spin    s    10,000 virtual seconds of a polling loop that reads jiffies at 250 Hz
///   arena-restore      us   restoring 256 KiB of which four pages changed
std::vector<FiberFigure> run_fiber_benchmarks(const std::string& filter = {});

}  // namespace uringsim::sim
