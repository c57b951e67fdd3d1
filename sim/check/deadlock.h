// SPDX-License-Identifier: GPL-2.0-only
// "no-deadlock": no tasks that wait for each other. The graph has an edge from each task that waits for a lock to who holds it,
// and from each that waits for another's end to that one; a circle in it is a deadlock. A task that sleeps until somebody wakes
// it waits for nobody in particular: chains of the graph that end in one are told by wait_for_graph(), and are "no-hang".
#pragma once

#include <string>
#include <vector>

#include "sim/check/left_over.h"

namespace uringsim::sim {

/// The first circle of the graph in one sentence, from its task with the lowest number on; empty if there is none.
std::string deadlock(const std::vector<LeftOver>& left_over);

/// Who stands behind whom, from `task` on, one clause each: "app waits in io_uring_enter() for a lock that other holds; other
/// sleeps in wait_for_completion()". One clause where the task waits for nobody in particular.
std::string wait_for_graph(const std::vector<LeftOver>& left_over, u32 task);

}  // namespace uringsim::sim
