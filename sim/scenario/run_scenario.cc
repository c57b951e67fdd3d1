// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/run_scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "kernel_model/core/completion.h"
#include "sim/fiber/timed_machine.h"
#include "sim/live/live_machine.h"
#include "sim/scenario/allocation_faults.h"
#include "sim/scenario/application_mistakes.h"
#include "sim/scenario/input_error.h"
#include "sim/scenario/model_devices.h"
#include "sim/scenario/model_environment.h"
#include "sim/scenario/model_run.h"
#include "sim/scenario/nearest.h"
#include "sim/scenario/run_observer.h"
#include "sim/scenario/verdict.h"
#include "sim/scenario/vocabulary.h"

namespace uringsim::sim {

namespace {

constexpr u64 second = 1'000'000'000;
constexpr u64 longest_run = 24 * 3600 * second;  ///< of virtual time, unless the scenario says otherwise
constexpr u64 longest_polling = 600 * second;    ///< timed: polling without any effect
constexpr u64 most_passes = 1u << 20;            ///< timed: passes of pollers that only get in each other's way

LatencyReport latency_report(const Histogram& histogram) {
  return {histogram.count(),
          histogram.percentile(500'000),
          histogram.percentile(900'000),
          histogram.percentile(990'000),
          histogram.percentile(999'000),
          histogram.max()};
}

RingReport ring_report(const RingFigures& ring) {
  return {ring.sqes,           ring.cqes,          ring.reaped, ring.enter_calls, ring.submits, ring.largest_batch,
          ring.wakeups_needed, ring.wakeups_asked, ring.punts,  ring.overflows,   ring.dropped, latency_report(ring.latency)};
}

/// Threads do not know their polling passes from the others: there the time at work is what the events say.
SqThreadReport sq_thread_report(const TaskStatistics& task, const RingFigures& ring, Engine engine) {
  const u64 working = engine == Engine::live ? std::min(ring.sq_thread_working, task.running) : task.running - task.spinning;
  return {task.running - working, working, task.asleep, ring.sq_thread_sleeps};
}

class ScenarioRun {
 public:
  ScenarioRun(const Scenario& scenario, const RunOptions& options)
      : scenario_(scenario), options_(options), plan_(scenario), observer_(options.trace) {
    report_.scenario = scenario.name;
    report_.file = scenario.file;
    report_.kernel = options.kernel.empty() ? scenario.kernel.name : options.kernel;
    report_.engine = std::string(name_of(options.engine));
    report_.seed = options.seed.value_or(scenario.seed);
    report_.warnings = remarks(scenario);
  }

  RunReport run() {
    refuse_what_is_missing();
    if (options_.engine == Engine::timed) {
      TimedOptions timed;
      timed.cpus = scenario_.machine.cpus;
      timed.seed = report_.seed;
      timed.slice = scenario_.machine.time_slice.count;
      timed.idle_limit = longest_polling;
      timed.pass_limit = most_passes;
      timed.stop_flag = options_.stop;
      timed.observer = &observer_;
      timed.locks = observer_.checks().lock_watch();
      if (!scenario_.machine.costs.empty()) (void)read_costs(scenario_.machine.costs, "machine.costs", timed.costs);
      Arena arena;
      TimedMachine machine(arena, timed);
      drive(machine);
    } else {
      LiveOptions live;
      live.cpus = scenario_.machine.cpus;
      live.seed = report_.seed;
      live.stop_flag = options_.stop;
      LiveMachine machine(live);
      drive(machine);
    }
    judge(scenario_, outcome_, report_);
    return report_;
  }

 private:
  void refuse_what_is_missing() const {
    if (std::find(scenario_.engines.begin(), scenario_.engines.end(), options_.engine) == scenario_.engines.end()) {
      std::string declared;
      for (const Engine engine : scenario_.engines)
        declared += fmt::format("{}{}", declared.empty() ? "" : ", ", name_of(engine));
      throw InputError(fmt::format("{}: the scenario does not declare the engine \"{}\"; it declares: {}",
                                   scenario_.engines_where, name_of(options_.engine), declared));
    }
  }

  template <class Machine>
  void drive(Machine& machine) {
    LiveMachine* live = nullptr;
    if constexpr (std::is_same_v<Machine, LiveMachine>) live = &machine;
    ModelDevices devices(scenario_, machine, live);
    report_.warnings.insert(report_.warnings.end(), devices.notes().begin(), devices.notes().end());
    WorldOptions world_options;
    world_options.kernel = kernel::find_profile(report_.kernel);
    if (world_options.kernel == nullptr)
      throw InputError(fmt::format("{}: /kernel: no kernel {}; {}", scenario_.file, in_quotes(report_.kernel),
                                   name_hint(report_.kernel, known_kernels())));
    world_options.options.hz = scenario_.machine.hz;
    world_options.options.memory_pages = scenario_.machine.memory.count / kernel::PAGE_SIZE;
    world_options.bugs = kernel_bugs(scenario_.bugs);
    world_options.fixes = kernel_bugs(scenario_.fixes);
    for (const kernel::Bug bug : kernel::kUseFreedMemory)
      if (live != nullptr && std::find(world_options.bugs.begin(), world_options.bugs.end(), bug) == world_options.bugs.end())
        world_options.fixes.push_back(bug);
    world_options.trace = &observer_;
    world_options.host_files = devices.host_files();
    World world(machine, world_options, devices.root());
    observer_.number_by(world.kernel().trace);
    devices.attach(world);
    for (const ModelDevices::Named& one : devices.all()) observer_.metrics().name_device(one.device->id, one.name);

    ModelRun run(plan_, world, observer_);
    kernel::task_struct* const builder = world.add_process({"set-up"}, [&run] { run.set_up_files(); });
    arch::Task* const first[] = {builder};
    const RunResult built = machine.run(first, longest_run);
    if (built.end != RunEnd::finished) run.fail("setting up the files did not end: " + one_line(built.describe()));
    devices.begin_faults(built.time);
    if (run.failures.empty()) execute(machine, world, run, built.time);
    observer_.finish(world.kernel(), rest_);
    finish(machine, run);
  }

  template <class Machine>
  void execute(Machine& machine, World& world, ModelRun& run, u64 start) {
    run.start = start;
    observer_.open();
    run.add_tasks();
    const std::vector<arch::Task*> awaited = run.awaited();
    add_fault_process(world, run);
    // Made now: once tasks have ended, a new one could only be made by another.
    kernel::task_struct* const last = world.add_process({"quiesce"}, [this, &run] { quiesce(run); });
    const AllocationFaults faults(scenario_, run);  // of the scenario's tasks, not of what the run itself is made of
    const u64 limit = scenario_.limit ? scenario_.limit->count : longest_run;
    RunResult result = machine.run(awaited, start + limit);
    observer_.close();
    __atomic_store_n(&world.kernel().allocation_fault, static_cast<kernel::fault_attr*>(nullptr),
                     __ATOMIC_RELAXED);  // workers may still allocate
    for (const std::string& note : faults.unused()) report_.warnings.push_back(note);
    report_.time_ns = result.time - run.start;
    outcome_.executed = result.end != RunEnd::stopped;
    const bool still = result.end == RunEnd::finished || result.end == RunEnd::deadlock || result.end == RunEnd::livelock;
    rest_ = still ? Rest::still : Rest::cut_off;
    if (result.end != RunEnd::finished) {
      // The run's own helpers wait because the tasks do.
      std::erase_if(result.tasks, [](const TaskSituation& task) { return task.name == "quiesce" || task.name == "fault"; });
      const std::string told = one_line(result.describe());
      violations_["no-hang"] = told;
      hung_ = true;
      if (result.end == RunEnd::deadlock) violations_["no-deadlock"] = told;
      if (result.end == RunEnd::livelock) violations_["no-livelock"] = told;
    } else {
      // What goes on behind the last task's back: delayed releases, workers. Then nothing may be left.
      world.as_kernel([&] { kernel::complete_all(run.completions.over); });
      arch::Task* const rest[] = {last};
      (void)machine.run(rest, result.time + longest_run);
      report_.time_ns = run.last_end;
    }
    std::string unfinished;
    for (const ModelTask& task : run.tasks) {
      const bool must = scenario_.tasks[task.index].value.must_end;
      if (must && !task.finished && !task.expected_to_die) unfinished += (unfinished.empty() ? "" : ", ") + task.name;
    }
    if (!unfinished.empty()) violations_["tasks-end"] = "not at their end: " + unfinished;
  }

  /// Runs when all tasks are over: gives what they left to workers time to end, then looks at the files.
  void quiesce(ModelRun& run) {
    ModelEnvironment env(run, nullptr);
    ModelEnvironment::wait(*run.completions.over);
    env.sleep(quiet_time);
    // A ring ends with a grace period of RCU, and an SQ thread of 5.1 holds that up until its idle time is over.
    for (u64 wait = quiet_time, round = 0; round < most_rounds && sq_thread_lives(); round++, wait *= 2) env.sleep(wait);
    for (const Expectation& expectation : scenario_.expect)
      if (const auto* const content = std::get_if<ContentExpectation>(&expectation.what)) read_content(run, content->file.name);
  }

  static bool sq_thread_lives() {
    kernel::Kernel& k = kernel::kernel();
    bool lives = false;
    kernel::spin_lock(&k.tasklist_lock);
    list_for_each_entry(task, &k.tasks, kernel::task_struct, tasks) {
      if ((task->flags & kernel::PF_KTHREAD) != 0 && std::string_view(task->name) == "io_uring-sq") lives = true;
    }
    kernel::spin_unlock(&k.tasklist_lock);
    return lives;
  }

  /// Reads a regular file to its end, as a process of root.
  void read_content(ModelRun& run, const std::string& name) {
    constexpr u64 piece = 1u << 20;
    ModelEnvironment model(run, nullptr);
    Environment& env = model;
    const auto memory = static_cast<uptr>(env.call(SYS_mmap, 0, piece, 3, 0x22, ~u64{0}, 0));
    const auto named = [&](const Entry<FileOptions>& file) { return file.name == name; };
    const auto file = std::find_if(scenario_.files.begin(), scenario_.files.end(), named);
    const std::string path = regular_path(scenario_, *file);
    env.copy_out(memory, path.c_str(), path.size() + 1);
    const s64 fd = env.call(SYS_openat, static_cast<u64>(-100), memory, 0);
    if (fd < 0) return;
    std::vector<u8>& bytes = contents_[name];
    for (s64 got = 0; (got = env.call(SYS_read, static_cast<u64>(fd), memory, piece)) > 0;) {
      const std::size_t old = bytes.size();
      bytes.resize(old + static_cast<u64>(got));
      env.copy_in(bytes.data() + old, memory, static_cast<u64>(got));
    }
    env.call(SYS_close, static_cast<u64>(fd));
  }

  /// Signals and deaths at given times come from a process of root that does nothing else.
  void add_fault_process(World& world, ModelRun& run) {
    for (const Fault& fault : scenario_.faults) {
      const auto* const signal = std::get_if<SignalFault>(&fault);
      const auto* const death = std::get_if<DeathFault>(&fault);
      if (signal == nullptr && (death == nullptr || !death->at)) continue;
      const u64 at = signal != nullptr ? signal->at.count : death->at->count;
      const std::string task = signal != nullptr ? signal->task.name : death->task.name;
      constexpr int numbers[] = {10, 12, 2, 15, 14, 9};  // as enum Signal
      const int number = signal != nullptr ? numbers[static_cast<unsigned>(signal->signal)] : 9;
      world.add_process({"fault"}, [&run, at, task, number] {
        ModelEnvironment env(run, nullptr);
        // A process is there when it has the files that it begins with.
        for (const ModelTask& one : run.tasks)
          if (one.name == task) ModelEnvironment::wait(run.completions.installed[one.process]);
        if (const u64 now = env.now(); now < at) env.sleep(at - now);
        env.signal(task, number);
      });
    }
  }

  template <class Machine>
  void finish(Machine& machine, ModelRun& run) {
    for (const MachineReport& one : machine.reports()) run.fail(fmt::format("{} (task {}, {})", one.what, one.task, one.where));
    report_.failures = run.failures;
    report_.trace_hash = observer_.hash();
    const std::vector<TaskStatistics> statistics = machine.task_statistics();
    const RingMetrics& metrics = observer_.metrics();
    for (const Entry<RingOptions>& ring : scenario_.rings) {
      const RingFigures* const figures = metrics.ring(ring.name);
      report_.rings.emplace_back(ring.name, figures == nullptr ? RingReport{} : ring_report(*figures));
      if (figures == nullptr || figures->sq_thread == 0) continue;
      for (const TaskStatistics& task : statistics)
        if (task.id == figures->sq_thread)
          report_.sq_threads.emplace_back(ring.name, sq_thread_report(task, *figures, options_.engine));
    }
    for (const ModelTask& model : run.tasks)
      for (const TaskStatistics& task : statistics)
        if (model.task != nullptr && task.id == model.id)
          report_.tasks.emplace_back(model.name, TaskReport{task.running, task.spinning, task.asleep, task.queued, task.switches,
                                                            task.preempted, task.ended});
    if constexpr (requires { machine.processor_statistics(0); })
      for (unsigned cpu = 0; cpu < scenario_.machine.cpus; ++cpu) {
        const ProcessorStatistics one = machine.processor_statistics(cpu);
        report_.cpus.push_back({one.busy, one.interrupt, one.idle, one.switches});
      }
    for (const Entry<DeviceOptions>& entry : scenario_.devices) {
      const auto& figures = metrics.devices();
      const auto found = figures.find(entry.name);
      const auto device = found != figures.end() ? found->second : std::decay_t<decltype(found->second)>{};
      report_.devices.emplace_back(
          entry.name, DeviceReport{device.reads, device.writes, device.bytes_read, device.bytes_written, device.errors,
                                   device.deepest, device.busy_ns, latency_report(device.latency)});
    }
    for (const ModelTask& task : run.tasks)
      if (task.number == 0 && task.state != nullptr)
        outcome_.variables[task.name] = {task.state->variables,
                                         task.state->variables + scenario_.tasks[task.index].value.variables.size()};
    outcome_.metrics = &metrics;
    outcome_.violations = observer_.violations();
    if (hung_) outcome_.violations.erase("no-leak");  // nothing was over yet
    outcome_.violations.merge(violations_);
    outcome_.violations.merge(run.violations);
    outcome_.content = [this](const std::string& file, u64 offset, u64 bytes) {
      const std::vector<u8>& all = contents_[file];
      const u64 from = std::min<u64>(offset, all.size());
      return std::vector<u8>(all.begin() + static_cast<std::ptrdiff_t>(from),
                             all.begin() + static_cast<std::ptrdiff_t>(from + std::min<u64>(bytes, all.size() - from)));
    };
    outcome_.watched = {"no-cqe-error", "tasks-end", "no-leak", "no-hang"};
    for (const auto& checker : observer_.checks().checkers()) {
      outcome_.watched.emplace_back(checker->name());
      if (!checker->asked()) outcome_.unasked.emplace_back(checker->name());
    }
    outcome_.watched.emplace_back("data");
    outcome_.unasked.emplace_back("data");
    if (options_.engine == Engine::timed)
      outcome_.watched.insert(outcome_.watched.end(), {"no-deadlock", "no-livelock"});
    else
      std::erase(outcome_.watched, "lock-order");  // threads use the hardware's locks, of which nobody hears
  }

  static std::string one_line(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) {
      while (at + 1 < text.size() && text[at + 1] == ' ') text.erase(at + 1, 1);
      text.replace(at, 1, "; ");
    }
    return text;
  }

  static constexpr u64 quiet_time = 100'000'000;  ///< ns
  static constexpr u64 most_rounds = 12;          ///< of waiting, each twice as long as the last: some minutes together

  const Scenario& scenario_;
  const RunOptions& options_;
  Plan plan_;
  RunObserver observer_;
  RunReport report_;
  RunOutcome outcome_;
  std::map<std::string, std::string> violations_;
  std::map<std::string, std::vector<u8>> contents_;
  bool hung_ = false;
  Rest rest_ = Rest::still;
};

}  // namespace

RunReport run_scenario(const Scenario& scenario, const RunOptions& options) { return ScenarioRun(scenario, options).run(); }

}  // namespace uringsim::sim
