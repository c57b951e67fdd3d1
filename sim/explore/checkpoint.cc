// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/checkpoint.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace uringsim::sim {

Checkpoint Checkpoint::read(const std::string& path, const std::string& identity) {
  Checkpoint checkpoint;
  checkpoint.identity = identity;
  std::ifstream in(path);
  if (!in) return checkpoint;
  try {
    const auto file = nlohmann::json::parse(in);
    if (file.at("format").get<int>() != kFormat) throw std::runtime_error(fmt::format("{}: /format: not {}", path, kFormat));
    const auto of = file.at("search").get<std::string>();
    if (of != identity) throw std::runtime_error(fmt::format("{}: /search: is of \"{}\", not of \"{}\"", path, of, identity));
    checkpoint.begun = file.at("begun").get<u64>();
    checkpoint.executions = file.at("executions").get<u64>();
    checkpoint.blocked = file.at("blocked").get<u64>();
    checkpoint.cut = file.at("cut").get<u64>();
    checkpoint.seconds = file.at("seconds").get<double>();
    checkpoint.finished = file.at("finished").get<bool>();
    checkpoint.exhaustive = file.at("exhaustive").get<bool>();
    checkpoint.counters = file.at("counters").get<std::vector<u64>>();
    checkpoint.position = file.at("position").get<std::vector<u32>>();
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(fmt::format("{}: is no checkpoint of explore ({})", path, error.what()));
  }
  return checkpoint;
}

void Checkpoint::write(const std::string& path) const {
  nlohmann::ordered_json file;
  file["format"] = kFormat;
  file["search"] = identity;
  file["begun"] = begun;
  file["executions"] = executions;
  file["blocked"] = blocked;
  file["cut"] = cut;
  file["seconds"] = seconds;
  file["finished"] = finished;
  file["exhaustive"] = exhaustive;
  file["counters"] = counters;
  file["position"] = position;
  const std::string next = path + ".new";
  std::ofstream out(next);
  out << file.dump() << "\n";
  out.close();
  if (!out || std::rename(next.c_str(), path.c_str()) != 0) throw std::runtime_error(fmt::format("{}: cannot be written", path));
}

}  // namespace uringsim::sim
