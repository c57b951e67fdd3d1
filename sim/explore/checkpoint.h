// SPDX-License-Identifier: GPL-2.0-only
// Where an interrupted search stands, in a small JSON file. It ends with a digest of what it says: a file that was damaged would
// else leave out a part of the tree, and the search would call the rest everything.
#pragma once

#include <string>
#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

struct Checkpoint {
  static constexpr int kFormat = 4;

  std::string identity;  ///< of the search: program, strategy, seed, ...
  u64 begun = 0;         ///< executions begun
  u64 executions = 0;    ///< and what they came to
  u64 blocked = 0;
  u64 cut = 0;
  double seconds = 0;
  bool finished = false;      ///< there is nothing to go on with:
  bool exhaustive = false;    ///< every execution is covered
  std::vector<u64> counters;  ///< dpor: see dpor::Position; dfs: subtrees entered
  std::vector<u32> position;  ///< dfs: the options to take; dpor: the branches, three numbers each
  std::vector<u64> parts;     ///< of several jobs: the parts of the tree that this one has taken, as first ones and numbers

  /// As JSON in one line, and back. Throws std::runtime_error if `text` is of another search or was changed.
  [[nodiscard]] std::string text() const;
  static Checkpoint parse(const std::string& text, const std::string& identity);

  /// The checkpoint in `path`; an empty one if there is no such file. Throws std::runtime_error if the file is of another search.
  static Checkpoint read(const std::string& path, const std::string& identity);
  /// Replaces the file. Throws std::runtime_error if it cannot be written.
  void write(const std::string& path) const;

  /// The same for a search by several jobs: one for each of them, in one file.
  static std::vector<Checkpoint> read_jobs(const std::string& path, const std::string& identity, unsigned jobs);
  static void write_jobs(const std::string& path, const std::vector<Checkpoint>& jobs);
};

}  // namespace uringsim::sim
