// SPDX-License-Identifier: GPL-2.0-only
// A scenario's tasks in a world: who waits for whom, which descriptors there are, and what went wrong.
//
// The order of things. A process of root makes and opens the files (SetUp), and is gone before anything is measured. Then every
// task starts: the first of a process installs the files, each in turn prepares (memory, rings), and when the last has, all go.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kernel_model/core/completion.h"
#include "kernel_model/trace/trace.h"
#include "sim/scenario/step_runner.h"
#include "sim/world/world.h"

namespace uringsim::sim {

class RunObserver;

/// One task to be: a copy of a scenario's task.
struct ModelTask {
  std::string name;  ///< "app", "app.1"
  u32 index = 0;     ///< in Scenario::tasks
  u32 number = 0;    ///< which copy
  u32 process = 0;
  bool leader = false;  ///< of its process
  kernel::task_struct* task = nullptr;
  u32 id = 0;             ///< the machine's
  int pid = 0;            ///< atomic: signals ask for it while the task starts
  bool finished = false;  ///< came to the end of its steps
  bool expected_to_die = false;
  TaskState* state = nullptr;
};

/// What all tasks of a run share. Lives outside of the world; what tasks change while they run lies in the machine's memory.
class ModelRun {
 public:
  ModelRun(const Plan& of, World& in, RunObserver& watched_by);

  /// Runs in a process of root before all others: makes files and opens them. Failures are recorded.
  void set_up_files();
  /// Adds all tasks to the world.
  void add_tasks();
  /// The tasks whose end is the run's end.
  [[nodiscard]] std::vector<arch::Task*> awaited() const;

  void fail(const std::string& what);
  /// The first violation of each check counts.
  void violate(const std::string& check, const std::string& what);
  /// In an execution that is explored: the run is over, `what` went wrong at `where`.
  void fail_explored(const char* where, const char* what) noexcept;

  const Plan& plan;
  World& world;
  RunObserver& observer;
  std::vector<ModelTask> tasks;
  std::vector<int> descriptors;  ///< by Plan::files, the same in every process
  std::vector<u64> sizes;
  std::vector<std::string> failures;
  std::map<std::string, std::string> violations;
  u64 start = 0;     ///< clock when the tasks start
  u64 last_end = 0;  ///< since then, when the last came to the end of its steps
  std::atomic<bool> aborted{false};
  /// Executions begin when all tasks have prepared, and a task that came to the end of its steps stays as it is. Nothing outside
  /// of the machine's memory changes from then on.
  bool explored = false;
  u64* reaped = nullptr;      ///< explored: CQEs that tasks took, by ring
  bool allow_errors = false;  ///< explored: a CQE may carry an error

  struct Completions {
    kernel::completion* events = nullptr;     ///< by Plan::events
    kernel::completion* installed = nullptr;  ///< by process
    kernel::completion* prepared = nullptr;   ///< by task
    kernel::completion* ended = nullptr;      ///< by task
    kernel::completion* over = nullptr;       ///< one: all tasks have ended
    kernel::completion* built = nullptr;      ///< one: the files are there (explored; else nobody starts before)
  } completions;
  SharedState* shared = nullptr;

 private:
  friend class ModelEnvironment;
  void run_task(ModelTask& task);
  bool make_file(Environment& env, u32 index);
  bool fill_file(Environment& env, u64 fd, const FileOptions& file);
  s64 open_path(Environment& env, const std::string& path, u32 flags);
  bool install_files();
  void apply_limits(const TaskOptions& options);

  std::vector<kernel::file*> files_;  ///< by Plan::files; each process takes over one reference
  uptr path_page_ = 0;
  u32 processes_ = 0;
  std::mutex mutex_;
};

}  // namespace uringsim::sim
