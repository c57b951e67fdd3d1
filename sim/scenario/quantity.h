// SPDX-License-Identifier: GPL-2.0-only
// Quantities with units, as scenarios write them: "4KiB", "80us", "1.5ms", "5%".
//
// Strong types, so that a time is never taken for a size. Parsing is exact integer arithmetic: "0.1us" is 100 ns on every
// machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

/// A number of bytes.
struct Bytes {
  u64 count = 0;
  friend bool operator==(const Bytes&, const Bytes&) = default;
};

/// A span of time in nanoseconds.
struct Nanoseconds {
  u64 count = 0;
  friend bool operator==(const Nanoseconds&, const Nanoseconds&) = default;
};

/// A probability, in millionths, so that no floating point decides a run.
struct PartsPerMillion {
  u32 count = 0;
  friend bool operator==(const PartsPerMillion&, const PartsPerMillion&) = default;
};

/// "512", "512B", "4KiB", "64MiB", "1GiB", "2TiB". None if it is not that, or exceeds 64 bits, or is no whole number of bytes.
[[nodiscard]] std::optional<Bytes> parse_bytes(std::string_view text) noexcept;
/// "50ns", "80us", "2ms", "5s", "3min", "2h", with fractions down to a nanosecond. A bare number other than 0 has no unit.
[[nodiscard]] std::optional<Nanoseconds> parse_duration(std::string_view text) noexcept;
/// "5%", "0.01%", "0.05" (of one), at most 1; down to a millionth.
[[nodiscard]] std::optional<PartsPerMillion> parse_probability(std::string_view text) noexcept;

/// "4 KiB", "1.5 ms": the largest unit that is exact to three decimals.
[[nodiscard]] std::string to_text(Bytes bytes);
[[nodiscard]] std::string to_text(Nanoseconds time);

}  // namespace uringsim::sim
