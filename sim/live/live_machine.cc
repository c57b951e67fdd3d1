// SPDX-License-Identifier: GPL-2.0-only
// Runs: letting tasks go on, watching them, standing still again; and what the machine supplies.
#include "sim/live/live_machine.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernel_model/arch/memory.h"
#include "sim/live/futex.h"
#include "sim/live/live_clock.h"
#include "sim/live/live_task.h"

namespace uringsim::sim {

namespace {

constexpr u32 kFirstInterruptId = 0x10000000;  // ids of interrupt contexts, beyond any task's
constexpr auto kLook = std::chrono::milliseconds(20);
constexpr u64 kStandStill = 10'000'000'000;  // ns in which every task has to come back to the machine

unsigned processors_of(const cpu_set_t& set, std::vector<int>& list) {
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) list.push_back(cpu);
  if (list.empty()) list.push_back(0);
  return static_cast<unsigned>(list.size());
}

}  // namespace

LiveMachine::LiveMachine(const LiveOptions& options)
    : options_(options),
      start_(clock_ns()),
      pool_(options.memory),
      random_state_(options.seed * 0x9e3779b97f4a7c15),
      next_interrupt_id_(kFirstInterruptId) {
  if (sched_getaffinity(0, sizeof(allowed_), &allowed_) != 0) CPU_SET(0, &allowed_);
  const unsigned host = processors_of(allowed_, host_cpus_);
  if (options_.cpus == 0) options_.cpus = host;
  clock_ = std::make_unique<LiveClock>(*this, options_.interrupt_threads);
}

LiveMachine::~LiveMachine() {
  dying_ = true;
  std::unique_lock lock(mutex_);
  const u64 began = clock_ns();
  for (bool over = false; !over;) {
    over = true;
    futex_wake(&gate_);
    ended_.notify_all();
    for (const auto& part : parts_) {
      if (!part->alive || part->interrupt || part->place == LivePlace::ended) continue;
      over = false;
      rouse(*part);
      if (clock_ns() - began > kStandStill) {
        std::fprintf(stderr, "uringsim: task %s (%u) cannot be ended: it never comes back to the machine\n", part->task->name,
                     part->task->id);
        std::abort();
      }
    }
    if (!over) ended_.wait_for(lock, std::chrono::milliseconds(1));
  }
  for (const auto& part : parts_)
    if (part->thread.joinable()) part->thread.join();
  // Interrupt contexts wait at most for locks of tasks that are gone; they look at dying_, too.
  for (const auto& part : parts_)
    if (part->alive && part->interrupt) rouse(*part);
  lock.unlock();
  clock_->stop();  // before the pointer goes: until then timers look for it
  clock_.reset();
}

// ---- runs ------------------------------------------------------------------------------------------------------------------

