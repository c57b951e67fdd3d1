// SPDX-License-Identifier: GPL-2.0-only
// "no-livelock": nobody polls for ever. A task that looks again and again without effect waits, in a search, until something that
// it read changes or time moves; if it is left over, neither will, and on a processor it would go on looking.
#pragma once

#include <string>

#include "sim/check/left_over.h"

namespace uringsim::sim {

/// The sentence, if that is what `left` does; else empty.
std::string livelock(const LeftOver& left);

}  // namespace uringsim::sim
