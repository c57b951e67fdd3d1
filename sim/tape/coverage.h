// SPDX-License-Identifier: GPL-2.0-only
// What tapes reach: opcode by SQE flags by result.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "sim/tape/played.h"
#include "sim/tape/tape.h"

namespace uringsim::sim::tape {

/// How often each combination was seen in completions: {opcode, SQE flags, result}, result being "ok" or an errno's name; and in
/// the three system calls, whose flags are the call's own.
class Coverage {
 public:
  using Key = std::tuple<std::string, std::string, std::string>;

  /// Adds what one tape's answers show.
  void add(const Tape& tape, const Played& played);
  [[nodiscard]] const std::map<Key, u64>& seen() const { return seen_; }

 private:
  std::map<Key, u64> seen_;
};

/// "EINVAL" of 22; "errno 4242" of a number without a name.
[[nodiscard]] std::string errno_name(int number);

}  // namespace uringsim::sim::tape
