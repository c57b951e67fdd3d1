// SPDX-License-Identifier: GPL-2.0-only
// From a schedule that shows a violation to the simplest one that shows the same: fewest preemptions and reorderings, then fewest
// steps of the story.
//
// Two ways, one after the other. Taking apart: under tso, stores are drained at once; the schedule is cut into runs of one task;
// a run is moved up to the task's last one, or a surprising value is made an ordinary one, and whatever still shows the violation
// at a smaller cost is kept (Zeller, Hildebrandt: Simplifying and isolating failure-inducing input, TSE 2002, over choices).
// Searching: a depth-first search with a bound of 0, 1, 2, ... preemptions and reorderings together, up to what was reached; if
// it gets through, its answer has the fewest there are. Both stop after a number of executions, so the result is a function of
// the schedule alone.
#pragma once

#include "sim/explore/machine.h"
#include "sim/explore/story.h"

namespace uringsim::sim {

struct MinimiseOptions {
  u64 executions = 40'000;  ///< at most so many in all
};

/// Replaces `schedule` by the simplest one found on `machine` that ends in `violation`. Returns its cost.
Cost minimise(OperationalMachine& machine, const Violation& violation, Schedule& schedule, const MinimiseOptions& options = {});

}  // namespace uringsim::sim
