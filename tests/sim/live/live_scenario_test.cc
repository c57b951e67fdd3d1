// SPDX-License-Identifier: GPL-2.0-only
// Scenarios on OS threads: what their processes share while they start.
#include <gtest/gtest.h>

#include "sim/scenario/load.h"
#include "sim/scenario/run_scenario.h"

namespace uringsim::sim {
namespace {

TEST(LiveScenario, ProcessesThatStartAtOnceHaveTheSameDescriptors) {
  const Scenario scenario = load_scenario_text(R"({"name": "t",
    "devices": {"d": {"type": "ram", "size": "1MiB"}},
    "files": {"x": {"device": "d", "size": "8KiB"}, "y": {"device": "d", "size": "8KiB"}, "z": {"type": "pipe"}},
    "tasks": {"a": {"process": "one", "steps": [{"read": {"file": "x", "size": 4096, "result": 4096}}]},
              "b": {"process": "two", "steps": [{"read": {"file": "y", "size": 4096, "result": 4096}}]},
              "c": {"process": "three", "steps": [{"read": {"file": "x", "size": 4096, "result": 4096}}]}}})",
                                               "t.json");
  RunOptions options;
  options.engine = Engine::live;
  for (int round = 0; round < 10; round++) {
    const RunReport report = run_scenario(scenario, options);
    EXPECT_TRUE(report.pass) << (report.failures.empty() ? "" : report.failures[0]);
  }
}

}  // namespace
}  // namespace uringsim::sim
