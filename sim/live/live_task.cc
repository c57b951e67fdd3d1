// SPDX-License-Identifier: GPL-2.0-only
// Threads: making, ending and joining tasks, and the interrupt contexts of devices.
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "sim/live/futex.h"
#include "sim/live/live_task.h"

namespace uringsim::sim {

namespace {

constexpr u64 kPage = 4096;

/// A stack with a page below it that faults. Null when the host has none left.
void* map_stack(u64 bytes) noexcept {
  void* const at = mmap(nullptr, bytes + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  mprotect(at, kPage, PROT_NONE);
  return static_cast<u8*>(at) + kPage;
}

/// Frames that were never left have marked it, and the marks outlive the mapping: whoever is given the addresses next would be
/// accused.
void unmap_stack(void* stack, u64 bytes) noexcept {
  if (stack == nullptr) return;
  forget_frames(stack, bytes);
  munmap(static_cast<u8*>(stack) - kPage, bytes + kPage);
}

}  // namespace

LiveTask::~LiveTask() { unmap_stack(stack, stack_bytes); }

u64 LiveMachine::clock_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<u64>(now.tv_sec) * 1'000'000'000 + static_cast<u64>(now.tv_nsec);
}

/// A part for `task`, fresh or used before. mutex_ is held.
LiveTask& LiveMachine::new_part(arch::Task& task, const char* name) {
  if (spare_.empty()) {
    parts_.push_back(std::make_unique<LiveTask>());
    spare_.push_back(parts_.back().get());
  }
  LiveTask& part = *spare_.back();
  spare_.pop_back();
  part.machine = this;
  part.task = &task;
  part.kernel_thread = part.interrupt = part.awaited = false;
  part.quit = nullptr;
  part.alive = true;
  part.joiners = 0;
  part.affinity.store(-1, std::memory_order_relaxed);
  part.passes_in_a_row = 0;
  part.statistics = {};
  part.began = clock_ns() - start_;
  part.over = 0;
  part.statistics.name = name;
  task.access = arch::Access::direct;
  task.machine = this;
  return part;
}

/// From here on others that know the task can look at it and wake it: it may have been on the kernel's list of tasks for a while.
void LiveMachine::publish(arch::Task& task, LiveTask& part) noexcept { __atomic_store_n(&task.engine, &part, __ATOMIC_RELEASE); }

void LiveMachine::spawn(arch::Task& task, void (*entry)(void*), void* argument, const arch::SpawnOptions& options) noexcept {
  const std::lock_guard lock(mutex_);
  LiveTask& part = new_part(task, task.name);
  task.id = next_id_++;
  part.statistics.id = task.id;
  part.entry = entry;
  part.argument = argument;
  part.kernel_thread = options.kernel_thread;
  const u64 bytes = (std::max(options.stack_bytes, options_.stack_bytes) + kPage - 1) / kPage * kPage;
  if (part.stack_bytes != bytes) {
    unmap_stack(part.stack, part.stack_bytes);
    part.stack = map_stack(bytes);
    part.stack_bytes = bytes;
  }
  part.state.store(arch::TASK_UNINTERRUPTIBLE, std::memory_order_relaxed);
  part.place.store(LivePlace::sleeping, std::memory_order_relaxed);
  part.deadline.store(kNever, std::memory_order_relaxed);
  if (options.cpu >= 0) part.affinity.store(options.cpu, std::memory_order_relaxed);
  publish(task, part);
  try {
    if (part.stack == nullptr) throw std::system_error(ENOMEM, std::generic_category());
    part.own.start(part.stack, part.stack_bytes, &LiveMachine::task_entry, &part);
    part.thread = std::thread(&LiveMachine::thread_main, this, std::ref(part));
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "uringsim: no thread for another task: %s\n", error.what());
    constexpr int internal_failure = 3;
    std::_Exit(internal_failure);
  }
}

/// On the OS thread's own stack.
void LiveMachine::thread_main(LiveTask& part) noexcept {
  if (const int cpu = part.affinity.load(std::memory_order_relaxed); cpu >= 0) pin(pthread_self(), cpu);
  arch::set_current_task(part.task);
  Fiber::switch_to(part.native, part.own);  // comes back from leave()
  arch::set_current_task(nullptr);
  pool_.flush(part.cache);
  const std::lock_guard lock(mutex_);
  part.statistics.ended = true;
  part.over = clock_ns() - start_;
  part.place.store(LivePlace::ended, std::memory_order_release);
  if (part.awaited) {
    part.awaited = false;
    awaited_--;
  }
  ended_.notify_all();
}

/// On the task's stack.
void LiveMachine::task_entry(void* argument) {
  LiveTask& part = *static_cast<LiveTask*>(argument);
  LiveMachine& machine = *part.machine;
  machine.runnable_.fetch_add(1, std::memory_order_relaxed);
  machine.sleep(part, kNever);
  machine.pass_gate(part);
  part.entry(part.argument);
  machine.exit();
}

void LiveMachine::exit() noexcept {
  LiveTask& part = *self();
  runnable_.fetch_sub(1, std::memory_order_relaxed);
  part.state.store(LiveTask::kDead, std::memory_order_relaxed);
  leave(part);
}

/// Off the task's stack, for good.
void LiveMachine::leave(LiveTask& part) noexcept { Fiber::leave_for(part.own, part.native); }

