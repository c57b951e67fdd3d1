// SPDX-License-Identifier: GPL-2.0-only
// What to search and how far, and what came of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernel_model/arch/machine.h"
#include "sim/explore/program.h"
#include "sim/explore/schedule.h"

namespace uringsim::sim::dpor {

/// Which graphs are allowed. order.h says what each of them means.
enum class MemoryModel : u8 { sc, tso, weak };

/// How far a search has come.
struct Progress {
  u64 complete = 0;
  u64 blocked = 0;
  unsigned depth = 0;  ///< revisits on the stack
  double share = 0;    ///< rough share of the tree that is done, 0 to 1
};

/// Where a search stands between two executions: another process can go on from there.
struct Position {
  /// One alternative that was taken on the way: option `option` of the item `item` among those that the execution before it
  /// found.
  struct Branch {
    u16 item;
    u16 option;
    u16 level;  ///< who runs what lies below: see search_divide.h
  };
  std::vector<Branch> path;  ///< from the root to the execution that comes next; empty: the first
  u64 complete = 0;          ///< counted so far
  u64 blocked = 0;
  u64 units = 0;  ///< see search_divide.h
  u64 of_everybody = 0;
  u64 of_shard = 0;
  u64 parts = 0;
};

struct Options {
  MemoryModel memory = MemoryModel::sc;
  std::vector<std::string> left_out;  ///< barriers to leave out, by name
  unsigned cpus = 2;                  ///< what the program is told: who follows a schedule elsewhere needs as many
  bool races = true;                  ///< report data races on plain accesses; otherwise they count as relaxed
  bool stop_at_violation = true;
  u64 max_executions = ~u64{0};    ///< complete and blocked ones together
  u64 max_milliseconds = ~u64{0};  ///< elapsed time
  /// Only executions that can be told from the first one in at most so many steps, each an event that goes another way: an old
  /// value read, a store put in front of others, a load that was there before its store, a choice (as a bound on delays does
  /// where schedules are searched: Emmi, Qadeer, Rakamaric, POPL 2011).
  unsigned departures = ~0U;
  unsigned shard = 0;  ///< this part of `shards` equal ones, counted from 0
  unsigned shards = 1;
  /// Searches that share a shard's parts between them: each walks the same tree and asks, in the same order, whether part `part`
  /// is its own to run. Null: every part is.
  std::function<bool(u64 part)> claim;
  unsigned jobs = 1;                              ///< how many searches share
  unsigned job = 0;                               ///< which of them this is
  Position from;                                  ///< go on from there
  std::function<void(const Position&)> keep;      ///< called every few seconds, so that a search that is killed can go on
  bool digests = false;                           ///< collect Program::digest() of every complete execution
  unsigned max_events = 4096;                     ///< of one execution; more is an error
  std::function<bool(const Progress&)> progress;  ///< called now and then; false stops the search
};

struct Result {
  u64 complete = 0;  ///< executions that ran to quiescence
  u64 blocked = 0;   ///< executions cut by assume(), or ended in a polling loop whose wait was over
  u64 run = 0;       ///< executions run here: those, and what every shard or job runs and another one counts
  bool exhausted = false;
  bool bounded = false;  ///< Options::departures left something out
  bool found = false;
  u64 found_at = 0;  ///< the violation was met in this execution, counted from 1
  Violation violation;
  Schedule schedule;         ///< of the first violation
  std::vector<u64> digests;  ///< sorted, without repetition
  u64 events = 0;            ///< events of the longest execution
  Position position;         ///< of a search that stopped before its end
  std::string error;         ///< not empty: the program cannot be searched, and why
};

}  // namespace uringsim::sim::dpor
