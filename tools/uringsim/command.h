// SPDX-License-Identifier: GPL-2.0-only
// One command of the uringsim binary. Each lives in a file of its own:
//
//   // tools/uringsim/validate.cc
//   class Validate : public Command { ... };
//   std::unique_ptr<Command> make_validate() { return std::make_unique<Validate>(); }
//
// and is declared and listed in commands.h and commands.cc, one line each. describe() adds options to the subcommand and returns;
// run() does the work after the command line was parsed. Mistakes of the user are thrown as sim::InputError (exit 2), anything
// else that escapes is an internal failure (exit 3).
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "tools/uringsim/terminal.h"

namespace uringsim::tools {

/// Exit codes that scripts may rely on.
enum Exit : int {
  exit_good = 0,
  exit_bad = 1,         ///< an expectation does not hold, a difference or violation was found
  exit_usage = 2,       ///< wrong command line or invalid file
  exit_internal = 3,    ///< a failure of uringsim itself
  exit_incomplete = 4,  ///< nothing found, but not everything was searched
  exit_signal = 128,    ///< plus the number of the signal that stopped the run
};

class Command {
 public:
  virtual ~Command() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// One line for the list of commands.
  [[nodiscard]] virtual std::string about() const = 0;
  /// A command line that works, with a word on what it shows; for --help.
  [[nodiscard]] virtual std::string example() const = 0;
  /// Adds positionals and options; the storage they write to belongs to the command.
  virtual void describe(CLI::App& app) = 0;
  /// Returns the exit code.
  virtual int run(Terminal& terminal) = 0;
};

}  // namespace uringsim::tools
