// SPDX-License-Identifier: GPL-2.0-only
// The shortest tape that still differs.
//
// Delta debugging (Zeller, Hildebrandt 2002) over steps: leave out halves, then quarters, down to single steps, for as long as
// the tape stays well-formed and still differs; then drop the optional fields of the steps that are left. The result is minimal
// in the sense that no single step and no single field can go, not that there is no shorter one.
#pragma once

#include <functional>

#include "sim/tape/tape.h"

namespace uringsim::sim::tape {

/// `differs` plays a candidate and says whether it still shows a difference. Calls it at most `most` times.
[[nodiscard]] Tape shrink(const Tape& tape, const std::function<bool(const Tape&)>& differs, unsigned most = 500);

}  // namespace uringsim::sim::tape
