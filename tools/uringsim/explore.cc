// SPDX-License-Identifier: GPL-2.0-only
// uringsim explore: searches the schedules of scenarios, and tells what breaks as a story.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "sim/explore/explore.h"
#include "sim/scenario/input_error.h"
#include "sim/scenario/load.h"
#include "sim/scenario/nearest.h"
#include "sim/scenario/quantity.h"
#include "sim/scenario/scenario_program.h"
#include "sim/scenario/vocabulary.h"
#include "tools/uringsim/commands.h"

namespace uringsim::tools {

namespace {

template <class Value>
Value one_of(const char* option, const std::string& word, const std::vector<std::pair<std::string_view, Value>>& known) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : known) {
    if (name == word) return value;
    names.push_back(name);
  }
  throw sim::InputError(fmt::format("explore: {} {}: {}", option, sim::in_quotes(word), sim::name_hint(word, names)));
}

std::optional<u64> whole_number(std::string_view text) {
  u64 number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw sim::InputError(path + ": cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// As many digits as mean something.
std::string percent(double share) {
  const double value = share * 100;
  return value >= 10 ? fmt::format("{:.0f} %", value) : fmt::format("{:.2g} %", value);
}

/// Executions, rate, depth and estimated share of the tree, while a search runs.
class SearchProgress {
 public:
  SearchProgress(const Terminal& terminal, std::string what) : terminal_(terminal), what_(std::move(what)) {}
  ~SearchProgress() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }
  SearchProgress(const SearchProgress&) = delete;
  SearchProgress& operator=(const SearchProgress&) = delete;

  /// False if the search should stop.
  bool update(const ExploreProgress& progress) {
    if (terminal_.stop_signal() != 0) return false;
    if (!terminal_.interactive() || progress.seconds < 1) return true;
    shown_ = true;
    std::string line = fmt::format("\r\033[K{}: {} executions, {:.0f}/s, depth {}", what_, progress.executions,
                                   static_cast<double>(progress.executions) / progress.seconds, progress.depth);
    if (progress.share >= 0) line += fmt::format(", about {} of the tree", percent(progress.share));
    std::fputs(line.c_str(), stderr);
    std::fflush(stderr);
    return true;
  }

 private:
  const Terminal& terminal_;
  std::string what_;
  bool shown_ = false;
};

/// CLI11 turns -1 into a large number where none below zero exists, and one that is too large into the largest there is.
std::string not_negative(const std::string& text) {
  if (text.starts_with('-')) return fmt::format("a number from 0 on is expected, not {}", text);
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  return digits && !whole_number(text) ? fmt::format("{} is too large", text) : std::string();
}

class Explore : public Command {
 public:
  [[nodiscard]] std::string name() const override { return "explore"; }
  [[nodiscard]] std::string about() const override {
    return "searches every interleaving and memory order that matters for what breaks a scenario";
  }
  [[nodiscard]] std::string example() const override {
    return "uringsim explore scenarios/races/handshake-none.json --memory tso --repro lost.json";
  }

  void describe(CLI::App& app) override {
    app.add_option("FILE", files_, "scenario files");
    app.add_option("--strategy", strategy_,
                   "dpor: every execution once up to equivalence; dfs: every interleaving; pct, random: samples")
        ->capture_default_str();
    app.add_option("--memory", memory_, "sc, tso (stores may be late) or weak (and loads old)")->capture_default_str();
    app.add_option("--kernel", kernels_, "profiles, by comma, instead of the scenario's own");
    app.add_option("--set", sets_, "PATH=VALUE or PARAM=VALUE: changes the scenario; bugs=[] turns switches off")
        ->allow_extra_args(false);
    app.add_option("--preemptions", preemptions_, "dfs: at most so many in an execution")->check(not_negative);
    app.add_option("--departures", departures_, "dpor: only executions that differ from the first one in at most so many steps")
        ->check(not_negative);
    app.add_option("--depth", depth_, "pct: number of ordering constraints a bug may need (3)")->check(not_negative);
    app.add_option("--budget", budget_,
                   "stop after a time (30s) or a number of executions; pct, random: 100000 in all unless given");
    app.add_option("--jobs", jobs_, "processes")->capture_default_str()->check(not_negative);
    app.add_option("--seed", seed_, "of pct and random")->capture_default_str()->check(not_negative);
    app.add_option("--without", without_, "leave out the barrier of this name")->allow_extra_args(false);
    app.add_option("--checkpoint", checkpoint_,
                   "go on from this file if it is there; written when the search stops before its end");
    app.add_option("--shard", shard_, "I/N: only the I-th of N parts of the search");
    CLI::Option* const merge = app.add_option("--merge", merge_, "add up the --json outputs of all shards");
    app.add_option("--repro", repro_, "write what is found to this file, for uringsim replay");
    CLI::Option* const as_json = app.add_flag("--json", json_, "the result as JSON");
    // The parts say themselves what was searched, and how.
    for (CLI::Option* const option : app.get_options())
      if (option != merge && option != as_json && option != app.get_help_ptr()) merge->excludes(option);
  }

  int run(Terminal& terminal) override {
    if (!merge_.empty()) return merge(terminal);
    if (files_.empty()) throw sim::InputError("explore: no scenario is named; uringsim explore FILE");
    const ExploreOptions options = parse();
    const std::vector<std::string> kernels = kernels_.empty() ? std::vector<std::string>{""} : split(kernels_);
    // Everything is checked before anything runs.
    std::vector<std::unique_ptr<sim::ScenarioProgram>> programs;
    for (const std::string& file : files_)
      for (const std::string& kernel : kernels)
        programs.push_back(std::make_unique<sim::ScenarioProgram>(sim::load_scenario(file, sets_), kernel));
    if (programs.size() > 1 && (!repro_.empty() || !checkpoint_.empty()))
      throw sim::InputError("explore: --repro and --checkpoint name one file: explore one scenario under one kernel");
    check_repro_folder();
    for (const auto& program : programs) check_barriers(*program, options);
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    bool found = false, exhaustive = true;
    for (const auto& program : programs) {
      if (terminal.stop_signal() != 0 && program != programs.front()) break;  // the first tells what it covered, if only nothing
      ExploreOptions one = options;
      one.profile = program->kernel();
      one.scenario = program->scenario().text;
      SearchProgress progress(terminal, program->name());
      one.progress = [&progress](const ExploreProgress& now) { return progress.update(now); };
      ExploreResult result = explore(*program, one);
      if (!result.error.empty())
        throw sim::InputError(
            fmt::format("{}: cannot be explored by {}: {}", program->scenario().file, to_string(options.strategy), result.error));
      found = found || result.found;
      exhaustive = exhaustive && result.exhaustive && options.shards == 1;
      const std::string repro = result.found && !result.repro.schedule.steps.empty() ? repro_ : std::string();
      if (json_)
        all.push_back(nlohmann::ordered_json::parse(to_json(result, one, program->name(), program->kernel(), repro)));
      else
        tell(terminal, result, one, *program, repro);
      if (!repro.empty()) write_repro(result);
    }
    if (json_) terminal.print(programs.size() == 1 && all.size() == 1 ? all[0].dump(2) : all.dump(2));
    return found ? exit_bad : exhaustive ? exit_good : exit_incomplete;
  }

 private:
  [[nodiscard]] ExploreOptions parse() const {
    ExploreOptions options;
    options.strategy =
        one_of<Search>("--strategy", strategy_,
                       {{"dpor", Search::dpor}, {"dfs", Search::dfs}, {"pct", Search::pct}, {"random", Search::random}});
    options.memory = one_of<sim::Memory>("--memory", memory_,
                                         {{"sc", sim::Memory::sc}, {"tso", sim::Memory::tso}, {"weak", sim::Memory::weak}});
    options.seed = seed_;
    if (depth_) {
      if (options.strategy != Search::pct)
        throw sim::InputError("explore: --depth is of --strategy pct; the others have no such number");
      if (*depth_ < 1 || *depth_ > 100) throw sim::InputError("explore: --depth takes 1 to 100");
      options.depth = *depth_;
    }
    options.left_out = without_;
    options.checkpoint = checkpoint_;
    options.minimise_executions = 60'000;  // a second or two
    if (preemptions_) {
      if (options.strategy != Search::dfs)
        throw sim::InputError("explore: --preemptions bounds --strategy dfs; the others know no such bound");
      options.preemptions = *preemptions_;
    }
    if (departures_) {
      if (options.strategy != Search::dpor)
        throw sim::InputError("explore: --departures bounds --strategy dpor; the others know no such bound");
      options.departures = *departures_;
    }
    if (jobs_ < 1 || jobs_ > 64) throw sim::InputError("explore: --jobs takes 1 to 64");
    options.jobs = jobs_;
    const bool samples = options.strategy == Search::pct || options.strategy == Search::random;
    if (budget_.empty() && samples) options.executions = 100'000;
    if (!budget_.empty()) {
      if (const auto count = whole_number(budget_)) {
        options.executions = *count;
      } else {
        options.milliseconds = milliseconds(budget_);
      }
    }
    if (!shard_.empty()) {
      const std::size_t slash = shard_.find('/');
      const auto part = whole_number(shard_.substr(0, slash));
      const auto parts = slash == std::string::npos ? std::nullopt : whole_number(shard_.substr(slash + 1));
      if (!part || !parts || *part < 1 || *part > *parts || *parts > 1'000'000)
        throw sim::InputError(fmt::format("explore: --shard {}: I/N, with I from 1 to N, is expected", sim::in_quotes(shard_)));
      options.shard = static_cast<unsigned>(*part - 1);
      options.shards = static_cast<unsigned>(*parts);
    }
    return options;
  }

  static u64 milliseconds(const std::string& text) {
    const std::pair<std::string_view, u64> units[] = {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}};
    const std::size_t digits = text.find_first_not_of("0123456789");
    const auto number = whole_number(std::string_view(text).substr(0, digits));
    for (const auto& [unit, factor] : units)
      if (number && digits != std::string::npos && std::string_view(text).substr(digits) == unit) {
        if (*number > ~u64{0} / factor) break;
        return *number * factor;
      }
    throw sim::InputError(
        fmt::format("explore: --budget {}: a time (30s, 10min, 2h) or a number of executions is expected", sim::in_quotes(text)));
  }

  int merge(Terminal& terminal) const {
    std::vector<std::string> parts;
    for (const std::string& path : merge_) parts.push_back(read_file(path));
    nlohmann::json sum;
    try {
      const std::string text = merge_json(parts);
      sum = nlohmann::json::parse(text);
      terminal.print(json_ ? text
                           : fmt::format("{}: {}, {} executions in {} parts{}", sum["scenario"].get<std::string>(),
                                         sum["verdict"].get<std::string>(), sum["executions"].get<u64>(), parts.size(),
                                         sum["exhaustive"].get<bool>() ? ", exhaustive" : ", not exhaustive"));
      if (!json_ && sum.contains("missing"))
        terminal.print(fmt::format("shards that are missing: {}", fmt::join(sum["missing"].get<std::vector<unsigned>>(), ", ")));
      if (!json_ && sum.contains("unconfirmed"))
        terminal.print(fmt::format("a part stopped at what no schedule shows: {}", sum["unconfirmed"].get<std::string>()));
    } catch (const std::exception& error) {
      throw sim::InputError(fmt::format("explore: --merge: {}", error.what()));
    }
    if (sum["verdict"] == "violation") return exit_bad;
    return sum["exhaustive"].get<bool>() ? exit_good : exit_incomplete;
  }

  /// Before a long search, not after it.
  void check_repro_folder() const {
    if (repro_.empty()) return;
    const std::filesystem::path folder = std::filesystem::path(repro_).parent_path();
    if (std::filesystem::is_directory(repro_) || access(folder.empty() ? "." : folder.c_str(), W_OK) != 0)
      throw sim::InputError(fmt::format("{}: cannot be written", repro_));
  }

  /// A barrier that no execution comes to cannot be left out: most likely it is misspelt.
  static void check_barriers(sim::ScenarioProgram& program, const ExploreOptions& options) {
    if (options.left_out.empty()) return;
    ExploreOptions whole = options;
    whole.left_out.clear();
    const std::vector<std::string> met = barriers_met(program, whole, 2'000);
    for (const std::string& barrier : options.left_out)
      if (std::find(met.begin(), met.end(), barrier) == met.end())
        throw sim::InputError(fmt::format("explore: --without {}: {} comes to no such barrier; {}", sim::in_quotes(barrier),
                                          program.name(), sim::name_hint(barrier, {met.begin(), met.end()})));
  }

  void write_repro(const ExploreResult& result) const {
    std::ofstream out(repro_);
    out << result.repro.to_json();
    out.close();
    if (!out) throw sim::InputError(fmt::format("{}: cannot be written", repro_));
  }

  static std::string covered(const Terminal& terminal, const ExploreResult& result, const ExploreOptions& options) {
    if (!result.exhaustive) return "nothing found, not exhaustive";
    if (options.shards == 1) return terminal.styled("good", "clean, every execution covered");
    return fmt::format("nothing found, every execution of part {} of {} covered", options.shard + 1, options.shards);
  }

  static void tell(const Terminal& terminal, const ExploreResult& result, const ExploreOptions& options,
                   const sim::ScenarioProgram& program, const std::string& repro) {
    const std::string search = fmt::format("{} under {}, kernel {}: {}", program.name(), sim::to_string(options.memory),
                                           program.kernel(), to_string(options.strategy));
    if (result.found) {
      terminal.print(result.story);
      terminal.print(fmt::format("{}: {} in execution {}, after {:.3f} s", search, terminal.styled("bad", "violation"),
                                 result.found_at, result.seconds));
      if (!repro.empty()) terminal.print(fmt::format("uringsim replay {}", repro));
    } else {
      terminal.print(fmt::format("{}: {}, {} executions ({} blocked) in {:.3f} s", search, covered(terminal, result, options),
                                 result.executions, result.blocked, result.seconds));
      if (result.share >= 1 && options.departures != ~u32{0})
        terminal.print(fmt::format("every execution that differs from the first one in at most {} step{} was run",
                                   options.departures, options.departures == 1 ? "" : "s"));
      else if (result.share >= 1 && options.preemptions != ~u32{0})
        terminal.print(fmt::format("every execution with at most {} preemption{} was run", options.preemptions,
                                   options.preemptions == 1 ? "" : "s"));
      else if (result.share >= 0)
        terminal.print(fmt::format("about {} of the tree", percent(result.share)));
      if (!result.unconfirmed.empty())
        terminal.print(
            fmt::format("dpor stopped at what no schedule shows, and does not go on: {}\nsearch with --strategy pct or dfs",
                        result.unconfirmed));
      if (result.cut != 0) terminal.print(fmt::format("{} executions were cut: they outgrew the limit of one", result.cut));
      if (result.guarantee > 0)
        terminal.print(
            fmt::format("an execution hits a bug of depth {} with a probability of at least {:.2g}; all of them with {:.2g}",
                        options.depth, result.guarantee, all_of(result)));
    }
    const sim::SearchExpectation* const expected = program.expected(options.memory);
    if (expected == nullptr) return;
    const bool violation = expected->verdict == sim::Verdict::violation;
    if (violation != result.found && (result.found || (result.exhaustive && options.shards == 1)))
      terminal.print(fmt::format("the scenario expects {} here", violation ? "a violation" : "none"));
  }

  /// 1 - (1 - guarantee)^executions
  static double all_of(const ExploreResult& result) {
    double miss = 1;
    double base = 1 - result.guarantee;
    for (u64 n = result.executions; n != 0; n >>= 1, base *= base)
      if ((n & 1) != 0) miss *= base;
    return 1 - miss;
  }

  std::vector<std::string> files_;
  std::string strategy_ = "dpor";
  std::string memory_ = "sc";
  std::string kernels_;
  std::vector<std::string> sets_;
  std::optional<u32> preemptions_, departures_;
  std::optional<u32> depth_;
  std::string budget_;
  unsigned jobs_ = 1;
  u64 seed_ = 1;
  std::vector<std::string> without_;
  std::string checkpoint_;
  std::string shard_;
  std::vector<std::string> merge_;
  std::string repro_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_explore() { return std::make_unique<Explore>(); }

}  // namespace uringsim::tools
