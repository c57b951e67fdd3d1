// SPDX-License-Identifier: GPL-2.0-only
// uringsim diff: the same tapes on the running kernel and on the model.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "sim/scenario/input_error.h"
#include "sim/scenario/nearest.h"
#include "sim/tape/conform.h"
#include "sim/tape/excuses.h"
#include "sim/tape/generate.h"
#include "sim/tape/host_player.h"
#include "sim/tape/model_player.h"
#include "sim/tape/shrink.h"
#include "sim/tape/unchanged.h"
#include "tools/uringsim/bug_options.h"
#include "tools/uringsim/commands.h"

namespace uringsim::tools {

namespace {

namespace tape = sim::tape;
using tape::Json;

/// "v6.18" of "6.18.44".
std::string profile_of_release(const std::string& release) {
  const size_t dot = release.find('.');
  return "v" + release.substr(0, release.find('.', dot + 1));
}

/// Writes a file whole or not at all.
class WholeFile {
 public:
  explicit WholeFile(std::string path) : path_(std::move(path)), part_(path_ + ".part"), file_(std::fopen(part_.c_str(), "w")) {
    if (!file_) fail();
  }
  ~WholeFile() {
    if (!file_) return;
    std::fclose(file_);
    std::remove(part_.c_str());
  }
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;
  void line(const Json& json) {
    const std::string text = json.dump() + "\n";
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) fail();
  }
  void finish() {
    const int closed = std::fclose(file_);
    file_ = nullptr;
    if (closed != 0 || std::rename(part_.c_str(), path_.c_str()) != 0) {
      std::remove(part_.c_str());
      fail();
    }
  }

 private:
  [[noreturn]] void fail() const { throw sim::InputError(fmt::format("diff: {}: {}", path_, std::strerror(errno))); }
  std::string path_, part_;
  std::FILE* file_;
};

class Diff : public Command {
 public:
  [[nodiscard]] std::string name() const override { return "diff"; }
  [[nodiscard]] std::string about() const override { return "plays tapes on the running kernel and on the model, and compares"; }
  [[nodiscard]] std::string example() const override {
    return "uringsim diff --kernel v5.4 --fuzz 1000 --seed 1     # random tapes; a difference is shrunk";
  }

  void describe(CLI::App& app) override {
    app.add_option("TAPES", files_, "tapes or recordings, JSON lines, may be compressed with gzip; results in them are not used");
    app.add_option("--kernel", kernel_, "profile of the model; default: the running release's, else the newest");
    app.add_option("--record", record_, "only writes what the running kernel answers, as a recording");
    app.add_option("--fuzz", fuzz_, "makes this many random tapes");
    app.add_option("--seed", seed_, "of the random tapes")->capture_default_str();
    app.add_option("--filter", selection_.filter, "only tapes whose name matches this glob");
    app.add_option("--group", selection_.groups, "only these groups of tapes")->delimiter(',')->allow_extra_args(false);
    app.add_option("--shrink", shrunk_, "how many differences are shrunk to a shortest tape")->capture_default_str();
    bugs_.describe(app);
    app.add_option("--jobs", jobs_, "processes at a time")->check(CLI::Range(1u, 256u))->capture_default_str();
    app.add_option("--directory", directory_, "where the tapes' files are made, and removed again")->capture_default_str();
    app.add_flag("--table", table_, "only prints what is compared where the running release has no profile, and what is excused");
    app.add_flag("--json", json_, "results as JSON");
  }

