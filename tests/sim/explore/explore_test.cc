// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/explore.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "kernel_model/arch/lock.h"
#include "sim/explore/dfs.h"
#include "sim/explore/pct.h"
#include "sim/explore/programs/handshake.h"
#include "sim/explore/replay.h"
#include "sim/explore/testing.h"
#include "tests/sim/explore/handshake.h"

namespace uringsim {
namespace {

using sim::Handshake;
using sim::Memory;
using sim::Tasks;

/// The handshake without a second look: it loses a wakeup under every model.
struct Lossy {
  Tasks<Handshake> program{"lossy"};
  Lossy() { sim::make_handshake(program, {2, true, true, false}, true); }
};
struct Sound {
  Tasks<Handshake> program{"sound"};
  Sound() { sim::make_handshake(program, {1}, true); }
};

ExploreOptions by(Search strategy, Memory memory) {
  ExploreOptions options;
  options.strategy = strategy;
  options.memory = memory;
  options.executions = 200'000;
  return options;
}

class ExploreTest : public testing::TestWithParam<std::tuple<Search, Memory>> {
 protected:
  [[nodiscard]] ExploreOptions options() const { return by(std::get<0>(GetParam()), std::get<1>(GetParam())); }
};
INSTANTIATE_TEST_SUITE_P(All, ExploreTest,
                         testing::Combine(testing::Values(Search::random, Search::dfs, Search::pct),
                                          testing::Values(Memory::sc, Memory::tso, Memory::weak)),
                         [](const auto& of) {
                           return std::string(to_string(std::get<0>(of.param))) + "_" + to_string(std::get<1>(of.param));
                         });

TEST_P(ExploreTest, FindsTheLostWakeupAndTellsItInAFewSteps) {
  Lossy lossy;
  const ExploreResult result = explore(lossy.program, options());
  ASSERT_TRUE(result.found) << result.error;
  EXPECT_EQ(result.violation.check, "lost-wakeup");
  EXPECT_LE(result.cost.lines, 12u) << result.story;
  EXPECT_LE(result.cost.preemptions + result.cost.reorderings, 2u) << result.story;
  EXPECT_NE(result.story.find("sq sleeps"), std::string::npos);
}

TEST_P(ExploreTest, AReproRunsAgainToTheSameHash) {
  Lossy lossy;
  const ExploreResult result = explore(lossy.program, options());
  const sim::Repro read = sim::Repro::from_json(result.repro.to_json());
  const ReplayResult again = replay(lossy.program, read);
  EXPECT_EQ(again.difference, "");
  EXPECT_TRUE(again.violated);
  EXPECT_EQ(again.hash, result.repro.hash);
  EXPECT_EQ(again.story, result.story);
}

TEST(Departures, BoundWhatDporRunsAndSoWhatItClaims) {
  Tasks<Handshake> program("sound");
  sim::make_handshake(program, {2}, true);
  ExploreOptions options = by(Search::dpor, Memory::tso);
  const ExploreResult all = explore(program, options);
  ASSERT_TRUE(all.exhaustive);
  u64 before = 0;
  for (options.departures = 0; before != all.executions + all.blocked && options.departures < 64; options.departures++) {
    const ExploreResult some = explore(program, options);
    EXPECT_TRUE(some.clean());
    const u64 executions = some.executions + some.blocked;
    EXPECT_EQ(some.exhaustive, executions == all.executions + all.blocked) << options.departures;
    EXPECT_GE(executions, before);
    if (options.departures == 0) {
      EXPECT_EQ(executions, 1u);
    }
    if (!some.exhaustive) {
      EXPECT_EQ(some.share, 1);
    }
    before = executions;
  }
  EXPECT_EQ(before, all.executions + all.blocked);
}

TEST(Departures, AFewAreEnoughForALostWakeup) {
  Lossy lossy;
  ExploreOptions options = by(Search::dpor, Memory::sc);
  options.departures = 3;
  EXPECT_TRUE(explore(lossy.program, options).found);
}

struct Looks {
  u32 passed;
};

TEST(Confirm, TimeThatWentOnBeforeAnybodyWaitedForItIsLedTo) {
  Tasks<Looks> program("time-passes");
  program.task("looker", [](Looks& s) {
    const u64 began = arch::machine().now();
    arch::WRITE_ONCE(s.passed, arch::machine().now() > began ? 1u : 0u);
  });
  program.finally([](const Looks& s, sim::Ending& end) {
    if (s.passed != 0) end.violation("late", "the clock had gone on");
  });
  ExploreOptions options = by(Search::dpor, Memory::sc);
  options.milliseconds = 10'000;
  const ExploreResult result = explore(program, options);
  ASSERT_TRUE(result.found) << result.unconfirmed << result.error;
  const ReplayResult again = replay(program, sim::Repro::from_json(result.repro.to_json()));
  EXPECT_EQ(again.difference, "");
  EXPECT_TRUE(again.violated);
  EXPECT_EQ(result.cost.reorderings, 0u);
}

TEST(Confirm, BothSearchesHaveAsManyProcessors) {
  Tasks<Looks> program("processors");
  program.task("looker", [](Looks& s) { arch::WRITE_ONCE(s.passed, arch::machine().cpus()); });
  program.finally([](const Looks& s, sim::Ending& end) {
    if (s.passed != 3) end.violation("processors", "there are not three of them");
  });
  for (const Search search : {Search::dpor, Search::random}) {
    ExploreOptions options = by(search, Memory::sc);
    options.cpus = 3;
    options.executions = 10;
    EXPECT_TRUE(explore(program, options).clean());
  }
}

TEST_P(ExploreTest, TheMinimisedScheduleIsNoMoreComplicatedThanTheOneFound) {
  Lossy lossy;
  ExploreOptions plain = options();
  plain.minimise = false;
  const ExploreResult found = explore(lossy.program, plain);
  const ExploreResult minimised = explore(lossy.program, options());
  EXPECT_FALSE(found.cost < minimised.cost);
  EXPECT_EQ(found.violation.text, minimised.violation.text);
}

/// The smallest cost of all executions of `program` that end in a violation.
sim::Cost smallest_cost(sim::Program& program, Memory memory) {
  sim::MachineOptions options;
  options.memory = memory;
  const auto machine = sim::make_machine(options);
  machine->set_up(program);
  sim::DfsStrategy every;
  sim::Cost smallest{~0u, 0, 0};
  while (every.begin()) {
    if (machine->run(every).end != sim::End::violation) continue;
    sim::Schedule schedule;
    every.again();
    machine->record(every, schedule);
    smallest = std::min(smallest, sim::cost_of(schedule, memory));
  }
  return smallest;
}

TEST(Minimise, ComesToTheSmallestCostThatAnyExecutionHas) {
  struct Words {
    u32 x, y, lost;
  };
  Tasks<Words> counter("counter");
  for (const char* name : {"a", "b"})
    counter.task(name, [](Words& w) {
      for (int i = 0; i < 2; i++) arch::WRITE_ONCE(w.x, arch::READ_ONCE(w.x) + 1);
    });
  counter.finally([](const Words& w, sim::Ending& end) {
    if (w.x == 2) end.violation("lost", "two increments are lost");
  });
  Tasks<Words> message("message");
  message.task("writer", [](Words& w) {
    arch::WRITE_ONCE(w.x, 1);
    arch::WRITE_ONCE(w.y, 1);
    arch::WRITE_ONCE(w.x, 2);
  });
  message.task("reader", [](Words& w) {
    const u32 first = arch::READ_ONCE(w.x), y = arch::READ_ONCE(w.y), second = arch::READ_ONCE(w.x);
    if (first == 1 && y == 1 && second == 1) w.lost = 1;
  });
  message.finally([](const Words& w, sim::Ending& end) {
    if (w.lost != 0) end.violation("between", "the reader came in between");
  });
  // A store that arrives between two looks stops nobody: under tso that is no preemption.
  Tasks<Words> arrival("arrival");
  arrival.task("writer", [](Words& w) { arch::WRITE_ONCE(w.x, 1); });
  arrival.task("reader", [](Words& w) {
    const u32 first = arch::READ_ONCE(w.x), second = arch::READ_ONCE(w.x);
    if (first == 0 && second == 1) w.lost = 1;
  });
  arrival.finally([](const Words& w, sim::Ending& end) {
    if (w.lost != 0) end.violation("between", "the store came in between");
  });
  sim::programs::Handshake handshake({.second_look = false});
  for (sim::Program* program : {static_cast<sim::Program*>(&counter), static_cast<sim::Program*>(&message),
                                static_cast<sim::Program*>(&arrival), static_cast<sim::Program*>(&handshake)})
    for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak})
      for (const Search search : {Search::dpor, Search::pct}) {
        const sim::Cost smallest = smallest_cost(*program, memory);
        const ExploreResult result = explore(*program, by(search, memory));
        ASSERT_TRUE(result.found) << program->name();
        EXPECT_EQ(result.cost, smallest) << program->name() << " under " << to_string(memory) << "\n" << result.story;
      }
}

