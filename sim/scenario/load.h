// SPDX-License-Identifier: GPL-2.0-only
// From a file to a Scenario that is known to be sound. The one way in for the command line, tests and everything else.
//
//   Scenario scenario = load_scenario("scenarios/lessons/idle-window.json", {"idle=20ms"});   // throws InputError
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario/json_edit.h"
#include "sim/scenario/json_reader.h"
#include "sim/scenario/scenario.h"

namespace uringsim::sim {

/// Decodes `document` (already edited by --set; params are substituted here) and checks all names in it. Throws InputError.
[[nodiscard]] Scenario decode_scenario(Document document);
/// Reads, applies each of `sets`, decodes. Every combination of a `sweep` is decoded too, so that its mistakes show at once.
[[nodiscard]] Scenario load_scenario(const std::string& path, const std::vector<std::string>& sets = {});
/// The same for text that is in memory; `name` stands for the file in errors.
[[nodiscard]] Scenario load_scenario_text(std::string_view text, const std::string& name,
                                          const std::vector<std::string>& sets = {});

/// The Scenario of one point of a sweep.
struct SweptScenario {
  SweepPoint point;
  Scenario scenario;
};
/// All points of the file's sweep, decoded. Throws InputError if the file has none.
[[nodiscard]] std::vector<SweptScenario> load_sweep(const std::string& path, const std::vector<std::string>& sets = {});

/// Checks what no single field shows: that names lead somewhere and that parts do not contradict each other. Called by the above.
void check_references(const Scenario& scenario);

/// The JSON Schema (draft-07) of scenario files, as text: what scenarios/schema.json holds.
[[nodiscard]] std::string scenario_schema();

}  // namespace uringsim::sim