RunResult LiveMachine::run(std::span<arch::Task* const> until, u64 time_limit) {
  RunResult result;
  std::unique_lock lock(mutex_);
  awaited_ = 0;
  for (arch::Task* const task : until) {
    auto* const part = static_cast<LiveTask*>(task->engine);
    if (part == nullptr || part->awaited || part->place == LivePlace::ended) continue;
    part->awaited = true;
    awaited_++;
  }
  if (!violated_) resume();
  result.end = wait_for_end(lock, time_limit);
  lock.unlock();
  const bool still = pause();
  lock.lock();
  if (!still && result.end == RunEnd::finished) result.end = RunEnd::livelock;
  result.time = now();
  if (result.end != RunEnd::finished)
    for (const auto& part : parts_)
      if (part->alive && !part->interrupt && part->place != LivePlace::ended) result.tasks.push_back(situation(*part));
  for (const auto& part : parts_) part->awaited = false;
  std::sort(result.tasks.begin(), result.tasks.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return result;
}

/// Until something ends the run. mutex_ is held by `lock`.
RunEnd LiveMachine::wait_for_end(std::unique_lock<std::mutex>& lock, u64 time_limit) {
  u64 seen = progress_of_awaited();
  u64 patience = now() + options_.hang;
  bool waiting_for_timers = false;
  for (;;) {
    if (violated_) return RunEnd::violation;
    if (awaited_ == 0) return RunEnd::finished;
    if (stop_requested_.exchange(false) || (options_.stop_flag != nullptr && *options_.stop_flag != 0)) return RunEnd::stopped;
    const u64 time = now();
    if (time >= time_limit) return RunEnd::time_limit;
    if (const u64 progress = progress_of_awaited(); progress != seen) {
      seen = progress;
      patience = time + options_.hang;
      waiting_for_timers = false;
    } else if (!waiting_for_timers) {
      waiting_for_timers = true;
      if (const u64 due = clock_->latest_due(); due < kNever / 2) patience = std::max(patience, due + options_.hang);
    }
    if (options_.hang != 0 && time >= patience) return RunEnd::deadlock;
    const auto left = std::chrono::nanoseconds(std::min<u64>(time_limit - time, std::chrono::nanoseconds(kLook).count()));
    ended_.wait_for(lock, left);
  }
}

/// What awaited tasks have got done so far, in no unit. A sleep with a deadline is bounded: it counts as getting somewhere.
u64 LiveMachine::progress_of_awaited() const noexcept {
  u64 sum = awaited_ << 48;
  for (const auto& part : parts_) {
    if (!part->awaited) continue;
    sum += part->progress.load(std::memory_order_relaxed);
    const bool timed = part->deadline.load(std::memory_order_relaxed) != kNever;
    if (timed && part->place.load(std::memory_order_relaxed) == LivePlace::sleeping) sum += clock_ns() / 1'000'000;
  }
  return sum;
}

void LiveMachine::request_stop() noexcept {
  stop_requested_ = true;
  ended_.notify_all();
}

void LiveMachine::resume() noexcept {
  gate_.store(0, std::memory_order_seq_cst);
  futex_wake(&gate_);
}

/// Holds everybody up and waits until all stand still; false if somebody does not.
bool LiveMachine::pause() {
  gate_.store(1, std::memory_order_seq_cst);
  const u64 began = clock_ns();
  while (!all_stand_still()) {
    if (clock_ns() - began > kStandStill) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  return true;
}

bool LiveMachine::all_stand_still() {
  const std::lock_guard lock(mutex_);
  return std::none_of(parts_.begin(), parts_.end(), [](const auto& part) {
    return part->alive && part->place.load(std::memory_order_seq_cst) == LivePlace::running;
  });
}

// ---- time and supply -------------------------------------------------------------------------------------------------------

u64 LiveMachine::now() noexcept {
  // A task that looks at the clock computes until some time: it gets somewhere. An SQ thread's look at jiffies means nothing.
  if (LiveTask* const task = self(); task != nullptr && !task->kernel_thread) task->went_on();
  return clock_ns() - start_;
}

void LiveMachine::timer_start(arch::Timer& timer, u64 due) noexcept { clock_->start(timer, due); }
int LiveMachine::timer_cancel(arch::Timer& timer) noexcept { return clock_->cancel(timer); }
void LiveMachine::raise(arch::Interrupt& interrupt) noexcept { clock_->raise(interrupt); }

/// Costs nothing, but is where a task comes by that neither sleeps nor polls: no lock is held at the start of a system call.
void LiveMachine::charge(arch::Cost what, u64) noexcept {
  LiveTask* const task = self();
  if (task == nullptr) return;
  if (what != arch::Cost::syscall)
    task->went_on();
  else if (!task->interrupt)
    pass_gate(*task);
}

void* LiveMachine::alloc(u64 bytes, u64 align) noexcept {
  if (LiveTask* const task = self(); task != nullptr) return pool_.alloc(task->cache, bytes, align);
  const std::lock_guard lock(outside_lock_);
  return pool_.alloc(outside_cache_, bytes, align);
}

void LiveMachine::free(void* memory, u64 bytes) noexcept {
  if (LiveTask* const task = self(); task != nullptr) return pool_.free(task->cache, memory, bytes);
  const std::lock_guard lock(outside_lock_);
  pool_.free(outside_cache_, memory, bytes);
}

s64 LiveMachine::live_bytes() const noexcept {
  const std::lock_guard lock(mutex_);
  s64 sum = MemoryPool::live_bytes(outside_cache_);
  for (const auto& part : parts_) sum += MemoryPool::live_bytes(part->cache);
  return sum;
}

/// splitmix64 over a shared counter: each number is drawn once, by whoever asks for it.
u64 LiveMachine::random() noexcept {
  u64 z = random_state_.fetch_add(0x9e3779b97f4a7c15, std::memory_order_relaxed) + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

u32 LiveMachine::choose(u32 options, const char*) noexcept {
  return options > 1 ? static_cast<u32>((random() >> 32) * options >> 32) : 0;
}

// Explored operations: nothing runs that way here, but a task that asks for them gets the hardware's.

u64 LiveMachine::load(const void* at, unsigned size, arch::Order, const char*, arch::Site) noexcept {
  if (size == 1) return __atomic_load_n(static_cast<const u8*>(at), __ATOMIC_ACQUIRE);
  if (size == 2) return __atomic_load_n(static_cast<const u16*>(at), __ATOMIC_ACQUIRE);
  if (size == 4) return __atomic_load_n(static_cast<const u32*>(at), __ATOMIC_ACQUIRE);
  return __atomic_load_n(static_cast<const u64*>(at), __ATOMIC_ACQUIRE);
}

void LiveMachine::store(void* at, unsigned size, u64 value, arch::Order, const char*, arch::Site) noexcept {
  if (size == 1) return __atomic_store_n(static_cast<u8*>(at), static_cast<u8>(value), __ATOMIC_RELEASE);
  if (size == 2) return __atomic_store_n(static_cast<u16*>(at), static_cast<u16>(value), __ATOMIC_RELEASE);
  if (size == 4) return __atomic_store_n(static_cast<u32*>(at), static_cast<u32>(value), __ATOMIC_RELEASE);
  __atomic_store_n(static_cast<u64*>(at), value, __ATOMIC_RELEASE);
}

namespace {
template <class T>
u64 hardware_rmw(void* at, arch::Rmw op, u64 operand, u64 expected) noexcept {
  T& word = *static_cast<T*>(at);
  const T value = static_cast<T>(operand);
  if (op == arch::Rmw::exchange) return __atomic_exchange_n(&word, value, __ATOMIC_SEQ_CST);
  if (op == arch::Rmw::add) return __atomic_fetch_add(&word, value, __ATOMIC_SEQ_CST);
  if (op == arch::Rmw::bit_and) return __atomic_fetch_and(&word, value, __ATOMIC_SEQ_CST);
  if (op == arch::Rmw::bit_or) return __atomic_fetch_or(&word, value, __ATOMIC_SEQ_CST);
  T old = static_cast<T>(expected);
  __atomic_compare_exchange_n(&word, &old, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return old;
}
}  // namespace

u64 LiveMachine::rmw(void* at, unsigned size, arch::Rmw op, u64 operand, u64 expected, arch::Order, arch::Site) noexcept {
  if (size == 1) return hardware_rmw<u8>(at, op, operand, expected);
  if (size == 2) return hardware_rmw<u16>(at, op, operand, expected);
  if (size == 4) return hardware_rmw<u32>(at, op, operand, expected);
  return hardware_rmw<u64>(at, op, operand, expected);
}

void LiveMachine::fence(arch::Fence kind, const char*, arch::Site) noexcept { arch::detail::hardware_fence(kind); }

}  // namespace uringsim::sim
