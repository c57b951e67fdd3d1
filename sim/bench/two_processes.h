// SPDX-License-Identifier: GPL-2.0-only
// What the host's two processors give to work that shares nothing: the bound that every figure of two jobs stands beside.
#pragma once

#include <functional>

namespace uringsim::sim {

/// `measure` in this process and in a forked one at the same time: the sum of what the two return. Throws what `measure` throws
/// here, and std::system_error when the host refuses a process; a measurement that failed there counts as 0. Call it while the
/// process has one thread.
[[nodiscard]] double in_two_processes(const std::function<double()>& measure);

}  // namespace uringsim::sim
