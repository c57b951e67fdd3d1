// SPDX-License-Identifier: GPL-2.0-only
// What a run did wrong, in one text: empty is good.
#pragma once

#include <string>

#include "sim/report/run_report.h"

namespace uringsim::sim {

/// What did not hold, and what failed, except for what the scenario wants a search to find.
inline std::string wrong(const RunReport& report) {
  std::string text;
  for (const ExpectationReport& one : report.expectations)
    if (!one.holds && !one.sought) text += one.what + " -> " + one.got + "; ";
  for (const std::string& failure : report.failures)
    if (!report.sought) text += failure + "; ";
  return text;
}

}  // namespace uringsim::sim
