// SPDX-License-Identifier: GPL-2.0-only
// The formatting half of StepRunner::fail(): into a buffer on the task's stack, since a task may own no heap memory.
#pragma once

#include <fmt/format.h>

#include "sim/scenario/step_runner.h"

namespace uringsim::sim {

template <class... Arguments>
bool StepRunner::wrong_data(const char* format, const Arguments&... arguments) {
  char text[256];
  *fmt::format_to_n(text, sizeof text - 1, fmt::runtime(format), arguments...).out = 0;
  app_.violation("data", where_, text);
  return false;
}

template <class... Arguments>
bool StepRunner::fail(const char* format, const Arguments&... arguments) {
  char text[256];
  const auto end = fmt::format_to_n(text, sizeof text - 1, fmt::runtime(format), arguments...);
  *end.out = 0;
  app_.fail(where_, text);
  return false;
}

}  // namespace uringsim::sim