/// A search that is bound to the smallest cost that any execution with the violation has comes to one of them.
void expect_found_at_its_cost(sim::Program& program) {
  for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) {
    const sim::Cost smallest = smallest_cost(program, memory);
    if (smallest.preemptions == ~0u) continue;  // nothing is wrong under this one
    sim::MachineOptions options;
    options.memory = memory;
    const auto machine = sim::make_machine(options);
    machine->set_up(program);
    sim::DfsStrategy::Options bounds;
    bounds.preemptions = smallest.preemptions;
    bounds.reorderings = smallest.reorderings;
    sim::DfsStrategy bounded(bounds);
    bool found = false;
    while (bounded.begin()) found |= machine->run(bounded).end == sim::End::violation;
    EXPECT_TRUE(found) << program.name() << " under " << to_string(memory) << " " << smallest.preemptions << "/"
                       << smallest.reorderings;
  }
}

/// The minimiser's search and the cost of a schedule count alike: bounds of exactly that cost let a search through to it.
TEST(Minimise, AStoreThatArrivesStopsNobodyInTheSearchEither) {
  struct Words {
    u32 x, lost;
  };
  Tasks<Words> arrival("arrival");
  arrival.task("writer", [](Words& w) { arch::WRITE_ONCE(w.x, 1); });
  arrival.task("reader", [](Words& w) {
    const u32 first = arch::READ_ONCE(w.x), second = arch::READ_ONCE(w.x);
    if (first == 0 && second == 1) w.lost = 1;
  });
  arrival.finally([](const Words& w, sim::Ending& end) {
    if (w.lost != 0) end.violation("between", "the store came in between");
  });
  expect_found_at_its_cost(arrival);
}

