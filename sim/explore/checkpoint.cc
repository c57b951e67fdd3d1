// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/checkpoint.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "sim/explore/text_hash.h"

namespace uringsim::sim {

namespace {

Checkpoint checkpoint_from(const nlohmann::json& file, const std::string& identity) {
  if (const int format = file.at("format").get<int>(); format != Checkpoint::kFormat)
    throw std::runtime_error(fmt::format("/format: {}, not {}", format, Checkpoint::kFormat));
  Checkpoint checkpoint;
  checkpoint.identity = file.at("search").get<std::string>();
  if (checkpoint.identity != identity)
    throw std::runtime_error(fmt::format("/search: is of \"{}\", not of \"{}\"", checkpoint.identity, identity));
  checkpoint.begun = file.at("begun").get<u64>();
  checkpoint.executions = file.at("executions").get<u64>();
  checkpoint.blocked = file.at("blocked").get<u64>();
  checkpoint.cut = file.at("cut").get<u64>();
  checkpoint.seconds = file.at("seconds").get<double>();
  checkpoint.finished = file.at("finished").get<bool>();
  checkpoint.exhaustive = file.at("exhaustive").get<bool>();
  checkpoint.counters = file.at("counters").get<std::vector<u64>>();
  checkpoint.position = file.at("position").get<std::vector<u32>>();
  checkpoint.parts = file.at("parts").get<std::vector<u64>>();
  if (file != nlohmann::json::parse(checkpoint.text())) throw std::runtime_error("/digest: is not of what the file says");
  return checkpoint;
}

/// What `from` makes of the JSON in `path`; its errors name the file. Nothing if there is no such file.
template <class F>
void read_checkpoint_file(const std::string& path, F&& from) {
  std::ifstream in(path);
  if (!in) return;
  try {
    from(nlohmann::json::parse(in));
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(fmt::format("{}: is no checkpoint of explore ({})", path, error.what()));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", path, error.what()));
  }
}

/// Replaces the file as a whole: who is killed meanwhile leaves the old one.
void replace_checkpoint_file(const std::string& path, const std::string& text) {
  const std::string next = path + ".new";
  std::ofstream out(next);
  out << text << "\n";
  out.close();
  if (!out || std::rename(next.c_str(), path.c_str()) != 0) throw std::runtime_error(fmt::format("{}: cannot be written", path));
}

}  // namespace

std::string Checkpoint::text() const {
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
  file["parts"] = parts;
  file["digest"] = fmt::format("{:016x}", text_hash(file.dump()));
  return file.dump();
}

Checkpoint Checkpoint::parse(const std::string& text, const std::string& identity) {
  try {
    return checkpoint_from(nlohmann::json::parse(text), identity);
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(error.what());
  }
}

Checkpoint Checkpoint::read(const std::string& path, const std::string& identity) {
  Checkpoint checkpoint;
  checkpoint.identity = identity;
  read_checkpoint_file(path, [&](const nlohmann::json& file) { checkpoint = checkpoint_from(file, identity); });
  return checkpoint;
}

void Checkpoint::write(const std::string& path) const { replace_checkpoint_file(path, text()); }

std::vector<Checkpoint> Checkpoint::read_jobs(const std::string& path, const std::string& identity, unsigned jobs) {
  std::vector<Checkpoint> checkpoints(jobs);
  for (Checkpoint& checkpoint : checkpoints) checkpoint.identity = identity;
  read_checkpoint_file(path, [&](const nlohmann::json& file) {
    if (!file.contains("jobs")) static_cast<void>(checkpoint_from(file, identity));  // of one job: says so
    const auto& parts = file.at("jobs");
    for (std::size_t job = 0; job < parts.size(); job++) {
      const Checkpoint checkpoint = checkpoint_from(parts[job], identity);
      if (job < jobs) checkpoints[job] = checkpoint;
    }
    if (parts.size() != jobs) throw std::runtime_error(fmt::format("/jobs: has {}, not {}", parts.size(), jobs));
  });
  return checkpoints;
}

void Checkpoint::write_jobs(const std::string& path, const std::vector<Checkpoint>& jobs) {
  std::string text = fmt::format("{{\"format\":{},\"search\":{},\"jobs\":[", kFormat, nlohmann::json(jobs.at(0).identity).dump());
  for (std::size_t job = 0; job < jobs.size(); job++) text += (job == 0 ? "\n" : ",\n") + jobs[job].text();
  replace_checkpoint_file(path, text + "]}");
}

}  // namespace uringsim::sim
