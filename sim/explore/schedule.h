// SPDX-License-Identifier: GPL-2.0-only
// One execution written down: which task did what, in which order, and what was chosen where there was a choice.
//
// Every strategy hands in its findings in this form, stories are told from it, repro files hold it, and replay follows it.
// Steps are in the order in which they took effect. A step's `choice` is 0 wherever the least surprising thing happened:
//   load              how many stores that had taken effect are newer, in the word's coherence order, than the one it read
//   store             how many places behind its own in the word's coherence order it could have taken (none lies between a
//                     read-modify-write and the store that it read)
//   read-modify-write as load, counting only stores that it could have read (it stores right behind the one it reads)
//   choose            the option taken
//   timer start, cancel   1: the timer's function runs, or has done its last access but is not yet over
//   poll              which of the words that have news gives it (in order of reading; 0 is the first)
//   time              how many ticks it moved because Strategy::time_passes() asked for that; 0: to the next thing due
// Under tso a store takes effect when it is drained: the store step puts it into the buffer, a drain step of the same task
// takes the oldest one out. Barriers and locked operations drain what is left without a step of its own.
#pragma once

#include <string_view>
#include <vector>

#include "kernel_model/arch/site.h"
#include "kernel_model/arch/types.h"
#include "sim/fiber/source_path.h"

namespace uringsim::sim {

/// What a step did.
enum class OpKind : u8 {
  load,
  store,
  rmw,
  fence,
  plain_read,  ///< unmarked accesses are no scheduling points: they follow the step before them
  plain_write,
  lock,
  try_lock,
  unlock,
  spawn,
  end,  ///< a task returned or called exit()
  join,
  set_state,
  sleep,  ///< schedule() found a state other than TASK_RUNNING
  wake,
  poll,  ///< a polling pass was over and something it had read has news
  now,
  timer_start,
  timer_cancel,
  raise,
  fire,  ///< a timer's callback or raised work begins in interrupt context
  choose,
  drain,  ///< tso: the oldest store of the task's buffer reached memory
  time,   ///< time moved to the next thing due
};

/// The name of a kind as stories and repro files write it.
const char* to_string(OpKind kind) noexcept;
/// The kind of that name; false if there is none.
bool from_string(const char* name, OpKind& kind) noexcept;

constexpr u32 kNobody = ~u32{0};

/// A value that points into the arena is told as this and the arena offset.
constexpr u64 kPointer = u64{0x4000} << 48;
constexpr bool is_pointer(u64 value) noexcept { return value >> 48 == kPointer >> 48; }

struct Step {
  u32 task = kNobody;  ///< its arch::Task::id; kNobody for time
  OpKind kind = OpKind::load;
  u8 size = 0;      ///< of the word in bytes
  u32 choice = 0;   ///< see above
  u32 options = 1;  ///< how many choices there were
  u64 object = 0;   ///< arena offset of the word, or id of the task concerned, or address of the timer as arena offset
  arch::Site site;  ///< where it stands
  const char* scope = nullptr;    ///< the kernel function around it (arch::Scope), or null
  const char* barrier = nullptr;  ///< the barrier's name
  bool left_out = false;          ///< that barrier was left out
  bool preempts = false;          ///< the task that acted before could have gone on (time: it moves all the same)

  // What is only told, not followed.
  u64 before = 0;             ///< the word before; what a load read
  u64 after = 0;              ///< the word after
  u32 missed_task = kNobody;  ///< load with choice > 0: who made the newest store that it missed
  arch::Site missed_site;
  u64 missed_value = 0;
};

/// A function's name as every compiler has it: some add the template's arguments.
constexpr std::string_view function_name(const char* function) noexcept {
  const std::string_view name = function != nullptr ? function : "";
  if (name.starts_with("operator")) return name;
  return name.substr(0, name.find('<'));
}

struct Schedule {
  std::vector<Step> steps;
  u64 stacks = ~u64{0};  ///< arena offset from which on there are stacks: what tasks share there is how they wait
};

}  // namespace uringsim::sim
