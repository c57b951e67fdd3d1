// SPDX-License-Identifier: GPL-2.0-only
// The live engine's own part of a task or interrupt context. Internal to live_*.cc.
//
// Who writes: the task itself, except `state` (any waker), `affinity` and what mutex_ of the machine guards. Others read the
// atomic ones at any time, the rest while the task stands still.
#pragma once

#include <thread>

#include "sim/fiber/fiber.h"
#include "sim/live/live_machine.h"

namespace uringsim::sim {

/// Where a task is. All but `running` stand still until the machine lets them go on (wait_at_gate).
enum class LivePlace : u8 {
  running,
  sleeping,  ///< in schedule()
  waiting,   ///< for a lock or another task's end
  gate,      ///< would run if the machine did
  ended,
};

struct alignas(64) LiveTask {
  LiveTask() = default;
  ~LiveTask();
  LiveTask(const LiveTask&) = delete;
  LiveTask& operator=(const LiveTask&) = delete;

  static constexpr u32 kAsleep = 0x80000000;  ///< in `state`: must be roused by futex
  static constexpr u32 kDead = 0x80;          ///< TASK_DEAD, as Linux numbers it

  std::atomic<u32> state{arch::TASK_RUNNING};
  std::atomic<LivePlace> place{LivePlace::ended};
  std::atomic<u64> progress{0};        ///< grows while the task gets somewhere; written by the task alone
  std::atomic<u64> deadline{~u64{0}};  ///< of its sleep
  std::atomic<u64> since{0};           ///< when `place` last changed
  std::atomic<const arch::LockWord*> waits_for{nullptr};
  arch::LockKind waits_kind{};
  arch::Site waits_site;
  const arch::Task* joins = nullptr;  // mutex_

  LiveMachine* machine = nullptr;
  arch::Task* task = nullptr;  ///< gone when it has ended and was joined
  void (*entry)(void*) = nullptr;
  void* argument = nullptr;
  bool interrupt = false;
  bool kernel_thread = false;
  const std::atomic<bool>* quit = nullptr;  ///< of an interrupt context: do not wait for the machine any more
  std::atomic<int> affinity{-1};
  u64 slice_began = 0;  ///< ns of the host's clock
  u32 passes_in_a_row = 0;
  MemoryPool::Cache cache;

  Fiber native;  ///< the OS thread's own stack
  Fiber own;     ///< the task's
  void* stack = nullptr;
  u64 stack_bytes = 0;
  std::thread thread;

  u64 began = 0;  ///< when it was spawned
  u64 over = 0;   ///< when it ended

  // mutex_
  bool alive = false;
  bool awaited = false;
  u32 joiners = 0;

  TaskStatistics statistics;

  void went_on() noexcept { progress.store(progress.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
};

}  // namespace uringsim::sim
