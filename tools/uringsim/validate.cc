// SPDX-License-Identifier: GPL-2.0-only
// uringsim validate: checks scenario files without running them.
#include <fmt/format.h>

#include "sim/scenario/input_error.h"
#include "sim/scenario/load.h"
#include "tools/uringsim/commands.h"

namespace uringsim::tools {

namespace {

class Validate : public Command {
 public:
  [[nodiscard]] std::string name() const override { return "validate"; }
  [[nodiscard]] std::string about() const override { return "check scenario files without running them"; }
  [[nodiscard]] std::string example() const override {
    return "uringsim validate scenarios/lessons/*.json     # exit 0 if all are good, else 2 and the first mistake of each";
  }
  void describe(CLI::App& app) override {
    app.add_option("FILE", files_, "scenario files");
    app.add_option("--set", sets_, "PATH=VALUE or PARAM=VALUE, as in run")->take_all()->expected(1)->type_name("PATH=VALUE");
    app.add_flag("--schema", schema_, "print the JSON Schema of scenario files instead");
  }
  int run(Terminal& terminal) override {
    if (schema_) {
      std::string schema = sim::scenario_schema();
      schema.pop_back();
      terminal.print(schema);
      return exit_good;
    }
    if (files_.empty()) throw sim::InputError("validate: no FILE is named");
    bool good = true;
    for (const std::string& file : files_) {
      try {
        const sim::Scenario scenario = sim::load_scenario(file, sets_);
        terminal.print(fmt::format("{}: {}: {} ring(s), {} task(s), {} expectation(s)", file, terminal.styled("good", "valid"),
                                   scenario.rings.size(), scenario.tasks.size(), scenario.expect.size()));
      } catch (const sim::InputError& error) {
        terminal.error(error.what());
        good = false;
      }
    }
    return good ? exit_good : exit_usage;
  }

 private:
  std::vector<std::string> files_;
  std::vector<std::string> sets_;
  bool schema_ = false;
};

}  // namespace

std::unique_ptr<Command> make_validate() { return std::make_unique<Validate>(); }

}  // namespace uringsim::tools