  int run(Terminal& terminal) override {
    if (table_) {
      print_table(terminal);
      return exit_good;
    }
    if (files_.empty() == (fuzz_ == 0)) throw sim::InputError("diff: name files of tapes, or --fuzz N for random ones");
    if (!record_.empty() && files_.size() != 1) throw sim::InputError("diff: --record takes one file of tapes");
    std::string why;
    if (!tape::host_has_io_uring(why)) {
      terminal.error("diff: the running kernel has no io_uring: " + why);
      return exit_usage;
    }
    std::vector<tape::Recording> inputs = read_inputs();
    if (!selects_any(inputs)) throw sim::InputError("diff: no tape is selected by --filter and --group");
    if (!record_.empty()) return record(terminal, inputs.front());
    choose_kernel();
    Json reports = Json::array();
    bool differs = false;
    for (const tape::Recording& input : inputs) {
      const Outcome outcome = compare(terminal, input);
      differs |= !outcome.differences.empty();
      if (json_)
        reports.push_back(report(outcome));
      else
        print(terminal, input, outcome);
      if (terminal.stop_signal() != 0) break;
    }
    if (json_) terminal.print((reports.size() == 1 ? reports[0] : reports).dump(1));
    return differs ? exit_bad : exit_good;
  }

 private:
  struct Found {
    tape::Tape tape;
    tape::Difference difference;
    tape::Tape shortest;
  };
  struct Outcome {
    size_t matched = 0, no_result = 0;
    size_t again = 0;              ///< of the matched, those that did not at first
    size_t asked = 0, played = 0;  ///< tapes to be played, and those that were before a signal stopped the run
    std::vector<Found> differences;
    std::vector<std::pair<std::string, std::string>> left_out;  ///< name and reason
    std::map<size_t, std::vector<std::string>> excused;         ///< row, names of tapes
    [[nodiscard]] size_t excused_tapes() const {
      size_t sum = 0;
      for (const auto& [row, names] : excused) sum += names.size();
      return sum;
    }
  };

  std::vector<tape::Recording> read_inputs() {
    std::vector<tape::Recording> inputs;
    for (const std::string& file : files_) {
      try {
        inputs.push_back(tape::read_recording(file));
      } catch (const tape::TapeError& error) {
        throw sim::InputError(error.what());
      }
    }
    if (fuzz_ == 0) return inputs;
    tape::Recording random;
    random.file = fmt::format("{} random tapes of seed {}", fuzz_, seed_);
    for (u64 i = 0; i < fuzz_; i++) random.tapes.push_back(tape::random_tape(seed_, i));
    inputs.push_back(std::move(random));
    return inputs;
  }

  [[nodiscard]] bool selects_any(const std::vector<tape::Recording>& inputs) const {
    return std::any_of(inputs.begin(), inputs.end(), [this](const tape::Recording& input) {
      return std::any_of(input.tapes.begin(), input.tapes.end(), [this](const tape::Tape& t) { return selection_.takes(t); });
    });
  }

  void choose_kernel() {
    const std::vector<std::string> known = tape::modelled_kernels();
    const std::string running = profile_of_release(tape::host_release());
    if (kernel_.empty()) kernel_ = std::find(known.begin(), known.end(), running) != known.end() ? running : known.back();
    if (std::find(known.begin(), known.end(), kernel_) == known.end())
      throw sim::InputError(fmt::format("diff: no profile {}; {}", sim::in_quotes(kernel_),
                                        sim::name_hint(kernel_, std::vector<std::string_view>(known.begin(), known.end()))));
    same_release_ = kernel_ == running;
    (void)model();  // a bug that is none is told before anything is played
  }

  [[nodiscard]] tape::HostOptions host_options() const {
    // Random tapes have nothing that a worker does: there is nothing to let settle.
    return {directory_, fuzz_ != 0 ? 0 : tape::HostOptions{}.settle_us, jobs_};
  }

  /// The pause after each enter that gives workers of a busy machine their time at the n-th try: twice as long each time, but
  /// all together never near the time that the tape may take.
  static u64 longer_pause(const tape::Tape& one, unsigned n) {
    const auto enters = static_cast<u64>(
        std::count_if(one.steps.begin(), one.steps.end(), [](const tape::Step& step) { return step.body["do"] == "enter"; }));
    return std::min(tape::HostOptions{}.settle_us << (n - 1), one.limit_ms * u64{250} / (enters + 1));
  }

