// SPDX-License-Identifier: GPL-2.0-only
// Generated programs in which something happens by itself: timers that are started, put off and cancelled, interrupts, sleeps
// that end at a deadline or by a wakeup, waits for a condition with a deadline, threads that are parked. Every interleaving on
// the operational machine and the search over graphs must end in the same states.
//
// One limit, where the explorers differ: nobody looks at the clock, which dpor lets go on where nobody waits for it.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "sim/explore/random.h"
#include "sim/explore/tasks.h"
#include "tests/sim/explore/dpor/both_ways.h"

namespace uringsim::sim::dpor {
namespace {

using arch::machine;
using arch::READ_ONCE;
using arch::WRITE_ONCE;

constexpr u64 kBegin = 1'000'000'000'000;  // what the clock says at first
constexpr u64 kFirstTimed = 1, kTimedPrograms = 60;

struct TimedWords;
struct NumberedTimer : arch::Timer {
  TimedWords* owner = nullptr;
  u32 number = 0;
};
struct NumberedInterrupt : arch::Interrupt {
  TimedWords* owner = nullptr;
  u32 number = 0;
};
struct TimedWords {
  std::array<NumberedTimer, 2> timers;
  std::array<NumberedInterrupt, 2> interrupts;
  std::array<u32, 2> words;
  u32 order;  ///< digits: which handler ran when
  std::array<u32, 2> registers;
  Tasks<TimedWords>* program;  ///< whose first task the second timer and the second interrupt wake
};

enum class TimedKind : u8 { store, load, mb, start, cancel, sleep, sleep_until, wake, raise, wait_until, park, unpark };
constexpr const char* kTimedSpelling[] = {"store",       "load", "mb",    "start",      "cancel", "sleep",
                                          "sleep-until", "wake", "raise", "wait-until", "park",   "unpark"};

struct TimedOp {
  TimedKind kind;
  u32 number;  // of a word, a timer, an interrupt or a task
  u32 value;
};
using TimedBody = std::vector<TimedOp>;

std::string spell(const std::vector<TimedBody>& tasks) {
  std::string text;
  for (const TimedBody& body : tasks) {
    text += text.empty() ? "" : " | ";
    for (const TimedOp& op : body)
      text += std::string(kTimedSpelling[static_cast<unsigned>(op.kind)]) + " " + std::to_string(op.number) + " " +
              std::to_string(op.value) + "; ";
  }
  return text;
}

void handle(TimedWords& s, u32 number) {
  WRITE_ONCE(s.order, READ_ONCE(s.order) * 8 + number);
  WRITE_ONCE(s.words[number % 2], 4 + number);
  if (number % 2 == 0) machine().wake(s.program->handle(0), arch::TASK_NORMAL);
}

void prepare(TimedWords& s) {
  for (u32 i = 0; i < 2; i++) {
    s.timers[i].owner = s.interrupts[i].owner = &s;
    s.timers[i].number = 1 + i;
    s.interrupts[i].number = 3 + i;
    s.timers[i].function = [](arch::Timer* fired) {
      auto& timer = *static_cast<NumberedTimer*>(fired);
      handle(*timer.owner, timer.number);
    };
    s.interrupts[i].function = [](arch::Interrupt* raised) {
      auto& interrupt = *static_cast<NumberedInterrupt*>(raised);
      handle(*interrupt.owner, interrupt.number);
    };
  }
}

/// As wait_event_timeout(): 3: `word` is not 0, 1: it was when the time was up.
u32 wait_until(u32& word, u64 deadline) {
  for (bool in_time = true;; in_time = machine().schedule(deadline)) {
    machine().set_state(arch::TASK_INTERRUPTIBLE);
    arch::smp_mb();
    const bool holds = READ_ONCE(word) != 0;
    if (!holds && in_time) continue;
    machine().set_state(arch::TASK_RUNNING);
    return holds ? 3 : 1;
  }
}

/// As a kernel thread that is asked to park while `word` is not 0.
void park_while(u32& word) {
  for (;;) {
    machine().set_state(arch::TASK_PARKED);
    arch::smp_mb();
    if (READ_ONCE(word) == 0) break;
    machine().schedule();
  }
  machine().set_state(arch::TASK_RUNNING);
}

void act(Tasks<TimedWords>& program, TimedWords& s, unsigned me, const TimedOp& op) {
  const auto remember = [&](u32 value) { s.registers[me] = s.registers[me] * 16 + value + 1; };
  switch (op.kind) {
    case TimedKind::store:
      WRITE_ONCE(s.words[op.number], op.value);
      break;
    case TimedKind::load:
      remember(READ_ONCE(s.words[op.number]));
      break;
    case TimedKind::mb:
      arch::smp_mb();
      break;
    case TimedKind::start:
      machine().timer_start(s.timers[op.number], kBegin + 10 * op.value);
      break;
    case TimedKind::cancel:
      remember(static_cast<u32>(machine().timer_cancel(s.timers[op.number]) + 1));
      break;
    case TimedKind::sleep:
      machine().set_state(arch::TASK_INTERRUPTIBLE);
      arch::smp_mb();
      if (READ_ONCE(s.words[op.number]) == 0) machine().schedule();
      machine().set_state(arch::TASK_RUNNING);
      break;
    case TimedKind::sleep_until:
      machine().set_state(arch::TASK_INTERRUPTIBLE);
      remember(machine().schedule(kBegin + 5 + 10 * op.value) ? 2 : 1);
      break;
    case TimedKind::wake:
      machine().wake(program.handle(op.number), arch::TASK_NORMAL);
      break;
    case TimedKind::raise:
      machine().raise(s.interrupts[op.number]);
      break;
    case TimedKind::wait_until:
      remember(wait_until(s.words[op.number], kBegin + 5 + 10 * op.value));
      break;
    case TimedKind::park:
      park_while(s.words[op.number]);
      break;
    case TimedKind::unpark:
      WRITE_ONCE(s.words[op.number], 0u);
      machine().wake(program.handle(0), arch::TASK_PARKED);
      break;
  }
}

/// Each interrupt is raised once at most: one that is raised again before it ran would be a bug of the program's.
std::vector<TimedBody> generate_timed(RandomNumbers& dice, const std::vector<TimedKind>& kinds) {
  std::vector<TimedBody> tasks(1 + dice.below(2));
  std::array<bool, 2> raised{};
  for (TimedBody& body : tasks) {
    const u32 length = 1 + dice.below(tasks.size() == 1 ? 5u : 3u);
    while (body.size() < length) {
      const TimedKind kind = kinds[dice.below(static_cast<u32>(kinds.size()))];
      const u32 number = dice.below(2);
      if (kind == TimedKind::raise && std::exchange(raised[number], true)) continue;
      body.push_back({kind, kind == TimedKind::wake ? dice.below(static_cast<u32>(tasks.size())) : number, 1 + dice.below(3)});
    }
  }
  return tasks;
}

u64 timed_digest(const TimedWords& s) {
  u64 result = s.order;
  for (const u32 value : s.words) result = result << 4 | value;
  for (const u32 value : s.registers) result = result << 20 | value;
  return result;
}

/// Runs the program of `seed` both ways under every model. False if it is too large for every interleaving.
bool expect_same_in_time(u64 seed, const std::vector<TimedKind>& kinds, u64& states) {
  RandomNumbers dice(seed);
  const std::vector<TimedBody> tasks = generate_timed(dice, kinds);
  Tasks<TimedWords> program("generated");
  program.initially([&program](TimedWords& s) {
    s.program = &program;
    prepare(s);
  });
  for (unsigned me = 0; me < tasks.size(); me++)
    program.daemon("P" + std::to_string(me), [&program, body = &tasks[me], me](TimedWords& s) {
      for (const TimedOp& op : *body) act(program, s, me, op);
    });
  program.digest(timed_digest);
  for (int model = 0; model < 3; model++) {
    bool all = false;
    const Outcome slow = by_interleavings(program, kOperational[model], 4'000, &all);
    if (!all) return false;
    const Outcome fast = by_graphs(program, kAxiomatic[model]).outcome;
    EXPECT_EQ(fast, slow) << "seed " << seed << " under " << to_string(kOperational[model]) << ": " << spell(tasks);
    states += fast.states.size();
  }
  return true;
}

void expect_all_same_in_time(const std::vector<TimedKind>& kinds) {
  unsigned compared = 0;
  u64 states = 0;
  for (u64 seed = kFirstTimed; compared < kTimedPrograms && !testing::Test::HasFailure(); seed++) {
    ASSERT_LT(seed, kFirstTimed + 20 * kTimedPrograms) << compared;
    compared += expect_same_in_time(seed, kinds, states) ? 1 : 0;
  }
  std::cout << compared << " programs, " << states << " final states\n";
}

TEST(DporTimeAgreement, GeneratedProgramsEndInTheSameStatesWhicheverExplorerRunsThem) {
  std::vector<TimedKind> all;
  for (u32 kind = 0; kind < std::size(kTimedSpelling); kind++) all.push_back(static_cast<TimedKind>(kind));
  expect_all_same_in_time(all);
}

TEST(DporTimeAgreement, TimersThatManyStartAndCancelTellThemTheSameWhicheverExplorerRunsThem) {
  using enum TimedKind;
  expect_all_same_in_time({store, load, mb, start, cancel});
}

TEST(DporTimeAgreement, SleepersAreWokenParkedAndTimedOutTheSameWhicheverExplorerRunsThem) {
  using enum TimedKind;
  expect_all_same_in_time({store, sleep, sleep_until, wake, wait_until, park, unpark});
}

}  // namespace
}  // namespace uringsim::sim::dpor
