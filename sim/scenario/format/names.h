// SPDX-License-Identifier: GPL-2.0-only
// What every part of a scenario is written with: names and where they stand, flags, engines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

/// A name that a person wrote, and where: `file:line:column: /json/path`.
struct Ref {
  std::string name;
  std::string where;
  [[nodiscard]] bool empty() const noexcept { return name.empty(); }
};

/// Members of a JSON object whose keys are names, in the order of the file.
template <class T>
struct Entry {
  std::string name;
  std::string where;
  T value;
};
template <class T>
using Named = std::vector<Entry<T>>;

/// The entry called `name`, or null.
template <class T>
[[nodiscard]] const T* find(const Named<T>& entries, std::string_view name) noexcept {
  for (const Entry<T>& entry : entries)
    if (entry.name == name) return &entry.value;
  return nullptr;
}

/// Flags that may be written by name or as numbers (hostile scenarios set bits that have no name). `Names` is a tag type.
template <class Names>
struct Flags {
  u32 bits = 0;
};

enum class Engine : u8 { timed, live };

}  // namespace uringsim::sim
