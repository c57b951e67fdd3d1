// SPDX-License-Identifier: GPL-2.0-only
// uringsim bench: the benchmarks that the README quotes, each beside its peer.
#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "sim/bench/bench.h"
#include "sim/devices/device_error.h"
#include "sim/fiber/bench.h"
#include "sim/scenario/input_error.h"
#include "sim/scenario/nearest.h"
#include "sim/scenario/quantity.h"
#include "tools/uringsim/commands.h"

namespace uringsim::tools {

namespace {

/// True if `group` is the name, or its first words: "timed" or "explore-count" of "explore-count-readers-8-sc".
bool belongs_to(const std::string& name, const std::string& group) {
  return group.empty() || name == group || (name.starts_with(group) && name[group.size()] == '-');
}

/// The number after the last "rate=", else the last number in `text`; nothing if there is none.
std::optional<double> last_number(const std::string& text) {
  const auto number_at = [&](std::size_t at) -> std::optional<double> {
    char* end = nullptr;
    const double value = std::strtod(text.c_str() + at, &end);
    return end != text.c_str() + at ? std::optional(value) : std::nullopt;
  };
  if (const std::size_t rate = text.rfind("rate="); rate != std::string::npos)
    if (const auto value = number_at(rate + 5)) return value;
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t at = text.size(); at-- > 0;) {
    if (!digit(text[at])) continue;
    while (at > 0 && (digit(text[at - 1]) || text[at - 1] == '.')) at--;
    const bool exponent = at > 1 && (text[at - 1] == 'e' || text[at - 1] == 'E') && digit(text[at - 2]);
    const bool signed_exponent = at > 2 && (text[at - 1] == '+' || text[at - 1] == '-') &&
                                 (text[at - 2] == 'e' || text[at - 2] == 'E') && digit(text[at - 3]);
    if (exponent || signed_exponent) {
      at -= exponent ? 1 : 2;
      while (at > 0 && (digit(text[at - 1]) || text[at - 1] == '.')) at--;
    }
    return number_at(at);
  }
  return std::nullopt;
}

/// Runs COMMAND through sh. Throws InputError if it fails or prints no number.
double run_peer(const std::string& name, const std::string& command) {
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("bench: no shell for --peer");
  std::string text;
  char part[4096];
  while (const std::size_t bytes = fread(part, 1, sizeof(part), pipe)) text.append(part, bytes);
  const int status = pclose(pipe);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw sim::InputError(fmt::format("bench: --peer {}={}: the command failed", name, command));
  const std::optional<double> value = last_number(text);
  if (!value) throw sim::InputError(fmt::format("bench: --peer {}={}: the command printed no number", name, command));
  return *value;
}

class Bench : public Command {
 public:
  [[nodiscard]] std::string name() const override { return "bench"; }
  [[nodiscard]] std::string about() const override { return "the benchmarks that the README quotes, each beside its peer"; }
  [[nodiscard]] std::string example() const override {
    return "uringsim bench explore-handshake-n2 --peer explore-handshake-n2=./relacy_bench.sh";
  }
  void describe(CLI::App& app) override {
    app.add_option("GROUP", group_, "only benchmarks of this name, or whose names begin with these words");
    app.add_option("--peer", peers_, "BENCH='COMMAND': the last number that COMMAND prints (or its rate=N) is the peer's value");
    app.add_option("--time", time_, "how long one measurement takes (300ms)");
    app.add_option("--repeats", options_.repeats, "measurements of each, of which the median counts")->capture_default_str();
    app.add_option("--directory", options_.directory, "where files of the host are made, and removed")->capture_default_str();
    app.add_flag("--json", json_, "{\"benchmarks\": [{\"name\", \"value\", \"unit\", \"peer\", \"peer_value\", \"ratio\"}]}");
  }
  int run(Terminal& terminal) override {
    const std::map<std::string, std::string> peers = peer_commands();
    nlohmann::ordered_json array = nlohmann::ordered_json::array();
    bool known = false;
    const bool one = std::any_of(sim::benchmarks().begin(), sim::benchmarks().end(),
                                 [&](const sim::Benchmark& bench) { return bench.name == group_; });
    const auto wanted = [&](const std::string& bench) {
      const bool yes = one ? bench == group_ : belongs_to(bench, group_);
      known |= yes;
      return yes && terminal.stop_signal() == 0;
    };
    const auto tell = [&](const sim::BenchFigure& figure) {
      if (json_)
        array.push_back(as_json(figure));
      else
        terminal.print(as_line(terminal, figure));
    };
    if (!time_.empty()) {
      const auto time = sim::parse_duration(time_);
      options_.measure_ns = time ? time->count : 0;
      if (options_.measure_ns < 1'000'000 || options_.measure_ns > 3'600'000'000'000)
        throw sim::InputError(fmt::format("bench: --time {}: from 1ms to an hour", sim::in_quotes(time_)));
    }
    for (const sim::Benchmark& bench : sim::benchmarks()) {
      if (!wanted(bench.name)) continue;
      sim::BenchOptions options = options_;
      if (const auto at = peers.find(bench.name); at != peers.end()) {
        options.peer_name = at->second;
        options.peer = [at] { return run_peer(at->first, at->second); };
      }
      options.stop = terminal.stop();
      const sim::BenchFigure figure = run_bench(bench, options);
      if (terminal.stop_signal() == 0) tell(figure);
    }
    // The engines' own, without a kernel.
    if (terminal.stop_signal() == 0)
      for (const sim::FiberFigure& figure : fiber_figures(wanted)) tell({figure.name, figure.value, figure.unit});
    if (!known && terminal.stop_signal() == 0)
      throw sim::InputError(fmt::format("bench: no benchmark {}; {}", sim::in_quotes(group_), sim::name_hint(group_, names())));
    if (json_) terminal.print(nlohmann::ordered_json{{"benchmarks", array}}.dump(1));
    return terminal.stop_signal() != 0 ? exit_signal + terminal.stop_signal() : exit_good;
  }

