// SPDX-License-Identifier: GPL-2.0-only
// The timed engine's own part of a task and of a processor. Internal to timed_*.cc.
#pragma once

#include "sim/fiber/timed_machine.h"

namespace uringsim::sim {

/// Where a task is.
enum class Whereabouts : u8 {
  blocked,  ///< on no processor, until somebody makes it ready
  queued,   ///< in a processor's queue
  running,  ///< on a processor (interrupt contexts: always)
};

/// The pass of a polling loop that is under way, and what is known of the last complete one.
struct PollState {
  u64 began = 0;        // running time at the start of the pass
  u64 effects = 0;      // the task's effects then
  u64 world = 0;        // everybody's effects then
  u64 bound = ~u64{0};  // clock at which something that the pass has read changes by itself: the next jiffy
  bool locks = false;   // it took a lock, or tried to
  bool asks = false;    // it asked whether it should give way

  unsigned alike = 0;  // passes that were like the one before, nothing that they read having changed meanwhile
  u64 duration = 0;
  u64 last_world = 0;
  u64 last_bound = 0;
  bool last_locks = false;
  bool last_asks = false;
  const char* file = nullptr;
  unsigned line = 0;

  /// Three equal passes: the next one will be the same.
  [[nodiscard]] bool repeats() const noexcept { return alike >= 2; }
};

struct HeldLock {
  const arch::LockWord* lock = nullptr;
  arch::LockKind kind{};
  arch::Site site;
};

/// All of it but the fiber: plain data, reset by assignment.
struct TimedTaskState {
  static constexpr unsigned kHeldLocks = 8;  // remembered by place; more are counted only

  TimedMachine* machine = nullptr;
  arch::Task* task = nullptr;  // gone when the task has ended
  void (*entry)(void*) = nullptr;
  void* argument = nullptr;
  void* stack = nullptr;
  u32 id = 0;
  u32 state = arch::TASK_RUNNING;
  Whereabouts where = Whereabouts::blocked;
  bool kernel_thread = false;
  bool awaited = false;
  bool in_schedule = false;  // blocked in schedule(), not in a lock or a join
  bool timed_out = false;
  bool interrupt = false;
  unsigned cpu = 0;   // of the processor it is or was last on
  int affinity = -1;  // -1: any

  // Running time is clock - not_running; virtual running time adds an offset.
  u64 not_running = 0;
  u64 virtual_offset = 0;
  u64 since = 0;  // when it was blocked or queued
  u64 settled_effects = 0;

  TimedTask* next_queued = nullptr;
  TimedTask* previous_queued = nullptr;
  u64 sleeper_place = 0;

  const arch::LockWord* waits_for = nullptr;
  arch::LockKind waits_kind{};
  arch::Site waits_site;
  TimedTask* next_waiter = nullptr;
  bool spinning = false;  // at a spinlock: keeps its processor, does not go on
  bool lost = false;      // woken for a mutex that somebody else took first
  bool handed = false;    // owns the mutex that it waits for
  HeldLock held[kHeldLocks];
  unsigned held_count = 0;
  unsigned spin_depth = 0;
  bool seen_holding = false;  // others have run since it took a lock

  const arch::Task* joins = nullptr;
  TimedTask* joiners = nullptr;
  TimedTask* next_joiner = nullptr;

  PollState poll;
  TaskStatistics statistics;
};

struct TimedTask : TimedTaskState {
  Fiber fiber;

  [[nodiscard]] u64 ran() const noexcept { return task->clock - not_running; }
  [[nodiscard]] u64 virtual_time() const noexcept { return ran() + virtual_offset; }
  /// Time passes without the task running.
  void shift(u64 by) noexcept {
    task->clock += by;
    not_running += by;
  }
};

/// a - b of two virtual times, which may have wrapped.
inline s64 virtual_difference(u64 a, u64 b) noexcept { return static_cast<s64>(a - b); }

struct TimedProcessor {
  unsigned index = 0;
  TimedTask* running = nullptr;
  TimedTask* queue = nullptr;  // by virtual time
  TimedTask* queue_last = nullptr;
  unsigned queued = 0;
  bool resched = false;
  bool migrate = false;  // the running task must leave for another processor
  u64 free_at = 0;       // clock at which the last task or interrupt left
  u64 slice_end = 0;
  u64 min_virtual = 0;
  u64 took_over = 0;                 // running time of the running task when it came
  const arch::Task* last = nullptr;  // for the observer: who left
  u32 last_state = 0;

  std::unique_ptr<TimedTask> interrupt;
  std::unique_ptr<arch::Task> bare_task;  // what interrupts run as if nobody provided a task
  bool interrupted = false;
  bool interrupt_charged = false;
  u64 interrupt_began = 0;
  u64 interrupt_waited = 0;
  TimedTask* victim = nullptr;
  arch::Timer* first_timer = nullptr;  // due ones, linked by engine[1] (next) and engine[2] (previous)
  arch::Timer* last_timer = nullptr;
  arch::Timer* running_timer = nullptr;
  arch::Interrupt* first_interrupt = nullptr;  // linked by engine[0]; engine[1] marks membership
  arch::Interrupt* last_interrupt = nullptr;

  ProcessorStatistics statistics;

  /// The one who goes on here: the interrupt, if there is one that is not waiting for a lock, else the task.
  [[nodiscard]] TimedTask* lane() const noexcept {
    if (interrupted && !interrupt->spinning) return interrupt.get();
    return running != nullptr && !running->spinning ? running : nullptr;
  }
};

inline u64& TimedMachine::SleeperPlace::of(TimedTask& task) noexcept { return task.sleeper_place; }

}  // namespace uringsim::sim
