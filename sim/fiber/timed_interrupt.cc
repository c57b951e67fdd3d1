// SPDX-License-Identifier: GPL-2.0-only
// Interrupt contexts: one fiber a processor, which runs expired timers and raised interrupts in order of their coming.
#include <algorithm>
#include <cstdio>

#include "sim/fiber/timed_task.h"

namespace uringsim::sim {

using arch::Interrupt;
using arch::Timer;

namespace {

void*& next_of(Timer& timer) noexcept { return timer.engine[1]; }
void*& previous_of(Timer& timer) noexcept { return timer.engine[2]; }

/// Takes an expired timer out of its processor's list.
void unlink(TimedProcessor& on, Timer& timer) noexcept {
  auto* const next = static_cast<Timer*>(next_of(timer));
  auto* const previous = static_cast<Timer*>(previous_of(timer));
  (previous != nullptr ? next_of(*previous) : reinterpret_cast<void*&>(on.first_timer)) = next;
  (next != nullptr ? previous_of(*next) : reinterpret_cast<void*&>(on.last_timer)) = previous;
}

void disarm(Timer& timer) noexcept {
  timer.armed = false;
  for (void*& word : timer.engine) word = nullptr;
}

Interrupt* take_interrupt(TimedProcessor& on) noexcept {
  Interrupt* const interrupt = on.first_interrupt;
  if (interrupt == nullptr) return nullptr;
  on.first_interrupt = static_cast<Interrupt*>(interrupt->engine[0]);
  if (on.first_interrupt == nullptr) on.last_interrupt = nullptr;
  interrupt->engine[0] = interrupt->engine[1] = nullptr;
  return interrupt;
}

}  // namespace

void TimedMachine::timer_start(Timer& timer, u64 due) noexcept {
  if (timer.armed) timer_cancel(timer);
  note_effect();
  const auto cpu = static_cast<unsigned>(current_cpu());
  timer.due = due;
  timer.armed = true;
  timer.engine[3] = reinterpret_cast<void*>(static_cast<uintptr_t>(cpu) + 1);
  const u64 clock = caller_clock();
  const u64 at = due > clock ? due : clock + options_.clock_event;
  timers_.insert(timer, at);
  let_others_catch_up(at);
}

/// `timer`, which has left the queue of those to come, joins the due ones of its processor.
void TimedMachine::expire(Timer& timer, u64 at) noexcept {
  TimedProcessor& on = processors_[reinterpret_cast<uintptr_t>(timer.engine[3]) - 1];
  next_of(timer) = nullptr;
  previous_of(timer) = on.last_timer;
  (on.last_timer != nullptr ? next_of(*on.last_timer) : reinterpret_cast<void*&>(on.first_timer)) = &timer;
  on.last_timer = &timer;
  start_interrupt(on, at);
}

int TimedMachine::timer_cancel(Timer& timer) noexcept {
  for (unsigned cpu = 0; cpu < options_.cpus; cpu++)
    if (processors_[cpu].running_timer == &timer) return -1;
  if (!timer.armed) return 0;
  note_effect();
  if (!timers_.remove(timer)) unlink(processors_[reinterpret_cast<uintptr_t>(timer.engine[3]) - 1], timer);
  disarm(timer);
  return 1;
}

void TimedMachine::raise(Interrupt& interrupt) noexcept {
  if (interrupt.engine[1] != nullptr) return;  // pending already
  note_effect();
  TimedProcessor& on = processors_[static_cast<unsigned>(current_cpu())];
  interrupt.engine[0] = nullptr;
  interrupt.engine[1] = &on;
  (on.last_interrupt != nullptr ? on.last_interrupt->engine[0] : reinterpret_cast<void*&>(on.first_interrupt)) = &interrupt;
  on.last_interrupt = &interrupt;
  start_interrupt(on, caller_clock());
}

/// Something is pending: the processor's task stops, its interrupt context starts at `at` or, if under way, goes on.
void TimedMachine::start_interrupt(TimedProcessor& on, u64 at) noexcept {
  if (on.interrupted) return;
  if (on.interrupt == nullptr) {
    on.bare_task = std::make_unique<arch::Task>();
    std::snprintf(on.bare_task->name, sizeof(on.bare_task->name), "irq/%u", on.index);
    set_interrupt_task(on.index, *on.bare_task);
  }
  TimedTask& context = *on.interrupt;
  if (context.stack == nullptr) {
    context.stack = arena_.alloc_stack();
    if (context.stack == nullptr) return report("no stack for an interrupt context", true, arch::Site::here());
    context.statistics.name = context.task->name;
    context.fiber.start(context.stack, arena_.stack_bytes(context.stack), &TimedMachine::interrupt_entry, &context);
  }
  if (on.running == nullptr) at = std::max(at, on.free_at);
  context.shift(std::max(at, context.task->clock) - context.task->clock);
  on.interrupted = true;
  on.interrupt_charged = false;
  on.interrupt_began = context.task->clock;
  on.interrupt_waited = 0;
  on.victim = on.running;
  let_others_catch_up();
}

/// Nothing is pending any more: the time that it took is the interrupted task's loss.
void TimedMachine::finish_interrupt(TimedProcessor& on) noexcept {
  const TimedTask& context = *on.interrupt;
  const u64 took = context.task->clock - on.interrupt_began - on.interrupt_waited;
  on.interrupted = false;
  on.statistics.interrupt += took;
  if (on.running == nullptr) {
    on.free_at = std::max(on.free_at, context.task->clock);
  } else if (on.running == on.victim) {
    on.running->shift(took);
    on.slice_end += took;
  } else if (on.running->task->clock < context.task->clock) {
    on.running->shift(context.task->clock - on.running->task->clock);
  }
  on.victim = nullptr;
  stir();
}

void TimedMachine::interrupt_entry(void* argument) {
  TimedTask& context = *static_cast<TimedTask*>(argument);
  TimedMachine& machine = *context.machine;
  TimedProcessor& on = machine.processors_[context.cpu];
  for (;;) {
    if (Timer* const timer = on.first_timer; timer != nullptr) {
      unlink(on, *timer);
      disarm(*timer);
      if (!on.interrupt_charged) {
        machine.charge(arch::Cost::interrupt, 1);
        on.interrupt_charged = true;  // one interrupt runs all timers that are due
        on.statistics.interrupts++;
      }
      on.running_timer = timer;
      timer->function(timer);
      on.running_timer = nullptr;  // the timer may be gone
    } else if (Interrupt* const interrupt = take_interrupt(on); interrupt != nullptr) {
      machine.charge(arch::Cost::interrupt, 1);
      on.statistics.interrupts++;
      interrupt->function(interrupt);
    } else {
      machine.finish_interrupt(on);
      machine.go_on(context);
    }
  }
}

}  // namespace uringsim::sim