TEST(Minimise, EndsWithTheTimeOfTheSearchAndTheStorySaysSo) {
  Lossy lossy;
  for (const bool hurried : {false, true}) {
    ExploreOptions options = by(Search::random, Memory::tso);
    options.milliseconds = hurried ? 0 : ~u64{0};  // the first executions do not look at the clock
    const ExploreResult result = explore(lossy.program, options);
    ASSERT_TRUE(result.found);
    EXPECT_EQ(result.hurried, hurried);
    EXPECT_EQ(result.story.find("The time was up") != std::string::npos, hurried) << result.story;
  }
}

// What fails is an operation that did not take place: a step of the repro stands for it all the same.
TEST(Explore, ReprosOfWhatFailsInAnOperationAreNotStale) {
  struct Words {
    u32* block;
    u32 done;
    arch::Timer* timer;
    arch::LockWord lock;
  };
  Tasks<Words> freed("freed"), timer("timer"), atomic("atomic");
  freed.task("owner", [](Words& w) {
    w.block = static_cast<u32*>(arch::machine().alloc(64, 16));
    arch::machine().free(w.block, 64);
    arch::WRITE_ONCE(w.done, 1);
    arch::WRITE_ONCE(*w.block, 1);
  });
  timer.task("owner", [](Words& w) {
    w.timer = new (arch::machine().alloc(sizeof(arch::Timer), 16)) arch::Timer;
    arch::machine().free(w.timer, sizeof(arch::Timer));
    arch::WRITE_ONCE(w.done, 1);
    arch::machine().timer_start(*w.timer, 1'000);
  });
  atomic.task("owner", [](Words& w) {
    arch::machine().lock(w.lock, arch::LockKind::spin, arch::Site::here());
    arch::WRITE_ONCE(w.done, 1);
    arch::machine().set_state(arch::TASK_UNINTERRUPTIBLE);
    arch::machine().schedule(~u64{0});
  });
  for (Tasks<Words>* program : {&freed, &timer, &atomic}) {
    program->task("other", [](Words& w) {
      for (int i = 0; i < 3; i++) static_cast<void>(arch::READ_ONCE(w.done));
    });
    for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) {
      const ExploreResult result = explore(*program, by(Search::random, memory));
      ASSERT_TRUE(result.found) << program->name();
      const ReplayResult again = replay(*program, result.repro);
      EXPECT_EQ(again.difference, "") << program->name() << " under " << to_string(memory);
      EXPECT_TRUE(again.violated);
    }
  }
}

