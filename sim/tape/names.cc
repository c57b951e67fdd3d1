// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/names.h"

namespace uringsim::sim::tape {

std::optional<u32> value_of(Names names, std::string_view name) noexcept {
  for (const uapi::Name& entry : names)
    if (entry.name == name) return entry.value;
  return std::nullopt;
}

std::vector<std::string> bit_names(Names names, u32 word) {
  std::vector<std::string> list;
  uapi::for_each_flag(names, word, [&](std::string_view name, unsigned bit) {
    list.push_back(name.empty() ? "bit" + std::to_string(bit) : std::string(name));
  });
  return list;
}

}  // namespace uringsim::sim::tape
