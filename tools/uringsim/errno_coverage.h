// SPDX-License-Identifier: GPL-2.0-only
// Which errno returns of the kernel model were never reached, from the counters of a build that counts.
//
// A build with -DURINGSIM_COVERAGE=ON (preset "coverage") counts every line of kernel_model/ that is executed, in files beside
// its objects. Whatever was run since then, tests and tapes alike, adds to the same files; gcov turns them into lines:
//
//     cmake --preset coverage && cmake --build --preset coverage
//     find build/coverage -name '*.gcda' -delete                       # forgets earlier runs
//     ctest --preset coverage
//     build/coverage/uringsim conform --coverage tests/golden/v5.*.gz  # the tapes, then what nothing reached
//
// An inline function counts where any object that contains it executed it. A line that gives one of two errnos counts as one.
#pragma once

#include <string>
#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::tools {

/// A line of kernel_model/ that gives back an errno and was never executed.
struct ErrnoLine {
  std::string file;  ///< from the root of the source tree
  u32 line = 0;
  std::string text;
};

/// True if this build counts.
[[nodiscard]] bool counts_lines() noexcept;

struct ErrnoCoverage {
  size_t lines = 0;                  ///< of kernel_model/ that give back an errno and were compiled
  std::vector<ErrnoLine> unreached;  ///< by file and line
};

/// Throws std::runtime_error where gcov cannot be run, or finds nothing.
[[nodiscard]] ErrnoCoverage errno_coverage();

}  // namespace uringsim::tools
