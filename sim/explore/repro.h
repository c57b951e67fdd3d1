// SPDX-License-Identifier: GPL-2.0-only
// A finding as a small file that runs again, to the same bytes, on any machine: JSON with a format version, what was run
// (program, profile, memory model, left-out barriers), what is violated, and the schedule with a fingerprint for each step.
#pragma once

#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/explore/machine.h"

namespace uringsim::sim {

/// The file is no repro, or of a format that this build does not read.
class ReproError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Repro {
  static constexpr int kFormat = 2;

  std::string program;   ///< Program::name(), or the scenario's path
  std::string profile;   ///< kernel profile, empty for bare programs
  std::string scenario;  ///< the scenario's own text, if there is one, so that the file is self-contained
  Memory memory = Memory::sc;
  std::vector<std::string> left_out;
  Violation violation;
  Schedule schedule;
  u64 hash = 0;  ///< trace_hash() of the schedule

  /// As JSON, ending in a newline.
  [[nodiscard]] std::string to_json() const;
  /// Throws ReproError that says what is wrong and where. The result owns the strings that its schedule points to.
  static Repro from_json(const std::string& text);

 private:
  std::shared_ptr<std::deque<std::string>> names_;  // what the steps' sites point to after reading
};

}  // namespace uringsim::sim
