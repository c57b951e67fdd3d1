// SPDX-License-Identifier: GPL-2.0-only
#include "sim/bench/explore_bench.h"

#include <fmt/format.h>
#include <unistd.h>

#include <stdexcept>

#include "sim/bench/two_processes.h"
#include "sim/explore/programs/handshake.h"
#include "sim/explore/world_program.h"

namespace uringsim::sim {

ExploreOptions until_stopped(ExploreOptions search, const BenchOptions& options) {
  if (options.stop != nullptr) search.progress = [stop = options.stop](const ExploreProgress&) { return *stop == 0; };
  return search;
}

namespace {

ExploreResult checked(Program& program, const ExploreOptions& options) {
  ExploreResult result = explore(program, options);
  if (!result.error.empty()) throw std::runtime_error(fmt::format("{}: {}", program.name(), result.error));
  if (result.found) throw std::runtime_error(fmt::format("{}: {}", program.name(), result.violation.text));
  return result;
}

/// Executions of `search` within the time that the options give, a second of elapsed or of processor time.
double rate_of(Program& program, ExploreOptions search, const BenchOptions& options, Time time) {
  search.milliseconds = options.measure_ns / 1'000'000;
  const Stopwatch watch(time);
  const ExploreResult result = checked(program, until_stopped(search, options));
  const auto executions = static_cast<double>(result.executions + result.blocked);
  return executions / (time == Time::elapsed ? result.seconds : watch.seconds());
}

/// The handshake of explorers.md: two tasks and who judges, on bare arch/. By elapsed time, as its peers measure themselves.
BenchFigure handshake_n2(const BenchOptions& options, const char* name, Memory memory) {
  programs::Handshake program({.submissions = 2});
  ExploreOptions search;
  search.strategy = Search::random;
  search.memory = memory;
  return figure_of(options, name, "executions/s", [&] { return rate_of(program, search, options, Time::elapsed); });
}

BenchFigure dpor_n5_tso(const BenchOptions& options) {
  programs::Handshake program({.submissions = 5});
  ExploreOptions search;
  search.memory = Memory::tso;
  u64 complete = 0, blocked = 0;
  BenchFigure figure = figure_of(options, "explore-dpor-n5-tso", "s", [&] {
    const Stopwatch watch(Time::processor);
    const ExploreResult result = checked(program, until_stopped(search, options));
    complete = result.executions, blocked = result.blocked;
    return watch.seconds();
  });
  figure.note = fmt::format("{} complete, {} blocked", complete, blocked);
  return figure;
}

/// One submission over the whole kernel model: ring library, io_uring_enter(), io_sq_thread(). From ring ready to quiescence.
WorldProgram kernel_handshake() {
  return WorldProgram("kernel-handshake", {.kernel = &kernel::v5_4}, [](World& world) {
    world.add_process({.name = "app"}, [] {
      ApplicationRing ring;
      if (ring.queue_init(8, uapi::IORING_SETUP_SQPOLL) != 0) arch::machine().report("no ring", true, arch::Site::here());
      arch::machine().ready();
      ring.get_sqe().prep_nop();
      (void)ring.submit();
      ApplicationRing::Cqe cqe;
      while (ring.peek_cqe(&cqe) != 0) arch::machine().poll_pass(arch::Site::here());
      ring.cqe_seen(cqe);
      stay();
    });
  });
}

BenchFigure kernel_rate(const BenchOptions& options, const char* name, Search strategy, Memory memory) {
  WorldProgram program = kernel_handshake();
  ExploreOptions search;
  search.strategy = strategy;
  search.memory = memory;
  return figure_of(options, name, "executions/s", [&] { return rate_of(program, search, options, Time::processor); });
}

/// Two jobs beside one, by elapsed time, so the host's two processors have to be free. A search that has an end is run to it.
/// The note says what they give to two searches that share nothing, measured in turn with the others.
BenchFigure two_jobs(const BenchOptions& options, const char* name, Search strategy) {
  WorldProgram world = kernel_handshake();
  programs::Handshake whole({.submissions = 5});
  Program& program = strategy == Search::dpor ? static_cast<Program&>(whole) : world;
  const auto rate = [&](unsigned jobs) {
    ExploreOptions search;
    search.strategy = strategy;
    search.memory = strategy == Search::dpor ? Memory::tso : Memory::sc;
    search.jobs = jobs;
    if (strategy != Search::dpor) return rate_of(program, search, options, Time::elapsed);
    const ExploreResult result = checked(program, until_stopped(search, options));
    return static_cast<double>(result.executions + result.blocked) / result.seconds;
  };
  std::vector<double> apart;
  const auto one_and_apart = [&] {
    apart.push_back(in_two_processes([&] { return rate(1); }));
    return rate(1);
  };
  BenchFigure figure = figure_of(
      options, name, "executions/s", [&] { return rate(2); }, "one job", one_and_apart);
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
    figure.note = "the host has one processor";
  } else if (!apart.empty() && figure.peer_value.value_or(0) > 0) {
    figure.note = fmt::format("two searches in processes of their own: {:.2f}", median_of(apart) / *figure.peer_value);
  }
  return figure;
}

}  // namespace

std::vector<Benchmark> explore_benchmarks() {
  return {
      {"explore-handshake-n2", "random, memory weak, the handshake with two submissions on bare arch/",
       [](const BenchOptions& o) { return handshake_n2(o, "explore-handshake-n2", Memory::weak); }},
      {"explore-handshake-n2-tso", "the same under tso",
       [](const BenchOptions& o) { return handshake_n2(o, "explore-handshake-n2-tso", Memory::tso); }},
      {"explore-handshake-n2-sc", "the same under sc",
       [](const BenchOptions& o) { return handshake_n2(o, "explore-handshake-n2-sc", Memory::sc); }},
      {"explore-dpor-n5-tso", "the handshake with five submissions, dpor under tso, to the end", dpor_n5_tso},
      {"explore-kernel-handshake", "random, sc, a handshake over the whole kernel model",
       [](const BenchOptions& o) { return kernel_rate(o, "explore-kernel-handshake", Search::random, Memory::sc); }},
      {"explore-kernel-handshake-weak", "the same under weak",
       [](const BenchOptions& o) { return kernel_rate(o, "explore-kernel-handshake-weak", Search::random, Memory::weak); }},
      {"explore-kernel-handshake-dpor", "the same by dpor under weak, as far as the time goes",
       [](const BenchOptions& o) { return kernel_rate(o, "explore-kernel-handshake-dpor", Search::dpor, Memory::weak); }},
      {"explore-jobs2", "random on the whole kernel model by two jobs, beside one",
       [](const BenchOptions& o) { return two_jobs(o, "explore-jobs2", Search::random); }},
      {"explore-jobs2-pct", "the same by pct",
       [](const BenchOptions& o) { return two_jobs(o, "explore-jobs2-pct", Search::pct); }},
      {"explore-jobs2-dfs", "the same by dfs",
       [](const BenchOptions& o) { return two_jobs(o, "explore-jobs2-dfs", Search::dfs); }},
      {"explore-jobs2-dpor", "the handshake with five submissions, tso, to the end by two jobs, beside one",
       [](const BenchOptions& o) { return two_jobs(o, "explore-jobs2-dpor", Search::dpor); }},
  };
}

}  // namespace uringsim::sim
