// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/applicability.h"

#include <array>
#include <string>

namespace uringsim::sim::tape {

namespace {

const std::array kHostRules = {
    ApplicabilityRule{"a disk with poll queues", "the file system of this machine need not stand on one",
                      [](const Tape& tape, std::string_view) { return tape.needs_the("disk"); }},
};

}  // namespace

std::span<const ApplicabilityRule> host_rules() noexcept { return kHostRules; }

std::optional<std::string> not_applicable(const Tape& tape, std::span<const ApplicabilityRule> rules, std::string_view kernel) {
  for (const ApplicabilityRule& rule : rules)
    if (rule.needed_by(tape, kernel)) return std::string("needs ") + std::string(rule.lacks) + ": " + std::string(rule.why);
  return std::nullopt;
}

}  // namespace uringsim::sim::tape
