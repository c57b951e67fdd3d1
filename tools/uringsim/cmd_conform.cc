// SPDX-License-Identifier: GPL-2.0-only
// uringsim conform: recordings of real kernels, replayed on the model.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>

#include "sim/scenario/input_error.h"
#include "sim/scenario/nearest.h"
#include "sim/tape/conform.h"
#include "sim/tape/coverage.h"
#include "sim/tape/model_player.h"
#include "sim/tape/tape.h"
#include "tools/uringsim/bug_options.h"
#include "tools/uringsim/commands.h"
#include "tools/uringsim/errno_coverage.h"

namespace uringsim::tools {

namespace {

namespace tape = sim::tape;
using tape::Json;

tape::Recording read(const std::string& file) {
  try {
    return tape::read_recording(file);
  } catch (const tape::TapeError& error) {
    throw sim::InputError(error.what());
  }
}

class Conform : public Command {
 public:
  [[nodiscard]] std::string name() const override { return "conform"; }
  [[nodiscard]] std::string about() const override { return "replays recordings of real kernels on the model"; }
  [[nodiscard]] std::string example() const override {
    return "uringsim conform tests/golden/v5.4.jsonl.gz --group setup,enter     # first differences, if any";
  }

  void describe(CLI::App& app) override {
    app.add_option("RECORDING", files_, "recordings, JSON lines, may be compressed with gzip")->required();
    app.add_option("--kernel", kernel_, "profile to run under; default: the one the recording judges");
    app.add_option("--filter", selection_.filter, "only tapes whose name matches this glob");
    app.add_option("--group", selection_.groups, "only these groups of tapes")->delimiter(',')->allow_extra_args(false);
    bugs_.describe(app);
    app.add_option("--jobs", jobs_, "processes at a time")->check(CLI::Range(1u, 256u))->capture_default_str();
    app.add_option("--explain", explain_, "shows this tape step by step, recorded beside modelled, with the trace");
    app.add_flag(
        "--coverage", coverage_,
        "lists what the tapes reach: opcode, flags, result; in a build that counts (cmake --preset coverage), the errno returns "
        "that neither they nor the tests before reached");
    app.add_flag("--json", json_, "results as JSON");
  }

  int run(Terminal& terminal) override {
    bool differs = false, selected = false, any = false;
    Json reports = Json::array();
    std::vector<std::string> names;  // of tapes that were not asked for
    for (const std::string& file : files_) {
      const tape::Recording recording = read(file);
      const std::string kernel = kernel_of(recording);
      any |= !recording.tapes.empty();
      if (!explain_.empty()) {
        const auto found =
            std::find_if(recording.tapes.begin(), recording.tapes.end(), [&](const tape::Tape& t) { return t.name == explain_; });
        if (found == recording.tapes.end()) {
          for (const tape::Tape& one : recording.tapes) names.push_back(tape::printable(one.name));
          continue;
        }
        selected = true;
        const Explained explained = play_one(terminal, *found, kernel);
        differs |= explained.difference.has_value();
        if (json_)
          reports.push_back(report(*found, explained, kernel));
        else
          explain(terminal, *found, explained);
        continue;
      }
      const tape::Conformity result = play(terminal, recording, kernel);
      differs |= result.count(tape::Drawer::differ) > 0;
      if (result.verdicts.empty()) continue;
      selected = true;
      if (json_)
        reports.push_back(report(result, kernel));
      else
        print(terminal, result, file, kernel);
      if (result.stopped) break;
    }
    if (!any && explain_.empty())
      throw sim::InputError(files_.size() == 1 ? fmt::format("{}: the recording holds no tapes", files_[0])
                                               : std::string("conform: the recordings hold no tapes"));
    if (!selected && explain_.empty()) throw sim::InputError("conform: no tape is selected by --filter and --group");
    if (!selected)
      throw sim::InputError(fmt::format("{}: no tape {}; {}", files_.size() == 1 ? files_[0] : "conform",
                                        sim::in_quotes(explain_),
                                        sim::name_hint(explain_, std::vector<std::string_view>(names.begin(), names.end()))));
    if (coverage_ && !json_ && explain_.empty()) print_unreached(terminal);
    if (json_) terminal.print((files_.size() == 1 && !reports.empty() ? reports[0] : reports).dump(1));
    return differs ? exit_bad : exit_good;
  }

