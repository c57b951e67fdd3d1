// SPDX-License-Identifier: GPL-2.0-only
// A race scenario and its fixed twin: one search that has to find the bug, and one without the bug that has to find nothing.
//
//     RaceReport report = hunt("scenarios/races/sq-park-before-prepare-wait.json");
//     if (!report.good()) ...
//
// A scenario is a race if its name is that of a bug (`uringsim list bugs`) or of an application's mistake, and its `bugs` puts it
// in. The twin is the same scenario with `bugs` empty, and with what the release got wrong by nature taken out by `fixes`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/explore/explore.h"
#include "sim/scenario/scenario.h"

namespace uringsim::sim {

struct RaceOptions {
  Search strategy = Search::pct;
  u64 executions = 200'000;    ///< at most, to find it
  u64 clean_times = 10;        ///< the twin gets so many times the executions that found it,
  u64 clean_at_least = 1'000;  ///< but no fewer than these,
  u64 exhaust = 25'000;        ///< unless dpor covers them all, in so many executions at most
  unsigned plain_runs = 0;     ///< timed runs with the bug in, one a seed
  u64 seed = 1;
  std::function<bool()> go_on;  ///< false stops the search
};

struct RaceReport {
  std::string name, file, kernel;
  bool of_application = false;  ///< a mistake of the application, not of the kernel
  std::string affected;         ///< releases, or libraries
  Memory memory = Memory::sc;   ///< the strongest under which the scenario expects the violation
  Search strategy = Search::pct;
  bool found = false;
  u64 found_at = 0;  ///< execution
  double seconds = 0;
  std::string check;     ///< violated
  std::string expected;  ///< check that the scenario names; empty: any
  u64 clean_executions = 0;
  bool clean_exhaustive = false;
  std::string false_alarm;  ///< story of what the twin's search found
  std::string unconfirmed;  ///< what dpor stopped at in the twin without a schedule that shows it; the twin was sampled instead
  unsigned plain_runs = 0, plain_passes = 0;  ///< passes: those that did not meet the violation
  std::string error;                          ///< cannot be explored

  /// Found, by the right check, and clean without.
  [[nodiscard]] bool good() const noexcept {
    return error.empty() && found && (expected.empty() || expected == check) && false_alarm.empty();
  }
};

/// Whether a scenario of this name is a race.
[[nodiscard]] bool is_race(std::string_view name) noexcept;
/// What `--set` takes to make the twin of `scenario`.
[[nodiscard]] std::vector<std::string> without_its_bugs(const Scenario& scenario);
/// Both searches. Throws InputError for a file that is no race.
[[nodiscard]] RaceReport hunt(const std::string& file, const RaceOptions& options = {});
/// The files of a directory that are races, by name.
[[nodiscard]] std::vector<std::string> races_in(const std::string& directory);

}  // namespace uringsim::sim
