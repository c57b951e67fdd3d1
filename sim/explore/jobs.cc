// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/jobs.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>

#include "sim/explore/replay.h"

namespace uringsim::sim {

namespace {

/// What the processes tell each other while they run.
struct Shared {
  std::atomic<bool> stop;
  struct alignas(64) Job {
    std::atomic<u64> executions;
    std::atomic<u64> depth;
    std::atomic<double> share;
  } jobs[64];
  // A part that does not fit here has its job fixed.
  static constexpr u64 kParts = u64{1} << 24;
  std::atomic<u64> taken[kParts / 64];
};

/// Takes parts for one job. What it has taken stays its own if it has to begin again.
class Claims {
 public:
  Claims(Shared& shared, unsigned job, unsigned jobs) : shared_(shared), job_(job), jobs_(jobs) {}
  /// Those of an earlier sitting, as parts() gave them. To be called before any job takes one.
  void restore(const std::vector<u64>& parts) {
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2)
      for (u64 part = parts[i]; part < parts[i] + parts[i + 1] && part < Shared::kParts; part++) {
        shared_.taken[part / 64].fetch_or(u64{1} << (part % 64), std::memory_order_relaxed);
        remember(part);
      }
  }
  /// First ones and numbers of the parts taken.
  [[nodiscard]] std::vector<u64> parts() const {
    std::vector<u64> ranges;
    for (u64 part = 0; part < mine_.size(); part++) {
      if (!mine_[part]) continue;
      if (!ranges.empty() && ranges[ranges.size() - 2] + ranges.back() == part) {
        ranges.back()++;
        continue;
      }
      ranges.push_back(part);
      ranges.push_back(1);
    }
    return ranges;
  }
  bool take(u64 part) {
    if (part >= Shared::kParts) return part % jobs_ == job_;
    if (part < mine_.size() && mine_[part]) return true;
    const u64 bit = u64{1} << (part % 64);
    if ((shared_.taken[part / 64].fetch_or(bit, std::memory_order_relaxed) & bit) != 0) return false;
    remember(part);
    return true;
  }

 private:
  void remember(u64 part) {
    if (part >= mine_.size()) mine_.resize(part * 2 + 64);
    mine_[part] = true;
  }

