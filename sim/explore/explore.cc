// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/explore.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <set>

#include "kernel_model/arch/wake.h"
#include "sim/explore/checkpoint.h"
#include "sim/explore/dfs.h"
#include "sim/explore/dpor/dpor.h"
#include "sim/explore/jobs.h"
#include "sim/explore/minimise.h"
#include "sim/explore/pct.h"
#include "sim/explore/random.h"
#include "sim/explore/replay.h"
#include "sim/explore/text_hash.h"
#include "sim/world/application.h"

namespace uringsim {

using namespace sim;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

MachineOptions machine_options(const ExploreOptions& options) {
  MachineOptions machine;
  machine.memory = options.memory;
  machine.left_out = options.left_out;
  machine.races = options.races;
  machine.max_points = options.max_points;
  machine.arena_bytes = options.arena_bytes;
  machine.cpus = options.cpus;
  return machine;
}

/// The story, the repro and the cost of the schedule in `result.repro`, which has just been recorded on `machine`.
void dress(ExploreResult& result, OperationalMachine& machine, Program& program, const std::string& profile) {
  Cast cast;
  cast.memory = machine.options().memory;
  cast.program = program.name();
  cast.profile = profile;
  cast.violation = result.violation;
  for (u32 i = 0; i < machine.tasks(); i++) cast.tasks.emplace_back(machine.task_name(i));
  cast.left_over = machine.left_over();
  cast.word = [&](u64 offset) { return program.word_name(static_cast<const char*>(machine.arena().base()) + offset); };
  std::erase_if(cast.left_over, [](const LeftOver& left) {
    return left.why == Blocked::no || (left.scope != nullptr && std::string_view(left.scope) == kStays);
  });
  result.cost = cost_of(result.repro.schedule, cast.memory);
  result.story = tell_story(result.repro.schedule, cast);
  result.repro.program = program.name();
  result.repro.profile = profile;
  result.repro.memory = cast.memory;
  result.repro.left_out = machine.options().left_out;
  result.repro.violation = result.violation;
  result.repro.hash = trace_hash(result.repro.schedule);
}

/// Runs the schedule in `result.repro` once more, so that machine and schedule are at its end.
void run_again(ExploreResult& result, OperationalMachine& machine) {
  ReplayStrategy replay(result.repro.schedule);
  replay.begin();
  Schedule again;
  machine.record(replay, again);
  result.repro.schedule = std::move(again);
}

/// Whether somebody wants the search to end while its finding is made simpler, or its time is up.
std::function<bool()> stop_of(ExploreResult& result, const ExploreOptions& options, Clock::time_point until) {
  if (!options.progress && until == Clock::time_point::max()) return {};
  return [&result, &options, until] {
    if (options.progress && !options.progress({result.executions, result.seconds, -1, 0})) return true;
    if (Clock::now() < until) return false;
    result.hurried = true;
    return true;
  };
}

/// When the time of a search that began then is up.
Clock::time_point end_of(Clock::time_point start, const ExploreOptions& options) {
  constexpr u64 kForEver = u64{1} << 40;  // more would not fit behind a time_point
  return options.milliseconds > kForEver ? Clock::time_point::max() : start + std::chrono::milliseconds(options.milliseconds);
}

/// The simplest schedule under sc that shows the same; empty if none was found.
Schedule simplest_under_sc(ExploreResult& result, Program& program, const ExploreOptions& options, Clock::time_point until) {
  const auto stop = stop_of(result, options, until);
  MachineOptions strong = machine_options(options);
  strong.memory = Memory::sc;
  const auto machine = make_machine(strong);
  machine->set_up(program);
  Schedule schedule;
  if (find_under_sc(*machine, result.violation, result.repro.schedule, {2'000, stop}, schedule))
    minimise(*machine, result.violation, schedule, {options.minimise_executions / 2, stop});
  return schedule;
}

/// `machine` showed the finding. It is replaced by another one, as the program lives on one machine at a time.
/// What is not known to be the simplest at `until` is told as it is.
void take_finding(ExploreResult& result, std::unique_ptr<OperationalMachine>& machine, Program& program,
                  const ExploreOptions& options, Clock::time_point until) {
  if (options.minimise && options.memory != Memory::sc) {
    const Schedule strong = simplest_under_sc(result, program, options, until);
    machine = make_machine(machine_options(options));
    machine->set_up(program);
    if (!strong.steps.empty()) follow_from_sc(*machine, result.violation, strong, result.repro.schedule);
  }
  if (options.minimise)
    minimise(*machine, result.violation, result.repro.schedule, {options.minimise_executions, stop_of(result, options, until)});
  run_again(result, *machine);
  result.repro.scenario = options.scenario;
  dress(result, *machine, program, options.profile);
  if (result.hurried) result.story += "\nThe time was up while simpler schedules were looked for: there may be one.\n";
}

std::string identity(const Program& program, const ExploreOptions& options, const JobShare& share) {
  return detail::checkpoint_identity(program, options, share.jobs);
}

/// Whether the search writes down where it stands: in a file of its own, or one of several jobs to whoever started them.
bool keeps(const ExploreOptions& options, const JobShare& share) { return share.keep || !options.checkpoint.empty(); }

/// Where the search stopped before.
Checkpoint kept(const Program& program, const ExploreOptions& options, const JobShare& share) {
  if (share.from != nullptr) return *share.from;
  if (!options.checkpoint.empty()) return Checkpoint::read(options.checkpoint, identity(program, options, share));
  return {};
}

void keep_this(const Checkpoint& checkpoint, const ExploreOptions& options, const JobShare& share) {
  share.keep ? share.keep(checkpoint) : checkpoint.write(options.checkpoint);
}

/// How often a search with a checkpoint writes it, so that one that is killed can go on.
constexpr std::chrono::seconds kKeepEvery{5};

/// What a search came to that was at its end before.
ExploreResult finished(const Checkpoint& checkpoint) {
  ExploreResult result;
  result.executions = checkpoint.executions;
  result.blocked = checkpoint.blocked;
  result.cut = checkpoint.cut;
  result.seconds = checkpoint.seconds;
  result.exhaustive = checkpoint.exhaustive;
  if (!result.exhaustive) result.share = 1;
  return result;
}

/// Everything but dpor: one execution after the other on the operational machine.
class Sampling {
 public:
  Sampling(Program& program, const ExploreOptions& options, const JobShare& share)
      : program_(program), options_(options), share_(share) {}

  ExploreResult run() {
    const auto start = Clock::now();
    machine_ = make_machine(machine_options(options_));
    machine_->set_up(program_);
    const Checkpoint checkpoint = kept(program_, options_, share_);
    if (checkpoint.finished) return finished(checkpoint);
    make_strategy(checkpoint);
    result_.executions = checkpoint.executions;
    result_.blocked = checkpoint.blocked;
    result_.cut = checkpoint.cut;
    before_ = checkpoint;
    const bool stopped = loop(start);
    result_.seconds = seconds_since(start) + checkpoint.seconds;
    result_.exhaustive = strategy_->exhausted() && result_.cut == 0 && machine_->exact() && (dfs_ == nullptr || !dfs_->bounded());
    if (!result_.exhaustive && !result_.found) result_.share = strategy_->share();
    if (pct_ != nullptr) result_.guarantee = pct_->guarantee();
    if (keeps(options_, share_) && !result_.found) save(!stopped);
    if (result_.found) take_finding(result_, machine_, program_, options_, end_of(start, options_));
    return std::move(result_);
  }

 private:
  void make_strategy(const Checkpoint& checkpoint) {
    // Sampling begins where the last part of the search stopped: execution i of shard s of n has number s + i n.
    first_ = checkpoint.begun;
    const u64 step = u64{options_.shards} * share_.jobs;
    const u64 first = options_.shard + u64{options_.shards} * share_.job + first_ * step;
    if (options_.strategy == Search::random) {
      strategy_ = std::make_unique<RandomStrategy>(options_.seed, first, step);
    } else if (options_.strategy == Search::pct) {
      auto pct = std::make_unique<PctStrategy>(options_.seed, options_.depth, first, step);
      pct_ = pct.get();
      strategy_ = std::move(pct);
    } else {
      DfsStrategy::Options bounds;
      bounds.preemptions = options_.preemptions;
      bounds.shard = options_.shard;
      bounds.shards = options_.shards;
      bounds.claim = share_.claim;
      bounds.jobs = share_.jobs;
      bounds.job = share_.job;
      auto dfs = std::make_unique<DfsStrategy>(bounds);
      dfs_ = dfs.get();
      if (!checkpoint.position.empty())
        dfs_->resume(checkpoint.position, checkpoint.counters.empty() ? 0 : checkpoint.counters[0]);
      strategy_ = std::move(dfs);
    }
  }

  /// True if it stopped before the end of the search.
  bool loop(Clock::time_point start) {
    const auto until = end_of(start, options_);
    // So many samples are the whole search, whenever they were taken; of a tree, each sitting runs so many.
    const bool samples = options_.strategy == Search::random || options_.strategy == Search::pct;
    const u64 sat_before = samples ? 0 : before_.executions + before_.blocked + before_.cut;
    auto report = start + std::chrono::milliseconds(200);
    auto keep = start + kKeepEvery;
    constexpr u64 kPointsBetweenLooks = 4096;  // at the clock: often enough for long executions, seldom enough for short ones
    u64 points = 0;
    for (;;) {
      if (result_.executions + result_.blocked + result_.cut - sat_before >= options_.executions) return true;
      if (points >= kPointsBetweenLooks) {
        points = 0;
        const auto now = Clock::now();
        if (now >= until) return true;
        if (now >= keep && keeps(options_, share_) && !result_.found) {
          keep = now + kKeepEvery;
          result_.seconds = seconds_since(start) + before_.seconds;
          save(false);
        }
        if (options_.progress && now >= report) {
          report = now + std::chrono::milliseconds(200);
          if (!options_.progress({result_.executions, seconds_since(start), strategy_->share(), depth_})) return true;
        }
      }
      if (!strategy_->begin()) return false;
      begun_++;
      const Run run = machine_->run(*strategy_);
      depth_ = run.points;
      points += 64 + run.points;
      if (run.end == End::stopped || !strategy_->counted()) continue;
      if (run.end == End::blocked)
        result_.blocked++;
      else if (run.end == End::cut)
        result_.cut++;
      else
        result_.executions++;
      if (run.end != End::violation || result_.found) continue;
      result_.found = true;
      result_.found_at = result_.executions;
      result_.violation = machine_->violation();
      strategy_->again();
      machine_->record(*strategy_, result_.repro.schedule);
      if (options_.stop_at_violation) return true;
    }
  }

  /// `finished`: there is nothing left to run.
  void save(bool finished) const {
    Checkpoint checkpoint;
    checkpoint.finished = finished;
    checkpoint.exhaustive = result_.exhaustive;
    checkpoint.identity = identity(program_, options_, share_);
    checkpoint.begun = first_ + begun_;
    checkpoint.executions = result_.executions;
    checkpoint.blocked = result_.blocked;
    checkpoint.cut = result_.cut;
    checkpoint.seconds = result_.seconds;
    if (dfs_ != nullptr) {
      checkpoint.position = dfs_->position();
      checkpoint.counters = {dfs_->subtrees()};
    }
    keep_this(checkpoint, options_, share_);
  }

  Program& program_;
  const ExploreOptions& options_;
  JobShare share_;
  ExploreResult result_;
  std::unique_ptr<OperationalMachine> machine_;
  std::unique_ptr<Strategy> strategy_;
  DfsStrategy* dfs_ = nullptr;
  PctStrategy* pct_ = nullptr;
  Checkpoint before_;  // where this sitting began
  u64 first_ = 0;
  u64 begun_ = 0;
  u64 depth_ = 0;
};

Checkpoint checkpoint_of(const dpor::Position& position, const std::string& identity, double seconds) {
  Checkpoint checkpoint;
  checkpoint.identity = identity;
  checkpoint.executions = position.complete;
  checkpoint.blocked = position.blocked;
  checkpoint.seconds = seconds;
  checkpoint.counters = {position.units, position.of_everybody, position.of_shard, position.parts};
  for (const auto& branch : position.path)
    for (const u32 number : {branch.item, branch.option, branch.level}) checkpoint.position.push_back(number);
  return checkpoint;
}

dpor::Position position_of(const Checkpoint& checkpoint) {
  dpor::Position position;
  position.complete = checkpoint.executions;
  position.blocked = checkpoint.blocked;
  if (checkpoint.counters.size() == 4) {
    position.units = checkpoint.counters[0];
    position.of_everybody = checkpoint.counters[1];
    position.of_shard = checkpoint.counters[2];
    position.parts = checkpoint.counters[3];
  }
  for (std::size_t i = 0; i + 2 < checkpoint.position.size(); i += 3)
    position.path.push_back({static_cast<u16>(checkpoint.position[i]), static_cast<u16>(checkpoint.position[i + 1]),
                             static_cast<u16>(checkpoint.position[i + 2])});
  return position;
}

/// The operational machine judges and tells what dpor finds: it is led along dpor's schedule. False if it shows nothing wrong, or
/// not in the first attempts and the search has to end.
bool confirm(ExploreResult& result, const Schedule& found, Program& program, const ExploreOptions& options,
             Clock::time_point until) {
  constexpr u64 kAttempts = 2'000;
  constexpr u64 kAnyway = 16;  // nearly always the first one shows it
  const auto stop = stop_of(result, options, until);
  auto machine = make_machine(machine_options(options));
  machine->set_up(program);
  Schedule other;  // shows something else that the same check says
  Violation other_violation;
  for (u64 attempt = 0; attempt < kAttempts; attempt++) {
    if (attempt >= kAnyway && attempt % kAnyway == 0 && stop && stop()) break;
    LeadStrategy lead(found, attempt);
    lead.begin();
    if (machine->record(lead, result.repro.schedule).end != End::violation) continue;
    const Violation& violation = machine->violation();
    if (violation.check != result.violation.check) continue;
    if (violation.text == result.violation.text) {
      take_finding(result, machine, program, options, until);
      return true;
    }
    if (!other.steps.empty()) continue;
    other = result.repro.schedule;
    other_violation = violation;
    if (other_violation.check == "data-race") break;  // either side may be named first
  }
  result.repro.schedule = std::move(other);
  if (result.repro.schedule.steps.empty()) return false;
  result.violation = other_violation;
  take_finding(result, machine, program, options, until);
  return true;
}

/// A search by sampling for what dpor found and no led schedule shows, within the time that dpor's search was given. (A number of
/// executions is that of the search itself, as it is where a finding is made simpler.)
ExploreResult sample(Program& program, const ExploreOptions& options, Clock::time_point until) {
  constexpr u64 kSamples = 200'000;  // a number, not a time: the verdict is the same on slow machines
  ExploreOptions samples = options;
  samples.strategy = Search::random;
  samples.executions = kSamples;
  if (until != Clock::time_point::max())
    samples.milliseconds =
        static_cast<u64>(std::max<s64>(0, std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count()));
  samples.shard = 0;
  samples.shards = 1;
  samples.checkpoint.clear();
  return Sampling(program, samples, {}).run();
}

ExploreResult run_dpor(Program& program, const ExploreOptions& options, const JobShare& share) {
  dpor::Options search;
  search.memory = static_cast<dpor::MemoryModel>(options.memory);
  search.left_out = options.left_out;
  search.cpus = options.cpus;
  search.departures = options.departures;
  search.races = options.races;
  search.stop_at_violation = options.stop_at_violation;
  search.max_executions = options.executions;
  search.max_milliseconds = options.milliseconds;
  search.shard = options.shard;
  search.shards = options.shards;
  search.claim = share.claim;
  search.jobs = share.jobs;
  search.job = share.job;
  double before = 0;
  const auto start = Clock::now();
  const std::string of = identity(program, options, share);
  if (keeps(options, share)) {
    const Checkpoint checkpoint = kept(program, options, share);
    if (checkpoint.finished) return finished(checkpoint);
    search.from = position_of(checkpoint);
    before = checkpoint.seconds;
    search.keep = [&](const dpor::Position& position) {
      keep_this(checkpoint_of(position, of, before + seconds_since(start)), options, share);
    };
  }
  double covered = -1;
  search.progress = [&](const dpor::Progress& progress) {
    covered = progress.share;
    return !options.progress || options.progress({progress.complete, seconds_since(start), progress.share, progress.depth});
  };
  dpor::Result found = dpor::explore(program, search);
  ExploreResult result;
  result.executions = found.complete;
  result.blocked = found.blocked;
  result.exhaustive = found.exhausted && !found.bounded;
  if (found.exhausted && found.bounded) covered = 1;
  result.found = found.found;
  result.found_at = found.found_at;
  result.violation = std::move(found.violation);
  result.error = std::move(found.error);
  result.seconds = seconds_since(start) + before;
  if (!result.exhaustive && !result.found) result.share = covered;
  if (keeps(options, share) && !result.found && result.error.empty()) {
    Checkpoint checkpoint = checkpoint_of(found.position, of, result.seconds);
    checkpoint.finished = found.exhausted;
    checkpoint.exhaustive = result.exhaustive;
    keep_this(checkpoint, options, share);
  }
  if (!result.found) return result;

  const auto until = end_of(start, options);
  if (confirm(result, found.schedule, program, options, until)) return result;
  // It could not be led there.
  ExploreResult sampled;
  if (const auto stop = stop_of(result, options, until); !stop || !stop()) sampled = sample(program, options, until);
  if (!sampled.found) {
    result.found = result.exhaustive = false;
    result.unconfirmed = fmt::format("{}: {}{}", result.violation.check, result.violation.text,
                                     result.hurried ? " (the search's time was up while one was looked for)" : "");
    return result;
  }
  result.violation = sampled.violation;
  result.story = std::move(sampled.story);
  result.repro = std::move(sampled.repro);
  result.cost = sampled.cost;
  result.hurried = sampled.hurried;
  return result;
}

}  // namespace

const char* to_string(Search search) noexcept {
  switch (search) {
    case Search::dpor:
      return "dpor";
    case Search::dfs:
      return "dfs";
    case Search::pct:
      return "pct";
    case Search::random:
      return "random";
  }
  return "?";
}

std::string search_identity(const std::string& program, const std::string& profile, const ExploreOptions& options) {
  std::string text =
      fmt::format("{} on {} text {:016x} {} {} seed {} depth {} preemptions {} longest {}", program,
                  profile.empty() ? "nothing" : profile, sim::text_hash(options.scenario), to_string(options.strategy),
                  sim::to_string(options.memory), options.seed, options.depth, options.preemptions, options.max_points);
  if (options.departures != ~u32{0}) text += fmt::format(" departures {}", options.departures);
  for (const std::string& barrier : options.left_out) text += " without " + barrier;
  return text;
}

namespace sim::detail {
std::string checkpoint_identity(const Program& program, const ExploreOptions& options, unsigned jobs) {
  std::string text =
      fmt::format("{} shard {}/{}", search_identity(program.name(), options.profile, options), options.shard, options.shards);
  if (jobs > 1) text += fmt::format(" jobs {}", jobs);
  return text;
}

ExploreResult explore_here(Program& program, const ExploreOptions& options, const JobShare& share) {
  try {
    return options.strategy == Search::dpor ? run_dpor(program, options, share) : Sampling(program, options, share).run();
  } catch (const std::exception& error) {
    ExploreResult result;
    result.error = error.what();
    return result;
  }
}
}  // namespace sim::detail

ExploreResult explore(Program& program, const ExploreOptions& asked) {
  ExploreOptions options = asked;
  // A number of executions is that of the whole search.
  if (options.shards > 1 && options.executions != ~u64{0})
    options.executions = options.executions / options.shards + (options.shard < options.executions % options.shards ? 1 : 0);
  return options.jobs > 1 ? sim::explore_in_jobs(program, options) : sim::detail::explore_here(program, options);
}

std::vector<std::string> barriers_met(Program& program, const ExploreOptions& options, u64 executions) {
  const auto machine = make_machine(machine_options(options));
  machine->set_up(program);
  RandomStrategy random(options.seed);
  std::set<std::string> names;
  Schedule schedule;
  for (u64 i = 0; i < executions; i++) {
    random.begin();
    machine->record(random, schedule);
    for (const Step& step : schedule.steps)
      if (step.barrier != nullptr)
        names.insert(step.barrier);
      else if (step.kind == OpKind::wake)
        names.insert(arch::kWakeBarrier);
  }
  return {names.begin(), names.end()};
}

namespace {

/// What a violation says, without lines and columns, which move, and without what a scenario's file is called, which a repro
/// holds the text of.
std::string without_places(std::string_view text) {
  std::string told;
  for (size_t i = 0; i < text.size(); i++) {
    const bool number = text[i] == ':' && i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9';
    if (number)
      while (i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9') i++;
    else
      told += text[i];
  }
  for (size_t open = told.find('('); open != std::string::npos; open = told.find('(', open + 1)) {
    const size_t path = told.find(": /", open);
    if (path != std::string::npos && told.find_first_of(" )", open) == path + 1) told.erase(open + 1, path + 1 - open);
  }
  return told;
}

}  // namespace

ReplayResult replay(Program& program, const Repro& repro) {
  ReplayResult result;
  if (repro.program != program.name()) {
    result.difference = fmt::format("the repro is of program \"{}\", this one is \"{}\"", repro.program, program.name());
    return result;
  }
  ExploreOptions options;
  options.memory = repro.memory;
  options.left_out = repro.left_out;
  const auto machine = make_machine(machine_options(options));
  machine->set_up(program);
  ReplayStrategy strategy(repro.schedule);
  strategy.begin();
  const Run run = machine->record(strategy, result.schedule);
  result.hash = trace_hash(result.schedule);
  result.difference = strategy.difference();
  if (result.difference.empty() && result.schedule.steps.size() < repro.schedule.steps.size())
    result.difference =
        fmt::format("the execution ended after step {} of {}", result.schedule.steps.size(), repro.schedule.steps.size());
  if (result.difference.empty() && result.hash != repro.hash)
    result.difference = "every step is the one written down, but some value is not: the program computes something else now";
  result.violated = run.end == End::violation && machine->violation().check == repro.violation.check;
  if (result.difference.empty() && !result.violated)
    result.difference = "the execution is the one written down, but nothing is violated";
  if (result.difference.empty() && without_places(machine->violation().text) != without_places(repro.violation.text))
    result.difference = fmt::format("the execution is the one written down, but what it violates is told otherwise: \"{}\"",
                                    machine->violation().text);
  if (run.end == End::violation) {
    ExploreResult told;
    told.violation = machine->violation();
    told.repro.schedule = result.schedule;
    dress(told, *machine, program, repro.profile);
    result.story = std::move(told.story);
  }
  return result;
}

}  // namespace uringsim