 private:
  [[nodiscard]] std::string kernel_of(const tape::Recording& recording) const {
    const std::vector<std::string> known = tape::modelled_kernels();
    std::string kernel = kernel_;
    if (kernel.empty()) {
      if (!recording.header.is_object() || !recording.header.contains("profile"))
        throw sim::InputError(fmt::format("{}:1: no header that names a profile; --kernel names one", recording.file));
      kernel = recording.header["profile"];
    }
    if (std::find(known.begin(), known.end(), kernel) == known.end())
      throw sim::InputError(fmt::format("{}: no profile {}; {}", kernel_.empty() ? recording.file + ":1: /profile" : "conform",
                                        sim::in_quotes(kernel),
                                        sim::name_hint(kernel, std::vector<std::string_view>(known.begin(), known.end()))));
    for (const tape::Tape& one : recording.tapes)
      if (const std::string path = tape::unanswered(one); path == "/end")
        throw sim::InputError(
            fmt::format("{}:{}: {} has no results; this is no recording", recording.file, one.line, tape::printable(one.name)));
      else if (!path.empty())
        throw sim::InputError(
            fmt::format("{}:{}: {}: a recording has the result of such a step in \"out\"", recording.file, one.line, path));
    return kernel;
  }

  [[nodiscard]] tape::ModelOptions model(const std::string& kernel) const {
    tape::ModelOptions options;
    options.kernel = kernel;
    options.parallel = jobs_;
    bugs_.apply(options, "conform");
    options.with_trace = !explain_.empty();
    return options;
  }

  [[nodiscard]] tape::Player player(const std::string& kernel) const {
    return [options = model(kernel)](const auto& tapes, const auto& done, const auto& stop) {
      tape::play_on_model(tapes, options, done, stop);
    };
  }

  tape::Conformity play(Terminal& terminal, const tape::Recording& recording, const std::string& kernel) const {
    Progress progress(terminal, recording.file, "tapes", recording.tapes.size());
    return tape::conform(
        recording, selection_, {}, kernel, player(kernel), tape::model_doubts(model(kernel)),
        [&](size_t done, size_t) { progress.update(done); }, [&] { return terminal.stop_signal() != 0; });
  }

  [[nodiscard]] Json report(const tape::Conformity& result, const std::string& kernel) const {
    Json differences = Json::array(), left_out = Json::array();
    for (const tape::Verdict& verdict : result.verdicts) {
      if (verdict.drawer == tape::Drawer::differ) differences.push_back(tape::to_json(*verdict.tape, *verdict.difference));
      if (verdict.drawer == tape::Drawer::not_applicable)
        left_out.push_back({{"tape", verdict.tape->name}, {"reason", verdict.reason}});
    }
    Json object = {{"kernel", kernel},
                   {"matched", result.count(tape::Drawer::matched)},
                   {"differ", result.count(tape::Drawer::differ)},
                   {"not_applicable", result.count(tape::Drawer::not_applicable)},
                   {"no_result", result.count(tape::Drawer::no_result)},
                   {"differences", std::move(differences)},
                   {"left_out", std::move(left_out)}};
    if (coverage_) {
      const tape::Coverage coverage = coverage_of(result);
      Json& list = object["coverage"] = Json::array();
      for (const auto& [key, times] : coverage.seen())
        list.push_back({{"op", std::get<0>(key)}, {"flags", std::get<1>(key)}, {"result", std::get<2>(key)}, {"times", times}});
    }
    return object;
  }

  static tape::Coverage coverage_of(const tape::Conformity& result) {
    tape::Coverage coverage;
    for (const tape::Verdict& verdict : result.verdicts) coverage.add(*verdict.tape, verdict.played);
    return coverage;
  }

  void print(Terminal& terminal, const tape::Conformity& result, const std::string& file, const std::string& kernel) const {
    for (const tape::Verdict& verdict : result.verdicts) {
      if (verdict.drawer == tape::Drawer::differ)
        terminal.print(terminal.styled("bad", "differs ") + tape::describe(*verdict.tape, *verdict.difference));
      if (verdict.drawer == tape::Drawer::not_applicable)
        terminal.print("not applicable " + tape::printable(verdict.tape->name) + ": " + verdict.reason);
    }
    if (coverage_) print_coverage(terminal, result, kernel);
    print_groups(terminal, result);
    terminal.print(fmt::format("{} on {}: {} matched, {} differ, {} not applicable, {} without result", file, kernel,
                               result.count(tape::Drawer::matched), result.count(tape::Drawer::differ),
                               result.count(tape::Drawer::not_applicable), result.count(tape::Drawer::no_result)));
  }

