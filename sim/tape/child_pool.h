// SPDX-License-Identifier: GPL-2.0-only
// Work in forked children, several at a time: what a tape does to its process stays in that process.
//
// Each job runs in a child of its own, which writes lines into a pipe; the parent collects them. So a job that crashes, hangs or
// is killed still leaves the lines it wrote, and takes nobody with it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::sim::tape {

/// The child's end of the pipe.
class LineWriter {
 public:
  explicit LineWriter(int fd) noexcept : fd_(fd) {}
  /// Writes `line` and a newline; ends the process if nobody reads.
  void write(std::string_view line) const;
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

/// How a child ended, and what it said before.
struct ChildReport {
  std::vector<std::string> lines;
  bool reaped = false;     ///< false: not even SIGKILL ended it
  bool timed_out = false;  ///< it had to be killed
  int signal = 0;          ///< that ended it, or 0
  int exit_code = 0;       ///< if no signal did
};

struct ChildJob {
  std::function<void(const LineWriter&)> run;      ///< in the child; when it returns the child exits with 0
  u64 limit_ms = 10'000;                           ///< wall clock, after which it is killed
  std::function<void(const ChildReport&)> finish;  ///< in the parent
};

/// Takes jobs from `next` (false: there are no more), running at most `parallel` at once. finish() is called as children end, in
/// any order. Returns early, with everything killed, once `stop()` says so.
void run_children(unsigned parallel, const std::function<bool(ChildJob&)>& next, const std::function<bool()>& stop);

}  // namespace uringsim::sim::tape