// A device is told by a store that comes behind those to memory: its interrupt finds what was stored before.
TEST(Explore, AnInterruptFindsWhatItsTaskStoredBeforeRaisingIt) {
  struct Words {
    arch::Interrupt interrupt;
    u32 x, lost;
  };
  Tasks<Words> raised("raised");
  raised.task("raiser", [](Words& w) {
    w.interrupt.function = [](arch::Interrupt* interrupt) {
      auto* const words = reinterpret_cast<Words*>(interrupt);
      if (arch::READ_ONCE(words->x) == 0) arch::WRITE_ONCE(words->lost, 1);
    };
    arch::WRITE_ONCE(w.x, 1);
    arch::machine().raise(w.interrupt);
  });
  raised.finally([](const Words& w, sim::Ending& end) {
    if (w.lost != 0) end.violation("late", "the store was late");
  });
  for (const Search search : {Search::dpor, Search::dfs})
    for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) {
      const ExploreResult result = explore(raised, by(search, memory));
      EXPECT_TRUE(result.clean() && result.exhaustive) << to_string(search) << " under " << to_string(memory);
    }
}

TEST_P(ExploreTest, ASoundProgramIsCleanAndOnlyDfsSaysExhaustive) {
  Sound sound;
  const ExploreResult result = explore(sound.program, options());
  EXPECT_TRUE(result.clean()) << result.story;
  EXPECT_EQ(result.exhaustive, std::get<0>(GetParam()) == Search::dfs);
}

TEST(Explore, PathsOfTheSourceStartAtItsRoot) {
  EXPECT_STREQ(sim::source_path(arch::Site::here().file), "tests/sim/explore/explore_test.cc");
  EXPECT_STREQ(sim::source_path("/elsewhere/mine.cc"), "/elsewhere/mine.cc");
}

TEST(Explore, AReproOfAnotherProgramIsRefusedWithTheStepThatDiffers) {
  Lossy lossy;
  const ExploreResult result = explore(lossy.program, by(Search::random, Memory::sc));
  Tasks<Handshake> changed("lossy");
  sim::make_handshake(changed, {2, false, true, false}, true);  // its barrier is gone
  const ReplayResult stale = replay(changed, result.repro);
  EXPECT_NE(stale.difference.find("step"), std::string::npos);
  Tasks<Handshake> other("other");
  EXPECT_NE(replay(other, result.repro).difference.find("\"other\""), std::string::npos);
}

