// SPDX-License-Identifier: GPL-2.0-only
// The operational machine: logical time, timers, and the contexts that interrupts run in.
#include "sim/explore/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace uringsim::sim {

namespace {
constexpr u32 kMaxIdleMoves = 36;  // of time, for nobody but pollers: after that they are livelocked
constexpr u64 kLongestStep = u64{1} << 56;
constexpr u32 kMovesAhead = 1;       // more of them than the pollers have looked at
constexpr u32 kIdleMovesAgain = 12;  // at least so many once somebody has done something since, that may need time
}  // namespace

// ---- time ------------------------------------------------------------------------------------------------------------------

// What was just done may be a transfer that a poller finds complete later: time begins to move by ticks again.
void OperationalMachine::time_for_pollers() noexcept {
  world_.step_ns = options_.tick_ns;
  world_.moves_ahead = 0;
  world_.idle_moves = std::min(world_.idle_moves, kMaxIdleMoves - kIdleMovesAgain);
  update_time();
}

/// Somebody polls the clock, and time may move for that alone.
bool OperationalMachine::time_moves_for_pollers() const noexcept {
  if (world_.time_pollers == 0 || world_.idle_moves >= kMaxIdleMoves) return false;
  return (world_.time_pollers & ~runnable_) != 0 || world_.moves_ahead < kMovesAhead;
}

void OperationalMachine::update_time() noexcept {
  time_moves_ = (world_.timers != nullptr && world_.timers->due > world_.now) || world_.sleepers != 0 || time_moves_for_pollers();
}

void OperationalMachine::move_time(u32 acting) noexcept {
  u64 due = next_due();
  if (time_moves_for_pollers() && world_.now + world_.step_ns < due) {
    due = world_.now + world_.step_ns;
    world_.step_ns = std::min(world_.step_ns * 2, kLongestStep);
    if ((world_.time_pollers & ~runnable_) != 0) {
      world_.idle_moves++;
      world_.moves_ahead = 0;
    } else {
      world_.moves_ahead++;
    }
  }
  if (due == kNever) {
    time_moves_ = false;
    return;
  }
  set_time(due, acting, 0);
}

/// When the next timer or deadline is due; kNever if there is none.
u64 OperationalMachine::next_due() const noexcept {
  u64 due = kNever;
  if (world_.timers != nullptr && world_.timers->due > world_.now) due = world_.timers->due;
  for (u32 i = 0; world_.sleepers != 0 && i < tasks_; i++)
    if (records_[i].blocked == Blocked::sleeping && !records_[i].timed_out) due = std::min(due, records_[i].deadline);
  return due;
}

/// It is `now` from here on. `ticks`: 0, or how far Strategy::time_passes() has wanted it to move.
void OperationalMachine::set_time(u64 now, u32 acting, u32 ticks) noexcept {
  world_.now = now;
  if (recording_ != nullptr) {
    Step step;
    step.kind = OpKind::time;
    step.after = now;
    step.choice = ticks;
    step.preempts = acting != kNobody && (runnable_ & bit(acting)) != 0;
    recording_->push_back(step);
    strategy_->step(step);
  }
  for (u32 i = 0; i < tasks_; i++) {
    TaskRecord& task = records_[i];
    if (task.blocked == Blocked::sleeping && task.deadline <= world_.now) {
      task.timed_out = true;
      task.deadline = kNever;
      unblock(i);
    } else if (task.blocked == Blocked::polling && (world_.time_pollers & bit(i)) != 0) {
      unblock(i);
    }
  }
  look_at_timers();
  update_time();
}

u64 OperationalMachine::now() noexcept {
  if (outside()) return world_.now;
  me().pass_time = true;
  const u32 ticks = strategy_ != nullptr ? strategy_->time_passes(current_, options_.tick_ns) : 0;
  if (const u64 then = world_.now + ticks * options_.tick_ns; ticks != 0 && then < next_due())
    set_time(then, current_, ticks);
  else
    point();  // even if time cannot move yet: others may begin to wait for it before the look
  if (recording_ != nullptr) write_down(OpKind::now, 0, 8, world_.now, world_.now, {}, nullptr);
  return world_.now;
}

void OperationalMachine::unlink(arch::Timer& timer) noexcept {
  arch::Timer** link = &world_.timers;
  while (*link != &timer) link = reinterpret_cast<arch::Timer**>(&(*link)->engine[0]);
  *link = static_cast<arch::Timer*>(timer.engine[0]);
  timer.engine[0] = nullptr;
  timer.armed = false;
}

