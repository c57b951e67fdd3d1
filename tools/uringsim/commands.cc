// SPDX-License-Identifier: GPL-2.0-only
#include "tools/uringsim/commands.h"

#include <algorithm>
#include <array>
#include <utility>

namespace uringsim::tools {

std::vector<std::unique_ptr<Command>> make_commands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(make_run());
  commands.push_back(make_sweep());
  commands.push_back(make_explore());
  commands.push_back(make_replay());
  commands.push_back(make_races());
  commands.push_back(make_validate());
  commands.push_back(make_conform());
  commands.push_back(make_diff());
  commands.push_back(make_list());
  commands.push_back(make_bench());
  return commands;
}

bool is_planned_command(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 1> planned{"exec"};
  return std::find(planned.begin(), planned.end(), name) != planned.end();
}

bool is_planned_option(std::string_view command, std::string_view option) noexcept {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> planned{{{"run", "--step"},
                                                                                  {"run", "--report"},
                                                                                  {"run", "--trace"},
                                                                                  {"sweep", "--report"},
                                                                                  {"explore", "--report"},
                                                                                  {"replay", "--step"},
                                                                                  {"replay", "--trace"},
                                                                                  {"replay", "--report"}}};
  return std::find(planned.begin(), planned.end(), std::pair(command, option)) != planned.end();
}

}  // namespace uringsim::tools
