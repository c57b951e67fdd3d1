// SPDX-License-Identifier: GPL-2.0-only
// Control flow, time and the steps between tasks. Rings are in ring_steps.cc, other system calls in call_steps.cc.
#include "sim/scenario/step_runner.h"

#include <algorithm>
#include <new>

#include "kernel_model/core/prelude.h"
#include "sim/scenario/step_failure.h"

namespace uringsim::sim {

namespace {

template <class T>
T* array(Environment& app, u64 count) {
  return count == 0 ? nullptr : static_cast<T*>(app.alloc(count * sizeof(T)));
}

}  // namespace

SharedState* make_shared_state(Environment& app, const Plan& plan) {
  auto* const shared = new (app.alloc(sizeof(SharedState))) SharedState;
  for (auto& heads : shared->free)
    for (u32& head : heads) head = no_slot;
  for (u32& head : shared->in_flight) head = no_slot;
  shared->rings = array<RingState>(app, plan.rings.size());
  for (u32 i = 0; i < plan.rings.size(); ++i) new (&shared->rings[i]) RingState;
  return shared;
}

StepRunner::StepRunner(Environment& app, const Plan& plan, SharedState& shared, u32 index, u32 number)
    : app_(app), plan_(plan), shared_(shared), options_(&plan.scenario.tasks[index].value) {
  task_ = new (app.alloc(sizeof(TaskState))) TaskState;
  task_->index = index;
  task_->number = number;
  task_->variables = array<s64>(app, options_->variables.size());
  task_->buffers = array<uptr>(app, options_->buffers.size());
  task_->positions = array<u64>(app, plan.files.size());
  task_->variables[0] = number;
}

StepRunner::StepRunner(Environment& app, const Plan& plan, SharedState& shared, const TaskState& parent)
    : StepRunner(app, plan, shared, parent.index, parent.number) {
  for (std::size_t i = 0; i < options_->variables.size(); ++i) task_->variables[i] = parent.variables[i];
  for (std::size_t i = 0; i < options_->buffers.size(); ++i) task_->buffers[i] = parent.buffers[i];
  for (std::size_t i = 0; i < plan.files.size(); ++i) task_->positions[i] = parent.positions[i];
  task_->scratch = parent.scratch;
  task_->io = parent.io;
  task_->io_bytes = parent.io_bytes;
}

bool StepRunner::prepare() {
  where_ = plan_.scenario.tasks[task_->index].where.c_str();
  task_->scratch = map_memory(kernel::PAGE_SIZE);
  if (task_->scratch == 0) return false;
  for (std::size_t i = 0; i < options_->buffers.size(); ++i) {
    const BufferOptions& buffer = options_->buffers[i].value;
    task_->buffers[i] = map_memory(buffer.size.count);
    if (task_->buffers[i] == 0) return false;
    if (buffer.content == Content::hole) continue;
    u8 bytes[kernel::PAGE_SIZE];
    for (u64 at = 0; at < buffer.size.count; at += kernel::PAGE_SIZE) {
      const u64 part = std::min(kernel::PAGE_SIZE, buffer.size.count - at);
      for (u64 j = 0; j < part; ++j) bytes[j] = buffer.content == Content::pattern ? pattern_byte(at + j, buffer.seed) : u8{0};
      app_.copy_out(task_->buffers[i] + at, bytes, part);
    }
  }
  if (task_->number != 0) return true;
  for (u32 ring = 0; ring < plan_.rings.size(); ++ring)
    if (plan_.rings[ring].owner == task_->index && plan_.rings[ring].at_start && !start_ring(ring)) return false;
  return true;
}

bool StepRunner::run(const Steps& steps) {
  for (const TaskStep& step : steps) {
    where_ = step.where.c_str();
    if (task_->steps == most_steps) return fail("the task has executed {} steps, and is not at its end", most_steps);
    app_.before_step(++task_->steps);
    if (!std::visit([this](const auto& one) { return act(one); }, step.action)) return false;
  }
  return true;
}

// ---- control -----------------------------------------------------------------------------------------------------------

bool StepRunner::next_round(const char* where) {
  if (++task_->rounds <= most_steps) return true;
  where_ = where;
  return fail("the task's loops have had {} rounds, and are not over", most_steps);
}

bool StepRunner::act(const RepeatStep& step) {
  constexpr u64 many = 1 << 16;
  constexpr u64 time_of_many = 10'000;  // ns
  const char* const here = where_;
  const s64 times = value(step.times);
  for (s64 i = 0; i < times; ++i) {
    assign(step.index, i);
    if (!next_round(here) || !run(step.steps)) return false;
    // Rounds that touch nothing of the machine are computing, which takes time like any other: else nobody could stop the run.
    if (task_->rounds % many == 0) app_.spin(time_of_many);
  }
  return true;
}

bool StepRunner::act(const IfStep& step) { return run(value(step.condition) != 0 ? step.then : step.otherwise); }

bool StepRunner::act(const MistakeStep& step) { return run(step.made ? step.steps : step.instead); }

bool StepRunner::act(const WhileStep& step) {
  const char* const here = where_;
  for (u64 round = 0; value(step.condition) != 0; ++round) {
    if (step.limit != 0 && round == step.limit) {
      where_ = here;
      return fail("the loop is not over after {} rounds", step.limit);
    }
    if (!next_round(here) || !run(step.steps)) return false;
    if (value(step.condition) != 0) app_.poll_pass();  // what this pass saw did not end the loop
  }
  return true;
}

bool StepRunner::act(const AssertStep& step) {
  if (value(step.condition) != 0) return true;
  char values[160];
  char* end = values;
  *end = 0;
  // The variables of the condition, so that nobody has to run it again to learn them.
  for (const Expression::Instruction& part : step.condition.code()) {
    if (part.op != Expression::Operator::variable) continue;
    const auto slot = static_cast<std::size_t>(part.operand);
    const auto left = static_cast<std::size_t>(values + sizeof values - 1 - end);
    const auto written =
        fmt::format_to_n(end, left, "{}{} = {}", end == values ? "" : ", ", options_->variables[slot], task_->variables[slot]);
    end = written.out;
    *end = 0;
  }
  return fail("assert failed: {}{}{}{}{}{}", step.text.c_str(), *values ? " (" : "", static_cast<const char*>(values),
              *values ? ")" : "", step.message.empty() ? "" : "; ", step.message.c_str());
}

bool StepRunner::act(const SetStep& step) {
  for (const Assignment& one : step.values) assign(Variable{one.variable}, value(one.value));
  return true;
}

bool StepRunner::act(const ExitStep& step) {
  task_->exit_code = step.code;
  return false;
}

// ---- time --------------------------------------------------------------------------------------------------------------

bool StepRunner::act(const SleepStep& step) {
  app_.sleep(step.time.count);
  return true;
}

bool StepRunner::act(const SpinStep& step) {
  app_.spin(step.time.count);
  return true;
}

bool StepRunner::act(const YieldStep&) {
  app_.yield();
  return true;
}

bool StepRunner::act(const ClockStep& step) {
  assign(step.into, static_cast<s64>(app_.now()));
  return true;
}

// ---- other tasks -------------------------------------------------------------------------------------------------------

bool StepRunner::act(const PostStep& step) {
  app_.post(plan_.event(step.event.name));
  return true;
}

bool StepRunner::act(const AwaitStep& step) {
  app_.await(plan_.event(step.event.name));
  return true;
}

bool StepRunner::act(const JoinStep& step) {
  app_.join(step.task.name);
  return true;
}

bool StepRunner::act(const ForkStep& step) {
  const s64 child = app_.fork(step, task_);
  return child >= 0 || fail("fork: -{}", errno_name(static_cast<int>(-child)).c_str());
}

bool StepRunner::act(const SignalStep& step) {
  constexpr int numbers[] = {10, 12, 2, 15, 14, 9};  // as enum Signal
  app_.signal(step.task.name, numbers[static_cast<unsigned>(step.signal)]);
  return true;
}

// ---- small things ------------------------------------------------------------------------------------------------------

s64 StepRunner::value(const Expression& expression) const noexcept {
  return expression.value({task_->variables, options_->variables.size()}, {task_->buffers, options_->buffers.size()});
}

void StepRunner::assign(Variable variable, s64 number) noexcept {
  if (variable) task_->variables[variable.slot] = number;
}

bool StepRunner::fail(const char* what) {
  app_.fail(where_, what);
  return false;
}

bool StepRunner::expect(s64 got, const std::optional<Expression>& wanted, const char* call) {
  if (!wanted || got == value(*wanted)) return true;
  return fail("{} returned {}, expected {}", call, got, value(*wanted));
}

bool StepRunner::io_memory(u64 bytes) {
  if (task_->io != 0 && bytes <= task_->io_bytes) return true;
  if (task_->io != 0) app_.call(SYS_munmap, task_->io, task_->io_bytes);
  task_->io_bytes = std::max((bytes + kernel::PAGE_SIZE - 1) / kernel::PAGE_SIZE, u64{1}) * kernel::PAGE_SIZE;
  task_->io = map_memory(task_->io_bytes);
  return task_->io != 0;
}

uptr StepRunner::map_memory(u64 bytes) {
  constexpr u64 prot_read_write = 3, map_private_anonymous = 0x22;
  const s64 at = app_.call(SYS_mmap, 0, (bytes + kernel::PAGE_SIZE - 1) / kernel::PAGE_SIZE * kernel::PAGE_SIZE, prot_read_write,
                           map_private_anonymous, ~u64{0}, 0);
  if (at > 0) return static_cast<uptr>(at);
  (void)fail("no memory for {} bytes of the task's buffers: {}", bytes, at);
  return 0;
}

}  // namespace uringsim::sim
