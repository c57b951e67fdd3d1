// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/conform.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

namespace uringsim::sim::tape {

bool Selection::takes(const Tape& tape) const {
  if (!filter.empty() && fnmatch(filter.c_str(), tape.name.c_str(), 0) != 0) return false;
  return groups.empty() || std::find(groups.begin(), groups.end(), tape.group) != groups.end();
}

size_t Conformity::count(Drawer drawer) const {
  return static_cast<size_t>(
      std::count_if(verdicts.begin(), verdicts.end(), [=](const Verdict& v) { return v.drawer == drawer; }));
}

Conformity conform(const Recording& recording, const Selection& selection, std::span<const ApplicabilityRule> rules,
                   std::string_view kernel, const Player& player, std::span<const Doubt> doubts,
                   const std::function<void(size_t, size_t)>& progress, const std::function<bool()>& stop) {
  Conformity result;
  std::vector<const Tape*> tapes;
  std::vector<size_t> places;  // of the tapes to play, in result.verdicts
  for (const Tape& tape : recording.tapes) {
    if (!selection.takes(tape)) continue;
    Verdict verdict;
    verdict.tape = &tape;
    if (tape.without_result()) {
      verdict.drawer = Drawer::no_result;
    } else if (auto reason = not_applicable(tape, rules, kernel)) {
      verdict.drawer = Drawer::not_applicable;
      verdict.reason = std::move(*reason);
    } else {
      tapes.push_back(&tape);
      places.push_back(result.verdicts.size());
    }
    result.verdicts.push_back(std::move(verdict));
  }
  size_t done = 0;
  player(
      tapes,
      [&](size_t index, Played played) {
        Verdict& verdict = result.verdicts[places[index]];
        verdict.difference = first_difference(*verdict.tape, played);
        verdict.drawer = verdict.difference ? Drawer::differ : Drawer::matched;
        verdict.played = std::move(played);
        done++;
        if (progress) progress(done, tapes.size());
      },
      stop);
  result.stopped = done < tapes.size();
  for (Verdict& verdict : result.verdicts) {
    if (!verdict.difference || stop()) continue;
    if (auto reason = doubtful(*verdict.tape, doubts, stop)) {
      verdict.drawer = Drawer::not_applicable;
      verdict.reason = std::move(*reason);
    }
  }
  return result;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n')
      out += "\\n";
    else if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out;
}

std::string describe(const Tape& tape, const Difference& difference) {
  const bool within = difference.step < tape.steps.size();
  const std::string kind = within ? tape.steps[difference.step].body.value("do", "") : "exit";
  return fmt::format("{} step {} ({}): {}: expected {}, got {}", printable(tape.name), difference.step, kind,
                     difference.field.empty() ? "result" : printable(difference.field), difference.expected.dump(),
                     difference.got.dump());
}

Json to_json(const Tape& tape, const Difference& difference) {
  return {{"tape", tape.name},
          {"step", difference.step},
          {"field", difference.field},
          {"expected", difference.expected},
          {"got", difference.got}};
}

}  // namespace uringsim::sim::tape
