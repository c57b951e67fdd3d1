// SPDX-License-Identifier: GPL-2.0-only
#include "sim/fiber/costs.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "uapi/names.h"

namespace uringsim::sim {

extern const char kCostsJson[];  // generated from costs.json

namespace {

using arch::Cost;
using nlohmann::json;

struct Entry {
  const char* name;
  Cost cost;
};
constexpr Entry kEntries[] = {
    {"syscall", Cost::syscall},
    {"context_switch", Cost::context_switch},
    {"wakeup", Cost::wakeup},
    {"interrupt", Cost::interrupt},
    {"sqe_fill", Cost::sqe_fill},
    {"request", Cost::request},
    {"copy", Cost::copy},
    {"block_submit", Cost::block_submit},
    {"page_lookup", Cost::page_lookup},
};
static_assert(std::size(kEntries) + 1 == static_cast<unsigned>(Cost::count_));  // all but opcode

constexpr u64 kLongest = u64{1'000'000'000'000} * 1000;  // ps: a second is enough for anything that has a cost

/// Picoseconds of "12ns"; nothing if it is no such quantity.
std::optional<u64> picoseconds(std::string_view text) {
  u64 number = 0;
  std::size_t at = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; at++) {
    number = number * 10 + static_cast<u64>(text[at] - '0');
    if (number > kLongest) return std::nullopt;
  }
  if (at == 0) return std::nullopt;
  const std::string_view unit = text.substr(at);
  const u64 factor = unit == "ps" ? 1 : unit == "ns" ? 1000 : unit == "us" ? 1'000'000 : unit == "ms" ? 1'000'000'000 : 0;
  if (factor == 0 || number > kLongest / factor) return std::nullopt;
  return number * factor;
}

/// One file being read; the first complaint is kept.
struct Reader {
  std::string_view source;
  std::string error;

  bool fail(const std::string& path, const std::string& what) {
    error = fmt::format("{}: {}: {}", source, path, what);
    return false;
  }

  bool quantity(const json& value, const std::string& path, u64& to) {
    const std::optional<u64> found = value.is_string() ? picoseconds(value.get_ref<const std::string&>()) : std::optional<u64>();
    if (!found) return fail(path, "expected a time up to 1 s like \"120ns\" (ps, ns, us, ms)");
    to = *found;
    return true;
  }

  bool whole_nanoseconds(const json& value, const std::string& path, u64& to) {
    u64 found = 0;
    if (!quantity(value, path, found)) return false;
    if (found % 1000 != 0) return fail(path, "expected a whole number of nanoseconds");
    to = found / 1000;
    return true;
  }

  /// Checks the keys that describe, and returns whether the others are exactly `key`s that may be there.
  bool keys(const json& entry, const std::string& path, std::initializer_list<std::string_view> known) {
    if (!entry.is_object()) return fail(path, "expected an object");
    for (const auto& [key, value] : entry.items()) {
      bool found = key == "per" || key == "about";
      if (found && !value.is_string()) return fail(path + "/" + key, "expected a string");
      for (const std::string_view name : known) found = found || key == name;
      if (!found) return fail(path + "/" + key, "unknown key");
    }
    return true;
  }

  bool opcodes(const json& entry, const std::string& path, Costs& costs) {
    if (!keys(entry, path, {"default", "values"})) return false;
    if (entry.contains("default")) {
      u64 usual = 0;
      if (!quantity(entry["default"], path + "/default", usual)) return false;
      costs.opcode.fill(usual);
    }
    if (!entry.contains("values")) return true;
    if (!entry["values"].is_object()) return fail(path + "/values", "expected an object");
    for (const auto& [name, value] : entry["values"].items()) {
      const uapi::Name* const opcode = uapi::find(uapi::names::opcodes, name);
      if (opcode == nullptr) return fail(path + "/values/" + name, "no such opcode");
      if (!quantity(value, path + "/values/" + name, costs.opcode[opcode->value & 255])) return false;
    }
    return true;
  }

  bool entry(const std::string& name, const json& entry, Costs& costs) {
    const std::string path = "/" + name;
    if (name == "about") return entry.is_string() || fail(path, "expected a string");
    if (name == "opcode") return opcodes(entry, path, costs);
    u64* to = name == "memory" ? &costs.memory : name == "relax" ? &costs.relax : name == "handoff" ? &costs.handoff : nullptr;
    const bool whole = to != nullptr;
    for (const Entry& known : kEntries)
      if (name == known.name) to = &costs.picoseconds[static_cast<unsigned>(known.cost)];
    if (to == nullptr) return fail(path, "no cost has this name");
    if (!keys(entry, path, {"value"})) return false;
    if (!entry.contains("value")) return fail(path, "\"value\" is missing");
    return whole ? whole_nanoseconds(entry["value"], path + "/value", *to) : quantity(entry["value"], path + "/value", *to);
  }
};

}  // namespace

std::string read_costs(std::string_view text, std::string_view source, Costs& costs) {
  json file;
  try {
    file = json::parse(text);
  } catch (const json::parse_error& broken) {
    return fmt::format("{}: {}", source, broken.what());
  }
  Reader reader{source, {}};
  if (!file.is_object()) {
    reader.fail("/", "expected an object");
    return reader.error;
  }
  Costs result = costs;
  for (const auto& [name, value] : file.items())
    if (!reader.entry(name, value, result)) return reader.error;
  if (result.memory == 0 || result.relax == 0) {
    reader.fail(result.memory == 0 ? "/memory" : "/relax", "must be at least 1ns, or time stands still");
    return reader.error;
  }
  costs = result;
  return {};
}

const Costs& Costs::standard() {
  static const Costs table = [] {
    Costs costs;
    if (const std::string error = read_costs(kCostsJson, "costs.json", costs); !error.empty()) {
      std::fprintf(stderr, "uringsim: %s\n", error.c_str());  // a build with a broken table
      std::abort();
    }
    return costs;
  }();
  return table;
}

}  // namespace uringsim::sim
