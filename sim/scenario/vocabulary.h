// SPDX-License-Identifier: GPL-2.0-only
// The words of the format: for each enumeration and flag set of scenario.h, how its values are spelled in JSON.
#pragma once

#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "kernel_model/arch/types.h"
#include "sim/scenario/scenario.h"

namespace uringsim::sim {

struct Spelling {
  std::string_view name;
  u32 value;
};

/// The spellings of `E`: an enumeration's values, or the bits of a flag set's tag type. In the order of documentation.
template <class E>
[[nodiscard]] std::span<const Spelling> words_of() noexcept;

template <class E>
[[nodiscard]] std::vector<std::string_view> names_of() {
  std::vector<std::string_view> names;
  for (const Spelling& word : words_of<E>()) names.push_back(word.name);
  return names;
}

/// The name of an enumeration's value.
template <class E>
requires std::is_enum_v<E>
[[nodiscard]] std::string_view name_of(E value) noexcept {
  for (const Spelling& word : words_of<E>())
    if (word.value == static_cast<u32>(value)) return word.name;
  return "?";
}

/// Opcodes by number as of 5.10, without IORING_OP_: what an SQE filled by field may hold, whatever the release says to it.
[[nodiscard]] std::span<const std::string_view> sqe_opcodes() noexcept;

/// Kernel releases with a profile that `run` takes, and those known by name only (a `kernel` that is planned is refused by that
/// name).
[[nodiscard]] std::vector<std::string_view> known_kernels();
/// Invariants that a scenario may name in `check` and `allow`.
[[nodiscard]] std::vector<std::string_view> known_checks();
/// What a check watches, in one sentence.
[[nodiscard]] std::string_view about_check(std::string_view name) noexcept;
/// Variants for `bugs`: bugs of the kernel and mistakes of the application.
[[nodiscard]] std::vector<std::string_view> known_bugs();
/// Variants for `fixes`.
[[nodiscard]] std::vector<std::string_view> known_kernel_bugs();
/// Names of the timed engine's cost model for machine.costs.
[[nodiscard]] std::vector<std::string_view> known_costs();

}  // namespace uringsim::sim
