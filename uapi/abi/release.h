// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Linux releases, as far as the ABI needs to tell them apart: every constant says which one brought it.
#pragma once

#include <compare>
#include <cstdint>

namespace uringsim::uapi {

/// A mainline release, "5.4". Stable updates never add to the ABI, so there is no third number.
struct Release {
  std::uint16_t major = 0;
  std::uint16_t minor = 0;
  friend constexpr auto operator<=>(const Release&, const Release&) = default;
};

}  // namespace uringsim::uapi
