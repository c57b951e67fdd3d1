// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Linux releases, as far as the ABI needs to tell them apart: every constant says which one brought it.
#pragma once

#include <compare>
#include <cstdint>

namespace uringsim::uapi {

/// A mainline release, "5.4": its first version. Stable kernels can differ both ways: 5.10.162 and later carry the io_uring of
/// 5.15, without the opcodes that need other parts of 5.15 (MKDIRAT, SYMLINKAT, LINKAT).
struct Release {
  std::uint16_t major = 0;
  std::uint16_t minor = 0;
  friend constexpr auto operator<=>(const Release&, const Release&) = default;
};

}  // namespace uringsim::uapi
