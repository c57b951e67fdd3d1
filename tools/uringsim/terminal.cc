// SPDX-License-Identifier: GPL-2.0-only
#include "tools/uringsim/terminal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sim/scenario/input_error.h"

namespace uringsim::tools {

SignalWatch::SignalWatch() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  events_ = signalfd(-1, &set, SFD_CLOEXEC);
  quit_ = eventfd(0, EFD_CLOEXEC);
  if (events_ < 0 || quit_ < 0) return;
  thread_ = std::thread([this] {
    std::chrono::steady_clock::time_point first;
    for (;;) {
      pollfd waits[2] = {{events_, POLLIN, 0}, {quit_, POLLIN, 0}};
      if (poll(waits, 2, -1) < 0) continue;
      if (waits[1].revents != 0) return;
      signalfd_siginfo info;
      if (read(events_, &info, sizeof info) != sizeof info) continue;
      const int number = static_cast<int>(info.ssi_signo);
      // Who signals a process and then its group (timeout does) means one signal.
      const auto now = std::chrono::steady_clock::now();
      if (signal_.exchange(number) == 0)
        first = now;
      else if (now - first > std::chrono::milliseconds(300))
        _exit(128 + number);
      flag_ = 1;
    }
  });
}

SignalWatch::~SignalWatch() {
  if (thread_.joinable()) {
    const u64 one = 1;
    if (write(quit_, &one, sizeof one) == sizeof one) thread_.join();
  }
  if (events_ >= 0) close(events_);
  if (quit_ >= 0) close(quit_);
}

Terminal::Terminal(const SignalWatch& signals)
    : signals_(signals),
      colour_(isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr),
      interactive_(isatty(STDERR_FILENO) != 0) {}

void Terminal::print(std::string_view text) const {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  if (std::fflush(stdout) != 0)
    throw sim::InputError(fmt::format("standard output: cannot be written: {}", std::strerror(errno)));
}

void Terminal::error(std::string_view text) const { fmt::print(stderr, "uringsim: {}\n", text); }

std::string Terminal::styled(std::string_view style, std::string_view text) const {
  if (!colour_) return std::string(text);
  const char* const code = style == "good" ? "32" : style == "bad" ? "31;1" : style == "dim" ? "2" : "1";
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

Progress::Progress(const Terminal& terminal, std::string what, std::string unit, u64 total)
    : terminal_(terminal), what_(std::move(what)), unit_(std::move(unit)), total_(total), start_(Clock::now()), last_(start_) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::update(u64 done) {
  if (!terminal_.interactive()) return;
  const auto now = Clock::now();
  if (now - start_ < std::chrono::seconds(1) || now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  shown_ = true;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = static_cast<double>(done) / seconds;
  std::string line = fmt::format("\r\033[K{}: {}", what_, done);
  if (total_ != 0) line += fmt::format(" of {}", total_);
  line += fmt::format(" {}, {:.1f}/s", unit_, rate);
  if (total_ > done && rate > 0) line += fmt::format(", {:.0f} s left", static_cast<double>(total_ - done) / rate);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace uringsim::tools