void LiveMachine::join(arch::Task& task) noexcept {
  LiveTask* const caller = self();
  if (caller != nullptr && caller->interrupt) return report("join from interrupt context", true, arch::Site::here());
  std::unique_lock lock(mutex_);
  auto* const part = static_cast<LiveTask*>(task.engine);
  if (part == nullptr) return;
  part->joiners++;
  if (caller != nullptr) {
    caller->joins = &task;
    caller->since.store(clock_ns() - start_, std::memory_order_relaxed);
    caller->place.store(LivePlace::waiting, std::memory_order_seq_cst);
    runnable_.fetch_sub(1, std::memory_order_relaxed);
  }
  ended_.wait(lock, [&] { return part->place.load(std::memory_order_relaxed) == LivePlace::ended || dying_; });
  const bool over = part->place.load(std::memory_order_relaxed) == LivePlace::ended;
  if (--part->joiners == 0 && over) {
    __atomic_store_n(&task.engine, nullptr, __ATOMIC_RELEASE);
    recycle(*part);
  }
  lock.unlock();
  if (caller == nullptr) return;
  if (!over) leave(*caller);
  runnable_.fetch_add(1, std::memory_order_relaxed);
  caller->joins = nullptr;
  caller->went_on();
  caller->place.store(LivePlace::running, std::memory_order_seq_cst);
  if (gate_.load(std::memory_order_seq_cst) != 0) wait_at_gate(*caller);
}

/// The part of an ended task may serve another one. mutex_ is held.
void LiveMachine::recycle(LiveTask& part) noexcept {
  part.thread.join();
  finished_.push_back(statistics_of(part));
  part.alive = false;
  part.task = nullptr;
  part.joins = nullptr;
  part.state.store(LiveTask::kDead, std::memory_order_relaxed);
  spare_.push_back(&part);
}

void LiveMachine::set_affinity(arch::Task& task, int cpu) noexcept {
  const std::lock_guard lock(mutex_);
  auto* const part = static_cast<LiveTask*>(task.engine);
  if (part == nullptr) return;
  part->affinity.store(cpu, std::memory_order_relaxed);
  if (part->place.load(std::memory_order_relaxed) != LivePlace::ended) pin(part->thread.native_handle(), cpu);
}

/// Binds the thread to a host's processor; -1: to all that there are. Only a preference: where the host refuses, it runs on.
void LiveMachine::pin(pthread_t thread, int cpu) noexcept {
  cpu_set_t set = allowed_;
  if (cpu >= 0) {
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(host_cpus_[static_cast<unsigned>(cpu) % host_cpus_.size()]), &set);
  }
  (void)pthread_setaffinity_np(thread, sizeof(set), &set);
}

int LiveMachine::current_cpu() const noexcept {
  const LiveTask* const part = self();
  if (part != nullptr)
    if (const int cpu = part->affinity.load(std::memory_order_relaxed); cpu >= 0) return cpu % static_cast<int>(options_.cpus);
  const int host = sched_getcpu();
  const auto at = std::find(host_cpus_.begin(), host_cpus_.end(), host);
  const auto index = static_cast<unsigned>(at != host_cpus_.end() ? at - host_cpus_.begin() : 0);
  return static_cast<int>(index % options_.cpus);
}

// ---- interrupt contexts --------------------------------------------------------------------------------------------------

InterruptContext::InterruptContext(LiveMachine& machine, const char* name, const std::atomic<bool>* quit) : machine_(machine) {
  std::snprintf(task_.name, sizeof(task_.name), "%s", name);
  const std::lock_guard lock(machine.mutex_);
  part_ = &machine.new_part(task_, task_.name);
  task_.id = machine.next_interrupt_id_++;
  task_.in_interrupt = true;
  part_->statistics.id = task_.id;
  part_->interrupt = true;
  part_->quit = quit;
  LiveMachine::publish(task_, *part_);
  part_->state.store(arch::TASK_RUNNING, std::memory_order_relaxed);
  part_->place.store(LivePlace::sleeping, std::memory_order_relaxed);
  const u64 bytes = machine.options_.stack_bytes;
  if (part_->stack_bytes != bytes) {
    unmap_stack(part_->stack, part_->stack_bytes);
    part_->stack = map_stack(bytes);
    part_->stack_bytes = bytes;
  }
  if (part_->stack == nullptr) throw std::system_error(ENOMEM, std::generic_category(), "no stack for an interrupt context");
  part_->own.start(part_->stack, bytes, &InterruptContext::loop, this);
}

InterruptContext::~InterruptContext() {
  machine_.pool_.flush(part_->cache);
  const std::lock_guard lock(machine_.mutex_);
  part_->place.store(LivePlace::ended, std::memory_order_release);
  part_->alive = false;
  part_->task = nullptr;
  machine_.spare_.push_back(part_);
}

bool InterruptContext::run(void (*function)(void*), void* argument) noexcept {
  function_ = function;
  argument_ = argument;
  part_->place.store(LivePlace::running, std::memory_order_seq_cst);
  if (machine_.gate_.load(std::memory_order_seq_cst) != 0) machine_.wait_at_gate(*part_);
  if (machine_.dying_.load(std::memory_order_acquire) || (part_->quit != nullptr && part_->quit->load())) {
    part_->place.store(LivePlace::sleeping, std::memory_order_seq_cst);
    return false;
  }
  arch::Task* const outer = arch::current_task();
  arch::set_current_task(&task_);
  Fiber::switch_to(part_->native, part_->own);
  arch::set_current_task(outer);
  part_->went_on();
  part_->place.store(LivePlace::sleeping, std::memory_order_seq_cst);
  return function_ == nullptr;
}

/// On the context's own stack, so that a call that cannot come back can be left behind.
void InterruptContext::loop(void* argument) {
  InterruptContext& context = *static_cast<InterruptContext*>(argument);
  for (;;) {
    context.function_(context.argument_);
    context.function_ = nullptr;
    Fiber::switch_to(context.part_->own, context.part_->native);
  }
}

}  // namespace uringsim::sim
