// SPDX-License-Identifier: GPL-2.0-only
// Programs that execute barriers which no scenario comes to: sockets with names, epoll, timers that are read, workqueues. Small,
// so that every execution of each can be searched.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "sim/explore/program.h"

namespace uringsim::sim {

struct BarrierProgram {
  std::string_view name;  ///< "programs/..."
  std::string_view about;
  std::unique_ptr<Program> (*make)(const BarrierProgram&);
};

[[nodiscard]] std::span<const BarrierProgram> barrier_programs() noexcept;
/// Those of AF_UNIX sockets, which are among them.
[[nodiscard]] std::span<const BarrierProgram> barrier_programs_of_sockets() noexcept;
/// The program of this name; null if there is none.
[[nodiscard]] std::unique_ptr<Program> make_barrier_program(std::string_view name);

}  // namespace uringsim::sim
