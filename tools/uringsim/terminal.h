// SPDX-License-Identifier: GPL-2.0-only
// Where a command talks to people and scripts: results to standard output, progress and errors to standard error; colour and
// progress only where a terminal is on the other side. Also tells whether a signal asked the command to stop.
#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <string_view>
#include <thread>

#include "kernel_model/arch/types.h"

namespace uringsim::tools {

/// Receives SIGINT and SIGTERM in a thread of its own, so that a command can end cleanly instead of being torn off. To be made
/// before any other thread is: all threads then inherit the blocked signals.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  /// The signal that came, or 0. A second one, unless it comes with the first, ends the process at once.
  [[nodiscard]] int signal() const noexcept { return signal_.load(std::memory_order_relaxed); }
  /// Becomes non-zero with it: what machines look at.
  [[nodiscard]] const volatile std::sig_atomic_t* flag() const noexcept { return &flag_; }

 private:
  std::atomic<int> signal_{0};
  volatile std::sig_atomic_t flag_ = 0;
  int events_ = -1;  ///< signalfd
  int quit_ = -1;    ///< eventfd that ends the thread
  std::thread thread_;
};

class Terminal {
 public:
  explicit Terminal(const SignalWatch& signals);
  /// One line, or several, to standard output; a newline is added. Throws InputError where it cannot be written (a full disk).
  void print(std::string_view text) const;
  /// One line to standard error.
  void error(std::string_view text) const;
  /// `text` in a colour where standard output is a terminal: "good", "bad", "dim", "bold".
  [[nodiscard]] std::string styled(std::string_view style, std::string_view text) const;
  /// The same as a plain function, for renderers that know no terminal; `context` is a Terminal.
  static std::string style(const void* context, std::string_view style, std::string_view text) {
    return static_cast<const Terminal*>(context)->styled(style, text);
  }
  [[nodiscard]] int stop_signal() const noexcept { return signals_.signal(); }
  /// Non-zero once the run should stop.
  [[nodiscard]] const volatile std::sig_atomic_t* stop() const noexcept { return signals_.flag(); }
  /// True where progress should be shown.
  [[nodiscard]] bool interactive() const noexcept { return interactive_; }

 private:
  const SignalWatch& signals_;
  bool colour_;
  bool interactive_;
};

/// A progress line with rate and time left, on standard error, from one second on and ten times a second at most.
class Progress {
 public:
  /// `total` of 0: unknown, no time left is shown. `unit` is what is counted ("runs").
  Progress(const Terminal& terminal, std::string what, std::string unit, u64 total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(u64 done);

 private:
  using Clock = std::chrono::steady_clock;
  const Terminal& terminal_;
  std::string what_, unit_;
  u64 total_;
  Clock::time_point start_, last_;
  bool shown_ = false;
};

}  // namespace uringsim::tools