TEST(Explore, AReproThatWasTamperedWithIsRefused) {
  Lossy lossy;
  std::string text = explore(lossy.program, by(Search::random, Memory::sc)).repro.to_json();
  std::string format = text;
  format.replace(format.find("\"format\": ") + 10, 1, "9");
  EXPECT_THROW(sim::Repro::from_json(format), sim::ReproError);
  const size_t at = text.find("\"op\":\"store\"");
  text.replace(at, 12, "\"op\":\"fence\"");
  EXPECT_THROW(sim::Repro::from_json(text), sim::ReproError);
  EXPECT_THROW(sim::Repro::from_json("{"), sim::ReproError);
}

TEST(Explore, ShardsOfADfsTogetherRunWhatOneSearchRuns) {
  Sound sound;
  const ExploreResult whole = explore(sound.program, by(Search::dfs, Memory::tso));
  u64 executions = 0;
  for (unsigned shard = 0; shard < 3; shard++) {
    ExploreOptions options = by(Search::dfs, Memory::tso);
    options.shard = shard;
    options.shards = 3;
    const ExploreResult part = explore(sound.program, options);
    EXPECT_TRUE(part.exhaustive);
    EXPECT_LT(part.executions, whole.executions);
    executions += part.executions;
  }
  EXPECT_EQ(executions, whole.executions);
}

TEST(Explore, JobsFindWhatOneProcessFindsAndCountAlike) {
  Sound sound;
  ExploreOptions options = by(Search::dfs, Memory::tso);
  const ExploreResult one = explore(sound.program, options);
  options.jobs = 2;
  const ExploreResult two = explore(sound.program, options);
  EXPECT_EQ(two.error, "");
  EXPECT_TRUE(two.exhaustive);
  EXPECT_EQ(two.executions, one.executions);
  Lossy lossy;
  options = by(Search::random, Memory::weak);
  options.jobs = 2;
  const ExploreResult found = explore(lossy.program, options);
  ASSERT_TRUE(found.found) << found.error;
  EXPECT_TRUE(replay(lossy.program, found.repro).violated);
}

TEST(Explore, AnInterruptedSearchGoesOnFromItsCheckpoint) {
  const std::string path = testing::TempDir() + "explore-checkpoint.json";
  for (const Search strategy : {Search::dfs, Search::random}) {
    std::remove(path.c_str());
    Sound sound;
    ExploreOptions options = by(strategy, Memory::tso);
    options.executions = strategy == Search::dfs ? ~u64{0} : 500;
    const ExploreResult whole = explore(sound.program, options);
    options.checkpoint = path;
    u64 parts = 0;
    ExploreResult result;
    while (!result.exhaustive && parts < 100 && (strategy == Search::dfs || parts < 5)) {
      options.executions = strategy == Search::dfs ? 20'000 : 100 * (parts + 1);  // of one sitting, or of all
      result = explore(sound.program, options);
      ASSERT_EQ(result.error, "");
      parts++;
    }
    EXPECT_GT(parts, 1u);
    EXPECT_EQ(result.executions, whole.executions);
  }
  ExploreOptions other = by(Search::random, Memory::sc);
  other.checkpoint = path;
  Sound sound;
  EXPECT_NE(explore(sound.program, other).error.find("/search"), std::string::npos);
  std::remove(path.c_str());
}

struct TwoWords {
  u32 x;
  u32 y;
};

TEST(Explore, AStoryTellsBothSidesOfADataRace) {
  Tasks<TwoWords> program("careless");
  program.word("x", &TwoWords::x);
  for (const char* const name : {"one", "two"}) program.task(name, [](TwoWords& s) { arch::plain_store(s.x, 1u); });
  for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) {
    const ExploreResult result = explore(program, by(Search::dpor, memory));
    ASSERT_TRUE(result.found) << result.error;
    EXPECT_EQ(result.violation.check, "data-race");
    const std::size_t first = result.story.find("fills x");
    ASSERT_NE(first, std::string::npos) << result.story;
    EXPECT_NE(result.story.find("fills x", first + 1), std::string::npos) << result.story;
    EXPECT_EQ(result.story.find("takes no part"), std::string::npos) << result.story;
  }
}

