// SPDX-License-Identifier: GPL-2.0-only
// The short cut through idle polling changes nothing but the real time that a run takes.
#include <gtest/gtest.h>

#include "tests/sim/fiber/timed_support.h"

namespace uringsim::sim {
namespace {

using arch::machine;
using arch::READ_ONCE;
using arch::WRITE_ONCE;

constexpr u64 kTick = 4'000'000;

/// Everything that a run shows: times, statistics, and a log of what was seen when.
struct Outcome {
  std::string text;
  TimedMachine::Effort effort;

  void add(const char* what, u64 value) { text += std::string(what) + '=' + std::to_string(value) + '\n'; }
};

/// Runs `build`'s world and notes everything.
template <class Build>
Outcome outcome_of(Build build, TimedOptions options, bool skip, u64 time_limit = ~u64{0}) {
  options.skip_passes = skip;
  TimedWorld world(options);
  Outcome outcome;
  build(world, outcome);
  const RunResult result = world.go(time_limit);
  outcome.text += run_end_name(result.end);
  outcome.add(" at", result.time);
  for (const TaskStatistics& task : world.machine.task_statistics()) {
    outcome.text += task.name + '\n';
    outcome.add("running", task.running);
    outcome.add("spinning", task.spinning);
    outcome.add("asleep", task.asleep);
    outcome.add("queued", task.queued);
    outcome.add("passes", task.passes);
    outcome.add("switches", task.switches);
    outcome.add("preempted", task.preempted);
    outcome.add("lock_wait", task.lock_wait);
  }
  for (unsigned cpu = 0; cpu < options.cpus; cpu++) {
    outcome.add("busy", world.machine.processor_statistics(cpu).busy);
    outcome.add("idle", world.machine.processor_statistics(cpu).idle);
    outcome.add("interrupt", world.machine.processor_statistics(cpu).interrupt);
  }
  outcome.effort = world.machine.effort();
  return outcome;
}

/// The outcomes with and without the short cut are the same, and there was something to skip.
template <class Build>
void expect_equal(Build build, const TimedOptions& options, u64 time_limit = ~u64{0}) {
  const Outcome with = outcome_of(build, options, true, time_limit);
  const Outcome without = outcome_of(build, options, false, time_limit);
  EXPECT_EQ(with.text, without.text);
  EXPECT_GT(with.effort.passes_skipped, 0u);
  EXPECT_EQ(without.effort.passes_skipped, 0u);
  EXPECT_EQ(with.effort.passes_executed + with.effort.passes_skipped, without.effort.passes_executed);
}

/// Polls `word` until it is `wanted`, `reads` operations a pass, looking at jiffies in each.
void poll_for(const u32& word, u32 wanted, int reads) {
  for (;;) {
    for (int i = 0; i < reads; i++)
      if (READ_ONCE(word) == wanted) return;
    (void)machine().ticks(kTick);
    machine().poll_pass(arch::Site::here());
  }
}

TEST(TimedPoll, OnePollerAndASleeperThatEndsIt) {
  expect_equal(
      [](TimedWorld& world, Outcome& outcome) {
        auto word = std::make_shared<u32>(0);
        world.add("poller", [&outcome, word] {
          for (u32 round = 1; round <= 20; round++) {
            poll_for(*word, round, 3);
            outcome.add("saw", TimedWorld::now());
          }
        });
        world.add("writer", [&outcome, word] {
          for (u32 round = 1; round <= 20; round++) {
            TimedWorld::sleep_until(TimedWorld::now() + 12'345 * round);
            WRITE_ONCE(*word, round);
            outcome.add("wrote", TimedWorld::now());
          }
        });
      },
      {.cpus = 2});
}

TEST(TimedPoll, SeveralPollersOfDifferentPaceAnswerEachOther) {
  expect_equal(
      [](TimedWorld& world, Outcome& outcome) {
        struct Words {
          u32 word[3] = {};
        };
        auto words = std::make_shared<Words>();
        for (int i = 0; i < 3; i++)
          world.add(i == 0   ? "a"
                    : i == 1 ? "b"
                             : "c",
                    [&outcome, words, i] {
                      for (u32 round = 1; round <= 10; round++) {
                        if (i == 0) TimedWorld::sleep_until(TimedWorld::now() + 50'007 * round);
                        if (i != 0) poll_for(words->word[i - 1], round, 1 + 2 * i);
                        outcome.add("at", TimedWorld::now());
                        TimedWorld::work(static_cast<u64>(30 * i));
                        WRITE_ONCE(words->word[i], round);
                        if (i == 0) poll_for(words->word[2], round, 4);
                      }
                    });
      },
      {.cpus = 3});
}

TEST(TimedPoll, PollersThatShareAProcessorAreStillTimeSliced) {
  expect_equal(
      [](TimedWorld& world, Outcome& outcome) {
        auto word = std::make_shared<u32>(0);
        for (const char* name : {"a", "b"}) world.add(name, [word] { poll_for(*word, 1, 2); }, {.cpu = 0});
        world.add("kthread",
                  [word] {
                    while (READ_ONCE(*word) == 0) {
                      if (machine().need_resched()) machine().yield();
                      machine().poll_pass(arch::Site::here());
                    }
                  },
                  {.cpu = 0, .kernel_thread = true});
        world.add("writer",
                  [&outcome, word] {
                    TimedWorld::sleep_until(3'000'000);
                    WRITE_ONCE(*word, 1u);
                    outcome.add("wrote", TimedWorld::now());
                  },
                  {.cpu = 1});
      },
      {.cpus = 2, .slice = 100'000});
}

TEST(TimedPoll, TimersAndInterruptsHitAPollerAtTheSameOperation) {
  struct Ticker {
    arch::Timer timer;
    u32 word = 0;
    u32 rounds = 0;
    Outcome* outcome = nullptr;
  };
  expect_equal(
      [](TimedWorld& world, Outcome& outcome) {
        auto ticker = std::make_shared<Ticker>();
        ticker->outcome = &outcome;
        ticker->timer.function = [](arch::Timer* t) {
          auto& self = *reinterpret_cast<Ticker*>(t);
          TimedWorld::work(70);
          self.outcome->add("tick", TimedWorld::now());
          if (++self.rounds % 5 == 0) WRITE_ONCE(self.word, self.rounds / 5);
          if (self.rounds < 50) machine().timer_start(*t, t->due + 7'777);
        };
        world.add("poller",
                  [&outcome, ticker] {
                    machine().timer_start(ticker->timer, 5'000);
                    for (u32 round = 1; round <= 10; round++) {
                      poll_for(ticker->word, round, 5);
                      outcome.add("saw", TimedWorld::now());
                    }
                  },
                  {.cpu = 0});
        world.add("bystander", [ticker] { poll_for(ticker->word, 10, 2); }, {.cpu = 1});
      },
      {.cpus = 2});
}

TEST(TimedPoll, AnIdleWindowInJiffiesEndsAtTheSameTick) {
  expect_equal(
      [](TimedWorld& world, Outcome& outcome) {
        world.add("sq", [&outcome] {
          for (int round = 0; round < 5; round++) {
            const u64 timeout = machine().ticks(kTick) + 3;
            while (machine().ticks(kTick) <= timeout) machine().poll_pass(arch::Site::here());
            outcome.add("idle", TimedWorld::now());
            TimedWorld::sleep_until(TimedWorld::now() + 1'234'567);
          }
        });
      },
      {.cpus = 1});
}

TEST(TimedPoll, ABusyProcessorBesideAPollerIsSeenInTime) {
  expect_equal(
      [](TimedWorld& world, Outcome& outcome) {
        auto word = std::make_shared<u32>(0);
        world.add("poller", [&outcome, word] {
          for (u32 round = 1; round <= 30; round++) {
            poll_for(*word, round, 1);
            outcome.add("saw", TimedWorld::now());
          }
        });
        world.add("worker", [&outcome, word] {
          for (u32 round = 1; round <= 30; round++) {
            TimedWorld::work(1'000 + 170 * round);
            WRITE_ONCE(*word, round);
            outcome.add("wrote", TimedWorld::now());
          }
        });
      },
      {.cpus = 2, .lookahead = 500});
}

TEST(TimedPoll, ALockThatIsTriedInEveryPass) {
  expect_equal(
      [](TimedWorld& world, Outcome& outcome) {
        auto lock = std::make_shared<arch::LockWord>();
        world.add("holder", [lock] {
          arch::lock_acquire(*lock, arch::LockKind::mutex);
          TimedWorld::sleep_until(100'000);
          TimedWorld::work(2'000);
          arch::lock_release(*lock, arch::LockKind::mutex);
        });
        world.add("poller", [&outcome, lock] {
          TimedWorld::work(1'000);
          while (!arch::lock_try_acquire(*lock, arch::LockKind::mutex)) {
            (void)machine().ticks(kTick);
            machine().poll_pass(arch::Site::here());
          }
          outcome.add("took", TimedWorld::now());
          arch::lock_release(*lock, arch::LockKind::mutex);
        });
      },
      {.cpus = 2});
}

/// Takes a mutex in every pass, for ever: what two waiters on a polled ring do.
void poll_under(arch::LockWord& mutex) {
  arch::current_task()->in_kernel = true;
  for (;;) {
    arch::lock_acquire(mutex, arch::LockKind::mutex, arch::Site::here());
    machine().poll_pass(arch::Site::here());
    arch::lock_release(mutex, arch::LockKind::mutex, arch::Site::here());
  }
}

TEST(TimedPoll, PollersThatHandALockToEachOtherForEverAreALivelock) {
  arch::LockWord mutex;
  TimedWorld world({.cpus = 2, .pass_limit = 1000});
  for (const char* const name : {"one", "other"}) world.add(name, [&mutex] { poll_under(mutex); });
  EXPECT_EQ(world.go(1'000'000'000).end, RunEnd::livelock);
  EXPECT_LE(world.machine.effort().passes_executed, 1000u);
}

// A library that enters the kernel again and again gets no further; a program that goes from call to call does.
TEST(TimedPoll, CallsMadeAgainAreNoProgressAndAProgramThatGoesOnIs) {
  for (const bool goes_on : {false, true}) {
    TimedWorld world({.cpus = 1, .pass_limit = 1000});
    for (const char* const name : {"one", "other"})
      world.add(name, [goes_on] {
        for (int call = 0; call < 5'000; call++) {
          if (goes_on) machine().charge(arch::Cost::syscall, 0);
          machine().charge(arch::Cost::syscall, 1);
          arch::current_task()->effects++;  // an event: the call
          arch::current_task()->in_kernel = true;
          machine().poll_pass(arch::Site::here());
          arch::current_task()->in_kernel = false;
          machine().yield();
        }
      });
    EXPECT_EQ(world.go(1'000'000'000).end, goes_on ? RunEnd::finished : RunEnd::livelock);
  }
}

TEST(TimedPoll, PollersMayWaitForATaskThatComputes) {
  TimedWorld world({.cpus = 2, .pass_limit = 1000});
  u32 word = 0;
  world.add("poller", [&word] {
    while (READ_ONCE(word) != 20'000) machine().poll_pass(arch::Site::here());
  });
  world.add("application", [&word] {
    while (READ_ONCE(word) != 20'000) {
      WRITE_ONCE(word, READ_ONCE(word) + 1);
      machine().poll_pass(arch::Site::here());
    }
  });
  EXPECT_EQ(world.go(1'000'000'000).end, RunEnd::finished);
}

TEST(TimedPoll, PollersThatHandALockToEachOtherMayWaitForWhatIsDue) {
  arch::LockWord mutex;
  TimedWorld world({.cpus = 3, .pass_limit = 1000});
  for (const char* const name : {"one", "other"}) world.add(name, [&mutex] { poll_under(mutex); });
  world.add("sleeper", [] {
    machine().set_state(arch::TASK_UNINTERRUPTIBLE);
    machine().schedule(10'000'000);
  });
  const RunResult result = world.go(20'000'000);
  EXPECT_EQ(result.end, RunEnd::livelock);
  EXPECT_GT(result.time, 10'000'000u);
  EXPECT_GT(world.machine.effort().passes_executed, 10'000u);
}

TEST(TimedPoll, AReaderOfTheFineClockIsNotSkippedPastItsDeadline) {
  for (const bool skip : {true, false}) {
    TimedWorld world({.cpus = 1, .skip_passes = skip});
    u64 ended = 0;
    world.add("t", [&] {
      while (machine().now() < 1'000'003) machine().poll_pass(arch::Site::here());
      ended = TimedWorld::now();
    });
    world.go();
    EXPECT_GE(ended, 1'000'003u);
    EXPECT_LT(ended, 1'000'030u);
  }
}

// A pass that says something is progress, not idling, even if it says the same each time.
TEST(TimedPoll, APassWithAnEffectIsNotSkipped) {
  TimedWorld world({.cpus = 1});
  int passes = 0;
  world.add("t", [&] {
    while (passes < 1'000) {
      passes++;
      arch::current_task()->effects++;
      machine().poll_pass(arch::Site::here());
    }
  });
  world.go();
  EXPECT_EQ(world.machine.effort().passes_skipped, 0u);
  EXPECT_EQ(world.statistics("t").spinning, 0u);
}

TEST(TimedPoll, SpinningTimeIsThatOfThePassesWithoutEffect) {
  TimedWorld world({.cpus = 2});
  auto word = std::make_shared<u32>(0);
  world.add("poller", [word] { poll_for(*word, 1, 3); });
  world.add("writer", [word] {
    TimedWorld::sleep_until(1'000'000'000);
    WRITE_ONCE(*word, 1u);
  });
  world.go();
  const TaskStatistics poller = world.statistics("poller");
  EXPECT_GT(poller.spinning, 999'990'000u);
  EXPECT_LE(poller.spinning, poller.running);
  EXPECT_EQ(poller.passes * 50, poller.spinning);
}

/// A random world: pollers of random pace on random words, which answer, sleep, work, lock and set timers at random.
void build_random_world(u64 seed, TimedWorld& world, Outcome& outcome) {
  struct Shared {
    u32 words[4] = {};
    arch::LockWord mutex;
    arch::LockWord spin;
    arch::Timer timers[4];
  };
  auto shared = std::make_shared<Shared>();
  Random shape(seed);
  const unsigned tasks = 2 + shape.below(4);
  for (unsigned i = 0; i < tasks; i++) {
    const u64 own = shape.next();
    const arch::SpawnOptions options{.cpu = shape.below(2) == 0 ? static_cast<int>(shape.below(world.machine.cpus())) : -1,
                                     .kernel_thread = shape.below(2) == 0};
    const std::string name = "t" + std::to_string(i);
    world.add(
        name.c_str(),
        [shared, own, i, &outcome] {
          Random random(own);
          for (int round = 0; round < 25; round++) {
            u32& word = shared->words[random.below(4)];
            switch (random.below(7)) {
              case 0: {  // poll for any change, for some jiffies at most
                const u32 before = READ_ONCE(word);
                const u64 limit = machine().ticks(100'000) + 1 + random.below(8);
                const u32 reads = 1 + random.below(9);
                bool changed = false;
                while (!changed && machine().ticks(100'000) < limit) {
                  for (u32 read = 0; read < reads; read++) changed = changed || READ_ONCE(word) != before;
                  if (machine().need_resched()) machine().yield();
                  machine().poll_pass(arch::Site::here());
                }
                break;
              }
              case 1:
                TimedWorld::sleep_until(TimedWorld::now() + random.below(400'000));
                break;
              case 2:
                TimedWorld::work(random.below(3'000));
                break;
              case 3:
                WRITE_ONCE(word, READ_ONCE(word) + 1);
                break;
              case 4: {
                arch::Timer& timer = shared->timers[i % 4];
                timer.function = [](arch::Timer*) { TimedWorld::work(200); };
                machine().timer_start(timer, TimedWorld::now() + random.below(300'000));
                break;
              }
              case 5: {
                arch::lock_acquire(shared->mutex, arch::LockKind::mutex);
                TimedWorld::work(random.below(2'000));
                if (random.below(3) == 0) TimedWorld::sleep_until(TimedWorld::now() + random.below(50'000));
                arch::lock_release(shared->mutex, arch::LockKind::mutex);
                break;
              }
              case 6: {  // poll for a lock, for some jiffies at most
                const u64 limit = machine().ticks(100'000) + 1 + random.below(4);
                const u64 inside = random.below(400);
                while (machine().ticks(100'000) < limit) {
                  const bool took = arch::lock_try_acquire(shared->spin, arch::LockKind::spin);
                  if (took) {
                    TimedWorld::work(inside);
                    arch::lock_release(shared->spin, arch::LockKind::spin);
                  }
                  machine().poll_pass(arch::Site::here());
                }
                break;
              }
            }
            outcome.add(arch::current_task()->name, TimedWorld::now());
          }
        },
        options);
  }
}

TEST(TimedPoll, RandomWorldsAreTheSameWithAndWithoutTheShortCut) {
  u64 skipped = 0;
  for (u64 seed = 1; seed <= 60; seed++) {
    const auto build = [seed](TimedWorld& world, Outcome& outcome) { build_random_world(seed, world, outcome); };
    const TimedOptions options{
        .cpus = static_cast<unsigned>(1 + seed % 3), .lookahead = seed % 2 == 0 ? u64{200} : u64{70}, .slice = 150'000};
    const Outcome with = outcome_of(build, options, true);
    const Outcome without = outcome_of(build, options, false);
    ASSERT_EQ(with.text, without.text) << "seed " << seed;
    skipped += with.effort.passes_skipped;
  }
  EXPECT_GT(skipped, 10'000u);
}

// Ten thousand seconds of polling within a test's patience is the point of it all.
TEST(TimedPoll, HoursOfPollingTakeAFewPassesATick) {
  TimedWorld world({.cpus = 2});
  auto word = std::make_shared<u32>(0);
  world.add("poller", [word] { poll_for(*word, 1, 3); });
  world.add("writer", [word] {
    TimedWorld::sleep_until(1'000'000'000'000);
    WRITE_ONCE(*word, 1u);
  });
  EXPECT_EQ(world.go().end, RunEnd::finished);
  EXPECT_LE(world.machine.effort().passes_executed, 4 * 1'000'000'000'000 / kTick + 10);
}

}  // namespace
}  // namespace uringsim::sim
