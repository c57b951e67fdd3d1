// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/quantity.h"

#include <fmt/format.h>

#include <array>

namespace uringsim::sim {

namespace {

struct Unit {
  std::string_view name;
  u64 size;
};

constexpr std::array byte_units{Unit{"", 1},
                                Unit{"B", 1},
                                Unit{"KiB", 1ull << 10},
                                Unit{"MiB", 1ull << 20},
                                Unit{"GiB", 1ull << 30},
                                Unit{"TiB", 1ull << 40}};
constexpr std::array time_units{Unit{"ns", 1},
                                Unit{"us", 1'000},
                                Unit{"ms", 1'000'000},
                                Unit{"s", 1'000'000'000},
                                Unit{"min", 60ull * 1'000'000'000},
                                Unit{"h", 3600ull * 1'000'000'000}};
constexpr std::array probability_units{Unit{"", 1'000'000}, Unit{"%", 10'000}};

/// `text` is digits, perhaps a fraction, perhaps blanks, and one of `units`. The value in the smallest unit; none if that is
/// not a whole number, or too large.
template <std::size_t N>
std::optional<u64> parse_quantity(std::string_view text, const std::array<Unit, N>& units) noexcept {
  unsigned __int128 digits = 0, scale = 1;
  std::size_t at = 0;
  bool any = false, fraction = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !fraction && any) {
      fraction = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    if (digits > (static_cast<unsigned __int128>(1) << 80)) return std::nullopt;
    if (scale > 1'000'000'000'000'000ull) return std::nullopt;
    digits = digits * 10 + static_cast<unsigned>(c - '0');
    if (fraction) scale *= 10;
    any = true;
  }
  if (!any || (fraction && scale == 1)) return std::nullopt;
  while (at < text.size() && text[at] == ' ') ++at;
  for (const Unit& unit : units) {
    if (text.substr(at) != unit.name) continue;
    if (digits > (~static_cast<unsigned __int128>(0) / unit.size)) return std::nullopt;
    const unsigned __int128 value = digits * unit.size;
    if (value % scale != 0 || value / scale > ~u64{0}) return std::nullopt;
    return static_cast<u64>(value / scale);
  }
  return std::nullopt;
}

template <std::size_t N>
std::string quantity_text(u64 value, const std::array<Unit, N>& units, std::size_t smallest) {
  for (std::size_t i = units.size(); i-- > smallest;) {
    const u64 size = units[i].size;
    if (i == smallest) return fmt::format("{} {}", value, units[i].name);
    if (value < size) continue;
    const unsigned __int128 thousandths = static_cast<unsigned __int128>(value) * 1000;
    if (thousandths % size != 0) continue;
    const u64 whole = value / size;
    std::string decimals = fmt::format("{:03}", static_cast<u64>(thousandths / size) - whole * 1000);
    while (!decimals.empty() && decimals.back() == '0') decimals.pop_back();
    return fmt::format("{}{}{} {}", whole, decimals.empty() ? "" : ".", decimals, units[i].name);
  }
  return {};
}

}  // namespace

std::optional<Bytes> parse_bytes(std::string_view text) noexcept {
  if (const auto value = parse_quantity(text, byte_units)) return Bytes{*value};
  return std::nullopt;
}

std::optional<Nanoseconds> parse_duration(std::string_view text) noexcept {
  if (text == "0") return Nanoseconds{0};
  if (const auto value = parse_quantity(text, time_units)) return Nanoseconds{*value};
  return std::nullopt;
}

std::optional<PartsPerMillion> parse_probability(std::string_view text) noexcept {
  const auto value = parse_quantity(text, probability_units);
  if (!value || *value > 1'000'000) return std::nullopt;
  return PartsPerMillion{static_cast<u32>(*value)};
}

std::string to_text(Bytes bytes) { return quantity_text(bytes.count, byte_units, 1); }
std::string to_text(Nanoseconds time) { return quantity_text(time.count, time_units, 0); }

}  // namespace uringsim::sim
