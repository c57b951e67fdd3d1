// SPDX-License-Identifier: GPL-2.0-only
// Every barrier of the kernel model by its id, and how we know that it is needed, or is not.
//
// A barrier is `found` if some scenario is clean with it and has a violation without it (`explore --without ID`). It is `listed`
// if every execution of a program that passes it is clean without it: the reason says what orders the same. There is no third
// kind. tests/sim/scenario/barriers_test.cc holds this table against the source and against searches.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "sim/explore/explore.h"

namespace uringsim::sim {

struct Barrier {
  enum class Known : u8 { found, listed };
  std::string_view id;      ///< "function.what"
  std::string_view orders;  ///< what it orders against what
  Known known = Known::found;
  std::string_view scenario;    ///< below scenarios/, without .json; or "programs/...": one of barrier_programs.h
  Memory memory = Memory::tso;  ///< found: under this model
  bool fixed_twin = false;      ///< the scenario's bugs are taken out first
  std::string_view reason;      ///< listed: what orders the same
};

[[nodiscard]] std::span<const Barrier> barriers() noexcept;
/// Ids that `--without` takes: those of the kernel, and the ring library's.
[[nodiscard]] std::vector<std::string_view> known_barriers();

}  // namespace uringsim::sim