  /// Plays on the running kernel and writes the answers. If the input has answers of the same release, says where they differ.
  int record(Terminal& terminal, const tape::Recording& input) {
    std::vector<const tape::Tape*> tapes;
    std::vector<std::pair<std::string, std::string>> left_out;
    for (const tape::Tape& one : input.tapes) {
      if (!selection_.takes(one)) continue;
      if (one.without_result())
        left_out.emplace_back(one.name, "took the recorded kernel down");
      else if (auto reason = tape::not_applicable(one, tape::host_rules(), kernel_))
        left_out.emplace_back(one.name, *reason);
      else
        tapes.push_back(&one);
    }
    WholeFile out(record_);
    out.line(tape::host_header(directory_));
    std::vector<tape::Played> played(tapes.size());
    size_t done = 0;
    Progress progress(terminal, input.file, "tapes", tapes.size());
    tape::play_on_host(
        tapes, host_options(), [&](size_t i, tape::Played answers) { played[i] = std::move(answers), progress.update(++done); },
        [&] { return terminal.stop_signal() != 0; });
    if (terminal.stop_signal() != 0) return exit_bad;
    for (size_t i = 0; i < tapes.size(); i++) out.line(tape::to_json(tape::with_answers(*tapes[i], played[i])));
    out.finish();
    for (const auto& [name, reason] : left_out) terminal.print(fmt::format("left out {}: {}", tape::printable(name), reason));
    terminal.print(fmt::format("{}: {} tapes recorded on {}", record_, tapes.size(), tape::host_release()));
    compare_with_input(terminal, input, tapes, played);
    return exit_good;
  }

  /// Says where a recording of the same release answers otherwise. Such a tape is played again, because two runs of one kernel
  /// need not agree: whether a worker is done at the next look at the ring is for the processors to say.
  void compare_with_input(Terminal& terminal, const tape::Recording& input, const std::vector<const tape::Tape*>& tapes,
                          const std::vector<tape::Played>& played) const {
    const std::string recorded = input.header.is_object() ? input.header.value("release", "") : "";
    if (recorded.compare(0, tape::host_release().size(), tape::host_release()) != 0) return;
    size_t differ = 0, steady = 0;
    for (size_t i = 0; i < tapes.size() && terminal.stop_signal() == 0; i++) {
      const auto difference = tape::first_difference(*tapes[i], played[i]);
      if (!difference) continue;
      differ++;
      terminal.print("other than recorded: " + tape::describe(*tapes[i], *difference));
      const auto [alike, as_recorded] = play_again(*tapes[i], played[i], terminal);
      steady += alike == kAgain ? 1 : 0;
      terminal.print(alike == kAgain ? fmt::format("  the same in {} more runs: this kernel does answer otherwise", kAgain)
                                     : fmt::format("  differs from run to run: of {} more, {} as recorded and {} as just now",
                                                   kAgain, as_recorded, alike));
    }
    terminal.print(fmt::format("against {} of the same release: {} as recorded, {} not, {} of these in every run", input.file,
                               tapes.size() - differ, differ, steady));
  }

  /// Plays a tape kAgain times, with and without the pause after each enter; how often it answered as in `played`, and as
  /// recorded.
  std::pair<unsigned, unsigned> play_again(const tape::Tape& one, const tape::Played& played, Terminal& terminal) const {
    unsigned alike = 0, as_recorded = 0;
    const tape::Tape before = tape::with_answers(one, played);
    for (unsigned i = 0; i < kAgain; i++) {
      tape::HostOptions options = host_options();
      if (i % 2 == 1) options.settle_us = 0;
      tape::play_on_host(
          {&one}, options,
          [&](size_t, tape::Played p) {
            alike += tape::first_difference(before, p) ? 0 : 1;
            as_recorded += tape::first_difference(one, p) ? 0 : 1;
          },
          [&] { return terminal.stop_signal() != 0; });
    }
    return {alike, as_recorded};
  }

  [[nodiscard]] tape::ModelOptions model() const {
    tape::ModelOptions options;
    options.kernel = kernel_;
    options.parallel = jobs_;
    bugs_.apply(options, "diff");
    return options;
  }

