// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/model_player.h"

#include <fmt/format.h>

#include <stdexcept>

#include "kernel_model/arch/cost.h"
#include "kernel_model/core/kthread.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/io_uring/profile.h"
#include "kernel_model/trace/trace.h"
#include "kernel_model/versions/versions.h"
#include "sim/devices/ram_device.h"
#include "sim/fiber/timed_machine.h"
#include "sim/tape/interpreter.h"
#include "sim/tape/model_system.h"
#include "sim/tape/schema.h"
#include "sim/trace/export.h"
#include "sim/world/world.h"

namespace uringsim::sim::tape {

namespace {

constexpr u64 kStart = 100'000 * kMillisecond;   // the machine has been up for a while
constexpr u64 kKillGraceMs = 3000;               // virtual, from SIGKILL to giving the process up
constexpr u64 kWallLimitMs = 60'000;             // real: only a fault of the model takes longer
constexpr unsigned kProcessors = 2;              // as the machines that were recorded
constexpr u64 kGracePeriod = 18 * kMillisecond;  // of RCU, as measured where the recordings were made: 12 to 30 ms at 250 Hz
constexpr u64 kDiskBytes = u64{512} << 20;       // below the root file system

/// Passes the kernel's events on as lines of text, in the words of Linux's tracepoints.
class TraceLines final : public kernel::TraceSink {
 public:
  explicit TraceLines(const LineWriter& out) : out_(out) {}
  void event(const kernel::TraceEvent& event) noexcept override {
    if (event.kind == kernel::EventKind::task_newtask) {
      introductions_.push_back(event);
      tasks_ = traced_tasks(introductions_);
    }
    out_.write(trace_line(fmt::format("{:>12.3f} ms  {:<20} {}", static_cast<double>(event.time - kStart) / 1e6, who(event.task),
                                      event_line(event, tasks_))));
  }

 private:
  /// Name and pid; what is no task is the machine's: idle, or an interrupt.
  [[nodiscard]] std::string who(u32 id) const {
    for (const TracedTask& task : tasks_)
      if (task.id == id) return fmt::format("{}-{}", task.comm, task.pid);
    return id == 0 ? "<idle>" : "<interrupt>";
  }