  /// Matched of played, for every group that is not whole.
  static void print_groups(Terminal& terminal, const tape::Conformity& result) {
    std::map<std::string, std::pair<size_t, size_t>> groups;
    for (const tape::Verdict& verdict : result.verdicts) {
      if (verdict.drawer != tape::Drawer::matched && verdict.drawer != tape::Drawer::differ) continue;
      groups[verdict.tape->group].first += verdict.drawer == tape::Drawer::matched;
      groups[verdict.tape->group].second++;
    }
    for (const auto& [group, count] : groups)
      if (count.first != count.second)
        terminal.print(fmt::format("  {:<10} {:>4} of {:>4} match", group, count.first, count.second));
  }

  static void print_coverage(Terminal& terminal, const tape::Conformity& result, const std::string& kernel) {
    const tape::Coverage coverage = coverage_of(result);
    terminal.print(fmt::format("coverage under {}: opcode or call, flags, result, times seen", kernel));
    for (const auto& [key, times] : coverage.seen())
      terminal.print(fmt::format("  {:<18} {:<34} {:<14} {}", std::get<0>(key), std::get<1>(key), std::get<2>(key), times));
  }

  /// The errno returns of the model that nothing reached since the counters were last empty: these tapes, and the tests before.
  static void print_unreached(Terminal& terminal) {
    if (!counts_lines()) {
      terminal.print("errno returns that nothing reaches are told by a build that counts: cmake --preset coverage");
      return;
    }
    const ErrnoCoverage coverage = errno_coverage();
    for (const ErrnoLine& line : coverage.unreached)
      terminal.print(fmt::format("not reached {}:{}: {}", line.file, line.line, line.text));
    terminal.print(fmt::format("{} of {} lines of kernel_model/ that give an errno were not reached", coverage.unreached.size(),
                               coverage.lines));
  }

  struct Explained {
    tape::Played played;
    std::optional<tape::Difference> difference;
  };

  Explained play_one(Terminal& terminal, const tape::Tape& one, const std::string& kernel) const {
    Explained explained;
    player(kernel)(
        {&one}, [&](size_t, tape::Played answers) { explained.played = std::move(answers); },
        [&] { return terminal.stop_signal() != 0; });
    if (!one.without_result()) explained.difference = tape::first_difference(one, explained.played);
    return explained;
  }

  static Json report(const tape::Tape& one, const Explained& explained, const std::string& kernel) {
    const tape::Played& played = explained.played;
    Json steps = Json::array();
    for (size_t i = 0; i < std::max(one.steps.size(), played.traces.size()); i++) {
      Json step = {{"step", i}, {"trace", i < played.traces.size() ? played.traces[i] : std::vector<std::string>()}};
      if (i < one.steps.size()) {
        step["body"] = one.steps[i].body;
        step["recorded"] = one.steps[i].out;
        step["modelled"] = i < played.outs.size() ? played.outs[i] : Json(nullptr);
      }
      steps.push_back(std::move(step));
    }
    return {{"kernel", kernel},
            {"tape", one.name},
            {"steps", std::move(steps)},
            {"end", {{"recorded", one.end}, {"modelled", played.end}}},
            {"difference", explained.difference ? tape::to_json(one, *explained.difference) : Json(nullptr)}};
  }

  /// Shows every step of a tape with both answers.
  static void explain(Terminal& terminal, const tape::Tape& one, const Explained& explained) {
    const tape::Played& played = explained.played;
    const auto& difference = explained.difference;
    for (size_t i = 0; i < one.steps.size(); i++) {
      const tape::Step& step = one.steps[i];
      const bool first = difference && difference->step == i;
      terminal.print(fmt::format("{} {:>3} {}", first ? terminal.styled("bad", ">") : " ", i, step.body.dump()));
      if (i < played.traces.size())
        for (const std::string& line : played.traces[i]) terminal.print(terminal.styled("dim", "        | " + line));
      if (!step.out.is_null()) terminal.print("        recorded " + step.out.dump());
      if (i < played.outs.size() && !played.outs[i].is_null()) terminal.print("        modelled " + played.outs[i].dump());
    }
    for (size_t i = one.steps.size(); i < played.traces.size(); i++)
      for (const std::string& line : played.traces[i]) terminal.print(terminal.styled("dim", "        | " + line));
    terminal.print(fmt::format("end: recorded {}, modelled {}", one.end.dump(), played.end.dump()));
    if (difference) terminal.print(terminal.styled("bad", "first difference: ") + tape::describe(one, *difference));
  }

  std::vector<std::string> files_;
  std::string kernel_, explain_;
  tape::Selection selection_;
  BugOptions bugs_;
  unsigned jobs_ = 1;
  bool coverage_ = false, json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_conform() { return std::make_unique<Conform>(); }

}  // namespace uringsim::tools
