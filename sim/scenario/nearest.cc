// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/nearest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>

namespace uringsim::sim {

namespace {

constexpr std::size_t longest_name = 64;  ///< longer ones are nobody's typing mistake

/// Cost of reading `a` for `b`, in half edits.
unsigned replace_cost(char a, char b) {
  if (a == b) return 0;
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return lower(a) == lower(b) ? 1 : 2;
}

/// The same letters in another case are always what was meant.
bool differ_in_case_only(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return replace_cost(x, y) < 2; });
}

/// Optimal string alignment distance in half edits.
unsigned distance(std::string_view a, std::string_view b) {
  std::vector<unsigned> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<unsigned>(2 * j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<unsigned>(2 * i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 2, row[j - 1] + 2, last[j - 1] + replace_cost(a[i - 1], b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 2);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string_view nearest_name(std::string_view wrong, const std::vector<std::string_view>& names) {
  if (wrong.size() > longest_name) return {};
  std::string_view best;
  unsigned least = std::numeric_limits<unsigned>::max();
  for (const std::string_view name : names) {
    if (name.size() > longest_name) continue;
    if (differ_in_case_only(wrong, name)) return name;
    const unsigned edits = distance(wrong, name);
    const unsigned allowed = static_cast<unsigned>(2 * std::max<std::size_t>(2, std::min(wrong.size(), name.size()) / 3));
    // Two edits turn any two-letter word into any other: a hint has to share something with what was written.
    if (edits >= 2 * std::max(wrong.size(), name.size()) || edits > allowed || edits >= least) continue;
    least = edits;
    best = name;
  }
  return best;
}

std::string name_hint(std::string_view wrong, const std::vector<std::string_view>& names) {
  if (const std::string_view near = nearest_name(wrong, names); !near.empty())
    return fmt::format("did you mean {}?", in_quotes(near));
  if (names.empty()) return "there are none";
  constexpr std::size_t shown = 16;
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), shown); ++i) list += fmt::format("{}{}", i ? ", " : "", names[i]);
  return fmt::format("known: {}{}", list, names.size() > shown ? fmt::format(" and {} more", names.size() - shown) : "");
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string out = "\"";
  std::size_t taken = 0;
  for (const char c : text) {
    // Never cut inside of a UTF-8 sequence.
    if (taken >= longest && (static_cast<unsigned char>(c) & 0xc0) != 0x80) {
      out += "...";
      break;
    }
    ++taken;
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      out += c;
  }
  return out + "\"";
}

}  // namespace uringsim::sim