/// The current task `does` something to the timer.
void OperationalMachine::must_be_there(const arch::Timer& timer, const char* does) noexcept {
  if (any_freed_ && shadow_.freed(&timer)) [[unlikely]]
    fail_here("use-after-free",
              fmt::format("{} {} a timer in {}(), in memory that was freed", task_name(current_), does,
                          current_scope(me()) != nullptr ? current_scope(me()) : "its program"),
              &timer, {});
}

SyncView*& OperationalMachine::sync_of(const void* object) noexcept {
  for (KnownTo& known : known_to_)
    if (known.object == object) return known.sync;
  return known_to_.emplace_back(KnownTo{object, nullptr}).sync;
}

/// What the context knows in which timers run is known to those who come behind.
void OperationalMachine::publish_of_timers(const arch::Timer& timer) noexcept {
  const u32 acting = std::exchange(current_, world_.timer_context);
  if ((drains_ & bit(current_)) != 0) do_fence(arch::Fence::full);  // the timer base's lock
  publish_into(sync_of(&timer));
  current_ = acting;
}

/// The first timer, which is due, fires. Its function is called when its context runs.
void OperationalMachine::fire() noexcept {
  timer_is_over();
  arch::Timer& timer = *world_.timers;
  unlink(timer);
  world_.running_timer = &timer;
  update_time();
  if (const SyncView* const sync = sync_of(&timer)) take_for(records_[world_.timer_context], *sync);
  publish_of_timers(timer);
}

/// The function of the last timer that fired has returned: now everybody knows.
void OperationalMachine::timer_is_over() noexcept {
  if (!world_.timer_done) return;
  publish_of_timers(*world_.running_timer);
  world_.running_timer = nullptr;  // it may be gone
  world_.timer_begun = world_.timer_done = false;
}

/// True if the timer's function runs; whether it has begun and whether it is over is chosen where nobody could have told so far.
bool OperationalMachine::choose_if_runs(const arch::Timer& timer) noexcept {
  const bool idle = world_.running_timer == nullptr || world_.timer_done;
  const bool may_be_over = world_.running_timer == &timer && world_.timer_done;
  const bool may_fire = idle && world_.timers == &timer && timer.due <= world_.now;
  if (may_be_over || may_fire) {
    told_choice_ = choose_value(2, ValueKind::timer);
    told_options_ = 2;
    if (told_choice_ == 0 && may_be_over) timer_is_over();
    if (told_choice_ != 0 && !may_be_over) fire();
  }
  return world_.running_timer == &timer;
}

/// True if the timer that the task's polling pass found running does so no more; it is over at the latest now, if all that it
/// does is done.
bool OperationalMachine::runs_no_more(TaskRecord& task) noexcept {
  if (task.pass_timer == nullptr) return false;
  if (world_.running_timer == task.pass_timer && world_.timer_done) timer_is_over();
  return world_.running_timer != task.pass_timer;
}

void OperationalMachine::timer_start(arch::Timer& timer, u64 due) noexcept {
  if (!outside()) {
    point();
    must_be_there(timer, "starts");
    if ((drains_ & bit(current_)) != 0) do_fence(arch::Fence::full);  // the handler finds what was stored before
    me().pass_effect = true;
    (void)choose_if_runs(timer);
    take(sync_of(&timer));
    publish_into(sync_of(&timer));
  }
  if (timer.armed) unlink(timer);
  timer.due = due;
  timer.armed = true;
  arch::Timer** link = &world_.timers;
  while (*link != nullptr && (*link)->due <= due) link = reinterpret_cast<arch::Timer**>(&(*link)->engine[0]);
  timer.engine[0] = *link;
  *link = &timer;
  look_at_timers();
  update_time();
  if (!outside()) tell(OpKind::timer_start, &timer, 0, 0, due, {});
}