  /// Both answers to each tape of `part` that got both before a signal stopped the run.
  struct Answers {
    std::vector<const tape::Tape*> tapes;
    std::vector<tape::Played> host, model;
  };
  Answers play(const std::vector<const tape::Tape*>& part, Terminal& terminal) const {
    const auto stop = [&] { return terminal.stop_signal() != 0; };
    std::vector<std::optional<tape::Played>> host(part.size()), model_answers(part.size());
    // A signal from the keyboard ends the tape's process, too: that is no answer.
    const auto into = [&](std::vector<std::optional<tape::Played>>& answers) {
      return [&](size_t i, tape::Played p) {
        if (!stop()) answers[i] = std::move(p);
      };
    };
    tape::play_on_host(part, host_options(), into(host), stop);
    tape::play_on_model(part, model(), into(model_answers), stop);
    Answers answers;
    for (size_t i = 0; i < part.size(); i++) {
      if (!host[i] || !model_answers[i]) continue;
      answers.tapes.push_back(part[i]);
      answers.host.push_back(std::move(*host[i]));
      answers.model.push_back(std::move(*model_answers[i]));
    }
    return answers;
  }

  Outcome compare(Terminal& terminal, const tape::Recording& input) const {
    Outcome outcome;
    std::vector<const tape::Tape*> tapes;
    for (const tape::Tape& one : input.tapes) {
      if (!selection_.takes(one)) continue;
      if (one.without_result())
        outcome.no_result++;
      else if (auto reason = why_not(one))
        outcome.left_out.emplace_back(one.name, *reason);
      else
        tapes.push_back(&one);
    }
    outcome.asked = tapes.size();
    Progress progress(terminal, input.file, "tapes", tapes.size());
    for (size_t at = 0; at < tapes.size() && terminal.stop_signal() == 0; at += kPart) {
      const auto begin = tapes.begin() + static_cast<std::ptrdiff_t>(at);
      const std::vector<const tape::Tape*> part(begin, begin + static_cast<std::ptrdiff_t>(std::min(kPart, tapes.size() - at)));
      const Answers answers = play(part, terminal);
      for (size_t i = 0; i < answers.tapes.size() && terminal.stop_signal() == 0; i++)
        judge(outcome, *answers.tapes[i], answers.host[i], answers.model[i], terminal);
      progress.update(at + part.size());
    }
    return outcome;
  }

  void judge(Outcome& outcome, const tape::Tape& one, const tape::Played& host, const tape::Played& model_answers,
             Terminal& terminal) const {
    outcome.played++;
    const auto stop = [&] { return terminal.stop_signal() != 0; };
    const tape::Tape answered = tape::with_answers(one, host);
    const auto difference = tape::first_difference(answered, model_answers);
    if (!difference) {
      outcome.matched++;
    } else if (const auto row = same_release_ ? std::nullopt : tape::excuse_for(answered, *difference, kernel_)) {
      outcome.excused[*row].push_back(one.name);
    } else if (auto reason = tape::doubtful(answered, tape::model_doubts(model()), stop)) {
      outcome.left_out.emplace_back(one.name, std::move(*reason));
    } else if (agrees_again(one, model_answers, terminal)) {
      outcome.matched++;
      outcome.again++;
    } else if (stop()) {
      outcome.played--;  // nobody knows: the running kernel was not asked again
    } else {
      Found found{one, *difference, one};
      if (outcome.differences.size() < shrunk_) found.shortest = shortest(one, *difference, terminal);
      outcome.differences.push_back(std::move(found));
    }
  }

  /// True if the running kernel, asked some more times, gives the model's answers: it was too busy to keep the tape's times
  /// before.
  bool agrees_again(const tape::Tape& one, const tape::Played& model_answers, Terminal& terminal, unsigned times = kAgain) const {
    bool agrees = false;
    for (unsigned i = 0; i < times && !agrees && terminal.stop_signal() == 0; i++) {
      tape::HostOptions options = host_options();
      if (i > 0) options.settle_us = longer_pause(one, i);
      tape::play_on_host(
          {&one}, options,
          [&](size_t, tape::Played p) { agrees = !tape::first_difference(tape::with_answers(one, p), model_answers); },
          [&] { return terminal.stop_signal() != 0; });
    }
    return agrees;
  }