 private:
  /// A file of the host that cannot be made is the user's to mend.
  [[nodiscard]] static sim::BenchFigure run_bench(const sim::Benchmark& bench, const sim::BenchOptions& options) {
    try {
      return bench.run(options);
    } catch (const sim::DeviceError& error) {
      throw sim::InputError(fmt::format("bench: {}", error.what()));
    }
  }
  template <class Wanted>
  std::vector<sim::FiberFigure> fiber_figures(Wanted wanted) const {
    std::vector<sim::FiberFigure> figures;
    for (sim::FiberFigure& figure : sim::run_fiber_benchmarks(group_))
      if (wanted(figure.name)) figures.push_back(std::move(figure));
    return figures;
  }
  [[nodiscard]] static std::vector<std::string_view> names() {
    std::vector<std::string_view> all;
    for (const sim::Benchmark& bench : sim::benchmarks()) {
      const std::string_view name = bench.name;
      const std::string_view group = name.starts_with("explore-count-") ? "explore-count" : name.substr(0, name.find('-'));
      if (group != "explore-count") all.push_back(name);  // too many to be named
      if (std::find(all.begin(), all.end(), group) == all.end()) all.push_back(group);
    }
    return all;
  }
  [[nodiscard]] std::map<std::string, std::string> peer_commands() const {
    std::map<std::string, std::string> commands;
    const std::vector<std::string_view> all = names();
    for (const std::string& peer : peers_) {
      const std::size_t equals = peer.find('=');
      const std::string bench = peer.substr(0, equals);
      if (equals == std::string::npos)
        throw sim::InputError(fmt::format("bench: --peer {}: should be BENCH='COMMAND'", sim::in_quotes(peer)));
      if (std::find(all.begin(), all.end(), bench) == all.end())
        throw sim::InputError(
            fmt::format("bench: --peer: no benchmark {}; {}", sim::in_quotes(bench), sim::name_hint(bench, all)));
      commands[bench] = peer.substr(equals + 1);
    }
    return commands;
  }
  [[nodiscard]] static nlohmann::ordered_json as_json(const sim::BenchFigure& figure) {
    const auto ratio = figure.ratio();
    nlohmann::ordered_json json{{"name", figure.name}, {"value", figure.value}, {"unit", figure.unit},
                                {"peer", nullptr},     {"peer_value", nullptr}, {"ratio", nullptr}};
    if (!figure.peer.empty()) json["peer"] = figure.peer;
    if (figure.peer_value) json["peer_value"] = *figure.peer_value;
    if (ratio) json["ratio"] = *ratio;
    if (figure.lowest) json["lowest"] = *figure.lowest, json["highest"] = *figure.highest;
    if (figure.pass) json["pass"] = *figure.pass;
    if (!figure.note.empty()) json["note"] = figure.note;
    return json;
  }
  static std::string short_name(const std::string& peer) { return peer.size() <= 24 ? peer : peer.substr(0, 21) + "..."; }
  /// As many digits as mean something.
  [[nodiscard]] static std::string as_number(double value, const std::string& unit) {
    return fmt::format("{:.{}f}", value, unit == "executions" || value >= 1000 ? 0 : value >= 10 ? 1 : 3);
  }
  [[nodiscard]] static std::string as_line(const Terminal& terminal, const sim::BenchFigure& figure) {
    std::string line = fmt::format("{:<43} {:>11} {:<12}", figure.name, as_number(figure.value, figure.unit), figure.unit);
    if (figure.lowest && *figure.lowest != *figure.highest)
      line += fmt::format(" {} to {}", as_number(*figure.lowest, figure.unit), as_number(*figure.highest, figure.unit));
    if (figure.peer_value)
      line += fmt::format("  {} {}: {:.2f}", as_number(*figure.peer_value, figure.unit), short_name(figure.peer),
                          figure.ratio().value_or(0));
    if (!figure.note.empty()) line += fmt::format("  ({})", figure.note);
    if (figure.pass) line += "  " + (*figure.pass ? terminal.styled("good", "pass") : terminal.styled("bad", "FAIL"));
    return line;
  }

  std::string group_;
  std::vector<std::string> peers_;
  sim::BenchOptions options_;
  std::string time_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_bench() { return std::make_unique<Bench>(); }

}  // namespace uringsim::tools
