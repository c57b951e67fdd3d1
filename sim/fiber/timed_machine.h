// SPDX-License-Identifier: GPL-2.0-only
// The timed engine: a machine of N virtual processors in virtual time, on one OS thread. Same inputs, same run, to the byte.
//
// Time. Every running task has a clock of its own; what it does adds to it (costs.h). Time is cut into windows of `lookahead`
// ns. Within a window the processors run one after the other, whoever is furthest behind first, each until its clock has left
// the window or reaches the next event (timer, deadline of a sleeper). Two tasks on two processors therefore see each other's
// stores in order and at most `lookahead` early or late, about what a cache line takes from core to core; a task that is alone
// runs until something is due. Equal clocks: events first, then processors by number. Windows begin at multiples of `lookahead`,
// so that where a processor stops does not depend on where it stopped before.
//
// Processors. Each has a queue of tasks that could run, ordered by running time (a small CFS: virtual running time, a sleeper
// is credited one slice at most, a waking task preempts one that is more than `wakeup_granularity` ahead). A task without
// affinity goes to its last processor if idle, else to the lowest idle one; an idle processor takes from the longest queue.
// Application tasks are preempted at any operation, kernel threads and tasks inside a system call only where they ask
// (need_resched, yield, schedule), as under voluntary preemption; `preempt_kernel` preempts both anywhere. The holder of a
// spinlock is never preempted.
//
// Interrupts and timers run in an interrupt context of their own beside each processor, which stops the processor's task
// meanwhile and is charged to it as interrupt time. One that finds a spinlock taken waits while the tasks go on: what a
// kernel achieves by keeping interrupts out of such sections.
//
// Locks. A contended spinlock keeps its waiter's processor busy and is handed over in order of arrival. A mutex wakes its first
// waiter; whoever comes first takes it, but a waiter that lost once is handed it.
//
// Polling. A pass without effect (poll_pass) will be repeated until something changes. The engine may skip k passes at once, to
// just before the next event, tick or window: clocks, statistics and events are those of a run that executes every pass.
//
// Thread safety: everything on one OS thread, the one that calls run(). Kernel and application code never runs outside run(),
// except what a builder calls directly (tasks in direct mode, stopped tasks of this machine).
#pragma once

#include <csignal>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernel_model/arch/machine.h"
#include "sim/fiber/arena.h"
#include "sim/fiber/costs.h"
#include "sim/fiber/event_queue.h"
#include "sim/fiber/fiber.h"
#include "sim/fiber/lock_watch.h"
#include "sim/fiber/random.h"
#include "sim/fiber/run.h"

namespace uringsim::sim {

class TimedMachine;
struct TimedTask;
struct TimedProcessor;

/// Hears about scheduling, for sched:* events. Must not call the machine.
class SchedObserver {
 public:
  virtual ~SchedObserver() = default;
  /// Processor `cpu` goes from `previous` to `next`; null is idle. `state` is the previous task's (TaskState).
  virtual void on_switch(u64 time, unsigned cpu, const arch::Task* previous, u32 state, const arch::Task* next) noexcept = 0;
  /// `task` was woken and will run on `cpu`.
  virtual void on_wake(u64 time, unsigned cpu, const arch::Task& task) noexcept = 0;
};

struct TimedOptions {
  unsigned cpus = 2;  ///< 1..1024
  u64 seed = 1;
  Costs costs = Costs::standard();
  u64 start = 0;          ///< ns, what the clock says at first
  u64 clock_event = 0;    ///< ns from starting a timer that is due already to its interrupt: one is programmed all the same
  u64 lookahead = 200;    ///< ns, at least 1: the window within which processors may be apart (see above)
  u64 slice = 3'000'000;  ///< ns a task runs while others wait
  u64 wakeup_granularity = 1'000'000;  ///< ns of running time that a waking task must be behind to preempt
  bool preempt_kernel = false;         ///< preempt kernel threads anywhere, too
  bool balance = true;                 ///< tasks without affinity go to idle processors; else each stays where it began
  bool skip_passes = true;             ///< the short cut through idle polling
  u64 idle_limit = ~u64{0};            ///< ns of polling without any effect, and with nothing due, that are a livelock
  u64 pass_limit = ~u64{0};            ///< executed polling passes, of all tasks together, that lead to nothing: a livelock, too
  SchedObserver* observer = nullptr;
  LockWatch* locks = nullptr;                             ///< hears of locks that tasks and interrupts take
  const volatile std::sig_atomic_t* stop_flag = nullptr;  ///< ends a run when it becomes non-zero
};

/// Time of one processor, in ns. busy + interrupt + idle is the time of the run.
struct ProcessorStatistics {
  u64 busy = 0;
  u64 interrupt = 0;
  u64 idle = 0;
  u64 switches = 0;
  u64 interrupts = 0;
};

class TimedMachine final : public arch::Machine {
 public:
  /// The machine takes all of `arena`, which it empties now and at its end. Keep the arena to build the next world cheaply.
  explicit TimedMachine(Arena& arena, const TimedOptions& options = {});
  ~TimedMachine() override;
  TimedMachine(const TimedMachine&) = delete;
  TimedMachine& operator=(const TimedMachine&) = delete;

