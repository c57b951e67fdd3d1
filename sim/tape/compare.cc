// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace uringsim::sim::tape {

namespace {

constexpr std::array<const char*, 3> kCqeFields = {"user_data", "res", "flags"};

/// Results with no particular order of completions: both are put into the same one.
Json sorted(const Json& out) {
  Json copy = out;
  if (copy.is_object() && copy.contains("cqes") && copy["cqes"].is_array())
    std::sort(copy["cqes"].begin(), copy["cqes"].end(), [](const Json& a, const Json& b) {
      const bool numbers = a.is_array() && b.is_array() && !a.empty() && !b.empty() && a[0].is_number() && b[0].is_number();
      return numbers && a[0] != b[0] ? a[0] < b[0] : a.dump() < b.dump();
    });
  return copy;
}

std::string member(const std::string& path, const std::string& key) { return path.empty() ? key : path + "." + key; }

/// Finds the first place where `a` and `b` differ and notes it in `found`. Returns whether there is one.
bool differ(const Json& a, const Json& b, const std::string& path, Difference& found) {
  if (a.is_object() && b.is_object()) {
    for (const auto& [key, value] : a.items())
      if (differ(value, b.contains(key) ? b.at(key) : Json(nullptr), member(path, key), found)) return true;
    for (const auto& [key, value] : b.items())
      if (!a.contains(key)) return differ(nullptr, value, member(path, key), found);
    return false;
  }
  if (a.is_array() && b.is_array()) {
    for (size_t i = 0; i < std::min(a.size(), b.size()); i++) {
      const bool cqe =
          path.size() > 5 && path.compare(0, 5, "cqes[") == 0 && path.find(']') == path.size() - 1 && i < kCqeFields.size();
      if (differ(a[i], b[i], cqe ? path + "." + kCqeFields[i] : fmt::format("{}[{}]", path, i), found)) return true;
    }
    if (a.size() == b.size()) return false;
  } else if (a == b) {
    return false;
  }
  found.field = path;
  found.expected = a;
  found.got = b;
  return true;
}

}  // namespace

std::optional<Difference> first_difference(const Tape& recorded, const Played& played) {
  Difference found;
  for (size_t i = 0; i < recorded.steps.size(); i++) {
    const Step& step = recorded.steps[i];
    const Json got = i < played.outs.size() ? played.outs[i] : Json(nullptr);
    found.step = i;
    const bool any = step.body.value("order", "exact") == "any";
    if (any ? differ(sorted(step.out), sorted(got), "", found) : differ(step.out, got, "", found)) {
      // A step that never returned is better told by how the tape ended.
      if (got.is_null() && i >= played.outs.size() && recorded.end != played.end) break;
      return found;
    }
    if (i >= played.outs.size() && recorded.end != played.end) break;
  }
  if (recorded.end == played.end) return std::nullopt;
  found.step = std::min(recorded.steps.size(), played.outs.size());
  found.field = "end";
  found.expected = recorded.end;
  found.got = played.end;
  return found;
}

}  // namespace uringsim::sim::tape
