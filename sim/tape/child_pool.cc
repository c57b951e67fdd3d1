// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/child_pool.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <list>
#include <system_error>

#include "sim/tape/system.h"

// Of a build that counts executed lines: what exit() would do and _exit() does not.
extern "C" void __gcov_dump() __attribute__((weak));

namespace uringsim::sim::tape {

namespace {

constexpr s64 kReapGraceMs = 3000;  // for a killed child to go away

s64 now_ms() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1'000'000;
}

struct Running {
  ChildJob job;
  pid_t pid = 0;
  int fd = -1;
  s64 deadline = 0;
  std::string text;
  bool closed = false;
  bool killed = false;
};

[[noreturn]] void child_main(const ChildJob& job, int fd) {
  const int high = fcntl(fd, F_DUPFD_CLOEXEC, kFarDescriptor);
  if (high >= 0) ::close(fd);
  try {
    job.run(LineWriter(high >= 0 ? high : fd));
  } catch (...) {
    _exit(9);
  }
  if (__gcov_dump != nullptr) __gcov_dump();
  _exit(0);
}

void start(Running& child) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC)) throw std::system_error(errno, std::generic_category(), "pipe");
  std::fflush(nullptr);  // or the child would write it again
  child.pid = fork();
  if (child.pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child.pid == 0) {
    ::close(ends[0]);
    child_main(child.job, ends[1]);
  }
  ::close(ends[1]);
  child.fd = ends[0];
  child.deadline = now_ms() + static_cast<s64>(child.job.limit_ms);
}

/// Reads what is there. Returns false at the end of the pipe.
bool collect(Running& child) {
  std::array<char, 65536> chunk;
  const ssize_t got = ::read(child.fd, chunk.data(), chunk.size());
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) return false;
  child.text.append(chunk.data(), static_cast<size_t>(got));
  return true;
}

ChildReport report(const Running& child, bool reaped, int status) {
  ChildReport report;
  for (size_t at = 0, end; (end = child.text.find('\n', at)) != std::string::npos; at = end + 1)
    report.lines.push_back(child.text.substr(at, end - at));
  report.reaped = reaped;
  report.timed_out = child.killed;
  if (reaped && WIFSIGNALED(status)) report.signal = WTERMSIG(status);
  if (reaped && WIFEXITED(status)) report.exit_code = WEXITSTATUS(status);
  return report;
}

/// True once the child is gone, or has to be given up. Calls finish() then.
bool settle(Running& child) {
  int status = 0;
  const bool reaped = waitpid(child.pid, &status, WNOHANG) == child.pid;
  const s64 now = now_ms();
  if (!reaped && now >= child.deadline && !child.killed) {
    kill(child.pid, SIGKILL);
    child.killed = true;
    child.deadline = now + kReapGraceMs;
    return false;
  }
  if (!reaped && now < child.deadline) return false;
  if (reaped && !child.closed) {
    // A grandchild may keep the pipe open; what this child wrote is there already.
    pollfd one = {child.fd, POLLIN, 0};
    while (::poll(&one, 1, 0) > 0 && collect(child)) {
    }
  }
  ::close(child.fd);
  child.job.finish(report(child, reaped, status));
  return true;
}

}  // namespace

void LineWriter::write(std::string_view line) const {
  std::string text(line);
  text += '\n';
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(fd_, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) _exit(9);
    done += static_cast<size_t>(n);
  }
}

void run_children(unsigned parallel, const std::function<bool(ChildJob&)>& next, const std::function<bool()>& stop) {
  std::list<Running> running;
  bool more = true;
  while (!stop()) {
    while (more && running.size() < std::max(parallel, 1u)) {
      Running child;
      more = next(child.job);
      if (!more) break;
      running.push_back(std::move(child));
      start(running.back());
    }
    if (running.empty()) return;
    std::vector<pollfd> waits;
    for (const Running& child : running)
      if (!child.closed) waits.push_back({child.fd, POLLIN, 0});
    // A child that closed its pipe is about to end: look again soon.
    ::poll(waits.data(), waits.size(), waits.size() == running.size() ? 20 : 0);
    size_t at = 0;
    for (Running& child : running)
      if (!child.closed && waits[at++].revents) child.closed = !collect(child);
    const bool ending = std::any_of(running.begin(), running.end(), [](const Running& child) { return child.closed; });
    const size_t before = running.size();
    running.remove_if([](Running& child) { return settle(child); });
    if (ending && running.size() == before) {
      const timespec pause = {0, 200'000};
      nanosleep(&pause, nullptr);
    }
  }
  for (const Running& child : running) {
    kill(child.pid, SIGKILL);
    waitpid(child.pid, nullptr, 0);
    ::close(child.fd);
  }
}

}  // namespace uringsim::sim::tape
