// SPDX-License-Identifier: GPL-2.0-only
// Timers and raised interrupts of the live engine, on a few threads of their own. Internal to live_*.cc.
//
// All timers are in one heap; one boost::asio::steady_timer stands for the earliest. Whoever expires it runs all that are due,
// one at a time. Raised interrupts queue up in a list of their own, drained by one thread at a time.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "sim/fiber/event_queue.h"
#include "sim/live/live_machine.h"

namespace uringsim::sim {

class LiveClock {
 public:
  LiveClock(LiveMachine& machine, unsigned threads);
  /// Stops.
  ~LiveClock();
  /// Ends the threads; whatever is still armed or pending stays so for ever. The machine's dying_ is set.
  void stop();

  void start(arch::Timer& timer, u64 due) noexcept;
  int cancel(arch::Timer& timer) noexcept;
  void raise(arch::Interrupt& interrupt) noexcept;
  /// When the last of the armed timers is due; 0 if none is armed. Nanoseconds of the machine.
  [[nodiscard]] u64 latest_due() noexcept;

 private:
  struct TimerPlace {
    static u64& of(arch::Timer& timer) noexcept { return reinterpret_cast<u64&>(timer.engine[0]); }
  };
  static constexpr u64 kNever = ~u64{0};

  void thread_main(unsigned index);
  [[nodiscard]] InterruptContext& context() noexcept;
  void program(u64 due);
  void expire();
  void drain();
  void run_due_timers() noexcept;
  void run_raised() noexcept;

  LiveMachine& machine_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;

  std::mutex timers_lock_;  // what follows, and `armed` and `engine` of every timer
  boost::asio::steady_timer alarm_;
  u64 programmed_ = kNever;  // when alarm_ goes off
  bool expiring_ = false;    // somebody runs timers and will program the alarm when done
  arch::Timer* running_ = nullptr;
  EventQueue<arch::Timer, TimerPlace> timers_;

  std::mutex raised_lock_;  // what follows, and `engine` of every interrupt
  arch::Interrupt* first_raised_ = nullptr;
  arch::Interrupt* last_raised_ = nullptr;
  bool draining_ = false;

  std::mutex contexts_lock_;
  std::vector<std::pair<std::thread::id, InterruptContext*>> contexts_;
  std::vector<std::thread> threads_;
};

}  // namespace uringsim::sim
