// SPDX-License-Identifier: GPL-2.0-only
// --bugs and --fixes of the commands that play tapes: a kernel other than the profile's, by the ids of `uringsim list bugs`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "sim/tape/model_player.h"

namespace uringsim::tools {

class BugOptions {
 public:
  void describe(CLI::App& app);

  /// Puts what was named into `options`. Throws sim::InputError, beginning with `command`, at an id that is none.
  void apply(sim::tape::ModelOptions& options, std::string_view command) const;

 private:
  std::vector<std::string> bugs_, fixes_;
};

}  // namespace uringsim::tools
