// SPDX-License-Identifier: GPL-2.0-only
// Sleeping, waking, giving way, and standing still between runs.
#include <sched.h>

#include "kernel_model/arch/memory.h"
#include "sim/live/futex.h"
#include "sim/live/live_task.h"

namespace uringsim::sim {

namespace {
constexpr u32 kPassesAlone = 1024;        // polling passes between two yields of the host's processor
constexpr u32 kPassesCrowded = 32;        // likewise when others want it
constexpr u64 kLookForQuit = 10'000'000;  // ns
}  // namespace

void LiveMachine::set_state(u32 state) noexcept {
  if (LiveTask* const task = self(); task != nullptr) task->state.store(state, std::memory_order_relaxed);
}

u32 LiveMachine::state(const arch::Task& task) const noexcept {
  const auto* const part = static_cast<const LiveTask*>(__atomic_load_n(&task.engine, __ATOMIC_ACQUIRE));
  return part != nullptr ? part->state.load(std::memory_order_relaxed) & ~LiveTask::kAsleep : LiveTask::kDead;
}

bool LiveMachine::schedule(u64 deadline) noexcept {
  LiveTask* const task = self();
  if (task == nullptr || task->interrupt) {
    report("schedule() outside of a task", true, arch::Site::here());
    return true;
  }
  bool woken = true;
  if (task->state.load(std::memory_order_acquire) != arch::TASK_RUNNING)
    woken = sleep(*task, deadline);
  else if (need_resched())
    yield();
  pass_gate(*task);
  return woken;
}

/// Until the task's state is TASK_RUNNING; at the deadline it makes it so itself and returns false.
bool LiveMachine::sleep(LiveTask& task, u64 deadline) noexcept {
  const u64 began = clock_ns();
  const u64 until = deadline > kNever - start_ ? kNever : start_ + deadline;
  task.since.store(began - start_, std::memory_order_relaxed);
  task.deadline.store(deadline, std::memory_order_relaxed);
  task.place.store(LivePlace::sleeping, std::memory_order_seq_cst);
  runnable_.fetch_sub(1, std::memory_order_relaxed);
  bool woken = true;
  for (;;) {
    u32 state = task.state.load(std::memory_order_acquire);
    if (state == arch::TASK_RUNNING) break;
    if (dying_.load(std::memory_order_acquire)) leave(task);
    if ((state & LiveTask::kAsleep) == 0) {
      // Fails if a waker was here meanwhile.
      if (!task.state.compare_exchange_strong(state, state | LiveTask::kAsleep, std::memory_order_acquire)) continue;
      state |= LiveTask::kAsleep;
    }
    futex_wait(task.state, state, until);
    if (until == kNever || task.state.load(std::memory_order_acquire) == arch::TASK_RUNNING || clock_ns() < until) continue;
    woken = task.state.exchange(arch::TASK_RUNNING, std::memory_order_acquire) == arch::TASK_RUNNING;
    break;
  }
  runnable_.fetch_add(1, std::memory_order_relaxed);
  task.place.store(LivePlace::running, std::memory_order_seq_cst);
  const u64 ended = clock_ns();
  task.since.store(ended - start_, std::memory_order_relaxed);
  task.slice_began = ended;
  task.statistics.asleep += ended - began;
  task.statistics.switches++;
  task.passes_in_a_row = 0;
  task.went_on();
  return woken;
}

bool LiveMachine::wake(arch::Task& task, u32 mask) noexcept {
  auto* const part = static_cast<LiveTask*>(__atomic_load_n(&task.engine, __ATOMIC_ACQUIRE));
  if (part == nullptr) return false;
  // Orders what the caller did before against the look at the state: pairs with the barrier in set_current_state().
  arch::smp_mb("live.wake");
  u32 state = part->state.load(std::memory_order_relaxed);
  do {
    if ((state & mask & ~LiveTask::kAsleep) == 0) return false;
  } while (!part->state.compare_exchange_weak(state, arch::TASK_RUNNING, std::memory_order_seq_cst, std::memory_order_relaxed));
  // From here on the task may run, end and be gone; its part stays where it is as long as the machine.
  if ((state & LiveTask::kAsleep) != 0) futex_wake(&part->state, 1);
  return true;
}

bool LiveMachine::need_resched() noexcept {
  const LiveTask* const task = self();
  if (task == nullptr || task->interrupt) return false;
  if (runnable_.load(std::memory_order_relaxed) <= static_cast<s32>(host_cpus_.size())) return false;
  return clock_ns() - task->slice_began > options_.slice;
}

void LiveMachine::yield() noexcept {
  LiveTask* const task = self();
  sched_yield();
  if (task == nullptr) return;
  task->slice_began = clock_ns();
  if (!task->interrupt) pass_gate(*task);
}

void LiveMachine::poll_pass(arch::Site) noexcept {
  LiveTask* const task = self();
  __builtin_ia32_pause();
  if (task == nullptr) return;
  const bool crowded = runnable_.load(std::memory_order_relaxed) > static_cast<s32>(host_cpus_.size());
  if (++task->passes_in_a_row >= (crowded ? kPassesCrowded : kPassesAlone)) {
    task->statistics.passes += task->passes_in_a_row;
    task->passes_in_a_row = 0;
    sched_yield();
  }
  if (!task->interrupt) pass_gate(*task);
}

/// The machine does not run: the task stands here until it does.
///
///     task                              pause()
///     place = running                   gate = 1
///     look at gate                      look at place
void LiveMachine::wait_at_gate(LiveTask& task) noexcept {
  for (;;) {
    task.place.store(LivePlace::gate, std::memory_order_seq_cst);
    while (gate_.load(std::memory_order_seq_cst) != 0) {
      if (task.interrupt) {
        // Its caller looks, too. Nobody rouses it for `quit`: it looks now and then.
        if (dying_.load(std::memory_order_acquire) || (task.quit != nullptr && task.quit->load())) return;
        futex_wait(gate_, 1, clock_ns() + kLookForQuit);
        continue;
      }
      if (dying_.load(std::memory_order_acquire)) leave(task);
      futex_wait(gate_, 1, kNever);
    }
    task.place.store(LivePlace::running, std::memory_order_seq_cst);
    if (gate_.load(std::memory_order_seq_cst) == 0) return;
  }
}

/// Makes a task that sleeps or waits look at dying_.
void LiveMachine::rouse(LiveTask& task) noexcept {
  // A state that is not TASK_RUNNING but differs from what it sleeps on: a sleeper goes round its loop once.
  u32 state = task.state.load(std::memory_order_relaxed);
  while ((state & LiveTask::kAsleep) != 0 && !task.state.compare_exchange_weak(state, state & ~LiveTask::kAsleep)) {
  }
  futex_wake(&task.state);
  if (const arch::LockWord* const lock = task.waits_for.load(std::memory_order_acquire); lock != nullptr) futex_wake(&lock->word);
}

}  // namespace uringsim::sim
