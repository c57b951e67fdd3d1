// SPDX-License-Identifier: GPL-2.0-only
// A small world of bare tasks on the live engine, for its tests. Nothing in them depends on how fast the host is.
#pragma once

#include <cstdio>
#include <deque>
#include <functional>
#include <vector>

#include "kernel_model/arch/lock.h"
#include "kernel_model/arch/memory.h"
#include "sim/live/live_machine.h"

namespace uringsim::sim {

class LiveWorld {
 public:
  explicit LiveWorld(LiveOptions options = {}) : machine(with_little_memory(options)) {}

  /// A task that runs `run` from the first go() on; awaited by go() unless `awaited` is false.
  arch::Task& add(const char* name, std::function<void()> run, arch::SpawnOptions options = {}, bool awaited = true) {
    Body& body = bodies_.emplace_back();
    body.run = std::move(run);
    std::snprintf(body.task.name, sizeof(body.task.name), "%s", name);
    machine.spawn(
        body.task, [](void* argument) { static_cast<Body*>(argument)->run(); }, &body, options);
    machine.wake(body.task, arch::TASK_NORMAL);
    if (awaited) awaited_.push_back(&body.task);
    return body.task;
  }

  RunResult go(u64 time_limit = ~u64{0}) { return machine.run(awaited_, time_limit); }

  static void sleep_until(u64 when) {
    arch::machine().set_state(arch::TASK_UNINTERRUPTIBLE);
    arch::machine().schedule(when);
  }

 private:
  struct Body {
    arch::Task task;
    std::function<void()> run;
  };
  static LiveOptions with_little_memory(LiveOptions options) {
    options.memory = u64{1} << 30;
    return options;
  }
  std::deque<Body> bodies_;
  std::vector<arch::Task*> awaited_;

 public:
  LiveMachine machine;  // ends before the bodies of its tasks do
};

}  // namespace uringsim::sim
