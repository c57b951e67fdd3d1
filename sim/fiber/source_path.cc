// SPDX-License-Identifier: GPL-2.0-only
#include "sim/fiber/source_path.h"

#include <string_view>

namespace uringsim::sim {

const char* source_path(const char* file) noexcept {
  if (file == nullptr) return "";
  // This file's own path tells where the root is.
  constexpr std::string_view kHere = __FILE__;
  constexpr std::string_view kRoot = kHere.substr(0, kHere.size() - std::string_view("sim/fiber/source_path.cc").size());
  if (std::string_view(file).starts_with(kRoot)) return file + kRoot.size();
  while (file[0] == '.' && file[1] == '.' && file[2] == '/') file += 3;
  return file;
}

}  // namespace uringsim::sim