  Shared& shared_;
  unsigned job_, jobs_;
  std::vector<bool> mine_;
};

std::string pack(const ExploreResult& result) {
  nlohmann::json file;
  file["found"] = result.found;
  file["exhaustive"] = result.exhaustive;
  file["executions"] = result.executions;
  file["blocked"] = result.blocked;
  file["cut"] = result.cut;
  file["found_at"] = result.found_at;
  file["guarantee"] = result.guarantee;
  file["share"] = result.share;
  file["check"] = result.violation.check;
  file["text"] = result.violation.text;
  file["cost"] = {result.cost.preemptions, result.cost.reorderings, result.cost.lines};
  file["story"] = result.story;
  file["error"] = result.error;
  file["unconfirmed"] = result.unconfirmed;
  if (result.found) file["repro"] = result.repro.to_json();
  return file.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ExploreResult unpack(const std::string& text) {
  const auto file = nlohmann::json::parse(text);
  ExploreResult result;
  result.found = file.at("found").get<bool>();
  result.exhaustive = file.at("exhaustive").get<bool>();
  result.executions = file.at("executions").get<u64>();
  result.blocked = file.at("blocked").get<u64>();
  result.cut = file.at("cut").get<u64>();
  result.found_at = file.at("found_at").get<u64>();
  result.guarantee = file.at("guarantee").get<double>();
  result.share = file.at("share").get<double>();
  result.violation = {file.at("check").get<std::string>(), file.at("text").get<std::string>()};
  result.cost = {file.at("cost")[0].get<u32>(), file.at("cost")[1].get<u32>(), file.at("cost")[2].get<u32>()};
  result.story = file.at("story").get<std::string>();
  result.error = file.at("error").get<std::string>();
  result.unconfirmed = file.at("unconfirmed").get<std::string>();
  if (result.found) result.repro = Repro::from_json(file.at("repro").get<std::string>());
  return result;
}

void write_all(int fd, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t wrote = write(fd, text.data() + at, text.size() - at);
    if (wrote <= 0) return;
    at += static_cast<size_t>(wrote);
  }
}

/// What a job sends is lines: where it stands, any number of times, then its result.
constexpr char kStands = '@';

[[noreturn]] void child(Program& program, const ExploreOptions& all, unsigned job, Shared& shared, Claims& claims,
                        const Checkpoint& from, int fd) {
  ExploreOptions options = all;
  options.jobs = 1;
  options.checkpoint.clear();
  JobShare share{job, all.jobs, [&claims](u64 part) { return claims.take(part); }};
  if (!all.checkpoint.empty()) {
    share.from = &from;
    share.keep = [&](const Checkpoint& now) {
      Checkpoint checkpoint = now;
      checkpoint.parts = claims.parts();
      write_all(fd, kStands + checkpoint.text() + "\n");
    };
  }
  if (all.executions != ~u64{0}) options.executions = all.executions / all.jobs + (job < all.executions % all.jobs ? 1 : 0);
  options.progress = [&](const ExploreProgress& progress) {
    shared.jobs[job].executions.store(progress.executions, std::memory_order_relaxed);
    shared.jobs[job].depth.store(progress.depth, std::memory_order_relaxed);
    shared.jobs[job].share.store(progress.share, std::memory_order_relaxed);
    return !shared.stop.load(std::memory_order_relaxed);
  };
  const ExploreResult result = detail::explore_here(program, options, share);
  if (result.found && options.stop_at_violation) shared.stop.store(true, std::memory_order_relaxed);
  write_all(fd, pack(result) + "\n");
  close(fd);
  _exit(0);
}

struct Job {
  pid_t pid = -1;
  int fd = -1;
  std::string output;     ///< its result, once that is whole
  Checkpoint checkpoint;  ///< where it stood last
};

/// Where all jobs stand, in the file that the user named. Empty, or why it cannot be written.
std::string write_checkpoint(const std::vector<Job>& jobs, const ExploreOptions& options) {
  if (options.checkpoint.empty()) return {};
  std::vector<Checkpoint> checkpoints;
  for (const Job& job : jobs) checkpoints.push_back(job.checkpoint);
  try {
    Checkpoint::write_jobs(options.checkpoint, checkpoints);
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

/// Takes the checkpoints out of what a job has sent so far. True if there was one.
bool take_checkpoints(Job& job) {
  bool any = false;
  while (job.output.starts_with(kStands)) {
    const std::size_t end = job.output.find('\n');
    if (end == std::string::npos) break;
    job.checkpoint = Checkpoint::parse(job.output.substr(1, end - 1), job.checkpoint.identity);
    job.output.erase(0, end + 1);
    any = true;
  }
  return any;
}

void report(const ExploreOptions& options, Shared& shared, std::chrono::steady_clock::time_point start) {
  if (!options.progress) return;
  ExploreProgress sum;
  sum.share = 0;
  for (unsigned i = 0; i < options.jobs; i++) {
    sum.executions += shared.jobs[i].executions.load(std::memory_order_relaxed);
    sum.depth = std::max(sum.depth, shared.jobs[i].depth.load(std::memory_order_relaxed));
    sum.share += shared.jobs[i].share.load(std::memory_order_relaxed) / options.jobs;
  }
  sum.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!options.progress(sum)) shared.stop.store(true, std::memory_order_relaxed);
}

void collect(std::vector<Job>& jobs, const ExploreOptions& options, Shared& shared, std::chrono::steady_clock::time_point start) {
  for (;;) {
    std::vector<pollfd> waiting;
    for (const Job& job : jobs)
      if (job.fd >= 0) waiting.push_back({job.fd, POLLIN, 0});
    if (waiting.empty()) return;
    poll(waiting.data(), waiting.size(), 200);
    report(options, shared, start);
    for (const pollfd& ready : waiting) {
      if (ready.revents == 0) continue;
      const auto job = std::find_if(jobs.begin(), jobs.end(), [&](const Job& other) { return other.fd == ready.fd; });
      char buffer[65536];
      const ssize_t got = read(ready.fd, buffer, sizeof buffer);
      if (got > 0) {
        job->output.append(buffer, static_cast<size_t>(got));
        if (take_checkpoints(*job)) static_cast<void>(write_checkpoint(jobs, options));
        continue;
      }
      close(job->fd);
      job->fd = -1;
      waitpid(job->pid, nullptr, 0);
    }
  }
}

ExploreResult add_up(const std::vector<Job>& jobs) {
  ExploreResult all;
  all.exhaustive = true;
  for (const Job& job : jobs) {
    ExploreResult part;
    try {
      part = unpack(job.output);
    } catch (const std::exception& error) {
      part.error = fmt::format("a job ended without a result ({})", error.what());
    }
    all.executions += part.executions;
    all.blocked += part.blocked;
    all.cut += part.cut;
    all.exhaustive &= part.exhaustive;
    // The longest execution of all counts.
    if (part.guarantee > 0) all.guarantee = all.guarantee > 0 ? std::min(all.guarantee, part.guarantee) : part.guarantee;
    all.share = std::max(all.share, part.share);  // each walks past what the others have done
    if (all.error.empty()) all.error = part.error;
    if (all.unconfirmed.empty()) all.unconfirmed = part.unconfirmed;
    if (!part.found || (all.found && !(part.cost < all.cost))) continue;
    all.found = true;
    all.found_at = part.found_at;
    all.violation = std::move(part.violation);
    all.cost = part.cost;
    all.story = std::move(part.story);
    all.repro = std::move(part.repro);
  }
  return all;
}

}  // namespace

ExploreResult explore_in_jobs(Program& program, const ExploreOptions& asked) {
  ExploreOptions options = asked;
  options.jobs = std::min(options.jobs, 64u);
  ExploreResult failed;
  std::vector<Job> jobs(options.jobs);
  if (!options.checkpoint.empty()) {
    try {
      const auto checkpoints =
          Checkpoint::read_jobs(options.checkpoint, detail::checkpoint_identity(program, options, options.jobs), options.jobs);
      for (unsigned i = 0; i < options.jobs; i++) jobs[i].checkpoint = checkpoints[i];
    } catch (const std::exception& error) {
      failed.error = error.what();
    }
    if (failed.error.empty()) failed.error = write_checkpoint(jobs, options);
    if (!failed.error.empty()) return failed;
  }
  void* const page = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) {
    failed.error = "no memory for the jobs' counters";
    return failed;
  }
  auto& shared = *new (page) Shared{};
  const auto start = std::chrono::steady_clock::now();
  double before = 0;
  std::vector<Claims> claims;
  for (unsigned i = 0; i < options.jobs; i++) {
    claims.emplace_back(shared, i, options.jobs).restore(jobs[i].checkpoint.parts);
    before = std::max(before, jobs[i].checkpoint.seconds);
  }
  for (unsigned i = 0; i < options.jobs; i++) {
    int ends[2];
    if (pipe(ends) != 0) {
      failed.error = "no pipe for a job";
      break;
    }
    jobs[i].pid = fork();
    if (jobs[i].pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody would read what it finds
      for (unsigned before = 0; before < i; before++) close(jobs[before].fd);
      close(ends[0]);
      child(program, options, i, shared, claims[i], jobs[i].checkpoint, ends[1]);
    }
    close(ends[1]);
    jobs[i].fd = ends[0];
    if (jobs[i].pid < 0) {
      close(ends[0]);
      jobs[i].fd = -1;
      failed.error = "cannot start a job";
      break;
    }
  }
  if (!failed.error.empty()) shared.stop.store(true);
  collect(jobs, options, shared, start);
  ExploreResult result = failed.error.empty() ? add_up(jobs) : failed;
  result.seconds = before + std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  munmap(page, sizeof(Shared));
  return result;
}

}  // namespace uringsim::sim
