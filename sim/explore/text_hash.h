// SPDX-License-Identifier: GPL-2.0-only
// A number for a text, the same on every machine: FNV-1a.
#pragma once

#include <string_view>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

[[nodiscard]] constexpr u64 text_hash(std::string_view text) noexcept {
  u64 hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace uringsim::sim
