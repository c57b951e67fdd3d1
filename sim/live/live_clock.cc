// SPDX-License-Identifier: GPL-2.0-only
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"  // Boost.Asio has fences; they order nothing that ThreadSanitizer does not see by itself
#endif
#include "sim/live/live_clock.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdio>

#include "sim/live/live_task.h"

namespace uringsim::sim {

using arch::Interrupt;
using arch::Timer;

LiveClock::LiveClock(LiveMachine& machine, unsigned threads) : machine_(machine), work_(io_.get_executor()), alarm_(io_) {
  for (unsigned i = 0; i < std::max(threads, 1u); i++) threads_.emplace_back(&LiveClock::thread_main, this, i);
}

LiveClock::~LiveClock() { stop(); }

void LiveClock::stop() {
  io_.stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void LiveClock::thread_main(unsigned index) {
  char name[16];
  std::snprintf(name, sizeof(name), "irq/%u", index);
  InterruptContext context(machine_, name);
  {
    const std::lock_guard lock(contexts_lock_);
    contexts_.emplace_back(std::this_thread::get_id(), &context);
  }
  io_.run();
}

InterruptContext& LiveClock::context() noexcept {
  const std::lock_guard lock(contexts_lock_);
  const auto own = [](const auto& entry) { return entry.first == std::this_thread::get_id(); };
  return *std::find_if(contexts_.begin(), contexts_.end(), own)->second;
}

// ---- timers ------------------------------------------------------------------------------------------------------------

/// timers_lock_ is held.
void LiveClock::program(u64 due) {
  programmed_ = due;
  const u64 at = due > kNever / 2 ? kNever / 2 : due;
  alarm_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(machine_.start_ + at)));
  alarm_.async_wait([this](const boost::system::error_code& error) {
    if (!error) expire();
  });
}

void LiveClock::start(Timer& timer, u64 due) noexcept {
  const std::lock_guard lock(timers_lock_);
  if (timer.armed) timers_.remove(timer);
  timer.due = due;
  timer.armed = true;
  timers_.insert(timer, due);
  if (due < programmed_ && !expiring_) program(due);
}

int LiveClock::cancel(Timer& timer) noexcept {
  const std::lock_guard lock(timers_lock_);
  if (running_ == &timer) return -1;
  if (!timer.armed) return 0;
  timers_.remove(timer);
  timer.armed = false;
  return 1;
}

u64 LiveClock::latest_due() noexcept {
  const std::lock_guard lock(timers_lock_);
  return timers_.last_due();
}

/// The alarm went off.
void LiveClock::expire() {
  {
    const std::lock_guard lock(timers_lock_);
    if (expiring_) return;
    expiring_ = true;
    programmed_ = kNever;
  }
  (void)context().run([](void* clock) { static_cast<LiveClock*>(clock)->run_due_timers(); }, this);
}

/// Interrupt context.
void LiveClock::run_due_timers() noexcept {
  std::unique_lock lock(timers_lock_);
  while (timers_.next_due() <= machine_.now()) {
    Timer& timer = *timers_.pop();
    timer.armed = false;
    running_ = &timer;
    void (*const function)(Timer*) = timer.function;
    lock.unlock();
    function(&timer);  // may free it
    lock.lock();
    running_ = nullptr;
  }
  expiring_ = false;
  if (!timers_.empty()) program(timers_.next_due());
}

// ---- interrupts ----------------------------------------------------------------------------------------------------------

void LiveClock::raise(Interrupt& interrupt) noexcept {
  {
    const std::lock_guard lock(raised_lock_);
    if (interrupt.engine[1] != nullptr) return;  // pending already
    interrupt.engine[0] = nullptr;
    interrupt.engine[1] = this;
    (last_raised_ != nullptr ? last_raised_->engine[0] : reinterpret_cast<void*&>(first_raised_)) = &interrupt;
    last_raised_ = &interrupt;
    if (draining_) return;
    draining_ = true;
  }
  boost::asio::post(io_, [this] { drain(); });
}

void LiveClock::drain() {
  (void)context().run([](void* clock) { static_cast<LiveClock*>(clock)->run_raised(); }, this);
}

/// Interrupt context.
void LiveClock::run_raised() noexcept {
  std::unique_lock lock(raised_lock_);
  while (first_raised_ != nullptr) {
    Interrupt& interrupt = *first_raised_;
    first_raised_ = static_cast<Interrupt*>(interrupt.engine[0]);
    if (first_raised_ == nullptr) last_raised_ = nullptr;
    interrupt.engine[0] = interrupt.engine[1] = nullptr;
    void (*const function)(Interrupt*) = interrupt.function;
    lock.unlock();
    function(&interrupt);  // may free it or raise it again
    lock.lock();
  }
  draining_ = false;
}

}  // namespace uringsim::sim
