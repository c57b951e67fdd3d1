// SPDX-License-Identifier: GPL-2.0-only
// From a schedule that shows a violation to the simplest one that shows the same: fewest preemptions and reorderings, then fewest
// steps of the story.
//
// Three ways, one after the other. Taking apart: under tso, stores are drained at once; the schedule is cut into runs of one
// task; a run is moved up to the task's last one, or a surprising value is made an ordinary one, and whatever still shows the
// violation at a smaller cost is kept (Zeller, Hildebrandt: Simplifying and isolating failure-inducing input, TSE 2002, over
// choices). Sampling: executions that cost no more than the best so far, the cheapest first (cheap_sampler.h), each taken apart
// in its turn. Searching: a depth-first search with a bound of 0, 1, 2, ... preemptions and reorderings together, up to what was
// reached; if it gets through, its answer has the fewest there are. All stop after a number of executions, so the result is a
// function of the schedule alone; an execution of a thousand scheduling points counts as two.
#pragma once

#include <functional>

#include "sim/explore/machine.h"
#include "sim/explore/story.h"

namespace uringsim::sim {

struct MinimiseOptions {
  u64 executions = 40'000;     ///< at most so many in all
  std::function<bool()> stop;  ///< asked now and then: true ends it with the best so far
};

/// What breaks without any reordering is told without one: looks on `machine`, which is one with the memory model sc, for a
/// schedule that ends in `violation`, first for one that goes as `like` goes, then by sampling. False if there is none.
bool find_under_sc(OperationalMachine& machine, const Violation& violation, const Schedule& like, const MinimiseOptions& options,
                   Schedule& schedule);
/// Replaces `schedule` by that of `sc`, a schedule under sc, if it ends in `violation` on `machine` too, and is simpler.
bool follow_from_sc(OperationalMachine& machine, const Violation& violation, const Schedule& sc, Schedule& schedule);

/// Replaces `schedule` by the simplest one found on `machine` that ends in `violation`. Returns its cost.
Cost minimise(OperationalMachine& machine, const Violation& violation, Schedule& schedule, const MinimiseOptions& options = {});

}  // namespace uringsim::sim
