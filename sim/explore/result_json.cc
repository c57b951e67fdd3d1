// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "sim/explore/explore.h"

namespace uringsim {

using Json = nlohmann::ordered_json;

std::string to_json(const ExploreResult& result, const ExploreOptions& options, const std::string& scenario,
                    const std::string& kernel, const std::string& repro) {
  Json file;
  file["scenario"] = scenario;
  file["kernel"] = kernel;
  file["memory"] = sim::to_string(options.memory);
  file["strategy"] = to_string(options.strategy);
  file["verdict"] = result.found ? "violation" : "clean";
  file["exhaustive"] = result.exhaustive && options.shards == 1;
  file["executions"] = result.executions;
  file["blocked"] = result.blocked;
  file["cut"] = result.cut;
  file["seconds"] = result.seconds;
  file["check"] = result.found ? Json(result.violation.check) : Json(nullptr);
  file["steps"] = result.found ? Json(result.cost.lines) : Json(nullptr);
  file["repro"] = repro.empty() ? Json(nullptr) : Json(repro);
  if (result.found) {
    file["violation"] = result.violation.text;
    file["found_at"] = result.found_at;
    file["preemptions"] = result.cost.preemptions;
    file["reorderings"] = result.cost.reorderings;
    file["story"] = result.story;
  }
  if (!result.unconfirmed.empty()) file["unconfirmed"] = result.unconfirmed;
  if (result.share >= 0) file["share"] = result.share;
  if (result.guarantee > 0) file["guarantee"] = result.guarantee;
  file["search"] = search_identity(scenario, kernel, options);
  file["shard"] = options.shard;
  file["shards"] = options.shards;
  file["shard_exhaustive"] = result.exhaustive;
  return file.dump(2);
}

namespace {

/// Throws std::invalid_argument unless `text` is what to_json() wrote.
Json result_of(const std::string& text) {
  const Json part = Json::parse(text, nullptr, false);
  if (part.is_discarded() || !part.is_object()) throw std::invalid_argument("is no result of explore --json");
  for (const char* key : {"scenario", "kernel", "memory", "strategy", "verdict", "exhaustive", "executions", "blocked", "cut",
                          "seconds", "steps", "search", "shard", "shards", "shard_exhaustive"})
    if (!part.contains(key)) throw std::invalid_argument(fmt::format("/{}: is missing in a result of explore --json", key));
  const auto number = [&](const char* key, u64 most) {
    if (!part.at(key).is_number_unsigned() || part.at(key).get<u64>() > most)
      throw std::invalid_argument(fmt::format("/{}: a number from 0 to {} is expected", key, most));
    return part.at(key).get<u64>();
  };
  constexpr u64 kMost = u64{1} << 40;  // so that a million parts can be added up
  for (const char* key : {"executions", "blocked", "cut"}) number(key, kMost);
  for (const char* key : {"exhaustive", "shard_exhaustive"})
    if (!part.at(key).is_boolean()) throw std::invalid_argument(fmt::format("/{}: true or false is expected", key));
  if (!part.at("scenario").is_string()) throw std::invalid_argument("/scenario: a name is expected");
  if (!part.at("seconds").is_number() || part.at("seconds").get<double>() < 0)
    throw std::invalid_argument("/seconds: a time is expected");
  if (part.contains("guarantee") && !part.at("guarantee").is_number())
    throw std::invalid_argument("/guarantee: a probability is expected");
  if (part.contains("unconfirmed") && !part.at("unconfirmed").is_string())
    throw std::invalid_argument("/unconfirmed: a text is expected");
  if (part.at("verdict") == "violation")
    number("steps", kMost);
  else if (part.at("verdict") != "clean")
    throw std::invalid_argument("/verdict: \"clean\" or \"violation\" is expected");
  if (number("shards", 1'000'000) <= number("shard", 1'000'000))
    throw std::invalid_argument("/shard: is none of those that /shards says");
  return part;
}

/// Adds one part to the sum of those before.
void add(Json& all, const Json& part) {
  for (const char* key : {"scenario", "kernel", "memory", "strategy", "shards", "search"})
    if (part.at(key) != all.at(key))
      throw std::invalid_argument(
          fmt::format("/{}: the parts are of different searches: {} and {}", key, all.at(key).dump(), part.at(key).dump()));
  for (const char* key : {"executions", "blocked", "cut"}) all[key] = all[key].get<u64>() + part.at(key).get<u64>();
  all["seconds"] = all["seconds"].get<double>() + part.at("seconds").get<double>();
  all["shard_exhaustive"] = all["shard_exhaustive"].get<bool>() && part.at("shard_exhaustive").get<bool>();
  all.erase("share");
  if (part.contains("unconfirmed") && !all.contains("unconfirmed")) all["unconfirmed"] = part.at("unconfirmed");
  if (part.contains("guarantee") && all.contains("guarantee"))  // the longest execution of all counts
    all["guarantee"] = std::min(all.at("guarantee").get<double>(), part.at("guarantee").get<double>());
  const bool simpler = part.at("verdict") == "violation" &&
                       (all.at("verdict") == "clean" || part.at("steps").get<unsigned>() < all.at("steps").get<unsigned>());
  if (!simpler) return;
  const std::set<std::string> sums = {"executions",       "blocked", "cut",       "seconds",
                                      "shard_exhaustive", "share",   "guarantee", "unconfirmed"};
  for (const auto& [key, value] : part.items())
    if (!sums.contains(key)) all[key] = value;
}

}  // namespace

std::string merge_json(const std::vector<std::string>& results) {
  if (results.empty()) throw std::invalid_argument("there is nothing to merge");
  Json all;
  std::set<unsigned> shards;
  for (std::size_t i = 0; i < results.size(); i++) try {
      const Json part = result_of(results[i]);
      if (all.is_null())
        all = part;
      else
        add(all, part);
      if (!shards.insert(part.at("shard").get<unsigned>()).second)
        throw std::invalid_argument(fmt::format("/shard: {} is there twice", part.at("shard").get<unsigned>() + 1));
    } catch (const std::exception& error) {
      throw std::invalid_argument(fmt::format("result {}: {}", i + 1, error.what()));
    }
  const unsigned wanted = all.at("shards").get<unsigned>();
  all["exhaustive"] = all["shard_exhaustive"].get<bool>() && shards.size() == wanted;
  if (shards.size() != wanted) {
    all["missing"] = Json::array();
    for (unsigned shard = 0; shard < wanted; shard++)
      if (!shards.contains(shard)) all["missing"].push_back(shard + 1);
  }
  all["merged"] = shards.size();
  all.erase("shard");
  all.erase("shard_exhaustive");
  return all.dump(2);
}

}  // namespace uringsim