  const LineWriter& out_;
  std::vector<kernel::TraceEvent> introductions_;
  std::vector<TracedTask> tasks_;
};

/// What a player of tapes takes between two steps, see Circumstances.
u64 step_time(const Json& step, const Circumstances& circumstances) {
  const std::string& kind = step.at("do").get_ref<const std::string&>();
  u64 fields = 0;
  for (const StepRule& rule : step_rules())
    if (rule.kind == kind) fields = rule.fields.size();
  return circumstances.step_ns + circumstances.field_ns * fields;
}

/// The program of the simulated process.
void play_steps(const Tape& tape, const ModelOptions& options, const LineWriter& out, size_t& done) {
  ModelSystem system;
  const std::unique_ptr<TapeSystem> between = options.between ? options.between(system) : nullptr;
  Interpreter player(between ? *between : system);
  const u64 syscall_ns = Costs::standard().nanoseconds(arch::Cost::syscall, 1);
  try {
    system.prepare();
    for (const Step& step : tape.steps) {
      out.write(out_line(player.play(step.body)));
      done++;
      arch::charge(arch::Cost::syscall, step_time(step.body, options.circumstances) / syscall_ns);
    }
    player.finish();
    out.write(end_line("exit"));
  } catch (const std::exception& e) {
    out.write(end_line({{"error", e.what()}}));
  }
}

/// What every processor does now and then beside all else, Linux's vmstat_update() to name one: a loop in the kernel that goes on
/// until somebody else wants the processor ends by it. How often does not matter as long as it is within a tape's time (Linux:
/// every second); seldom, because behind a loop that does not even ask it waits, and such a loop cannot be skipped over then.
int housekeeping(void*) {
  constexpr u64 kSeconds = 3;
  for (;;) {
    kernel::set_current_state(kernel::TASK_INTERRUPTIBLE);
    kernel::schedule_timeout(static_cast<long>(kSeconds * kernel::kernel().options.hz));
  }
}

/// In the child: one world, one process, one tape.
void play_in_world(const Tape& tape, const ModelOptions& options, const LineWriter& out) {
  TraceLines lines(out);
  Arena arena;
  TimedOptions timed;
  timed.cpus = kProcessors;
  timed.start = kStart;
  timed.clock_event = options.circumstances.timer_ns;
  timed.wakeup_granularity = options.circumstances.preempt_ns;
  timed.balance = options.circumstances.balance;
  timed.costs.picoseconds[static_cast<unsigned>(arch::Cost::wakeup)] = options.circumstances.wakeup_ns * 1000;
  TimedMachine machine(arena, timed);
  WorldOptions world_options;
  kernel::io_uring_profile profile = *kernel::find_profile(options.kernel);
  profile.stale_fsize = options.circumstances.stale_fsize;
  world_options.kernel = &profile;
  world_options.options.rcu_grace_ns = kGracePeriod;
  world_options.bugs = options.bugs;
  world_options.fixes = options.fixes;
  if (options.with_trace) world_options.trace = &lines;
  RamDevice* const disk = RamDevice::create(machine, "nvme0n1", {.size = kDiskBytes, .poll_queues = kProcessors});
  if (disk == nullptr) throw std::bad_alloc();
  World world(machine, world_options, disk);

  world.as_kernel([] {
    for (unsigned cpu = 0; cpu < kProcessors; cpu++)
      kernel::wake_up_process(
          kernel::kthread_create_on_cpu(housekeeping, nullptr, cpu, fmt::format("kworker/{}:0", cpu).c_str()));
  });

  size_t done = 0;
  kernel::task_struct* const leader = world.add_process({"tape", 0, -1}, [&] { play_steps(tape, options, out, done); });
  u64 limit = kStart + tape.limit_ms * kMillisecond;
  RunResult result = machine.run(world.tasks(), limit);
  if (result.end == RunEnd::finished) return;
  if (result.end == RunEnd::violation) {
    const std::string what = machine.reports().empty() ? "violation" : machine.reports().back().what;
    return out.write(end_line({{"error", what}}));
  }
  if (options.with_trace) out.write(trace_line("time is over\n" + result.describe()));
  // The alarm: whoever is left now is killed, and has some time to go.
  world.as_kernel([&] { kernel::send_sig_process(SIGKILL, leader); });
  result = machine.run(world.tasks(), std::max(result.time, limit) + kKillGraceMs * kMillisecond);
  out.write(end_line({{result.end == RunEnd::finished ? "hang" : "stuck", done}}));
  if (options.with_trace) out.write(trace_line("after SIGKILL\n" + result.describe()));
}

Played model_outcome(const ChildReport& report) {
  Played played = played_from(report.lines);
  if (report.timed_out)
    played.end = {{"error", fmt::format("the model did not come to an end within {} s", kWallLimitMs / 1000)}};
  else if (report.signal)
    played.end = {{"error", fmt::format("the model was ended by signal {}", report.signal)}};
  else if (played.end.is_null())
    played.end = {{"error", "the tape's process ended by itself"}};
  return played;
}

}  // namespace

std::vector<std::string> modelled_kernels() {
  std::vector<std::string> names;
  for (const kernel::io_uring_profile* profile : kernel::profiles)
    if (profile->only == nullptr) names.emplace_back(profile->name);
  return names;
}

void play_on_model(const std::vector<const Tape*>& tapes, const ModelOptions& options,
                   const std::function<void(size_t, Played)>& done, const std::function<bool()>& stop) {
  size_t at = 0;
  run_children(
      options.parallel,
      [&](ChildJob& job) {
        if (at == tapes.size()) return false;
        const size_t index = at++;
        const Tape& tape = *tapes[index];
        job.limit_ms = kWallLimitMs;
        job.run = [&tape, &options](const LineWriter& out) { play_in_world(tape, options, out); };
        job.finish = [&done, index](const ChildReport& report) { done(index, model_outcome(report)); };
        return true;
      },
      stop);
}

std::vector<Doubt> model_doubts(const ModelOptions& options) {
  return doubts_of([options](const Circumstances& circumstances) -> Player {
    ModelOptions other = options;
    other.circumstances = circumstances;
    other.with_trace = false;
    return [other](const auto& tapes, const auto& done, const auto& stop) { play_on_model(tapes, other, done, stop); };
  });
}

}  // namespace uringsim::sim::tape
