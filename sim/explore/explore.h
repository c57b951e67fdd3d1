// SPDX-License-Identifier: GPL-2.0-only
// Exploring a program: the one entry for tests, scenarios and the command line.
//
//     uringsim::ExploreOptions options;
//     options.memory = sim::Memory::tso;
//     const uringsim::ExploreResult result = uringsim::explore(program, options);
//     if (!result.clean()) std::cout << result.story;
//
// Strategies: dpor runs each execution once up to equivalence and is exhaustive (sim/explore/dpor/); dfs runs every interleaving;
// random and pct sample. What dpor finds is run again on the operational machine, so that every finding has the same story
// and the same repro file whoever found it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/explore/machine.h"
#include "sim/explore/repro.h"
#include "sim/explore/story.h"

namespace uringsim {

enum class Search : u8 { dpor, dfs, pct, random };
const char* to_string(Search search) noexcept;

/// How far a search has come.
struct ExploreProgress {
  u64 executions = 0;
  double seconds = 0;
  double share = -1;  ///< of the tree, rough; negative if unknown
  u64 depth = 0;      ///< scheduling points of the latest execution
};

struct ExploreOptions {
  Search strategy = Search::dpor;
  sim::Memory memory = sim::Memory::sc;
  u64 executions = ~u64{0};           ///< at most so many, of all jobs together
  u64 milliseconds = ~u64{0};         ///< elapsed
  u64 seed = 1;                       ///< of random and pct
  u32 depth = 3;                      ///< of pct
  u32 preemptions = ~u32{0};          ///< dfs: at most so many in an execution
  u32 departures = ~u32{0};           ///< dpor: only executions that differ from the first one in at most so many steps
  unsigned jobs = 1;                  ///< processes
  unsigned shard = 0;                 ///< this part, counted from 0,
  unsigned shards = 1;                ///< of so many equal ones
  std::vector<std::string> left_out;  ///< barriers to leave out, by name
  bool races = true;                  ///< look for data races
  u64 max_points = 200'000;           ///< longest execution; a longer one is cut, and the search not exhaustive
  u64 arena_bytes = u64{1} << 28;     ///< memory of one world
  unsigned cpus = 2;
  bool stop_at_violation = true;
  bool minimise = true;
  u64 minimise_executions = 40'000;
  std::string checkpoint;  ///< file: read if it is there, written when the search stops before its end
  std::string profile;     ///< told in the story and written into the repro
  std::string scenario;    ///< the scenario's text, if the program is one: for the repro, and for what a checkpoint is of
  std::function<bool(const ExploreProgress&)> progress;  ///< called several times a second; false stops the search
};

struct ExploreResult {
  bool found = false;
  bool exhaustive = false;  ///< every execution of the program is covered, up to equivalence
  u64 executions = 0;       ///< complete ones
  u64 blocked = 0;          ///< cut by assume(), or ended in a polling loop
  u64 cut = 0;              ///< outgrew max_points
  double seconds = 0;
  double share = -1;     ///< of the tree, a rough estimate, where the search stopped before its end; negative if unknown
  u64 found_at = 0;      ///< the violation was met in this execution, counted from 1
  double guarantee = 0;  ///< pct: probability of one execution to hit a bug of the given depth; 0 for others
  sim::Violation violation;
  sim::Cost cost;           ///< of the minimised schedule; cost.lines is `steps` of the JSON output
  std::string story;        ///< for people
  bool hurried = false;     ///< the time was up before the schedule was known to be the simplest
  std::string unconfirmed;  ///< not empty: dpor stopped at this, but no schedule shows it; nothing is found, nor excluded
  sim::Repro repro;
  std::string error;  ///< not empty: the program cannot be explored, and why

  [[nodiscard]] bool clean() const noexcept { return !found && error.empty(); }
};

/// Explores `program`. Deterministic but for time budgets and, with several jobs, for which of several violations comes first.
ExploreResult explore(sim::Program& program, const ExploreOptions& options = {});

/// Names of the barriers that some of `executions` random executions come to, in the order of the alphabet.
std::vector<std::string> barriers_met(sim::Program& program, const ExploreOptions& options, u64 executions);

/// What a replay came to.
struct ReplayResult {
  std::string difference;  ///< not empty: the repro is stale, and where
  bool violated = false;   ///< the violation occurred again
  u64 hash = 0;            ///< trace_hash() of this run; equals the repro's unless stale
  sim::Schedule schedule;
  std::string story;
};

/// Runs a repro again. `program` must be the one that it was made from.
ReplayResult replay(sim::Program& program, const sim::Repro& repro);

/// The result as JSON (interface.md's keys of `explore`); `scenario` and `kernel` are told as given, `repro` is the file's path
/// or empty.
std::string to_json(const ExploreResult& result, const ExploreOptions& options, const std::string& scenario,
                    const std::string& kernel, const std::string& repro);

/// What decides which executions a search has, and in which order, but for how they are divided: parts of one search have the
/// same.
std::string search_identity(const std::string& program, const std::string& profile, const ExploreOptions& options);

/// Adds the parts of a sharded search up to one verdict. Throws std::invalid_argument if they do not belong together.
std::string merge_json(const std::vector<std::string>& results);

}  // namespace uringsim
