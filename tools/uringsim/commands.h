// SPDX-License-Identifier: GPL-2.0-only
// All commands of this build. A new one is a file with its class, a line here and a line in commands.cc.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tools/uringsim/command.h"

namespace uringsim::tools {

[[nodiscard]] std::unique_ptr<Command> make_run();
[[nodiscard]] std::unique_ptr<Command> make_sweep();
[[nodiscard]] std::unique_ptr<Command> make_explore();
[[nodiscard]] std::unique_ptr<Command> make_replay();
[[nodiscard]] std::unique_ptr<Command> make_races();
[[nodiscard]] std::unique_ptr<Command> make_validate();
[[nodiscard]] std::unique_ptr<Command> make_conform();
[[nodiscard]] std::unique_ptr<Command> make_diff();
[[nodiscard]] std::unique_ptr<Command> make_list();
[[nodiscard]] std::unique_ptr<Command> make_bench();

/// Every command, in the order of --help.
[[nodiscard]] std::vector<std::unique_ptr<Command>> make_commands();
/// True for a command or option that the interface promises and this version does not have yet: it is refused by name.
[[nodiscard]] bool is_planned_command(std::string_view name) noexcept;
[[nodiscard]] bool is_planned_option(std::string_view command, std::string_view option) noexcept;

}  // namespace uringsim::tools