  /// Runs until every task in `until` has ended, or until the first other RunEnd; may be called again to go on.
  /// `time_limit`: ns of the clock.
  RunResult run(std::span<arch::Task* const> until, u64 time_limit = ~u64{0});
  /// Makes run() return as soon as the current operation is over.
  void request_stop() noexcept;

  /// What current_task() is in interrupts of processor `cpu`: `task` belongs to the caller and must live as long as the
  /// machine. Before the first interrupt; a machine that is not told uses bare tasks.
  void set_interrupt_task(unsigned cpu, arch::Task& task) noexcept;

  /// Statistics of all tasks, ended ones included, by id; and of processor `cpu`. Not while the machine runs.
  [[nodiscard]] std::vector<TaskStatistics> task_statistics() const;
  [[nodiscard]] ProcessorStatistics processor_statistics(unsigned cpu) const;
  /// Statistics of a task that has not ended.
  [[nodiscard]] TaskStatistics statistics(const arch::Task& task) const;
  [[nodiscard]] const std::vector<MachineReport>& reports() const noexcept { return reports_; }
  /// How often a fiber gave way to another, and how many polling passes were executed and how many skipped, in real terms.
  struct Effort {
    u64 fiber_switches = 0;
    u64 passes_executed = 0;
    u64 passes_skipped = 0;
  };
  [[nodiscard]] const Effort& effort() const noexcept { return effort_; }
  [[nodiscard]] Arena& arena() noexcept { return arena_; }

