// SPDX-License-Identifier: GPL-2.0-only
// What a scenario file says, as plain structs: every option with its unit and its default, in format/ and nowhere else.
//
// A header of format/ holds the structs of one subject, the source beside it the table that maps JSON fields to their members,
// one line a field; scenarios/schema.json is generated from the same lines. The runner turns a Scenario into a World and its
// tasks' steps into calls. A Scenario is immutable while it runs: what a task changes (variables, positions, random numbers)
// lives with the task.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/scenario/format/devices.h"
#include "sim/scenario/format/expectations.h"
#include "sim/scenario/format/faults.h"
#include "sim/scenario/format/files.h"
#include "sim/scenario/format/machine.h"
#include "sim/scenario/format/names.h"
#include "sim/scenario/format/rings.h"
#include "sim/scenario/format/steps.h"
#include "sim/scenario/format/tasks.h"

namespace uringsim::sim {

struct Scenario {
  std::string file;  ///< as given on the command line
  std::string name;
  std::string about;
  Ref kernel{"v5.4", ""};
  std::vector<Engine> engines{Engine::timed, Engine::live};
  std::string engines_where;  ///< file:line:column and path, for errors
  u64 seed = 1;
  MachineSettings machine;
  Named<DeviceOptions> devices;
  Named<FileOptions> files;
  Named<RingOptions> rings;
  Named<TaskOptions> tasks;
  std::vector<Fault> faults;
  std::vector<Expectation> expect;
  std::vector<Ref> allow;
  std::vector<Ref> bugs;
  std::vector<Ref> fixes;
  std::optional<Nanoseconds> limit;  ///< of virtual or real time for the whole run; none: the engine's own watchdog
  std::string text;                  ///< the JSON after --set and params, compact: what a repro carries
};

}  // namespace uringsim::sim
