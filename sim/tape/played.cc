// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/played.h"

namespace uringsim::sim::tape {

std::string out_line(const Json& out) { return Json{{"out", out}}.dump(); }

std::string end_line(const Json& end) { return Json{{"end", end}}.dump(); }

Played played_from(const std::vector<std::string>& lines) {
  Played played;
  for (const std::string& text : lines) {
    Json line = Json::parse(text, nullptr, false);
    if (line.is_discarded()) break;  // torn by the end of its writer
    if (line.contains("end")) played.end = std::move(line["end"]);
    if (line.contains("out")) played.outs.push_back(std::move(line["out"]));
  }
  return played;
}

Tape with_answers(const Tape& tape, const Played& played) {
  Tape answered = tape;
  for (size_t i = 0; i < answered.steps.size(); i++)
    answered.steps[i].out = i < played.outs.size() ? played.outs[i] : Json(nullptr);
  answered.end = played.end;
  answered.agree.clear();
  return answered;
}

}  // namespace uringsim::sim::tape
