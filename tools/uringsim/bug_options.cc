// SPDX-License-Identifier: GPL-2.0-only
#include "tools/uringsim/bug_options.h"

#include <fmt/format.h>

#include "sim/scenario/input_error.h"
#include "sim/scenario/nearest.h"

namespace uringsim::tools {

namespace {

std::vector<kernel::Bug> named(const std::vector<std::string>& ids, std::string_view command) {
  std::vector<kernel::Bug> bugs;
  for (const std::string& id : ids) {
    const kernel::Bug bug = kernel::find_bug(id);
    if (bug == kernel::Bug::count_) {
      std::vector<std::string_view> known;
      for (unsigned i = 0; i < static_cast<unsigned>(kernel::Bug::count_); i++)
        known.push_back(kernel::describe(static_cast<kernel::Bug>(i)).id);
      throw sim::InputError(
          fmt::format("{}: no bug of the kernel {}; {}", command, sim::in_quotes(id), sim::name_hint(id, known)));
    }
    bugs.push_back(bug);
  }
  return bugs;
}

}  // namespace

void BugOptions::describe(CLI::App& app) {
  app.add_option("--bugs", bugs_, "bugs to put into the model (list bugs), to see what they are found by")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--fixes", fixes_, "bugs of its release to take out of the model")->delimiter(',')->allow_extra_args(false);
}

void BugOptions::apply(sim::tape::ModelOptions& options, std::string_view command) const {
  options.bugs = named(bugs_, command);
  options.fixes = named(fixes_, command);
}

}  // namespace uringsim::tools
