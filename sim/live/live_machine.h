// SPDX-License-Identifier: GPL-2.0-only
// The live engine: tasks are OS threads, memory is the hardware's, time is CLOCK_MONOTONIC since the machine was made.
//
// Running. As on the timed engine nothing runs outside of run(): between two runs every task stands still where it sleeps, waits
// or polls, and interrupts are held back, so that a builder may look at and change the kernel. A task that was woken before the
// first run() starts with it. A task that runs stops for the end of a run at its next schedule(), yield(), poll_pass(), system
// call or contended lock.
//
// Sleeping. A task's state is one word, which is also the futex it sleeps on. The sleeper marks it before it sleeps, so that a
// waker enters the host's kernel only if there is somebody to rouse:
//
//     schedule()                                    wake(mask)
//     s = state; if RUNNING: return                 full barrier
//     compare-and-swap state: s -> s|ASLEEP         s = state; if (s & mask) == 0: return false
//     futex_wait(state == s|ASLEEP)                 compare-and-swap state: s -> RUNNING, again if it changed
//     again                                         if s had ASLEEP: futex_wake(state)
//
// Whichever compare-and-swap comes first, the other sees it: no wakeup is lost, and one that comes early costs no system call.
//
// Interrupts and timers run on a few threads of their own (Boost.Asio), each with a task that is in_interrupt. They run beside
// the tasks, as on another processor: what a kernel achieves by disabling interrupts its spinlocks achieve here. Timers that are
// due run one at a time, in order of their due time, equal ones in order of starting.
//
// Processors are a number (cpus) that affinities refer to: processor i is the i-th of those that the host lets this process
// use, modulo their count. A task may therefore share a host's processor with others. need_resched() is true when a task has run
// for a slice and more tasks want to run than there are processors; poll_pass() pauses, and yields the host's processor every so
// often, more often when there are too few.
//
// The watchdog ends a run in which no awaited task gets anywhere for LiveOptions::hang: not woken, no work charged, no time
// asked for. Timers that were armed when it last got somewhere are waited for. The result tells who waits for what.
//
// Ending. exit() leaves a task's own stack for the thread's and drops it: nothing is unwound. The destructor ends all tasks that
// way, wherever they are; so no destructor on a task's stack may be relied on.
//
// Thread safety: run(), the destructor and the statistics by one thread, request_stop() by any; the rest as arch::Machine says.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "kernel_model/arch/machine.h"
#include "sim/fiber/run.h"
#include "sim/live/host_barrier.h"
#include "sim/live/memory_pool.h"

namespace uringsim::sim {

struct LiveTask;
class LiveClock;

struct LiveOptions {
  unsigned cpus = 0;  ///< virtual processors; 0: as many as the host lets this process use
  u64 seed = 1;
  u64 memory = u64{16} << 30;                             ///< bytes of address space for kernel memory; used as needed
  u64 slice = 4'000'000;                                  ///< ns a task runs while others wait
  u64 hang = 10'000'000'000;                              ///< ns without progress that end a run; 0: none do
  u32 stack_bytes = 256 << 10;                            ///< of a task, unless SpawnOptions says otherwise
  unsigned interrupt_threads = 2;                         ///< for timers and raised interrupts
  const volatile std::sig_atomic_t* stop_flag = nullptr;  ///< ends a run when it becomes non-zero
};

class LiveMachine final : public arch::Machine {
 public:
  /// Throws std::system_error where the host has no memory or threads for it.
  explicit LiveMachine(const LiveOptions& options = {});
  /// Ends every task. One that never comes back to the machine (an endless loop without poll_pass) is fatal to the process.
  ~LiveMachine() override;
  LiveMachine(const LiveMachine&) = delete;
  LiveMachine& operator=(const LiveMachine&) = delete;

  /// Runs until every task in `until` has ended, or until the first other RunEnd; may be called again to go on.
  /// `time_limit`: ns of the clock.
  RunResult run(std::span<arch::Task* const> until, u64 time_limit = ~u64{0});
  /// Makes run() return soon.
  void request_stop() noexcept;

  /// Statistics of all tasks, ended ones included, by id. Not while the machine runs. `spinning` and `queued` are not known.
  [[nodiscard]] std::vector<TaskStatistics> task_statistics() const;
  [[nodiscard]] const std::vector<MachineReport>& reports() const noexcept { return reports_; }
  /// Kernel memory in use, in bytes as asked for. Not while the machine runs.
  [[nodiscard]] s64 live_bytes() const noexcept;
  [[nodiscard]] MemoryPool& memory() noexcept { return pool_; }

