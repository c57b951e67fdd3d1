// SPDX-License-Identifier: GPL-2.0-only
// uringsim races: how soon a search finds each known bug, and that it finds nothing without it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sim/scenario/input_error.h"
#include "sim/scenario/race.h"
#include "tools/uringsim/commands.h"

namespace uringsim::tools {

namespace {

class Races : public Command {
 public:
  [[nodiscard]] std::string name() const override { return "races"; }
  [[nodiscard]] std::string about() const override {
    return "search each race scenario with its bug and without: how soon it is found, and no false alarm";
  }
  [[nodiscard]] std::string example() const override {
    return "uringsim races     # scenarios/races: a table of all; exit 0 if each is found, and nothing without its bug";
  }
  void describe(CLI::App& app) override {
    app.add_option("FILE", files_, "race scenarios: named as the bug that they put in; none: those in --in");
    app.add_option("--in", directory_, "directory to look in")->capture_default_str();
    app.add_option("--strategy", strategy_, "pct, random, dfs or dpor")->capture_default_str();
    app.add_option("--budget", options_.executions, "executions at most, to find one")->capture_default_str();
    app.add_option("--exhaust", options_.exhaust,
                   "executions that dpor may take to cover the program without its bug; 0: samples only")
        ->capture_default_str();
    app.add_option("--seed", options_.seed, "of pct and random")->capture_default_str();
    app.add_option("--runs", options_.plain_runs, "timed runs with the bug in, one a seed: how many of them notice")
        ->capture_default_str();
    app.add_flag("--json", json_, "a JSON array");
  }
  int run(Terminal& terminal) override {
    options_.strategy = strategy();
    options_.go_on = [&terminal] { return terminal.stop_signal() == 0; };
    const std::vector<std::string> files = files_.empty() ? sim::races_in(directory_) : files_;
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    bool good = true;
    if (!json_) terminal.print(heading());
    for (const std::string& file : files) {
      if (terminal.stop_signal() != 0) break;
      const sim::RaceReport report = sim::hunt(file, options_);
      good = good && report.good();
      if (json_)
        all.push_back(to_json(report));
      else
        terminal.print(row(terminal, report));
    }
    if (json_) terminal.print(all.dump(2));
    return good ? exit_good : exit_bad;
  }

 private:
  [[nodiscard]] Search strategy() const {
    for (const Search one : {Search::pct, Search::random, Search::dfs, Search::dpor})
      if (strategy_ == to_string(one)) return one;
    throw sim::InputError(fmt::format("races: --strategy {}: pct, random, dfs or dpor", strategy_));
  }

  [[nodiscard]] std::string heading() const {
    return fmt::format("{:<40} {:<16} {:<7} {:<5} {:>10} {:>9}  {:<16} {:<20}{}", "bug", "affected", "kernel", "model",
                       "executions", "seconds", "violates", "without it", options_.plain_runs != 0 ? " plain runs pass" : "");
  }

  static std::string row(const Terminal& terminal, const sim::RaceReport& report) {
    const std::string without = !report.found                ? ""
                                : report.false_alarm.empty() ? fmt::format("clean in {}{}", report.clean_executions,
                                                                           report.clean_exhaustive ? ", all" : "")
                                                             : "NOT CLEAN";
    std::string text = fmt::format("{:<40} {:<16} {:<7} {:<5} {:>10} {:>9.3f}  {:<16} {:<20}", report.name, report.affected,
                                   report.kernel, to_string(report.memory), report.found ? std::to_string(report.found_at) : "-",
                                   report.seconds, report.check, without);
    if (report.plain_runs != 0) text += fmt::format(" {} of {}", report.plain_passes, report.plain_runs);
    if (!report.error.empty()) text += "  " + terminal.styled("bad", report.error);
    if (!report.false_alarm.empty()) text += "  " + terminal.styled("bad", report.false_alarm);
    if (!report.unconfirmed.empty()) text += "  dpor stopped at what no schedule shows: " + report.unconfirmed;
    if (report.error.empty() && !report.found) text += "  " + terminal.styled("bad", "not found");
    return text;
  }

  static nlohmann::ordered_json to_json(const sim::RaceReport& report) {
    return {{"bug", report.name},
            {"of", report.of_application ? "application" : "kernel"},
            {"affected", report.affected},
            {"scenario", report.file},
            {"kernel", report.kernel},
            {"memory", to_string(report.memory)},
            {"strategy", to_string(report.strategy)},
            {"found", report.found},
            {"executions", report.found_at},
            {"seconds", report.seconds},
            {"check", report.check},
            {"clean_executions", report.clean_executions},
            {"clean_exhaustive", report.clean_exhaustive},
            {"false_alarm", report.false_alarm},
            {"unconfirmed", report.unconfirmed},
            {"runs", report.plain_runs},
            {"runs_passed", report.plain_passes},
            {"good", report.good()}};
  }

  std::vector<std::string> files_;
  std::string directory_ = "scenarios/races";
  std::string strategy_ = "pct";
  sim::RaceOptions options_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_races() { return std::make_unique<Races>(); }

}  // namespace uringsim::tools
