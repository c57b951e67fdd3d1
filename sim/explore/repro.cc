// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/repro.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sim/explore/replay.h"

namespace uringsim::sim {

using Json = nlohmann::ordered_json;

std::string Repro::to_json() const {
  Json file;
  file["format"] = kFormat;
  file["program"] = program;
  if (!profile.empty()) file["kernel"] = profile;
  if (!scenario.empty()) file["scenario"] = scenario;
  file["memory"] = to_string(memory);
  file["left_out"] = left_out;
  file["check"] = violation.check;
  file["violation"] = violation.text;
  file["trace_hash"] = fmt::format("{:016x}", hash);
  std::string text = file.dump(2);
  text.erase(text.size() - 2);  // "\n}": the steps follow, one a line
  text += ",\n  \"steps\": [";
  const char* separator = "\n    ";
  for (const Step& step : numbered(schedule).steps) {
    Json line;
    if (step.task != kNobody) line["task"] = step.task;
    line["op"] = to_string(step.kind);
    if (step.object != 0) line["object"] = step.object;
    if (step.choice != 0) line["choice"] = step.choice;
    if (const std::string_view function = function_name(step.site.function); !function.empty()) line["in"] = function;
    if (step.barrier != nullptr) line["barrier"] = step.barrier;
    line["id"] = fmt::format("{:016x}", fingerprint(step));
    text += separator + line.dump();
    separator = ",\n    ";
  }
  return text + "\n  ]\n}\n";
}

Repro Repro::from_json(const std::string& text) {
  Repro repro;
  repro.names_ = std::make_shared<std::deque<std::string>>();
  const auto keep = [&](const Json& value) { return repro.names_->emplace_back(value.get<std::string>()).c_str(); };
  try {
    const Json file = Json::parse(text);
    const int format = file.at("format").get<int>();
    if (format != kFormat)
      throw ReproError(fmt::format("/format: {} is not {}, the format that this build reads", format, kFormat));
    repro.program = file.at("program").get<std::string>();
    repro.profile = file.value("kernel", "");
    repro.scenario = file.value("scenario", "");
    const std::string memory = file.at("memory").get<std::string>();
    if (memory != "sc" && memory != "tso" && memory != "weak")
      throw ReproError(fmt::format("/memory: \"{}\" is none of sc, tso, weak", memory));
    repro.memory = memory == "sc" ? Memory::sc : memory == "tso" ? Memory::tso : Memory::weak;
    repro.left_out = file.at("left_out").get<std::vector<std::string>>();
    repro.violation = {file.at("check").get<std::string>(), file.at("violation").get<std::string>()};
    repro.hash = std::stoull(file.at("trace_hash").get<std::string>(), nullptr, 16);
    size_t number = 0;
    for (const Json& line : file.at("steps")) {
      const std::string where = fmt::format("/steps/{}", number++);
      Step step;
      step.task = line.value("task", kNobody);
      const std::string kind = line.at("op").get<std::string>();
      if (!from_string(kind.c_str(), step.kind))
        throw ReproError(fmt::format("{}/op: there is no operation \"{}\"", where, kind));
      step.object = line.value("object", u64{0});
      step.choice = line.value("choice", 0u);
      if (line.contains("in")) step.site.function = keep(line["in"]);
      if (line.contains("barrier")) step.barrier = keep(line["barrier"]);
      if (fmt::format("{:016x}", fingerprint(step)) != line.at("id").get<std::string>())
        throw ReproError(where + "/id: the step was changed after it was written");
      repro.schedule.steps.push_back(step);
    }
  } catch (const nlohmann::json::exception& error) {
    const std::string_view what = error.what();  // "[json.exception.NAME.NUMBER] TEXT"
    throw ReproError(fmt::format("is no repro of explore: {}", what.substr(std::min(what.find("] ") + 2, what.size()))));
  } catch (const std::logic_error& error) {
    throw ReproError(fmt::format("/trace_hash: not a hexadecimal number ({})", error.what()));
  }
  return repro;
}

}  // namespace uringsim::sim
