// SPDX-License-Identifier: GPL-2.0-only
// uringsim replay: runs a finding again, to the same bytes.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "sim/explore/explore.h"
#include "sim/scenario/barriers.h"
#include "sim/scenario/input_error.h"
#include "sim/scenario/nearest.h"
#include "sim/scenario/scenario_program.h"
#include "tools/uringsim/commands.h"
#include "tools/uringsim/trace_file.h"

namespace uringsim::tools {

namespace {

class Replay : public Command {
 public:
  [[nodiscard]] std::string name() const override { return "replay"; }
  [[nodiscard]] std::string about() const override { return "runs what explore --repro wrote once more, step by step the same"; }
  [[nodiscard]] std::string example() const override { return "uringsim replay lost.json"; }

  void describe(CLI::App& app) override {
    app.add_option("REPRO", file_, "what explore --repro wrote")->required();
    app.add_option("--trace", trace_, kTraceHelp)->type_name("OUT");
    app.add_flag("--json", json_, "the result as JSON");
  }

  int run(Terminal& terminal) override {
    std::ifstream in(file_);
    if (!in) throw sim::InputError(file_ + ": cannot be read");
    std::ostringstream text;
    text << in.rdbuf();
    try {
      const sim::Repro repro = sim::Repro::from_json(text.str());
      check_barriers(repro);
      const auto program = sim::program_of(repro);
      sim::TraceRecorder recorder;
      if (!trace_.empty()) {
        check_trace_name(trace_);
        program->record(recorder);
      }
      const ReplayResult result = replay(*program, repro);
      if (!result.difference.empty())
        throw sim::InputError(
            fmt::format("{}: is stale: {}; explore the scenario again with this build", file_, result.difference));
      if (!trace_.empty())
        write_trace(trace_, recorder,
                    {.scenario = repro.program,
                     .kernel = repro.profile,
                     .engine = "explore",
                     .clock = "order of events",
                     .schedule = fmt::format("{} steps of {} under {}", result.schedule.steps.size(), file_,
                                             sim::to_string(repro.memory)),
                     .seed = 0,
                     .cpus = program->scenario().machine.cpus,
                     .unit = 1000});
      if (json_) {
        const nlohmann::ordered_json told{{"scenario", repro.program},
                                          {"kernel", repro.profile},
                                          {"memory", sim::to_string(repro.memory)},
                                          {"verdict", result.violated ? "violation" : "clean"},
                                          {"check", repro.violation.check},
                                          {"trace_hash", fmt::format("{:016x}", result.hash)},
                                          {"story", result.story}};
        terminal.print(told.dump(2));
      } else {
        terminal.print(result.story);
        terminal.print(fmt::format("{}: the same execution, hash {:016x}", file_, result.hash));
      }
      return result.violated ? exit_bad : exit_good;
    } catch (const sim::ReproError& error) {
      throw sim::InputError(fmt::format("{}: {}", file_, error.what()));
    }
  }

 private:
  /// A barrier that the model does not have, or no longer, cannot have been left out.
  void check_barriers(const sim::Repro& repro) const {
    const std::vector<std::string_view> known = sim::known_barriers();
    for (std::size_t i = 0; i < repro.left_out.size(); i++) {
      const std::string& id = repro.left_out[i];
      const bool in_steps = std::any_of(repro.schedule.steps.begin(), repro.schedule.steps.end(),
                                        [&](const sim::Step& step) { return step.barrier != nullptr && step.barrier == id; });
      if (!in_steps && std::find(known.begin(), known.end(), id) == known.end())
        throw sim::ReproError(
            fmt::format("/left_out/{}: there is no barrier {}; {}", i, sim::in_quotes(id), sim::name_hint(id, known)));
    }
  }

  std::string file_;
  std::string trace_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_replay() { return std::make_unique<Replay>(); }

}  // namespace uringsim::tools
