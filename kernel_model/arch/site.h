// SPDX-License-Identifier: GPL-2.0-only
// Where in the model's source an operation stands: race reports, stories and barrier switches name it.
#pragma once

namespace uringsim::arch {

/// A source position. Taken as a defaulted last parameter, so that the caller's position is meant:
///     T READ_ONCE(const T& word, Site site = Site::here());
/// All three values are constants of the call; an inlined fast path that does not use them costs nothing.
struct Site {
  const char* file = "";
  const char* function = "";
  unsigned line = 0;

  static constexpr Site here(const char* file = __builtin_FILE(), const char* function = __builtin_FUNCTION(),
                             unsigned line = __builtin_LINE()) noexcept {
    return {file, function, line};
  }
};

}  // namespace uringsim::arch
