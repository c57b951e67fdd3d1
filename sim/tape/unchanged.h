// SPDX-License-Identifier: GPL-2.0-only
// What a running kernel of one release can say about a model of another.
//
// Where the two are not of the same release, only some answers can be held against each other. Two small tables say which: groups
// of tapes that mean the same in both, and excuses, single behaviours within such groups that did change. Every row gives its
// reason; whoever uses a row counts how often it was needed, so that a row that excuses too much is seen.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "sim/tape/compare.h"
#include "sim/tape/tape.h"

namespace uringsim::sim::tape {

/// Tapes whose name matches `glob` mean the same in every release from `since` on.
struct UnchangedGroup {
  std::string_view glob;
  std::string_view since;  ///< as in "v5.1"
  std::string_view why;
};

[[nodiscard]] std::span<const UnchangedGroup> unchanged_groups() noexcept;

/// The row that makes `tape` comparable between a model of `kernel` ("v5.4") and a newer running kernel; null if none does.
[[nodiscard]] const UnchangedGroup* unchanged(const Tape& tape, std::string_view kernel) noexcept;

/// One behaviour that changed with `release`: older models and newer kernels differ there.
struct Excuse {
  std::string_view function;   ///< of the kernel
  std::string_view release;    ///< that changed it
  std::string_view call;       ///< opcode or system call
  std::string_view arguments;  ///< which class of arguments
  std::string_view change;     ///< from what to what
  bool (*covers)(const Tape& tape, const Difference& difference);
};

/// At most twenty rows.
[[nodiscard]] std::span<const Excuse> excuses() noexcept;

/// Index of the first row that covers a difference between a model of `kernel` and a newer running kernel.
[[nodiscard]] std::optional<size_t> excuse_for(const Tape& tape, const Difference& difference, std::string_view kernel) noexcept;

}  // namespace uringsim::sim::tape