TEST(Explore, WhatBreaksWithoutReorderingIsToldWithoutOne) {
  Tasks<TwoWords> program("overwrites");
  for (const char* const name : {"one", "two"})
    program.task(name, [](TwoWords& s) { arch::WRITE_ONCE(s.x, arch::READ_ONCE(s.x) + 1); });
  program.finally([](const TwoWords& s, sim::Ending& end) {
    if (end.all_ended() && s.x != 2) end.violation("assertion", "both are counted");
  });
  const ExploreResult strong = explore(program, by(Search::dpor, Memory::sc));
  ASSERT_TRUE(strong.found);
  for (const Memory memory : {Memory::tso, Memory::weak}) {
    const ExploreResult result = explore(program, by(Search::dpor, memory));
    ASSERT_TRUE(result.found);
    // Under weak, one old value may stand for the preemption.
    EXPECT_LE(result.cost.preemptions + result.cost.reorderings, strong.cost.preemptions) << result.story;
    EXPECT_LE(result.cost.lines, strong.cost.lines) << result.story;
  }
}

TEST(Explore, ResultsOfShardsMergeToOneVerdict) {
  Lossy lossy;
  std::vector<std::string> parts;
  u64 executions = 0;
  for (unsigned shard = 0; shard < 2; shard++) {
    ExploreOptions options = by(Search::random, Memory::sc);
    options.executions = 50;
    options.shard = shard;
    options.shards = 2;
    const ExploreResult part = explore(lossy.program, options);
    executions += part.executions;
    parts.push_back(to_json(part, options, "lossy", "", ""));
  }
  const std::string merged = merge_json(parts);
  EXPECT_NE(merged.find("\"verdict\": \"violation\""), std::string::npos);
  EXPECT_NE(merged.find("\"executions\": " + std::to_string(executions)), std::string::npos);
  EXPECT_THROW(merge_json({parts[0], parts[0]}), std::invalid_argument);
}

TEST(Explore, WhatIsNoResultIsNotMerged) {
  ExploreOptions options = by(Search::random, Memory::sc);
  options.shards = 2;
  ExploreResult part;
  part.executions = 50;
  const std::string right = to_json(part, options, "lossy", "", "");
  EXPECT_NO_THROW(merge_json({right}));
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {R"("verdict": "clean")", R"("verdict": "dirty")"},
      {R"("verdict": "clean")", R"("verdict": "violation")"},  // of no steps
      {R"("executions": 50)", R"("executions": 18446744073709551615)"},
      {R"("exhaustive": false)", R"("exhaustive": "no")"},
      {R"("shard_exhaustive": false)", R"("shard_exhaustive": null)"},
      {R"("seconds": 0.0)", R"("seconds": "long")"},
      {R"("scenario": "lossy")", R"("scenario": 5)"}};
  for (const auto& [from, to] : wrong) {
    std::string text = right;
    ASSERT_NE(text.find(from), std::string::npos) << from << " in " << text;
    text.replace(text.find(from), from.size(), to);
    try {
      merge_json({text});
      ADD_FAILURE() << to << " is taken";
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).find("result 1: /"), 0U) << error.what();
    }
  }
}

// A sampling search of so many executions takes so many, whether or not it is interrupted.
TEST(Explore, AnInterruptedSampleTakesNoMoreThanItWasToTake) {
  const std::string path = testing::TempDir() + "sample-" + std::to_string(getpid());
  for (const Search strategy : {Search::random, Search::pct}) {
    std::remove(path.c_str());
    Lossy lossy;
    ExploreOptions options = by(strategy, Memory::sc);
    options.stop_at_violation = false;
    options.minimise = false;
    options.checkpoint = path;
    for (const u64 executions : {30U, 80U, 80U, 80U}) {
      options.executions = executions;
      const ExploreResult result = explore(lossy.program, options);
      EXPECT_EQ(result.executions, executions);
    }
  }
  std::remove(path.c_str());
}

