// SPDX-License-Identifier: GPL-2.0-only
// Searching a program exhaustively, each of its executions once: see search.h for how.
#pragma once

#include "sim/explore/dpor/options.h"

namespace uringsim::sim::dpor {

/// Searches `program` as `options` say. Deterministic but for time budgets.
Result explore(Program& program, const Options& options);

}  // namespace uringsim::sim::dpor
