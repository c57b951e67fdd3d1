// SPDX-License-Identifier: GPL-2.0-only
// Explored programs over a kernel: lambdas that run as tasks of one, for proofs about its primitives. Like sim/explore/tasks.h,
// but current() is a task_struct and kernel() is there. A task that returns is gone without do_exit(), which would be most of
// what there is to explore.
#pragma once

#include <cstring>
#include <deque>
#include <functional>
#include <map>

#include "kernel_model/core/process.h"
#include "sim/explore/dfs.h"
#include "sim/explore/tasks.h"

namespace uringsim::kernel {

template <class Shared>
class KernelTasks final : public sim::Program {
 public:
  KernelTasks& task(const char* name, std::function<void(Shared&)> body) {
    tasks_.push_back({name, std::move(body), this});
    return *this;
  }
  /// Runs as swapper before each search.
  KernelTasks& initially(std::function<void(Shared&)> set_up) {
    set_up_ = std::move(set_up);
    return *this;
  }
  KernelTasks& finally(std::function<void(const Shared&, sim::Ending&)> check) {
    check_ = std::move(check);
    return *this;
  }
  /// Tasks whose name begins like this may be left over.
  KernelTasks& tolerate(std::string name) {
    tolerated_ = std::move(name);
    return *this;
  }
  task_struct* handle(size_t index) { return handles_[index]; }

  const char* name() const noexcept override { return "kernel"; }
  void set_up(arch::Machine& machine) override {
    static const char no_release = 0;
    KernelOptions options;
    options.rcu_grace_ns = 0;
    auto* const kernel = new (machine.alloc(sizeof(Kernel), 64))
        Kernel(machine, options, reinterpret_cast<const io_uring_profile&>(no_release), nullptr);
    RunAs builder(kernel->swapper);
    shared_ = kmalloc<Shared>();
    if (set_up_) set_up_(*shared_);
    handles_.clear();
    for (Entry& entry : tasks_) {
      task_struct* const task = kmalloc<task_struct>();
      task->signal = alloc_signal_struct();
      task->real_cred = task->cred_ = kernel->swapper->real_cred;
      task->group_leader = task;
      list_add_tail(&task->thread_group, &task->signal->threads);
      std::strncpy(task->name, entry.name, sizeof(task->name) - 1);
      handles_.push_back(task);
      machine.spawn(*task, run, &entry, {});
      machine.wake(*task, TASK_NORMAL);
    }
  }
  void check(sim::Ending& ending) override {
    if (!ending.all_ended()) {
      std::vector<sim::LeftOver> stuck;
      for (const sim::LeftOver& left : ending.left_over())
        if (tolerated_.empty() || std::string(left.name).rfind(tolerated_, 0) != 0) stuck.push_back(left);
      if (!stuck.empty()) ending.violation("deadlock", sim::describe_left_over(stuck));
    }
    if (check_) check_(*shared_, ending);
  }

 private:
  struct Entry {
    const char* name;
    std::function<void(Shared&)> body;
    KernelTasks* program;
  };
  static void run(void* argument) {
    const Entry& entry = *static_cast<Entry*>(argument);
    entry.body(*entry.program->shared_);
  }

  std::deque<Entry> tasks_;
  std::vector<task_struct*> handles_;
  std::function<void(Shared&)> set_up_;
  std::function<void(const Shared&, sim::Ending&)> check_;
  std::string tolerated_;
  Shared* shared_ = nullptr;
};

/// What a search found. Violations by check, with the first one's text.
struct Explored {
  u64 executions = 0, cut = 0;
  std::map<std::string, std::string> violations;
};

/// How far a search goes: executions with at most so many preemptions and surprising values.
struct Bounds {
  u32 preemptions = 3;
  u32 reorderings = 2;
};
inline constexpr Bounds kEverything{~0u, ~0u};

/// Executions of `program` under `memory` with the named barriers left out, until the first violation.
template <class Shared>
Explored explore(KernelTasks<Shared>& program, sim::Memory memory, std::vector<std::string> left_out = {}, Bounds within = {}) {
  sim::MachineOptions options;
  options.memory = memory;
  options.left_out = std::move(left_out);
  const auto machine = sim::make_machine(options);
  machine->set_up(program);
  sim::DfsStrategy::Options bounds;
  bounds.preemptions = within.preemptions;
  bounds.reorderings = within.reorderings;
  sim::DfsStrategy dfs(bounds);
  Explored all;
  while (all.violations.empty() && dfs.begin()) {
    const sim::Run run = machine->run(dfs);
    all.executions++;
    if (run.end == sim::End::violation) all.violations[machine->violation().check] = machine->violation().text;
    if (run.end == sim::End::cut) all.cut++;
  }
  return all;
}

}  // namespace uringsim::kernel
