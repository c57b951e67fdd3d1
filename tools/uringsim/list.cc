// SPDX-License-Identifier: GPL-2.0-only
// uringsim list: what this build knows.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "kernel_model/io_uring/bugs.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/versions/versions.h"
#include "sim/scenario/application_mistakes.h"
#include "sim/scenario/barriers.h"
#include "sim/scenario/input_error.h"
#include "sim/scenario/load.h"
#include "sim/scenario/nearest.h"
#include "sim/scenario/vocabulary.h"
#include "tools/uringsim/commands.h"

namespace uringsim::tools {

namespace {

struct Row {
  std::string name;
  std::string about;
};

std::vector<Row> kernels() {
  std::vector<Row> rows;
  for (const std::string_view name : sim::known_kernels()) rows.push_back({std::string(name), ""});
  return rows;
}

std::vector<Row> ops() {
  std::vector<Row> rows;
  for (const sim::Spelling& word : sim::words_of<sim::Op>())
    rows.push_back({std::string(word.name), fmt::format("opcode {}", word.value)});
  return rows;
}

std::vector<Row> bugs() {
  std::vector<Row> rows;
  for (unsigned i = 0; i < static_cast<unsigned>(kernel::Bug::count_); ++i) {
    const kernel::BugDescription& bug = kernel::describe(static_cast<kernel::Bug>(i));
    std::string native;
    for (const kernel::io_uring_profile* const profile : kernel::profiles)
      if (profile->native_bugs.has(static_cast<kernel::Bug>(i)))
        native += fmt::format("{}{}", native.empty() ? "; native in " : ", ", profile->name);
    rows.push_back({std::string(bug.id), fmt::format("{} ({}; fixed by {}{})", bug.what, bug.affected, bug.fixed, native)});
  }
  for (const sim::ApplicationMistake& mistake : sim::application_mistakes())
    rows.push_back({std::string(mistake.id),
                    fmt::format("application mistake: {} ({}); right: {}", mistake.what, mistake.affected, mistake.should)});
  return rows;
}

std::vector<Row> barriers() {
  std::vector<Row> rows;
  for (const sim::Barrier& barrier : sim::barriers()) {
    const std::string known = barrier.known == sim::Barrier::Known::found
                                  ? fmt::format("without it {} fails under {}", barrier.scenario, to_string(barrier.memory))
                                  : fmt::format("{} is clean without it: {}", barrier.scenario, barrier.reason);
    rows.push_back({std::string(barrier.id), fmt::format("{} ({})", barrier.orders, known)});
  }
  return rows;
}

std::vector<Row> checks() {
  std::vector<Row> rows;
  for (const std::string_view name : sim::known_checks())
    rows.push_back({std::string(name), std::string(sim::about_check(name))});
  return rows;
}

std::vector<Row> devices() {
  return {{"ram", "memory with modelled service times; engines timed and live"},
          {"file", "a file or block device of the host, opened O_DIRECT; engine live"}};
}

std::string first_sentence(const std::string& text) {
  const std::string line = text.substr(0, text.find('\n'));
  const std::size_t end = line.find(". ");
  return end == std::string::npos ? line : line.substr(0, end + 1);
}

/// Scenario files below `directory`, by path.
std::vector<Row> scenarios(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> paths;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    if (at->is_regular_file() && at->path().extension() == ".json" && at->path().filename() != "schema.json")
      paths.push_back(at->path().string());
  if (error)
    throw sim::InputError(fmt::format("list scenarios: {}: {}; --in DIRECTORY names another", directory, error.message()));
  std::sort(paths.begin(), paths.end());
  std::vector<Row> rows;
  for (const std::string& path : paths) {
    try {
      const std::string about = sim::load_scenario(path).about;
      rows.push_back({path, first_sentence(about)});
    } catch (const sim::InputError& problem) {
      rows.push_back({path, fmt::format("invalid: {}", problem.what())});
    }
  }
  return rows;
}

class List : public Command {
 public:
  [[nodiscard]] std::string name() const override { return "list"; }
  [[nodiscard]] std::string about() const override {
    return "what this build knows: kernels, ops, bugs, barriers, checks, devices, scenarios";
  }
  [[nodiscard]] std::string example() const override {
    return "uringsim list checks     # invariants for \"check\" and \"allow\"";
  }
  void describe(CLI::App& app) override {
    app.add_option("WHAT", what_, "kernels, ops, bugs, barriers, checks, devices or scenarios")->required();
    app.add_option("--in", directory_, "scenarios: directory to look in")->capture_default_str();
    app.add_flag("--json", json_, "a JSON array of {\"name\", \"about\"}");
  }
  int run(Terminal& terminal) override {
    const std::vector<Row> rows = find();
    if (json_) {
      nlohmann::ordered_json array = nlohmann::ordered_json::array();
      for (const Row& row : rows) array.push_back({{"name", row.name}, {"about", row.about}});
      terminal.print(array.dump(1));
      return exit_good;
    }
    std::size_t width = 0;
    for (const Row& row : rows) width = std::max(width, row.name.size());
    for (const Row& row : rows)
      terminal.print(row.about.empty() ? row.name : fmt::format("{:<{}}  {}", row.name, width, row.about));
    return exit_good;
  }

 private:
  [[nodiscard]] std::vector<Row> find() const {
    if (what_ == "kernels") return kernels();
    if (what_ == "ops") return ops();
    if (what_ == "bugs") return bugs();
    if (what_ == "barriers") return barriers();
    if (what_ == "checks") return checks();
    if (what_ == "devices") return devices();
    if (what_ == "scenarios") return scenarios(directory_);
    throw sim::InputError(
        fmt::format("list: no list {}; {}", sim::in_quotes(what_),
                    sim::name_hint(what_, {"kernels", "ops", "bugs", "barriers", "checks", "devices", "scenarios"})));
  }

  std::string what_;
  std::string directory_ = "scenarios";
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_list() { return std::make_unique<List>(); }

}  // namespace uringsim::tools
