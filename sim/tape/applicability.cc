// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/applicability.h"

#include <array>
#include <set>
#include <string>

#include "sim/tape/fields.h"

namespace uringsim::sim::tape {

namespace {

const std::array kHostRules = {
    ApplicabilityRule{"a disk with poll queues", "the file system of this machine need not stand on one",
                      [](const Tape& tape, std::string_view) { return tape.needs_the("disk"); }},
};

/// A buffered write in a chain, behind its head: a worker is the first to try it.
bool has_linked_write(const Tape& tape, std::string_view kernel) {
  if (kernel != "v5.4") return false;
  std::set<std::string> regular;
  bool linked = false;
  for (const Step& step : tape.steps) {
    const std::string kind = step.body.value("do", "");
    if (kind == "file" && step.body["kind"] == "regular" && !step.body.value("direct", false))
      regular.insert(step.body["name"].get<std::string>());
    if (kind == "submit") linked = false;
    if (kind != "sqe") continue;
    const u32 op = code(kOperations, step.body["op"]);
    const Json fd = step.body.value("fd", Json(0));
    if (linked && (op == uapi::IORING_OP_WRITEV || op == uapi::IORING_OP_WRITE_FIXED) && fd.is_string() &&
        regular.count(fd.get<std::string>()))
      return true;
    linked = (flag_word(kSqeFlags, step.body.value("flags", Json(0))) & uapi::IOSQE_IO_LINK) != 0;
  }
  return false;
}

const std::array kModelRules = {
    ApplicabilityRule{
        "the memory of earlier processes",
        "5.4 writes a linked buffered write under a file size limit that nobody set: it is whatever an earlier request, of "
        "any process since boot, left in the request's memory (io_kiocb::fsize)",
        has_linked_write},
};

}  // namespace

std::span<const ApplicabilityRule> model_rules() noexcept { return kModelRules; }

std::span<const ApplicabilityRule> host_rules() noexcept { return kHostRules; }

std::optional<std::string> not_applicable(const Tape& tape, std::span<const ApplicabilityRule> rules, std::string_view kernel) {
  for (const ApplicabilityRule& rule : rules)
    if (rule.needed_by(tape, kernel)) return std::string("needs ") + std::string(rule.lacks) + ": " + std::string(rule.why);
  return std::nullopt;
}

}  // namespace uringsim::sim::tape
