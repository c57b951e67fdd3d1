// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/model_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>

#include "kernel_model/arch/cost.h"
#include "kernel_model/core/hrtimer.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/core/syscall.h"
#include "sim/scenario/model_calls.h"
#include "sim/scenario/run_observer.h"

namespace uringsim::sim {

/// A child: what it runs, and with what. In kernel memory; the child frees nothing, it is part of the world.
struct ModelEnvironment::Child {
  ModelRun* run;
  const ForkStep* step;
  const TaskState* state;
  int pid;      ///< 0: it has been waited for
  Child* next;  ///< of the same parent, the one forked before
};

namespace {

void run_child(void* argument) {
  const auto& child = *static_cast<ModelEnvironment::Child*>(argument);
  become_application();
  // Linux leaves it the parent's name: whoever reads a story wants to tell the two apart.
  kernel::task_struct* const self = kernel::current();
  std::strncpy(self->name, child.step->name.c_str(), sizeof(self->name) - 1);
  ModelEnvironment env(*child.run, nullptr);
  StepRunner runner(env, child.run->plan, *child.run->shared, *child.state);
  runner.run(child.step->steps);
  env.reap_children();
}

}  // namespace

// ---- calls and memory ----------------------------------------------------------------------------------------------------

s64 ModelEnvironment::call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  // A program that goes on from call to call is no livelock, however little the calls do; a library that makes one again may be.
  if (went_on_) arch::charge(arch::Cost::syscall, 0);
  went_on_ = false;
  return model_call(number, a, b, c, d, e, f);
}

template <class T>
u64 ModelEnvironment::load_as(uptr at, LoadOrder order, const char* barrier) {
  switch (order) {
    case LoadOrder::acquire:
      return app_.load_acquire<T>(at, barrier);
    case LoadOrder::relaxed:
      return app_.load_relaxed<T>(at);
    case LoadOrder::plain:
      break;
  }
  return app_.load_plain<T>(at);
}

template <class T>
void ModelEnvironment::store_as(uptr at, u64 value, StoreOrder order, const char* barrier) {
  switch (order) {
    case StoreOrder::release:
      return app_.store_release<T>(at, static_cast<T>(value), barrier);
    case StoreOrder::relaxed:
      return app_.store_relaxed<T>(at, static_cast<T>(value));
    case StoreOrder::plain:
      break;
  }
  app_.store_plain<T>(at, static_cast<T>(value));
}

/// Tells checkers if `at` is some ring's sq.flags: of the first look behind each publication, for a loop that looks again and
/// again learns nothing that they would.
void ModelEnvironment::look_at_flags(uptr at) {
  if (run_.shared == nullptr || !kernel::kernel().trace.enabled()) return;
  for (u32 i = 0; i < run_.plan.rings.size(); ++i)
    if (published_[i] &&
        with_ring(*run_.shared, i, [at](const RingState& state) { return state.up && state.ring.sq.kflags == at; })) {
      published_.reset(i);
      note(kernel::EventKind::sq_flags_read, i, {});
    }
}

u64 ModelEnvironment::load(uptr at, unsigned size, LoadOrder order, const char* barrier) {
  if (size == sizeof(u32)) look_at_flags(at);
  if (size == 8) return load_as<u64>(at, order, barrier);
  if (size == 4) return load_as<u32>(at, order, barrier);
  if (size == 2) return load_as<u16>(at, order, barrier);
  return load_as<u8>(at, order, barrier);
}

void ModelEnvironment::store(uptr at, unsigned size, u64 value, StoreOrder order, const char* barrier) {
  if (size == 8) return store_as<u64>(at, value, order, barrier);
  if (size == 4) return store_as<u32>(at, value, order, barrier);
  if (size == 2) return store_as<u16>(at, value, order, barrier);
  store_as<u8>(at, value, order, barrier);
}

void ModelEnvironment::fence(FenceKind kind, const char* barrier) {
  switch (kind) {
    case FenceKind::none:
      return;
    case FenceKind::full:
      kernel::kernel().trace(kernel::EventKind::full_barrier);
      return arch::smp_mb(barrier);
    case FenceKind::read:
      return arch::smp_rmb(barrier);
    case FenceKind::write:
      return arch::smp_wmb(barrier);
  }
}

void ModelEnvironment::peek(void* to, uptr from, u64 bytes) {
  // Translations only: the bytes are looked at from outside of the simulated machine.
  auto* target = static_cast<u8*>(to);
  while (bytes != 0) {
    const u64 part = std::min(bytes, kernel::PAGE_SIZE - from % kernel::PAGE_SIZE);
    const u8* const source = kernel::mm_translate(kernel::current()->mm, from, part, false);
    for (u64 i = 0; i < part; ++i) target[i] = source != nullptr ? __atomic_load_n(source + i, __ATOMIC_RELAXED) : u8{0};
    target += part;
    from += part;
    bytes -= part;
  }
}

// ---- time ------------------------------------------------------------------------------------------------------------------

void ModelEnvironment::sleep(u64 nanoseconds) {
  const u64 until = arch::machine().now() + nanoseconds;
  // A signal with a handler ends one sleep, not the step.
  while (arch::machine().now() < until)
    kernel::system_call([&]() noexcept -> s64 {
      kernel::__set_current_state(arch::TASK_INTERRUPTIBLE);
      return kernel::schedule_hrtimeout(until) == 0 ? 0 : -kernel::ERESTARTNOHAND;
    });
}

void ModelEnvironment::spin(u64 nanoseconds) {
  // In ticks as long as all the time until then: who looks at nothing finer may be moved there at once.
  if (nanoseconds == 0) return;
  const u64 until = arch::machine().now() + nanoseconds;
  while (!arch::machine().ticks_passed(until, 0)) kernel::cpu_relax();
}

