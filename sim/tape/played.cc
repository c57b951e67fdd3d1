// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/played.h"

#include <utility>

namespace uringsim::sim::tape {

std::string trace_line(const std::string& text) {
  return Json{{"trace", text}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string out_line(const Json& out) { return Json{{"out", out}}.dump(); }

std::string end_line(const Json& end) { return Json{{"end", end}}.dump(); }

Played played_from(const std::vector<std::string>& lines) {
  Played played;
  std::vector<std::string> trace;
  for (const std::string& text : lines) {
    Json line = Json::parse(text, nullptr, false);
    if (line.is_discarded()) break;  // torn by the end of its writer
    if (line.contains("trace")) trace.push_back(line["trace"]);
    if (line.contains("end")) played.end = std::move(line["end"]);
    if (line.contains("out")) {
      played.outs.push_back(std::move(line["out"]));
      if (!trace.empty()) played.traces.resize(played.outs.size());
      if (!trace.empty()) played.traces.back() = std::exchange(trace, {});
    }
  }
  // The step that never returned has a trace, too.
  if (!trace.empty()) {
    played.traces.resize(played.outs.size());
    played.traces.push_back(std::move(trace));
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
