// SPDX-License-Identifier: GPL-2.0-only
// Tapes that cannot apply to the simulator, and why.
//
// A rule states what the simulator's world lacks and recognises, by what a tape does, the tapes that need it: never by their
// name, so that it holds for tapes nobody has seen. A behaviour that is merely not built yet is no rule: such a tape differs.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "sim/tape/tape.h"

namespace uringsim::sim::tape {

struct ApplicabilityRule {
  std::string_view lacks;                                        ///< what the world does not have
  std::string_view why;                                          ///< and why not
  bool (*needed_by)(const Tape& tape, std::string_view kernel);  ///< kernel: the profile, as in "v5.4"
};

/// Rules for the running kernel, which has the hardware it has.
[[nodiscard]] std::span<const ApplicabilityRule> host_rules() noexcept;

/// Why `tape` cannot apply under `rules` to `kernel`, or nothing if it can.
[[nodiscard]] std::optional<std::string> not_applicable(const Tape& tape, std::span<const ApplicabilityRule> rules,
                                                        std::string_view kernel);

}  // namespace uringsim::sim::tape
