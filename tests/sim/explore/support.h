// SPDX-License-Identifier: GPL-2.0-only
// What the explorer's tests share: run a program to the end by dfs and collect what it reached.
#pragma once

#include <map>
#include <set>
#include <string>

#include "sim/explore/dfs.h"
#include "sim/explore/machine.h"
#include "sim/explore/random.h"

namespace uringsim::sim {

struct Exhaustive {
  u64 executions = 0;
  u64 cut = 0;
  std::set<u64> digests;
  std::map<std::string, u64> violations;  ///< by check
  bool exact = true;
};

/// Every execution of `program`.
inline Exhaustive run_all(Program& program, const MachineOptions& options, const DfsStrategy::Options& bounds = {}) {
  const auto machine = make_machine(options);
  machine->set_up(program);
  DfsStrategy dfs(bounds);
  Exhaustive all;
  while (dfs.begin()) {
    const Run run = machine->run(dfs);
    all.executions++;
    if (run.end == End::complete) all.digests.insert(program.digest());
    if (run.end == End::violation) all.violations[machine->violation().check]++;
    if (run.end == End::cut) all.cut++;
  }
  all.exact = machine->exact();
  return all;
}

}  // namespace uringsim::sim