int OperationalMachine::timer_cancel(arch::Timer& timer) noexcept {
  if (outside()) {
    const bool armed = timer.armed;
    if (armed) unlink(timer);
    update_time();
    return armed ? 1 : 0;
  }
  point();
  must_be_there(timer, "cancels");
  const int result = choose_if_runs(timer) ? -1 : timer.armed ? 1 : 0;
  // One that is idle is seen to be so without the lock of its base.
  if (result != 0 && (drains_ & bit(current_)) != 0) do_fence(arch::Fence::full);
  take(sync_of(&timer));
  if (result == 1) {
    unlink(timer);
    update_time();
    me().pass_effect = true;
    publish_into(sync_of(&timer));
  } else if (result < 0) {
    me().pass_timer = &timer;
  }
  tell(OpKind::timer_cancel, &timer, 0, 0, static_cast<u64>(static_cast<s64>(result)), {});
  return result;
}

/// A context of its own for interrupts, made when it is first needed, that sleeps when there is nothing to do.
void OperationalMachine::run_service(u32& context, arch::Task& task, const char* name, void (*entry)(void*)) noexcept {
  if (context == kNobody) {
    if (!outside() && tasks_ >= clocks_) {
      clocks_ = round_lanes(tasks_ + kLanes);
      again_please();
      finish(End::stopped);
    }
    void* const stack = tasks_ < kMaxTasks ? arena_.alloc_stack() : nullptr;
    if (stack == nullptr) return fail("too-many-tasks", "no room for an interrupt context");
    std::strncpy(task.name, name, sizeof task.name - 1);
    task.in_interrupt = true;
    context = add_record(task, entry, this, stack);
    records_[context].service = true;
    records_[context].blocked = Blocked::sleeping;
  }
  if (records_[context].blocked == Blocked::sleeping) unblock(context);
}

void OperationalMachine::look_at_timers() noexcept {
  if (world_.timers != nullptr && world_.timers->due <= world_.now)
    run_service(world_.timer_context, timer_task_, "timer", &OperationalMachine::timer_context);
}

/// A timer is due, or has fired, and its function has not been called.
bool OperationalMachine::timer_waits() const noexcept {
  if (world_.running_timer != nullptr && !world_.timer_begun) return true;
  return world_.timers != nullptr && world_.timers->due <= world_.now;
}

/// Whoever polls until the timer's function is over has something new to see.
void OperationalMachine::wake_who_waits_for(const arch::Timer* timer) noexcept {
  for (u32 i = 0; i < tasks_; i++)
    if (records_[i].blocked == Blocked::polling && records_[i].pass_timer == timer) unblock(i);
}

void OperationalMachine::timer_context(void* machine) noexcept {
  auto& self = *static_cast<OperationalMachine*>(machine);
  for (;;) {
    while (self.timer_waits()) {
      if (self.world_.running_timer == nullptr || self.world_.timer_done) self.fire();
      arch::Timer& timer = *self.world_.running_timer;
      self.world_.timer_begun = true;
      self.tell(OpKind::fire, &timer, 0, 0, 0, {});
      timer.function(&timer);  // which may free it
      self.world_.timer_done = true;
      self.wake_who_waits_for(&timer);
      if (!self.timer_waits()) break;
      self.skip_point_ = false;
      self.point();  // the next one may be taken off before it fires
    }
    self.block(Blocked::sleeping);
  }
}

void OperationalMachine::raise(arch::Interrupt& interrupt) noexcept {
  if (!outside()) {
    point();
    if ((drains_ & bit(current_)) != 0) do_fence(arch::Fence::full);
    me().pass_effect = true;
    publish_into(sync_of(&interrupt));
    tell(OpKind::raise, &interrupt, 0, 0, 0, {});
  }
  interrupt.engine[0] = nullptr;
  arch::Interrupt** link = &world_.raised;
  while (*link != nullptr) link = reinterpret_cast<arch::Interrupt**>(&(*link)->engine[0]);
  *link = &interrupt;
  run_service(world_.interrupt_context, interrupt_task_, "interrupt", &OperationalMachine::interrupt_context);
}

void OperationalMachine::interrupt_context(void* machine) noexcept {
  auto& self = *static_cast<OperationalMachine*>(machine);
  for (;;) {
    while (self.world_.raised != nullptr) {
      arch::Interrupt& interrupt = *self.world_.raised;
      self.world_.raised = static_cast<arch::Interrupt*>(interrupt.engine[0]);
      if ((self.drains_ & bit(self.current_)) != 0) self.do_fence(arch::Fence::full);  // the one before it has returned
      self.take(self.sync_of(&interrupt));
      self.tell(OpKind::fire, &interrupt, 0, 0, 0, {});
      interrupt.function(&interrupt);
    }
    self.block(Blocked::sleeping);
  }
}

}  // namespace uringsim::sim