  // arch::Machine
  u64 load(const void* at, unsigned size, arch::Order, const char*, arch::Site) noexcept override;
  void store(void* at, unsigned size, u64 value, arch::Order, const char*, arch::Site) noexcept override;
  u64 rmw(void* at, unsigned size, arch::Rmw op, u64 operand, u64 expected, arch::Order, arch::Site) noexcept override;
  void fence(arch::Fence, const char*, arch::Site) noexcept override {}
  void plain(const void*, u64, bool, arch::Site) noexcept override {}
  void scope(const char*) noexcept override {}
  void lock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept override;
  bool try_lock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept override;
  void unlock(arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept override;
  void spawn(arch::Task& task, void (*entry)(void*), void* argument, const arch::SpawnOptions& options) noexcept override;
  [[noreturn]] void exit() noexcept override;
  void join(arch::Task& task) noexcept override;
  void set_affinity(arch::Task& task, int cpu) noexcept override;
  void set_state(u32 state) noexcept override;
  u32 state(const arch::Task& task) const noexcept override;
  bool schedule(u64 deadline) noexcept override;
  bool wake(arch::Task& task, u32 mask) noexcept override;
  bool need_resched() noexcept override;
  void yield() noexcept override;
  void due() noexcept override;
  void poll_pass(arch::Site site) noexcept override;
  unsigned cpus() const noexcept override { return options_.cpus; }
  int current_cpu() const noexcept override;
  u64 now() noexcept override;
  u64 ticks(u64 period) noexcept override;
  void timer_start(arch::Timer& timer, u64 due) noexcept override;
  int timer_cancel(arch::Timer& timer) noexcept override;
  void raise(arch::Interrupt& interrupt) noexcept override;
  void charge(arch::Cost what, u64 units) noexcept override;
  void* alloc(u64 bytes, u64 align) noexcept override { return arena_.alloc(bytes, align); }
  void free(void* memory, u64 bytes) noexcept override {
    if (options_.locks != nullptr && memory != nullptr) options_.locks->on_free(memory, bytes);
    arena_.free(memory, bytes);
  }
  u64 random() noexcept override;
  u32 choose(u32 options, const char* what) noexcept override;
  void report(const char* what, bool fatal, arch::Site site) noexcept override;

 private:
  friend struct TimedTask;
  static constexpr u64 kNever = ~u64{0};

  // timed_machine.cc: who goes on
  [[nodiscard]] TimedTask* self() const noexcept;
  [[nodiscard]] u64 caller_clock() const noexcept;
  [[nodiscard]] u64 next_event() const noexcept;
  [[nodiscard]] u64 window_start(u64 clock) const noexcept { return clock - clock % options_.lookahead; }
  void go_on(TimedTask& from) noexcept;
  [[noreturn]] void go_on_without(TimedTask& from) noexcept;
  TimedTask& pick() noexcept;
  TimedTask& stop(RunEnd end) noexcept;
  void run_event() noexcept;
  void settle(TimedTask& task) noexcept;
  void stir() noexcept;
  void note_effect() noexcept;
  void let_others_catch_up(u64 from = 0) noexcept;
  static void task_entry(void* argument);

  // timed_schedule.cc: who is on which processor
  [[nodiscard]] TimedProcessor& processor_of(TimedTask& task) noexcept;
  unsigned choose_processor(const TimedTask& task) const noexcept;
  void make_ready(TimedTask& task, u64 at) noexcept;
  void enqueue(TimedProcessor& on, TimedTask& task, u64 at) noexcept;
  void put_on(TimedProcessor& on, TimedTask& task, u64 at) noexcept;
  void take_off(TimedTask& task) noexcept;
  void fill(TimedProcessor& idle) noexcept;
  TimedTask* take_queued(TimedProcessor& from, const TimedProcessor* for_whom) noexcept;
  static void leave_queue(TimedProcessor& from, TimedTask& task) noexcept;
  [[nodiscard]] bool may_be_preempted(const TimedTask& task) const noexcept;
  void give_way(TimedTask& task, bool preempted) noexcept;
  void block(TimedTask& task) noexcept;

  // timed_lock.cc
  void lock_contended(TimedTask& task, arch::LockWord& lock, arch::LockKind kind, arch::Site site) noexcept;
  TimedTask* first_waiter(const arch::LockWord& lock) noexcept;
  void drop_waiter(TimedTask& task) noexcept;
  void took(TimedTask& task, arch::LockWord& lock, arch::LockKind kind, arch::Site site, bool tried = false) noexcept;

  // timed_interrupt.cc
  void expire(arch::Timer& timer, u64 at) noexcept;
  void start_interrupt(TimedProcessor& on, u64 at) noexcept;
  void finish_interrupt(TimedProcessor& on) noexcept;
  static void interrupt_entry(void* argument);

  // timed_poll.cc
  void skip_from(TimedTask& task) noexcept;
  [[nodiscard]] bool is_quiet(const TimedTask& task) const noexcept;
  void skip_passes(TimedTask& task, u64 bound) noexcept;

  // timed_report.cc
  [[nodiscard]] TaskSituation situation(const TimedTask& task) const;
  [[nodiscard]] TaskStatistics statistics_of(const TimedTask& task) const;

  struct TimerPlace {
    static u64& of(arch::Timer& timer) noexcept { return reinterpret_cast<u64&>(timer.engine[0]); }
  };
  struct SleeperPlace {
    static u64& of(TimedTask& task) noexcept;
  };

  Arena& arena_;
  TimedOptions options_;
  Random random_;
  Fiber outside_fiber_;
  std::unique_ptr<TimedTask> outside_;
  std::unique_ptr<TimedProcessor[]> processors_;   // options_.cpus
  std::vector<std::unique_ptr<TimedTask>> tasks_;  // alive, by id
  std::vector<std::unique_ptr<TimedTask>> spare_;
  std::vector<TaskStatistics> ended_;
  EventQueue<arch::Timer, TimerPlace> timers_;
  EventQueue<TimedTask, SleeperPlace> sleepers_;
  TimedTask* lock_waiters_ = nullptr;  // in order of arrival
  TimedTask* last_lock_waiter_ = nullptr;
  u32 next_id_ = 1;
  u64 time_ = 0;  // nobody is behind this
  u64 time_limit_ = kNever;
  u64 world_ = 0;        // effects of everybody so far, as far as settled
  u64 last_effect_ = 0;  // clock of the latest poll pass that saw world_ changed
  u64 last_world_ = 0;
  u64 barren_passes_ = 0;  // executed since anybody did more than poll, take locks and give way
  u64 awaited_ = 0;
  bool running_ = false;
  bool stop_requested_ = false;
  RunEnd end_ = RunEnd::finished;
  std::vector<MachineReport> reports_;
  Effort effort_;
};

}  // namespace uringsim::sim
