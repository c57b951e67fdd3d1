// SPDX-License-Identifier: GPL-2.0-only
// What playing a tape gave, and how it travels from the process that played it.
#pragma once

#include <string>
#include <vector>

#include "sim/tape/child_pool.h"
#include "sim/tape/tape.h"

namespace uringsim::sim::tape {

/// One tape's answers on one kernel.
struct Played {
  std::vector<Json> outs;                        ///< of the steps that returned, null where a step has no result
  std::vector<std::vector<std::string>> traces;  ///< what the kernel did in each step, where the player was asked to tell
  Json end;                                      ///< as in a recording, or {"error": text} if the player itself failed
};

/// Lines of the child's report: {"trace": ...} and {"out": ...} for each step, then {"end": ...}.
[[nodiscard]] std::string trace_line(const std::string& text);
[[nodiscard]] std::string out_line(const Json& out);
[[nodiscard]] std::string end_line(const Json& end);

/// The answers in `lines`; `end` stays null if no line says how the tape ended.
[[nodiscard]] Played played_from(const std::vector<std::string>& lines);

/// A copy of `tape` with these answers instead of its own.
[[nodiscard]] Tape with_answers(const Tape& tape, const Played& played);

}  // namespace uringsim::sim::tape
