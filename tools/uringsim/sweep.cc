// SPDX-License-Identifier: GPL-2.0-only
// uringsim sweep: every combination of a scenario's `sweep`, as a table.
#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario/input_error.h"
#include "sim/scenario/load.h"
#include "sim/scenario/run_scenario.h"
#include "tools/uringsim/commands.h"

namespace uringsim::tools {

namespace {

using Table = std::vector<std::vector<std::string>>;

/// The columns that a sweep is read for: what was varied, then each ring's cost and speed.
Table table_of(const std::vector<std::pair<sim::SweepPoint, sim::RunReport>>& runs, bool exact) {
  Table table(1);
  const auto time = [exact](u64 nanoseconds) { return exact ? std::to_string(nanoseconds) : sim::short_time(nanoseconds); };
  for (const auto& [key, value] : runs.front().first.values) table[0].push_back(key);
  for (const auto& [name, ring] : runs.front().second.rings)
    for (const char* const column : {"cqes", "enter_calls", "wakeups_asked", "punts", "overflows", "p50", "p99"})
      table[0].push_back(fmt::format("{}.{}", name, column));
  for (const auto& [name, thread] : runs.front().second.sq_threads)
    for (const char* const column : {"spinning", "working", "asleep"}) table[0].push_back(fmt::format("{}.{}", name, column));
  table[0].push_back("verdict");
  for (const auto& [point, report] : runs) {
    std::vector<std::string>& row = table.emplace_back();
    for (const auto& [key, value] : point.values)
      row.push_back(value.kind == sim::Json::Kind::string ? value.text : sim::to_text(value));
    for (const auto& [name, ring] : report.rings) {
      for (const u64 figure : {ring.cqes, ring.enter_calls, ring.wakeups_asked, ring.punts, ring.overflows})
        row.push_back(std::to_string(figure));
      row.push_back(time(ring.latency.p50));
      row.push_back(time(ring.latency.p99));
    }
    for (const auto& [name, thread] : report.sq_threads)
      for (const u64 figure : {thread.spinning_ns, thread.working_ns, thread.asleep_ns}) row.push_back(time(figure));
    row.resize(table[0].size() - 1);  // a run without an SQ thread has fewer columns
    row.push_back(report.pass ? "pass" : "FAIL");
  }
  return table;
}

std::string csv(const Table& table) {
  std::string out;
  for (const auto& row : table) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::string field = row[i];
      if (field.find_first_of(",\"\n") != std::string::npos) {
        for (std::size_t at = 0; (at = field.find('"', at)) != std::string::npos; at += 2) field.insert(at, 1, '"');
        field = "\"" + field + "\"";
      }
      out += (i != 0 ? "," : "") + field;
    }
    out += "\n";
  }
  out.pop_back();
  return out;
}

std::string aligned(const Table& table) {
  std::vector<std::size_t> widths(table[0].size());
  for (const auto& row : table)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string out;
  for (const auto& row : table) {
    for (std::size_t i = 0; i < row.size(); ++i) out += fmt::format("{}{:>{}}", i != 0 ? "  " : "", row[i], widths[i]);
    out += "\n";
  }
  out.pop_back();
  return out;
}

class Sweep : public Command {
 public:
  [[nodiscard]] std::string name() const override { return "sweep"; }
  [[nodiscard]] std::string about() const override { return "run every combination of a scenario's sweep and print a table"; }
  [[nodiscard]] std::string example() const override {
    return "uringsim sweep scenarios/lessons/idle-window.json     # spinning against wakeups";
  }
  void describe(CLI::App& app) override {
    app.add_option("FILE", file_, "scenario file")->required();
    app.add_option("--engine", engine_, "timed or live; default: the first that the scenario declares");
    app.add_option("--kernel", kernel_, "release; default: the scenario's");
    app.add_option("--seed", seed_, "of the runs' random numbers; default: the scenario's");
    app.add_option("--set", sets_, "PATH=VALUE or PARAM=VALUE; repeatable")->take_all()->expected(1)->type_name("PATH=VALUE");
    app.add_flag("--csv", csv_, "comma separated, times in ns");
    app.add_flag("--json", json_, "an array of what run --json prints");
  }

  int run(Terminal& terminal) override {
    const std::vector<sim::SweptScenario> points = sim::load_sweep(file_, sets_);
    std::vector<std::pair<sim::SweepPoint, sim::RunReport>> runs;
    Progress progress(terminal, "sweep", "runs", points.size());
    for (const sim::SweptScenario& point : points) {
      if (terminal.stop_signal() != 0) break;
      sim::RunOptions options;
      options.engine = engine_.empty()     ? point.scenario.engines.front()
                       : engine_ == "live" ? sim::Engine::live
                                           : sim::Engine::timed;
      if (!engine_.empty() && engine_ != "live" && engine_ != "timed") throw sim::InputError("--engine: timed or live");
      options.kernel = kernel_;
      options.seed = seed_;
      options.stop = terminal.stop();
      runs.emplace_back(point.point, sim::run_scenario(point.scenario, options));
      runs.back().second.point = point.point.name();
      progress.update(runs.size());
    }
    if (runs.empty()) return exit_bad;
    if (json_) {
      nlohmann::ordered_json array = nlohmann::ordered_json::array();
      for (const auto& [point, report] : runs) array.push_back(sim::to_json(report));
      terminal.print(array.dump(1));
    } else {
      const Table table = table_of(runs, csv_);
      terminal.print(csv_ ? csv(table) : aligned(table));
    }
    return std::all_of(runs.begin(), runs.end(), [](const auto& run) { return run.second.pass; }) ? exit_good : exit_bad;
  }

 private:
  std::string file_, engine_, kernel_;
  std::optional<u64> seed_;
  std::vector<std::string> sets_;
  bool csv_ = false, json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_sweep() { return std::make_unique<Sweep>(); }

}  // namespace uringsim::tools
