// SPDX-License-Identifier: GPL-2.0-only
// A program, run by every interleaving on the operational machine and by the search over graphs: what each of them finds.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <set>
#include <string>

#include "sim/explore/dfs.h"
#include "sim/explore/dpor/dpor.h"
#include "sim/explore/machine.h"

namespace uringsim::sim::dpor {

inline constexpr Memory kOperational[] = {Memory::sc, Memory::tso, Memory::weak};
inline constexpr MemoryModel kAxiomatic[] = {MemoryModel::sc, MemoryModel::tso, MemoryModel::weak};

struct Outcome {
  std::set<u64> states;
  std::set<std::string> checks;
  bool operator==(const Outcome&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  for (u64 state : outcome.states) out << std::hex << state << std::dec << " ";
  for (const std::string& check : outcome.checks) out << check << " ";
  return out;
}

/// `exhausted`: whether it came to an end; without it, not doing so fails the test.
inline Outcome by_interleavings(Program& program, Memory memory, u64 limit = 200'000, bool* exhausted = nullptr) {
  Outcome outcome;
  MachineOptions options;
  options.memory = memory;
  auto machine = make_machine(options);
  machine->set_up(program);
  DfsStrategy strategy;
  u64 runs = 0;
  for (; runs < limit && strategy.begin(); runs++) {
    const Run run = machine->run(strategy);
    strategy.over(run.points);
    if (run.end == End::complete) outcome.states.insert(program.digest());
    if (run.end == End::violation) outcome.checks.insert(machine->violation().check);
  }
  if (exhausted != nullptr)
    *exhausted = strategy.exhausted() && machine->exact();
  else
    EXPECT_TRUE(strategy.exhausted()) << program.name() << " after " << runs;
  return outcome;
}

struct Searched {
  Outcome outcome;
  u64 complete = 0, blocked = 0;
};

inline Searched by_graphs(Program& program, MemoryModel memory) {
  Options options;
  options.memory = memory;
  options.digests = true;
  const Result all = explore(program, options);
  EXPECT_EQ(all.error, "") << program.name();
  Searched searched;
  options.stop_at_violation = false;
  const Result result = explore(program, options);
  EXPECT_TRUE(result.exhausted) << program.name();
  searched.complete = result.complete;
  searched.blocked = result.blocked;
  searched.outcome.states = {result.digests.begin(), result.digests.end()};
  if (result.found) searched.outcome.checks.insert(result.violation.check);
  return searched;
}

}  // namespace uringsim::sim::dpor
