// SPDX-License-Identifier: GPL-2.0-only
// Runs a scenario on an engine, from nothing to the verdict.
//
//   RunReport report = run_scenario(load_scenario("lesson.json"), {.engine = Engine::timed});
#pragma once

#include <csignal>

#include "kernel_model/trace/trace.h"
#include "sim/report/run_report.h"
#include "sim/scenario/scenario.h"

namespace uringsim::sim {

struct RunOptions {
  Engine engine = Engine::timed;
  std::string kernel;                  ///< empty: the scenario's
  std::optional<u64> seed;             ///< none: the scenario's
  kernel::TraceSink* trace = nullptr;  ///< also hears every event
  const volatile std::sig_atomic_t* stop = nullptr;
};

/// Throws InputError for what the engine cannot do (an engine that the scenario does not declare, a device that it lacks).
[[nodiscard]] RunReport run_scenario(const Scenario& scenario, const RunOptions& options);

}  // namespace uringsim::sim
