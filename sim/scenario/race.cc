// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/race.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "kernel_model/io_uring/profile.h"
#include "kernel_model/versions/versions.h"
#include "sim/scenario/application_mistakes.h"
#include "sim/scenario/input_error.h"
#include "sim/scenario/load.h"
#include "sim/scenario/run_scenario.h"
#include "sim/scenario/scenario_program.h"

namespace uringsim::sim {

namespace {

const ApplicationMistake* find_mistake(std::string_view id) noexcept {
  for (const ApplicationMistake& mistake : application_mistakes())
    if (mistake.id == id) return &mistake;
  return nullptr;
}

/// The strongest memory model under which the scenario expects a violation.
const SearchExpectation* expected_violation(const ScenarioProgram& program, Memory& memory) noexcept {
  for (const Memory one : {Memory::sc, Memory::tso, Memory::weak}) {
    const SearchExpectation* const expected = program.expected(one);
    if (expected == nullptr || expected->verdict != Verdict::violation) continue;
    memory = one;
    return expected;
  }
  return nullptr;
}

ExploreResult search(const std::string& file, const std::vector<std::string>& sets, Memory memory, Search strategy,
                     u64 executions, const RaceOptions& options) {
  ScenarioProgram program(load_scenario(file, sets));
  ExploreOptions explored;
  explored.strategy = strategy;
  explored.memory = memory;
  explored.executions = executions;
  explored.seed = options.seed;
  explored.minimise = false;
  if (options.go_on) explored.progress = [&options](const ExploreProgress&) { return options.go_on(); };
  return explore(program, explored);
}

}  // namespace

bool is_race(std::string_view name) noexcept {
  return kernel::find_bug(name) != kernel::Bug::count_ || find_mistake(name) != nullptr;
}

std::vector<std::string> without_its_bugs(const Scenario& scenario) {
  const kernel::io_uring_profile* const profile = kernel::find_profile(scenario.kernel.name);
  std::string fixes;
  const auto fix = [&](std::string_view name) { fixes += fmt::format("{}\"{}\"", fixes.empty() ? "" : ", ", name); };
  for (const Ref& one : scenario.fixes) fix(one.name);
  for (const kernel::Bug bug : kernel_bugs(scenario.bugs))
    if (profile != nullptr && profile->native_bugs.has(bug)) fix(kernel::describe(bug).id);
  return {"bugs=[]", fmt::format("fixes=[{}]", fixes)};
}

RaceReport hunt(const std::string& file, const RaceOptions& options) {
  const Scenario scenario = load_scenario(file);
  RaceReport report;
  report.name = scenario.name;
  report.file = file;
  report.kernel = scenario.kernel.name;
  report.strategy = options.strategy;
  if (std::none_of(scenario.bugs.begin(), scenario.bugs.end(), [&](const Ref& bug) { return bug.name == scenario.name; }))
    throw InputError(fmt::format("{}: /bugs: is no race: it does not put in a bug of its name", file));
  if (const ApplicationMistake* const mistake = find_mistake(scenario.name)) {
    report.of_application = true;
    report.affected = mistake->affected;
  } else {
    report.affected = kernel::describe(kernel::find_bug(scenario.name)).affected;
  }
  const ScenarioProgram program(scenario);
  if (const SearchExpectation* const expected = expected_violation(program, report.memory))
    report.expected = expected->check.name;
  else
    throw InputError(fmt::format("{}: /expect: is no race: no search is expected to find a violation", file));

  const ExploreResult found = search(file, {}, report.memory, options.strategy, options.executions, options);
  report.error = found.error;
  report.found = found.found;
  report.found_at = found.found_at;
  report.seconds = found.seconds;
  report.check = found.violation.check;
  if (!report.found) return report;

  const u64 clean = std::max(options.clean_times * report.found_at, options.clean_at_least);
  const std::vector<std::string> sets = without_its_bugs(scenario);
  ExploreResult twin;
  if (options.exhaust != 0) twin = search(file, sets, report.memory, Search::dpor, options.exhaust, options);
  report.unconfirmed = twin.unconfirmed;
  if (!twin.found && !twin.exhaustive) twin = search(file, sets, report.memory, options.strategy, clean, options);
  report.error = twin.error;
  report.clean_executions = twin.executions;
  report.clean_exhaustive = twin.exhaustive;
  if (twin.found) report.false_alarm = fmt::format("{}: {}", twin.violation.check, twin.violation.text);

  for (unsigned i = 0; i < options.plain_runs; ++i) {
    RunOptions run;
    run.engine = Engine::timed;
    run.seed = options.seed + i;
    report.plain_runs++;
    const RunReport plain = run_scenario(scenario, run);
    report.plain_passes += plain.pass && !plain.sought ? 1 : 0;
  }
  return report;
}

std::vector<std::string> races_in(const std::string& directory) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    if (at->path().extension() == ".json" && is_race(at->path().stem().string())) files.push_back(at->path().string());
  if (error) throw InputError(fmt::format("{}: {}", directory, error.message()));
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace uringsim::sim
