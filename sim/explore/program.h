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
#include "sim/check/left_over.h"
#include "sim/fiber/lock_watch.h"

namespace uringsim::sim {

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
  /// Who hears of the locks that tasks take, or null. Asked once, after set_up().
  [[nodiscard]] virtual LockWatch* lock_watch() noexcept { return nullptr; }
  /// Judges a finished execution. Memory holds the last value of every word. Cheap where nothing is wrong: called every time.
  virtual void check(Ending& ending) = 0;
  /// A digest of the final state, for comparing what different searches reach. Stable across machines.
  [[nodiscard]] virtual u64 digest() const noexcept { return 0; }
  /// The name of the word at this address ("tail"), or empty: what stories print.
  [[nodiscard]] virtual std::string word_name(const void* /*at*/) const { return {}; }
};

}  // namespace uringsim::sim
