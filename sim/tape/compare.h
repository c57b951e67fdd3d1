// SPDX-License-Identifier: GPL-2.0-only
// When two kernels answered a tape alike.
//
// Results are compared as a whole: the same keys with the same values, whatever their order in the object. Two exceptions: a reap
// with "order":"any" has both lists sorted the same way first, because where both orders were seen the order means nothing; and a
// tape that took the recorded kernel down has no results. Last comes the way the tape ended. One wrong step fails the tape, and
// the first is what is reported: later ones may only follow from it.
#pragma once

#include <optional>
#include <string>

#include "sim/tape/played.h"
#include "sim/tape/tape.h"

namespace uringsim::sim::tape {

/// The first thing in which two answers differ.
struct Difference {
  size_t step = 0;    ///< index from 0; the number of steps where the end of the tape differs
  std::string field;  ///< "ret", "cqes[1].res", "end"
  Json expected;      ///< null where there is nothing
  Json got;
};

/// The first difference between what `recorded` says and `played`, or nothing if they agree. `recorded` has results.
[[nodiscard]] std::optional<Difference> first_difference(const Tape& recorded, const Played& played);

}  // namespace uringsim::sim::tape
