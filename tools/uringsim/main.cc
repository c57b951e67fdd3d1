// SPDX-License-Identifier: GPL-2.0-only
// The uringsim binary: finds the command, lets it describe its options, runs it, and turns what happens into an exit code.
#include <fmt/format.h>

#include <exception>
#include <iostream>

#include "sim/scenario/input_error.h"
#include "sim/scenario/nearest.h"
#include "sim/scenario/vocabulary.h"
#include "tools/uringsim/commands.h"

namespace uringsim::tools {

namespace {

std::string version_text() {
  std::string profiles;
  for (const std::string_view name : sim::known_kernels()) profiles += fmt::format(" {}", name);
#if defined(__clang__)
  const std::string compiler = fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  const std::string compiler = fmt::format("gcc {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
  return fmt::format("uringsim {} ({}; profiles:{})", URINGSIM_VERSION, compiler, profiles);
}

std::vector<std::string_view> option_names(const CLI::App& app, std::vector<std::string>& storage) {
  for (const CLI::Option* const option : app.get_options())
    for (const std::string& name : option->get_lnames()) storage.push_back("--" + name);
  return {storage.begin(), storage.end()};
}

/// What is wrong with the command line, in one line. CLI11's own texts do not name neighbours.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  const auto used = app.get_subcommands();
  if (used.empty()) {
    const std::string word = argc > 1 ? argv[1] : "";
    std::vector<std::string> names;
    for (const CLI::App* const command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
    if (is_planned_command(word)) return fmt::format("the command {} is not part of this version", sim::in_quotes(word));
    if (word.empty()) return "no command is named; uringsim --help lists them";
    return fmt::format("no command {}; {}", sim::in_quotes(word),
                       sim::name_hint(word, std::vector<std::string_view>(names.begin(), names.end())));
  }
  const CLI::App& command = *used.front();
  const std::vector<std::string> rest = command.remaining();
  for (const std::string& word : rest) {
    if (word.rfind("--", 0) != 0) continue;
    const std::string option = word.substr(0, word.find('='));
    if (is_planned_option(command.get_name(), option))
      return fmt::format("{}: the option {} is not part of this version", command.get_name(), option);
    std::vector<std::string> storage;
    const auto names = option_names(command, storage);
    return fmt::format("{}: no option {}; {}", command.get_name(), sim::in_quotes(option), sim::name_hint(option, names));
  }
  std::string what = error.what();
  for (char& c : what)
    if (c == '\n') c = ' ';
  constexpr std::string_view conversion = "Could not convert: ", between = " = ";  // all such options take numbers
  if (const auto at = what.find(between); what.rfind(conversion, 0) == 0 && at != std::string::npos)
    return fmt::format("{}: {}: {} is not a number from 0 on", command.get_name(),
                       what.substr(conversion.size(), at - conversion.size()), what.substr(at + between.size()));
  return fmt::format("{}: {}", command.get_name(), what);
}

/// CLI11 takes -1 for an unsigned number, and makes it a very large one.
void refuse_negative_numbers(const CLI::App& command) {
  for (const CLI::Option* const option : command.get_options())
    for (const std::string& word : option->results())
      if (option->get_type_name().rfind("UINT", 0) == 0 && word.rfind('-', 0) == 0)
        throw sim::InputError(fmt::format("{}: {}: {} is not a number from 0 on", command.get_name(), option->get_name(), word));
}

int run_commands(int argc, char** argv) {
  const SignalWatch signals;
  Terminal terminal(signals);
  CLI::App app("A kernel-accurate simulator of Linux io_uring.", "uringsim");
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  app.footer("Example: uringsim run scenarios/lessons/idle-window.json");
  const std::vector<std::unique_ptr<Command>> commands = make_commands();
  for (const auto& command : commands) {
    CLI::App* const sub = app.add_subcommand(command->name(), command->about());
    sub->footer("Example: " + command->example());
    command->describe(*sub);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    const int code = app.exit(success);  // --help, --version
    std::cout.flush();
    return std::cout ? code : throw sim::InputError("standard output: cannot be written");
  } catch (const CLI::ParseError& error) {
    terminal.error(usage_error(app, error, argc, argv));
    return exit_usage;
  }
  for (const auto& command : commands) {
    if (!app.got_subcommand(command->name())) continue;
    refuse_negative_numbers(*app.get_subcommand(command->name()));
    const int code = command->run(terminal);
    return terminal.stop_signal() != 0 ? exit_signal + terminal.stop_signal() : code;
  }
  return exit_usage;
}

}  // namespace

}  // namespace uringsim::tools

int main(int argc, char** argv) {
  namespace tools = uringsim::tools;
  try {
    return tools::run_commands(argc, argv);
  } catch (const uringsim::sim::InputError& error) {
    fmt::print(stderr, "uringsim: {}\n", error.what());
    return tools::exit_usage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "uringsim: internal failure: {}\n", error.what());
    return tools::exit_internal;
  }
}
