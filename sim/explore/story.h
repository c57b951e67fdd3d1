// SPDX-License-Identifier: GPL-2.0-only
// A violation told so that a student understands it: the invariant, who waits for what, and the schedule, one line a step in the
// tasks' columns. story_lines.h says what is told and what a line is.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/explore/machine.h"
#include "sim/explore/program.h"
#include "sim/explore/schedule.h"

namespace uringsim::sim {

/// How complicated a schedule is; smaller is better, in this order.
struct Cost {
  u32 preemptions = 0;  ///< a task was stopped although it could have gone on
  u32 reorderings = 0;  ///< an old value was read, loads overtook stores of their own task, a store took an older place
  u32 lines = 0;        ///< of the story

  auto operator<=>(const Cost& other) const {
    if (const auto sum = preemptions + reorderings <=> other.preemptions + other.reorderings; sum != 0) return sum;
    if (const auto first = preemptions <=> other.preemptions; first != 0) return first;
    return lines <=> other.lines;
  }
  bool operator==(const Cost&) const = default;
};
Cost cost_of(const Schedule& schedule, Memory memory);

/// What a story needs to know beside the schedule.
struct Cast {
  Memory memory = Memory::sc;
  std::string program;
  std::string profile;
  Violation violation;
  std::vector<std::string> tasks;  ///< names by id
  std::vector<LeftOver> left_over;
  std::function<std::string(u64)> word;  ///< name of the word at an arena offset, empty if it has none
};

/// The story as text for a terminal.
std::string tell_story(const Schedule& schedule, const Cast& cast);

}  // namespace uringsim::sim
