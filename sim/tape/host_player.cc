// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/host_player.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "sim/tape/host_system.h"
#include "sim/tape/interpreter.h"

namespace uringsim::sim::tape {

namespace {

constexpr u64 kAlarmGraceMs = 3000;    // after the alarm, for the process to go away
constexpr rlim_t kDescriptors = 4096;  // RLIMIT_NOFILE of a tape's process
constexpr long kExt4Magic = 0xef53;

/// What the format promises about the process a tape starts in.
void prepare(const std::string& directory, const LineWriter& out, u32 limit_ms) {
  if (chdir(directory.c_str()) || chmod(".", 0777)) _exit(9);
  umask(0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int ours : {SIGALRM, SIGINT, SIGTERM, SIGUSR1}) signal(ours, SIG_DFL);
  signal(SIGPIPE, SIG_IGN);
  const rlimit descriptors = {kDescriptors, kDescriptors};
  setrlimit(RLIMIT_NOFILE, &descriptors);
  // The parent's own files would shift the numbers that a tape's files get.
  if (out.fd() == kFarDescriptor) ::syscall(SYS_close_range, kLastOpened + 1, out.fd() - 1, 0);
  int opened = 0;
  while (opened >= 0 && opened < kLastOpened) opened = ::open("/dev/null", O_RDWR);
  if (opened > kLastOpened) ::close(opened);
  const itimerval alarm = {{0, 0}, {limit_ms / 1000, limit_ms % 1000 * 1000}};
  setitimer(ITIMER_REAL, &alarm, nullptr);
}

void play(const Tape& tape, const std::string& directory, u64 settle_us, const LineWriter& out) {
  prepare(directory, out, tape.limit_ms);
  // Never destroyed: a process that ends with a thread at work ends all the same.
  auto* const system = new HostSystem(settle_us * 1000);
  auto* const player = new Interpreter(*system);
  try {
    for (const Step& step : tape.steps) out.write(out_line(player->play(step.body)));
    player->finish();
    out.write(end_line("exit"));
  } catch (const std::exception& e) {
    out.write(end_line({{"error", e.what()}}));
  }
  _exit(0);
}

/// The answers, and from the way the process went how the tape ended.
Played host_outcome(const ChildReport& report) {
  Played played = played_from(report.lines);
  const size_t done = played.outs.size();
  if (!report.reaped)
    played.end = {{"stuck", done}};
  else if (report.signal == SIGALRM || report.signal == SIGKILL)
    played.end = {{"hang", done}};
  else if (report.signal)
    played.end = {{"signal", report.signal}, {"step", done}};
  else if (played.end.is_null())
    played.end = {{"lost", report.exit_code}};
  return played;
}

/// A directory below `base` that goes away with this object.
class OwnDirectory {
 public:
  explicit OwnDirectory(const std::string& base) : path_(base + "/tapes-XXXXXX") {
    if (!mkdtemp(path_.data())) throw std::system_error(errno, std::generic_category(), "cannot make a directory in " + base);
  }
  ~OwnDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  OwnDirectory(const OwnDirectory&) = delete;
  OwnDirectory& operator=(const OwnDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

bool host_has_io_uring(std::string& why) {
  std::array<u32, 30> params{};
  const long fd = ::syscall(425, 1, params.data());
  if (fd >= 0) return ::close(static_cast<int>(fd)) == 0;
  why = std::strerror(errno);
  return false;
}

Json host_header(const std::string& directory) {
  utsname u{};
  uname(&u);
  struct statfs fs {};
  statfs(directory.c_str(), &fs);
  return {{"header", 1},
          {"release", u.release},
          {"version", u.version},
          {"machine", u.machine},
          {"nproc", sysconf(_SC_NPROCESSORS_ONLN)},
          {"page_size", sysconf(_SC_PAGESIZE)},
          {"fs", fs.f_type == kExt4Magic ? std::string("ext4") : fmt::format("{:x}", static_cast<unsigned long>(fs.f_type))}};
}

std::string host_release() {
  utsname u{};
  uname(&u);
  const std::string release = u.release;
  return release.substr(0, release.find_first_not_of("0123456789."));
}

void play_on_host(const std::vector<const Tape*>& tapes, const HostOptions& options,
                  const std::function<void(size_t, Played)>& done, const std::function<bool()>& stop) {
  const OwnDirectory base(options.directory);
  size_t at = 0;
  run_children(
      options.parallel,
      [&](ChildJob& job) {
        if (at == tapes.size()) return false;
        const size_t index = at++;
        const Tape& tape = *tapes[index];
        const std::string directory = base.path() + "/" + std::to_string(index);
        std::filesystem::create_directory(directory);
        job.limit_ms = tape.limit_ms + kAlarmGraceMs;
        job.run = [&tape, &options, directory](const LineWriter& out) { play(tape, directory, options.settle_us, out); };
        job.finish = [&done, index, directory](const ChildReport& report) {
          std::error_code ignored;
          std::filesystem::remove_all(directory, ignored);
          done(index, host_outcome(report));
        };
        return true;
      },
      stop);
}

}  // namespace uringsim::sim::tape
