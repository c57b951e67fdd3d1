// SPDX-License-Identifier: GPL-2.0-only
// A kernel on the timed engine, for tests: tasks are lambdas, a run ends when all of them have.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/process.h"
#include "sim/fiber/timed_machine.h"

namespace uringsim::kernel {

struct KernelWorldOptions {
  unsigned cpus = 2;
  u64 seed = 1;
  KernelOptions kernel = {};
  TraceSink* sink = nullptr;
};

class KernelWorld {
 public:
  explicit KernelWorld(const KernelWorldOptions& options = {}) : machine_(arena_, timed(options)) {
    // No test here asks for a release.
    static const char no_release = 0;
    kernel_ =
        std::make_unique<Kernel>(machine_, options.kernel, reinterpret_cast<const io_uring_profile&>(no_release), options.sink);
  }

  /// A process that runs `body`, started at once.
  task_struct* process(const char* name, std::function<void()> body, process_options options = {}) {
    RunAs builder(kernel_->swapper);
    options.name = name;
    task_struct* const task = create_process(options, run_body, keep(std::move(body)));
    wake_up_new_task(task);
    awaited_.push_back(task);
    return task;
  }
  /// A process that never starts: tests run as it (RunAs).
  task_struct* stopped_process() {
    RunAs builder(kernel_->swapper);
    return create_process(process_options{}, run_body, keep([] {}));
  }
  /// A thread of `leader`'s process, likewise.
  task_struct* thread(task_struct* leader, const char* name, std::function<void()> body) {
    RunAs builder(kernel_->swapper);
    process_options options;
    options.name = name;
    task_struct* const task = create_thread(leader, options, run_body, keep(std::move(body)));
    wake_up_new_task(task);
    awaited_.push_back(task);
    return task;
  }
  /// What do_fork() and kthread_create() can be given: runs the function, which stays alive with the world.
  std::function<void()>* keep(std::function<void()> body) {
    bodies_.push_back(std::move(body));
    return &bodies_.back();
  }
  static void run_body(void* argument) { (*static_cast<std::function<void()>*>(argument))(); }
  static int run_kthread(void* argument) {
    run_body(argument);
    return 0;
  }

  /// Runs until every process and thread made above has ended.
  sim::RunEnd run(u64 time_limit = 60 * NSEC_PER_SEC) {
    const std::vector<arch::Task*> until(awaited_.begin(), awaited_.end());
    result_ = machine_.run(until, time_limit);
    for (const sim::MachineReport& report : machine_.reports()) reports_.push_back(report.what);
    return result_.end;
  }

  Kernel& operator*() { return *kernel_; }
  Kernel* operator->() { return kernel_.get(); }
  sim::TimedMachine& machine() { return machine_; }
  const sim::RunResult& result() const { return result_; }
  /// What BUG_ON and WARN_ON said.
  const std::vector<std::string>& reports() const { return reports_; }

 private:
  static sim::TimedOptions timed(const KernelWorldOptions& options) {
    sim::TimedOptions timed;
    timed.cpus = options.cpus;
    timed.seed = options.seed;
    return timed;
  }

  sim::Arena arena_;
  sim::TimedMachine machine_;
  std::unique_ptr<Kernel> kernel_;
  std::deque<std::function<void()>> bodies_;
  std::vector<task_struct*> awaited_;
  sim::RunResult result_;
  std::vector<std::string> reports_;
};

/// Sleeps for so many nanoseconds of virtual time.
inline void nap(u64 nanoseconds) {
  __set_current_state(TASK_UNINTERRUPTIBLE);
  (void)schedule_hrtimeout(ktime_get_ns() + nanoseconds);
}

}  // namespace uringsim::kernel