  [[nodiscard]] std::optional<std::string> why_not(const tape::Tape& one) const {
    if (auto reason = tape::not_applicable(one, tape::host_rules(), kernel_)) return reason;
    return same_release_ ? std::nullopt : tape::changed(one, kernel_);
  }

  /// True if both differ in the same way, wherever in their tapes: so that a tape that is being shrunk does not slip from one
  /// difference to another, which may be only a matter of pace.
  static bool alike(const tape::Tape& a, const tape::Difference& in_a, const tape::Tape& b, const tape::Difference& in_b) {
    const auto field = [](const tape::Difference& d) { return d.field.substr(d.field.rfind('.') + 1); };
    const auto kind = [](const tape::Tape& t, const tape::Difference& d) {
      return d.step < t.steps.size() ? t.steps[d.step].body["do"] : Json();
    };
    if (kind(a, in_a) != kind(b, in_b) || field(in_a) != field(in_b)) return false;
    // What names a request, or counts them, changes as requests are left out.
    const bool counts = field(in_a) != "res" && kind(a, in_a) != "setup" && kind(a, in_a) != "register";
    return counts || (in_a.expected == in_b.expected && in_a.got == in_b.got);
  }

  tape::Tape shortest(const tape::Tape& one, const tape::Difference& first, Terminal& terminal) const {
    const auto differs = [&](const tape::Tape& candidate) {
      if (terminal.stop_signal() != 0 || why_not(candidate)) return false;
      std::optional<tape::Played> host, model;
      const auto stop = [&] { return terminal.stop_signal() != 0; };
      // What is left out may be what the tape waited with: its workers are given their time.
      tape::play_on_host(
          {&candidate}, {directory_, longer_pause(candidate, 1), 1}, [&](size_t, tape::Played p) { host = std::move(p); }, stop);
      tape::play_on_model(
          {&candidate}, this->model(), [&](size_t, tape::Played p) { model = std::move(p); }, stop);
      if (!host || !model || stop()) return false;
      const tape::Tape answered = tape::with_answers(candidate, *host);
      const auto difference = tape::first_difference(answered, *model);
      // A machine that was too busy once must not lead away from the difference that is there each time.
      return difference && alike(one, first, candidate, *difference) &&
             (same_release_ || !tape::excuse_for(answered, *difference, kernel_)) &&
             !agrees_again(candidate, *model, terminal, kAgainInShrinking);
    };
    return tape::shrink(one, differs);
  }

  [[nodiscard]] Json report(const Outcome& outcome) const {
    Json differences = Json::array(), left_out = Json::array(), excused = Json::array();
    for (const Found& found : outcome.differences) {
      differences.push_back(tape::to_json(found.tape, found.difference));
      differences.back()["shortest"] = tape::to_json(found.shortest);
    }
    for (const auto& [name, reason] : outcome.left_out) left_out.push_back({{"tape", name}, {"reason", reason}});
    for (size_t row = 0; row < tape::excuses().size() && !same_release_; row++) {
      const tape::Excuse& excuse = tape::excuses()[row];
      if (!applies(excuse)) continue;
      const auto found = outcome.excused.find(row);
      const std::vector<std::string> names = found == outcome.excused.end() ? std::vector<std::string>{} : found->second;
      excused.push_back({{"function", excuse.function},
                         {"release", release_name(excuse.release)},
                         {"call", excuse.call},
                         {"arguments", excuse.arguments},
                         {"change", excuse.change},
                         {"tapes", names.size()},
                         {"names", names}});
    }
    return {{"kernel", kernel_},
            {"running", tape::host_release()},
            {"matched", outcome.matched},
            {"differ", outcome.differences.size()},
            {"excused_tapes", outcome.excused_tapes()},
            {"not_applicable", outcome.left_out.size()},
            {"no_result", outcome.no_result},
            {"matched_when_played_again", outcome.again},
            {"stopped", outcome.played < outcome.asked},
            {"not_played", outcome.asked - outcome.played},
            {"differences", std::move(differences)},
            {"excused", std::move(excused)},
            {"left_out", std::move(left_out)}};
  }

