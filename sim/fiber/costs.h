// SPDX-License-Identifier: GPL-2.0-only
// What things cost in virtual time: one table of named costs, costs.json, built into the library; files of the same shape
// override single entries. Every figure says per what, and what it stands for.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "kernel_model/arch/machine.h"

namespace uringsim::sim {

/// A set of costs. Plain data: copy and change what you like.
struct Costs {
  /// Per unit, in picoseconds; Cost::opcode is in `opcode`.
  std::array<u64, static_cast<unsigned>(arch::Cost::count_)> picoseconds{};
  /// Issue of each opcode, in picoseconds.
  std::array<u64, 256> opcode{};
  u64 memory = 0;   ///< ns, one operation on shared memory, or one uncontended lock or unlock
  u64 relax = 0;    ///< ns, the end of a polling pass: cpu_relax() or cond_resched()
  u64 handoff = 0;  ///< ns, a contended lock's way from one processor to the next

  /// The built-in table.
  static const Costs& standard();

  /// Nanoseconds that `units` of `what` take, rounded to the nearest.
  [[nodiscard]] u64 nanoseconds(arch::Cost what, u64 units) const noexcept {
    if (what == arch::Cost::opcode) return (opcode[units & 255] + 500) / 1000;
    return (picoseconds[static_cast<unsigned>(what)] * units + 500) / 1000;
  }
};

/// Reads a cost file over `costs`: a JSON object of entries as in costs.json, any of them left out. `source` names it in errors.
/// Returns an empty string, or one line that says what is wrong where.
std::string read_costs(std::string_view json, std::string_view source, Costs& costs);

}  // namespace uringsim::sim