TEST(Explore, AMergedResultPromisesNoMoreThanItsWeakestPart) {
  std::vector<std::string> parts;
  for (unsigned shard = 0; shard < 2; shard++) {
    ExploreOptions options = by(Search::pct, Memory::sc);
    options.shard = shard;
    options.shards = 2;
    ExploreResult part;
    part.guarantee = shard == 0 ? 0.5 : 0.25;
    if (shard == 1) part.unconfirmed = "no-hang: somebody hangs";
    parts.push_back(to_json(part, options, "by hand", "", ""));
  }
  const std::string merged = merge_json(parts);
  EXPECT_NE(merged.find("\"guarantee\": 0.25"), std::string::npos) << merged;
  EXPECT_NE(merged.find("somebody hangs"), std::string::npos) << merged;
}

TEST(Explore, TheStoryOfAStaleReadNamesTheStoreThatItMissed) {
  Tasks<Handshake> program("no barrier");
  sim::make_handshake(program, {1, false, true}, true);
  for (const Memory memory : {Memory::tso, Memory::weak}) {
    const ExploreResult result = explore(program, by(Search::dfs, memory));
    ASSERT_TRUE(result.found);
    EXPECT_NE(result.story.find("(old: "), std::string::npos) << result.story;
    EXPECT_GE(result.cost.reorderings, 1u);
  }
}

TEST(Explore, AFailingTestPrintsTheStoryAndThePathOfARepro) {
  Lossy lossy;
  const testing::AssertionResult result = explores_clean(lossy.program, by(Search::random, Memory::sc));
  ASSERT_FALSE(result);
  const std::string message = result.message();
  EXPECT_NE(message.find("VIOLATION (lost-wakeup)"), std::string::npos);
  const size_t at = message.find("repro: ") + 7;
  const std::string path = message.substr(at, message.find('\n', at) - at);
  EXPECT_TRUE(replays(lossy.program, path));
  std::remove(path.c_str());
}

TEST(Pct, TheGuaranteeIsOneOverTasksTimesChoicesToTheDepthLessOne) {
  sim::PctStrategy pct(1, 3);
  EXPECT_DOUBLE_EQ(pct.guarantee(), 1.0 / 64 / 64);
  Lossy lossy;
  ExploreOptions options = by(Search::pct, Memory::sc);
  options.stop_at_violation = false;
  options.minimise = false;
  options.executions = 2000;
  const ExploreResult result = explore(lossy.program, options);
  EXPECT_GT(result.guarantee, 0);
  EXPECT_LE(result.guarantee, 0.5 / 64 / 64);
  EXPECT_TRUE(result.found);
}

// Without the race detector the operational machine does not know who used the memory; dpor does.
TEST(Explore, WhatNoScheduleShowsIsLookedForOnlyAsLongAsTheSearchMayGoOn) {
  struct Words {
    u32* block;
    u32 there, done;
  };
  Tasks<Words> program("unshown");
  program.task("owner", [](Words& w) {
    w.block = static_cast<u32*>(arch::machine().alloc(16, 16));
    arch::smp_store_release(w.there, 1);
    if (arch::READ_ONCE(w.done) != 0) arch::machine().free(w.block, 16);
  });
  program.task("user", [](Words& w) {
    if (arch::smp_load_acquire(w.there) == 0) return;
    arch::WRITE_ONCE(*w.block, 1);
    arch::WRITE_ONCE(w.done, 1);
  });
  ExploreOptions options = by(Search::dpor, Memory::weak);
  options.races = false;
  unsigned asked = 0;
  options.progress = [&asked](const ExploreProgress&) {
    asked++;
    return false;
  };
  const ExploreResult result = explore(program, options);
  EXPECT_FALSE(result.found);
  EXPECT_FALSE(result.exhaustive);
  EXPECT_EQ(result.unconfirmed.find("use-after-free: "), 0u) << result.unconfirmed;
  EXPECT_EQ(asked, 2u);  // behind the first attempts to show it, and before it is sampled
}

}  // namespace
}  // namespace uringsim
