// SPDX-License-Identifier: GPL-2.0-only
// A small world of bare tasks on the timed engine, for its tests.
#pragma once

#include <cstdio>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "kernel_model/arch/lock.h"
#include "kernel_model/arch/memory.h"
#include "sim/fiber/timed_machine.h"

namespace uringsim::sim {

/// Costs in round numbers: 10 ns an operation, 10 ns a pass, 100 ns a wake-up, a switch, an interrupt or a hand-over.
inline Costs round_costs() {
  Costs costs;
  costs.picoseconds.fill(100'000);
  costs.opcode.fill(100'000);
  costs.memory = 10;
  costs.relax = 10;
  costs.handoff = 100;
  return costs;
}

class TimedWorld {
 public:
  explicit TimedWorld(TimedOptions options = {}) : machine(arena, with_round_costs(options)) {}

  struct Body {
    arch::Task task;
    std::function<void()> run;
  };

  /// A task that runs `run` once it is started; awaited by go().
  arch::Task& add(const char* name, std::function<void()> run, arch::SpawnOptions options = {}) {
    Body& body = bodies_.emplace_back();
    body.run = std::move(run);
    std::snprintf(body.task.name, sizeof(body.task.name), "%s", name);
    machine.spawn(
        body.task, [](void* argument) { static_cast<Body*>(argument)->run(); }, &body, options);
    machine.wake(body.task, arch::TASK_NORMAL);
    awaited_.push_back(&body.task);
    return body.task;
  }

  RunResult go(u64 time_limit = ~u64{0}) { return machine.run(awaited_, time_limit); }

  TaskStatistics statistics(const char* name) const {
    for (const TaskStatistics& task : machine.task_statistics())
      if (task.name == name) return task;
    return {};
  }

  /// Computing for `ns` nanoseconds, in operations of 10 ns.
  static void work(u64 ns) {
    static const u32 word = 0;
    for (u64 i = 0; i < ns / 10; i++) (void)arch::READ_ONCE(word);
  }
  static u64 now() { return arch::current_task()->clock; }
  static void sleep_until(u64 when) {
    arch::machine().set_state(arch::TASK_UNINTERRUPTIBLE);
    arch::machine().schedule(when);
  }

  Arena arena;
  TimedMachine machine;

 private:
  static TimedOptions with_round_costs(TimedOptions options) {
    options.costs = round_costs();
    return options;
  }

  std::deque<Body> bodies_;
  std::vector<arch::Task*> awaited_;
};

}  // namespace uringsim::sim
