// SPDX-License-Identifier: GPL-2.0-only
// What a run of a machine says of itself, on every engine: why it ended, who waits for what, what its tasks did.
#pragma once

#include <string>
#include <vector>

#include "kernel_model/arch/machine.h"
#include "kernel_model/arch/types.h"

namespace uringsim::sim {

/// Why run() returned.
enum class RunEnd : u8 {
  finished,    ///< every awaited task has ended
  deadlock,    ///< nothing can run and nothing is due
  livelock,    ///< somebody polls for something that can no longer change
  time_limit,  ///< the limit given to run() is reached
  stopped,     ///< request_stop() or the stop flag
  violation,   ///< a fatal report()
};
const char* run_end_name(RunEnd end) noexcept;

/// Time of one task, in ns. running includes spinning; interrupts that hit the task's processor are in neither.
struct TaskStatistics {
  std::string name;
  u32 id = 0;
  bool ended = false;
  u64 running = 0;
  u64 spinning = 0;   ///< in polling passes without effect
  u64 asleep = 0;     ///< blocked, for whatever reason
  u64 queued = 0;     ///< runnable, waiting for a processor or on the way to it
  u64 lock_wait = 0;  ///< part of running: at a contended spinlock
  u64 passes = 0;     ///< polling passes without effect
  u64 switches = 0;   ///< times it was put on a processor
  u64 preempted = 0;  ///< times it was taken off one while it wanted to run
  u64 migrations = 0;
};

/// A place as people read it: "file:line function()"; empty for none.
[[nodiscard]] std::string place_text(const arch::Site& site);
/// "interruptible": a task's state (TASK_*) by name.
[[nodiscard]] std::string state_text(u32 state);

/// What one task is doing, for reports on hangs.
struct TaskSituation {
  std::string name;
  u32 id = 0;
  std::string state;      ///< "running", "queued", "sleeping", "waiting"
  std::string waits_for;  ///< "mutex held by app (3), taken at file:line", "end of worker (4)", "wake-up (interruptible)"
  std::string where;      ///< file:line function of the wait, where known
  u64 since = 0;          ///< ns, when that began
};

/// Something that report() was told.
struct MachineReport {
  std::string what;
  std::string task;
  std::string where;
  u64 time = 0;
  bool fatal = false;
};

struct RunResult {
  RunEnd end = RunEnd::finished;
  u64 time = 0;                      ///< ns, the clock when it ended
  std::vector<TaskSituation> tasks;  ///< who is where, unless finished
  /// One line a task: "app (1) waits for ... since ..."
  [[nodiscard]] std::string describe() const;
};

}  // namespace uringsim::sim
