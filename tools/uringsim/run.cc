// SPDX-License-Identifier: GPL-2.0-only
// uringsim run: scenarios on an engine, with a summary and a verdict.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "sim/scenario/input_error.h"
#include "sim/scenario/load.h"
#include "sim/scenario/nearest.h"
#include "sim/scenario/run_scenario.h"
#include "sim/scenario/vocabulary.h"
#include "tools/uringsim/commands.h"
#include "tools/uringsim/trace_file.h"

namespace uringsim::tools {

namespace {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

class Run : public Command {
 public:
  [[nodiscard]] std::string name() const override { return "run"; }
  [[nodiscard]] std::string about() const override {
    return "run scenarios: exit 0 if every expectation holds, 1 if one does not";
  }
  [[nodiscard]] std::string example() const override {
    return "uringsim run scenarios/lessons/idle-window.json --set idle=40ms     # a longer window: no wakeups";
  }
  void describe(CLI::App& app) override {
    app.add_option("FILE", files_, "scenario files")->required();
    app.add_option("--engine", engine_,
                   "timed (virtual time) or live (real threads); default: the first that the scenario declares");
    app.add_option("--kernel", kernels_, "release, or several separated by commas; default: the scenario's");
    app.add_option("--seed", seed_, "of the run's random numbers; default: the scenario's");
    app.add_option("--set", sets_, "PATH=VALUE or PARAM=VALUE; repeatable")->take_all()->expected(1)->type_name("PATH=VALUE");
    app.add_option("--trace", trace_, kTraceHelp)->type_name("OUT");
    app.add_flag("--json", json_, "the figures as JSON: an array where several files or kernels are named");
  }

  int run(Terminal& terminal) override {
    // Everything is checked before anything runs.
    std::vector<sim::Scenario> scenarios;
    for (const std::string& file : files_) scenarios.push_back(sim::load_scenario(file, sets_));
    const std::vector<std::string> kernels = kernels_.empty() ? std::vector<std::string>{""} : split(kernels_);
    for (const std::string& kernel : kernels) check_kernel(kernel);
    if (!trace_.empty()) {
      check_trace_name(trace_);
      if (scenarios.size() * kernels.size() != 1)
        throw sim::InputError("--trace: holds one run; name one scenario and one kernel");
    }
    nlohmann::ordered_json results = nlohmann::ordered_json::array();
    bool good = true;
    Progress progress(terminal, "run", "scenarios", scenarios.size() * kernels.size());
    u64 done = 0;
    for (const sim::Scenario& scenario : scenarios)
      for (const std::string& kernel : kernels) {
        if (terminal.stop_signal() != 0) break;
        sim::RunOptions options;
        options.engine = engine(scenario);
        options.kernel = kernel;
        options.seed = seed_;
        options.stop = terminal.stop();
        sim::TraceRecorder recorder;
        if (!trace_.empty()) options.trace = &recorder;
        const sim::RunReport report = sim::run_scenario(scenario, options);
        if (!trace_.empty()) write_trace(trace_, recorder, about_trace(scenario, options.engine, report));
        good = good && report.pass;
        progress.update(++done);
        if (json_)
          results.push_back(sim::to_json(report));
        else
          terminal.print(sim::to_text(report, Terminal::style, &terminal));
      }
    if (json_)
      terminal.print(results.size() == 1 && scenarios.size() * kernels.size() == 1 ? results[0].dump(1) : results.dump(1));
    return good ? exit_good : exit_bad;
  }

 private:
  static sim::TraceAbout about_trace(const sim::Scenario& scenario, sim::Engine engine, const sim::RunReport& report) {
    return {.scenario = report.scenario,
            .kernel = report.kernel,
            .engine = report.engine,
            .clock = engine == sim::Engine::timed ? "virtual time" : "CLOCK_MONOTONIC",
            .schedule = "",
            .seed = report.seed,
            .cpus = scenario.machine.cpus,
            .unit = 1};
  }
  static void check_kernel(const std::string& kernel) {
    const auto known = sim::known_kernels();
    if (!kernel.empty() && std::find(known.begin(), known.end(), kernel) == known.end())
      throw sim::InputError(fmt::format("--kernel: no kernel {}; {}", sim::in_quotes(kernel), sim::name_hint(kernel, known)));
  }
  [[nodiscard]] sim::Engine engine(const sim::Scenario& scenario) const {
    if (engine_.empty()) return scenario.engines.front();
    if (engine_ == "timed") return sim::Engine::timed;
    if (engine_ == "live") return sim::Engine::live;
    throw sim::InputError(fmt::format("--engine: no engine {}; {}", sim::in_quotes(engine_),
                                      sim::name_hint(engine_, sim::names_of<sim::Engine>())));
  }

  std::vector<std::string> files_;
  std::string engine_;
  std::string kernels_;
  std::optional<u64> seed_;
  std::vector<std::string> sets_;
  std::string trace_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_run() { return std::make_unique<Run>(); }

}  // namespace uringsim::tools