  // arch::Machine
  u64 load(const void* at, unsigned size, arch::Order, const char*, arch::Site) noexcept override;
  void store(void* at, unsigned size, u64 value, arch::Order, const char*, arch::Site) noexcept override;
  u64 rmw(void* at, unsigned size, arch::Rmw op, u64 operand, u64 expected, arch::Order, arch::Site) noexcept override;
  void fence(arch::Fence, const char*, arch::Site) noexcept override;
  void plain(const void*, u64, bool, arch::Site) noexcept override {}
  void scope(const char*) noexcept override {}
  void shoot_down(uptr start, uptr end) noexcept override;
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
  void poll_pass(arch::Site site) noexcept override;
  unsigned cpus() const noexcept override { return options_.cpus; }
  int current_cpu() const noexcept override;
  u64 now() noexcept override;
  void timer_start(arch::Timer& timer, u64 due) noexcept override;
  int timer_cancel(arch::Timer& timer) noexcept override;
  void raise(arch::Interrupt& interrupt) noexcept override;
  void charge(arch::Cost what, u64 units) noexcept override;
  void* alloc(u64 bytes, u64 align) noexcept override;
  void free(void* memory, u64 bytes) noexcept override;
  u64 random() noexcept override;
  u32 choose(u32 options, const char* what) noexcept override;
  void report(const char* what, bool fatal, arch::Site site) noexcept override;

 private:
  friend struct LiveTask;
  friend class InterruptContext;
  friend class LiveClock;
  static constexpr u64 kNever = ~u64{0};

  // live_machine.cc: runs
  void resume() noexcept;
  bool pause();
  [[nodiscard]] bool all_stand_still();
  [[nodiscard]] RunEnd wait_for_end(std::unique_lock<std::mutex>& lock, u64 time_limit);
  [[nodiscard]] u64 progress_of_awaited() const noexcept;

  // live_task.cc: threads
  [[nodiscard]] static LiveTask* self() noexcept { return static_cast<LiveTask*>(arch::current_task()->engine); }
  [[nodiscard]] static u64 clock_ns() noexcept;
  LiveTask& new_part(arch::Task& task, const char* name);
  static void publish(arch::Task& task, LiveTask& part) noexcept;
  void thread_main(LiveTask& task) noexcept;
  static void task_entry(void* argument);
  [[noreturn]] void leave(LiveTask& task) noexcept;
  void pin(pthread_t thread, int cpu) noexcept;
  void recycle(LiveTask& task) noexcept;

  // live_sleep.cc: sleeping, waking and standing still
  bool sleep(LiveTask& task, u64 deadline) noexcept;
  void pass_gate(LiveTask& task) noexcept {
    if (gate_.load(std::memory_order_relaxed) != 0) [[unlikely]]
      wait_at_gate(task);
  }
  void wait_at_gate(LiveTask& task) noexcept;
  void rouse(LiveTask& task) noexcept;

  // live_report.cc
  [[nodiscard]] TaskSituation situation(const LiveTask& task) const;
  [[nodiscard]] TaskStatistics statistics_of(const LiveTask& task) const;

  LiveOptions options_;
  const u64 start_;  // CLOCK_MONOTONIC
  cpu_set_t allowed_{};
  std::vector<int> host_cpus_;
  const HostBarrier host_barrier_;
  MemoryPool pool_;
  MemoryPool::Cache outside_cache_;  // of code outside every task; outside_lock_
  std::mutex outside_lock_;
  std::atomic<u64> random_state_;

  std::atomic<u32> gate_{1};        // a futex: 1 while nothing may run
  std::atomic<bool> dying_{false};  // the destructor ends all tasks
  std::atomic<s32> runnable_{0};    // tasks that run or want to
  std::atomic<bool> stop_requested_{false};

  mutable std::mutex mutex_;       // what follows
  std::condition_variable ended_;  // a task has ended, or end_ was set
  std::vector<std::unique_ptr<LiveTask>> parts_;
  std::vector<LiveTask*> spare_;
  std::vector<TaskStatistics> finished_;
  std::vector<MachineReport> reports_;
  u32 next_id_ = 1;
  u32 next_interrupt_id_;
  u64 awaited_ = 0;
  bool violated_ = false;

  std::unique_ptr<LiveClock> clock_;  // timers and interrupts
};

/// An OS thread that stands for a device: between its construction and destruction, which are that thread's, the thread may run
/// code in interrupt context by run(). Threads of timers and raised interrupts are such, too.
class InterruptContext {
 public:
  /// `quit`, if given, makes run() return false at once when it becomes true: for an owner that does not wait for the machine.
  InterruptContext(LiveMachine& machine, const char* name, const std::atomic<bool>* quit = nullptr);
  ~InterruptContext();
  InterruptContext(const InterruptContext&) = delete;
  InterruptContext& operator=(const InterruptContext&) = delete;

  /// Calls function(argument) in interrupt context; first waits until the machine runs. False: the machine is coming to its end
  /// and the call was not made, or did not return.
  bool run(void (*function)(void*), void* argument) noexcept;

 private:
  static void loop(void* argument);

  LiveMachine& machine_;
  arch::Task task_;
  LiveTask* part_;
  void (*function_)(void*) = nullptr;
  void* argument_ = nullptr;
};

}  // namespace uringsim::sim
