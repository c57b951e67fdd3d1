// SPDX-License-Identifier: GPL-2.0-only
// What is explored: a factory of one small world. Every strategy and every machine that explores takes a Program.
//
// set_up() runs once, outside of any task: it takes memory from the machine and spawns tasks. What it leaves is the state that
// every execution starts from (the machine keeps a copy and puts it back). A world that needs its tasks to do something first
// (io_uring_setup, mmap) says so with warm_up(): its tasks then run, one after the other and without any choice, until each
// has called ready() or cannot go on; executions begin there.
//
// Everything that tasks may change lies in the machine's memory (Machine::alloc, or the tasks' stacks). What lies elsewhere, like
// the Program itself and what its lambdas captured, is not put back and must not change.
#pragma once

#include <string>
#include <vector>

#include "kernel_model/arch/machine.h"

namespace uringsim::sim {

/// Why a task is not running.
enum class Blocked : u8 { no, sleeping, lock, join, polling, not_woken };

/// A task that is left when nothing can happen any more.
struct LeftOver {
  u32 task = 0;
  Blocked why = Blocked::no;
  const char* name = "";
  const char* scope = nullptr;  ///< kernel function it stands in, or null
  arch::Site site;              ///< where it waits
  u64 object = 0;               ///< lock: its arena offset; join: the task's id
  u32 holder = ~u32{0};         ///< lock: who holds it
};

/// What is wrong with an execution.
struct Violation {
  std::string check;  ///< which check: "data-race", "deadlock", "lost-wakeup", "assertion", ...
  std::string text;   ///< the invariant and how it is broken, in one sentence
};

/// The end of an execution as Program::check() sees it: nothing can happen any more.
class Ending {
 public:
  virtual ~Ending() = default;
  /// Tasks that have not ended. Tasks that were never woken after spawn() are not among them.
  [[nodiscard]] virtual const std::vector<LeftOver>& left_over() = 0;
  /// True if every task has ended. Cheap.
  [[nodiscard]] virtual bool all_ended() const noexcept = 0;
  /// Records a violation; the first one counts.
  virtual void violation(const char* check, const std::string& text) = 0;
};

class Program {
 public:
  virtual ~Program() = default;
  /// Stable name; repro files hold it.
  [[nodiscard]] virtual const char* name() const noexcept = 0;
  /// Builds the world on `machine`: see above. Called with no current task, so its accesses are direct.
  virtual void set_up(arch::Machine& machine) = 0;
  /// True if tasks run until ready() before executions begin.
  [[nodiscard]] virtual bool warm_up() const noexcept { return false; }
  /// Set-up is over: what was observed so far is what every execution begins with.
  virtual void keep() {}
  /// An execution is about to begin: what was observed of the last one is forgotten.
  virtual void put_back() {}
  /// Judges a finished execution. Memory holds the last value of every word. Cheap where nothing is wrong: called every time.
  virtual void check(Ending& ending) = 0;
  /// A digest of the final state, for comparing what different searches reach. Stable across machines.
  [[nodiscard]] virtual u64 digest() const noexcept { return 0; }
  /// The name of the word at this address ("tail"), or empty: what stories print.
  [[nodiscard]] virtual std::string word_name(const void* /*at*/) const { return {}; }
};

}  // namespace uringsim::sim
