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
#include "sim/fiber/bench.h"
#include "sim/scenario/input_error.h"
#include "sim/scenario/nearest.h"
#include "tools/uringsim/commands.h"

namespace uringsim::tools {

namespace {

/// "timed" of "timed-nop-b32".
std::string group_of(const std::string& name) { return name.substr(0, name.find('-')); }

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
  [[nodiscard]] std::string example() const override { return "uringsim bench timed     # those whose names begin with timed"; }
  void describe(CLI::App& app) override {
    app.add_option("GROUP", group_, "only benchmarks of this name or first word of a name");
    app.add_option("--peer", peers_, "BENCH='COMMAND': the last number that COMMAND prints (or its rate=N) is the peer's value");
    app.add_option("--repeats", options_.repeats, "measurements of each, of which the median counts")->capture_default_str();
    app.add_option("--directory", options_.directory, "where files of the host are made, and removed")->capture_default_str();
    app.add_flag("--json", json_, "{\"benchmarks\": [{\"name\", \"value\", \"unit\", \"peer\", \"peer_value\", \"ratio\"}]}");
  }
  int run(Terminal& terminal) override {
    const std::map<std::string, std::string> peers = peer_commands();
    nlohmann::ordered_json array = nlohmann::ordered_json::array();
    bool known = false;
    const auto wanted = [&](const std::string& bench) {
      const bool yes = group_.empty() || bench == group_ || group_of(bench) == group_;
      known |= yes;
      return yes && terminal.stop_signal() == 0;
    };
    const auto tell = [&](sim::BenchFigure figure) {
      if (const auto at = peers.find(figure.name); at != peers.end()) {
        figure.peer = at->second;
        figure.peer_value = run_peer(at->first, at->second);
      }
      if (json_)
        array.push_back(as_json(figure));
      else
        terminal.print(as_line(figure));
    };
    for (const sim::Benchmark& bench : sim::benchmarks())
      if (wanted(bench.name)) tell(bench.run(options_));
    // The engines' own, without a kernel.
    for (const sim::FiberFigure& figure : fiber_figures(wanted)) tell({figure.name, figure.value, figure.unit});
    if (!known)
      throw sim::InputError(fmt::format("bench: no benchmark {}; {}", sim::in_quotes(group_), sim::name_hint(group_, names())));
    if (json_) terminal.print(nlohmann::ordered_json{{"benchmarks", array}}.dump(1));
    return terminal.stop_signal() != 0 ? exit_signal + terminal.stop_signal() : exit_good;
  }

 private:
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
      const std::string_view group = name.substr(0, name.find('-'));
      all.push_back(name);
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
    if (!figure.note.empty()) json["note"] = figure.note;
    return json;
  }
  [[nodiscard]] static std::string as_line(const sim::BenchFigure& figure) {
    std::string line =
        fmt::format("{:<22} {:>14.{}f} {:<6}", figure.name, figure.value, figure.value < 1000 ? 2 : 0, figure.unit);
    if (figure.peer_value)
      line += fmt::format("  {:>14.{}f} {}: {:.2f}", *figure.peer_value, *figure.peer_value < 1000 ? 2 : 0, figure.peer,
                          figure.ratio().value_or(0));
    if (!figure.note.empty()) line += fmt::format("  ({})", figure.note);
    return line;
  }

  std::string group_;
  std::vector<std::string> peers_;
  sim::BenchOptions options_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_bench() { return std::make_unique<Bench>(); }

}  // namespace uringsim::tools