  void print(Terminal& terminal, const tape::Recording& input, const Outcome& outcome) const {
    if (!same_release_)
      terminal.print(fmt::format(
          "the running kernel is {}, which has no part in profile {}: only tapes of what did not change between them are "
          "compared",
          tape::host_release(), kernel_));
    for (const Found& found : outcome.differences) {
      terminal.print(terminal.styled("bad", "differs ") + tape::describe(found.tape, found.difference));
      terminal.print("  " + tape::to_json(found.shortest).dump());
    }
    if (!same_release_) print_excuses(terminal, outcome);
    for (const auto& [name, reason] : outcome.left_out)
      if (same_release_ || fuzz_ != 0) terminal.print(fmt::format("not applicable {}: {}", tape::printable(name), reason));
    terminal.print(fmt::format("{}: {} matched, {} differ, {} excused, {} not applicable, {} without result", input.file,
                               outcome.matched, outcome.differences.size(), outcome.excused_tapes(), outcome.left_out.size(),
                               outcome.no_result));
    if (!same_release_ && fuzz_ == 0 && !outcome.left_out.empty())
      terminal.print("not applicable are tapes of what did change, see --table; --json names each with its step");
    if (outcome.again > 0)
      terminal.print(fmt::format("{} of these matched when the running kernel played them again: it had not kept their times",
                                 outcome.again));
    if (outcome.played < outcome.asked)
      terminal.print(fmt::format("stopped: {} of {} tapes were played", outcome.played, outcome.asked));
  }

  /// Each row that applies to this kernel, with the number of tapes that needed it, and their share of those compared.
  void print_excuses(Terminal& terminal, const Outcome& outcome) const {
    for (size_t row = 0; row < tape::excuses().size(); row++) {
      const tape::Excuse& excuse = tape::excuses()[row];
      if (!applies(excuse)) continue;
      const auto found = outcome.excused.find(row);
      terminal.print(fmt::format("excused {:>5} tapes: {}, {} ({}, {}): {}",
                                 found == outcome.excused.end() ? 0 : found->second.size(), excuse.call, excuse.arguments,
                                 excuse.function, release_name(excuse.release), excuse.change));
    }
    if (outcome.played > 0)
      terminal.print(fmt::format("excused together {} of {} compared: {:.1f} %", outcome.excused_tapes(), outcome.played,
                                 100.0 * static_cast<double>(outcome.excused_tapes()) / static_cast<double>(outcome.played)));
  }

  [[nodiscard]] static std::string release_name(uapi::Release release) {
    return fmt::format("v{}.{}", release.major, release.minor);
  }
  /// True for a change that the model's kernel does not have yet.
  [[nodiscard]] bool applies(const tape::Excuse& excuse) const { return tape::release_of(kernel_) < excuse.release; }

  /// What diff compares where the running kernel has no profile, and what it excuses.
  void print_table(Terminal& terminal) const {
    terminal.print("did not change:");
    for (const tape::Unchanged& row : tape::unchanged())
      terminal.print(fmt::format("  {} since {}: {}: {}", row.call, release_name(row.since), row.arguments, row.why));
    terminal.print("changed within that, and excused:");
    for (const tape::Excuse& row : tape::excuses())
      terminal.print(
          fmt::format("  {} in {} ({}), {}: {}", row.call, release_name(row.release), row.function, row.arguments, row.change));
  }

  static constexpr unsigned kAgain = 8, kAgainInShrinking = 3;
  static constexpr size_t kPart = 20;  // tapes that the host plays before the model does; a signal loses as many

  std::vector<std::string> files_;
  std::string kernel_, record_, directory_ = "/tmp";
  u64 fuzz_ = 0, seed_ = 1;
  tape::Selection selection_;
  BugOptions bugs_;
  unsigned jobs_ = 1;
  size_t shrunk_ = 5;  // the first few; the others likely have the same cause
  bool json_ = false, table_ = false, same_release_ = false;
};

}  // namespace

std::unique_ptr<Command> make_diff() { return std::make_unique<Diff>(); }

}  // namespace uringsim::tools
