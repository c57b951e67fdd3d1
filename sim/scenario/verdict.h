// SPDX-License-Identifier: GPL-2.0-only
// Whether a run did what its scenario expects.
#pragma once

#include <functional>
#include <map>

#include "sim/report/ring_metrics.h"
#include "sim/report/run_report.h"
#include "sim/scenario/scenario.h"

namespace uringsim::sim {

/// What a run leaves behind for its expectations, beside the report.
struct RunOutcome {
  const RingMetrics* metrics = nullptr;
  /// Variables at the end of each task (its first copy), by TaskOptions slot.
  std::map<std::string, std::vector<s64>> variables;
  /// Bytes of a file, from an offset; empty where it cannot be read.
  std::function<std::vector<u8>(const std::string& file, u64 offset, u64 bytes)> content;
  /// What each check found: its name and the violation. Checks that are not here found nothing.
  std::map<std::string, std::string> violations;
  /// Names of checks that were watched. One that was not cannot hold.
  std::vector<std::string> watched;
  /// Of these, those whose violation fails a run that does not name or allow them.
  std::vector<std::string> unasked;
  bool executed = false;  ///< false: setting the files up failed, or somebody stopped the run
};

/// Judges: fills in report.expectations and report.pass from the report's figures and the outcome. Expectations for other engines
/// or kernels are left out; `explore` ones belong to searches. A failure in report.failures fails the run by itself.
///
/// Where a search has to find a violation, a single run may meet it or not, and passes either way: what is expected without being
/// asked and the steps' own failures are then only shown (`sought`). What `expect` asks for besides has to hold.
void judge(const Scenario& scenario, const RunOutcome& outcome, RunReport& report);

/// Remarks that a person would want: sq_thread_idle of 0 means a second, below a jiffy is one, a check nobody watches here.
[[nodiscard]] std::vector<std::string> remarks(const Scenario& scenario);

}  // namespace uringsim::sim