void* ModelEnvironment::alloc(u64 bytes) {
  constexpr u64 cache_line = 64;
  void* const memory = arch::machine().alloc(bytes, cache_line);
  if (memory != nullptr) return memory;
  fail(task_ != nullptr ? task_->name.c_str() : "a child", "the machine's memory is used up");
  kernel::do_group_exit(SIGKILL);
}

// ---- other tasks -----------------------------------------------------------------------------------------------------------

void ModelEnvironment::wait(kernel::completion& completion) {
  // As a system call, so that a fatal signal ends the task here.
  while (kernel::system_call([&]() noexcept -> s64 { return kernel::wait_for_completion_interruptible(&completion); }) != 0) {
  }
}

void ModelEnvironment::post(u32 event) { kernel::complete(&run_.completions.events[event]); }
void ModelEnvironment::await(u32 event) { wait(run_.completions.events[event]); }

void ModelEnvironment::join(const std::string& name) {
  for (Child* child = children_; child != nullptr; child = child->next) {
    if (child->pid == 0 || child->step->name != name) continue;
    reap(child->pid);
    child->pid = 0;
  }
  for (std::size_t i = 0; i < run_.tasks.size(); ++i)
    if (run_.tasks[i].name == name) wait(run_.completions.ended[i]);
}

void ModelEnvironment::signal(const std::string& task, int number) {
  const auto send = [number](int pid) {
    kernel::system_call([&]() noexcept -> s64 {
      kernel::task_struct* const target = kernel::find_get_task_by_pid(pid);
      if (target == nullptr) return -ESRCH;
      const int result = kernel::send_sig(number, target, 0);
      kernel::put_task_struct(target);
      return result;
    });
  };
  for (const Child* child = children_; child != nullptr; child = child->next)
    if (child->pid != 0 && child->step->name == task) send(child->pid);
  for (const ModelTask& one : run_.tasks)
    if (const int pid = __atomic_load_n(&one.pid, __ATOMIC_RELAXED); one.name == task && pid != 0) send(pid);
}

s64 ModelEnvironment::fork(const ForkStep& step, const void* runner_state) {
  auto* const child = static_cast<Child*>(alloc(sizeof(Child)));
  // The child starts with what the parent knows now, not with what it knows when the child first runs.
  StepRunner copy(*this, run_.plan, *run_.shared, *static_cast<const TaskState*>(runner_state));
  *child = {&run_, &step, &copy.state(), 0, children_};
  const s64 pid = kernel::system_call([&]() noexcept -> s64 { return kernel::do_fork(0, run_child, child); });
  if (pid > 0) {
    child->pid = static_cast<int>(pid);
    children_ = child;
  }
  return pid;
}

void ModelEnvironment::reap(int pid) {
  int status = 0;
  while (kernel::system_call([&]() noexcept -> s64 { return kernel::do_wait(pid, &status, false); }) == -EINTR) {
  }
}

void ModelEnvironment::reap_children() {
  for (Child* child = children_; child != nullptr; child = child->next)
    if (child->pid != 0) reap(child->pid);
  children_ = nullptr;
}

// ---- observers ---------------------------------------------------------------------------------------------------------------

void ModelEnvironment::naming_ring(u32 index) {
  run_.observer.name_ring(kernel::current()->id, index, run_.plan.scenario.rings[index].name);
}

void ModelEnvironment::cqe_reaped(u32 ring, u32 head, u64 user_data, s32 res, u32) {
  if (run_.explored) {
    ++run_.reaped[ring];
    if (res < 0 && !run_.allow_errors) {
      char text[96];
      *fmt::format_to_n(text, sizeof text - 1, "a CQE of user_data {} carries the error {}", user_data, res).out = 0;
      run_.fail_explored("no-cqe-error", text);
    }
    return;
  }
  kernel::kernel().trace(kernel::EventKind::cqe_reaped, run_.observer.ring_number(ring), head, user_data, res);
}

void ModelEnvironment::sq_published(u32 ring, u32 old_tail, u32 tail) {
  published_.set(ring);
  kernel::kernel().trace(kernel::EventKind::sq_published, run_.observer.ring_number(ring), old_tail, tail);
}

void ModelEnvironment::note(kernel::EventKind kind, u32 ring, std::initializer_list<s64> values) {
  s64 all[5] = {};
  std::copy_n(values.begin(), std::min<std::size_t>(values.size(), std::size(all)), all);
  kernel::kernel().trace(kind, run_.observer.ring_number(ring), all[0], all[1], all[2], all[3], all[4]);
}

void ModelEnvironment::touched(uptr at, u64 bytes, bool write) {
  kernel::kernel().trace(kernel::EventKind::buffer_touched, at, bytes, write ? 1 : 0);
}

void ModelEnvironment::violation(const char* check, const char* where, const char* what) {
  if (run_.explored) return run_.fail_explored(check, what);
  run_.violate(check, std::string(where) + ": " + what);
}

void ModelEnvironment::fail(const char* where, const char* what) {
  if (run_.explored) return run_.fail_explored(where, what);
  run_.fail(std::string(where) + ": " + what);
}

void ModelEnvironment::before_step(u64 number) {
  went_on_ = true;
  if (task_ == nullptr) return;
  for (const Fault& fault : run_.plan.scenario.faults)
    if (const auto* const death = std::get_if<DeathFault>(&fault);
        death != nullptr && death->nth == number && death->task.name == task_->name)
      kernel::do_group_exit(SIGKILL);
}

}  // namespace uringsim::sim
