// SPDX-License-Identifier: GPL-2.0-only
// Programs that execute barriers which no scenario comes to: sockets with names, epoll, timers that are read, workqueues. Small,
// so that every execution of each can be searched.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "sim/explore/program.h"

namespace uringsim::sim {

namespace barrier {
struct Shared;
/// What one thread does.
using Step = void (*)(Shared&);
}  // namespace barrier

/// A process whose first thread sets up, which is not explored; then each thread runs its part and stays as it is.
struct BarrierProgram {
  std::string_view name;  ///< "programs/..."
  std::string_view about;
  barrier::Step set_up;
  barrier::Step first;
  barrier::Step second;  ///< null: there is no second thread
};

[[nodiscard]] std::span<const BarrierProgram> barrier_programs() noexcept;
/// Those of AF_UNIX sockets, which are among them.
[[nodiscard]] std::span<const BarrierProgram> barrier_programs_of_sockets() noexcept;
/// The program of this name; null if there is none.
[[nodiscard]] std::unique_ptr<Program> make_barrier_program(std::string_view name);

}  // namespace uringsim::sim
