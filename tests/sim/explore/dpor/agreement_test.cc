// SPDX-License-Identifier: GPL-2.0-only
// Two explorers that share nothing but the program: one runs every interleaving on an operational machine (buffers, views),
// the other builds graphs and asks axioms. On a thousand generated programs they must reach the same final states.
#include <gtest/gtest.h>

#include <set>

#include "sim/explore/dfs.h"
#include "sim/explore/dpor/dpor.h"
#include "sim/explore/machine.h"
#include "sim/explore/programs/litmus.h"

namespace uringsim::sim::dpor {
namespace {

/// A generator of its own: the programs are the same everywhere.
class Dice {
 public:
  explicit Dice(u64 seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  unsigned below(unsigned n) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<unsigned>((state_ * 0x2545f4914f6cdd1d) >> 33) % n;
  }

 private:
  u64 state_;
};

/// A litmus test of two or three tasks with up to four operations each.
std::string generate(u64 seed) {
  Dice dice(seed);
  const unsigned tasks = 2 + dice.below(2);
  const unsigned words = 1 + dice.below(3);
  std::string text;
  char next_register = 'a';
  for (unsigned task = 0; task < tasks; task++) {
    if (task != 0) text += " | ";
    const unsigned length = 1 + dice.below(tasks == 2 ? 4 : 2);
    char last_register = 0;
    bool locked = false;
    std::string separator;
    for (unsigned i = 0; i < length; i++) {
      const std::string word(1, "xyz"[dice.below(words)]);
      const std::string value(1, static_cast<char>('1' + dice.below(3)));
      const std::string to(1, next_register);
      const bool reads = next_register <= 'h';
      std::string op;
      switch (dice.below(14)) {
        case 0:
        case 1:
        case 2:
          op = word + "=" + value;
          break;
        case 3:
          op = word + ":=" + value;
          break;
        case 4:
        case 5:
        case 6:
          if (reads) op = to + "=" + word;
          break;
        case 7:
          if (reads) op = to + "=:" + word;
          break;
        case 8:
          op = "mb";
          break;
        case 9:
          op = dice.below(2) == 0 ? "wmb" : "rmb";
          break;
        case 10:
          if (reads) {
            // One throw a statement: compilers differ in which operand of a + they look at first.
            const std::string name = dice.below(2) == 0 ? "add" : "xchg";
            const std::string order = dice.below(2) == 0 ? "" : ".rlx";
            op = to + "=" + name + order + " " + word + " " + value;
          }
          break;
        case 11:
          if (reads) op = to + "=cmpxchg " + word + " " + std::string(1, static_cast<char>('0' + dice.below(3))) + " " + value;
          break;
        case 12:
          if (last_register != 0) op = dice.below(2) == 0 ? std::string("if ") + last_register : word + "=" + last_register;
          break;
        default:
          if (dice.below(2) == 0 && !locked) {
            op = "lock l";
            locked = true;
          } else if (locked) {
            op = "unlock l";
            locked = false;
          }
      }
      if (op.empty()) op = "mb";
      if (op[1] == '=' && op[0] >= 'a' && op[0] <= 'h') {
        last_register = next_register;
        next_register++;
      }
      text += separator + op;
      separator = "; ";
    }
    if (locked) text += "; unlock l";
  }
  return text;
}

struct Reached {
  std::set<u64> states;
  bool exhausted = false;
};

Reached by_interleavings(programs::Litmus& program, Memory memory, u64 limit) {
  Reached reached;
  MachineOptions options;
  options.memory = memory;
  auto machine = make_machine(options);
  machine->set_up(program);
  DfsStrategy strategy;
  for (u64 runs = 0; runs < limit && strategy.begin(); runs++) {
    const Run run = machine->run(strategy);
    strategy.over(run.points);
    if (run.end == End::complete) reached.states.insert(program.digest());
    EXPECT_TRUE(run.end == End::complete) << machine->violation().text;
  }
  reached.exhausted = strategy.exhausted() && machine->exact();
  return reached;
}

Reached by_graphs(programs::Litmus& program, MemoryModel memory, u64& executions) {
  Options options;
  options.memory = memory;
  options.digests = true;
  const Result result = explore(program, options);
  EXPECT_EQ(result.error, "");
  EXPECT_FALSE(result.found) << result.violation.text;
  executions += result.complete;
  return {{result.digests.begin(), result.digests.end()}, result.exhausted};
}

TEST(DporAgreement, AThousandGeneratedProgramsEndInTheSameStatesWhicheverExplorerRunsThem) {
  constexpr Memory kOperational[] = {Memory::sc, Memory::tso, Memory::weak};
  constexpr MemoryModel kAxiomatic[] = {MemoryModel::sc, MemoryModel::tso, MemoryModel::weak};
  unsigned compared = 0;
  u64 executions = 0;
  u64 states = 0;
  for (u64 seed = 1; compared < 1000; seed++) {
    ASSERT_LT(seed, 4000u) << compared;
    const std::string text = generate(seed);
    bool all = true;
    for (int model = 0; model < 3; model++) {
      programs::Litmus program("generated", text);
      program.may_block();
      const Reached slow = by_interleavings(program, kOperational[model], 2'500);
      if (!slow.exhausted) {
        all = false;
        break;
      }
      const Reached fast = by_graphs(program, kAxiomatic[model], executions);
      ASSERT_TRUE(fast.exhausted) << text;
      ASSERT_EQ(fast.states, slow.states) << "seed " << seed << " under " << to_string(kOperational[model]) << ": " << text;
      states += fast.states.size();
    }
    compared += all ? 1 : 0;
  }
  std::cout << compared << " programs, " << states << " final states, " << executions << " executions of graphs\n";
}

/// Two or three tasks that take a lock once or twice, with accesses before, inside and behind.
std::string generate_with_locks(u64 seed) {
  Dice dice(seed);
  const unsigned tasks = 2 + dice.below(2);
  char next_register = 'a';
  const auto access = [&] {
    const std::string word(1, "xyz"[dice.below(3)]);
    const unsigned kind = dice.below(4);
    const std::string value = std::to_string(1 + dice.below(3));
    if (kind < 2 && next_register <= 'h')
      return std::string(1, next_register++) + (kind == 0 ? "=" + word : "=add " + word + " 1");
    return word + (kind % 2 == 0 ? "=" : ":=") + value;
  };
  std::string text;
  for (unsigned task = 0; task < tasks; task++) {
    std::string separator = task == 0 ? "" : " | ";
    const auto put = [&](const std::string& op) { text += std::exchange(separator, "; ") + op; };
    const unsigned sections = 1 + (tasks == 2 ? dice.below(2) : 0);
    for (unsigned i = 0; i < sections; i++) {
      if (dice.below(3) != 0) put(access());
      put("lock l");
      if (dice.below(2) != 0) put(access());
      put("unlock l");
    }
    if (dice.below(3) != 0) put(access());
  }
  return text;
}

TEST(DporAgreement, ProgramsThatTakeLocksEndInTheSameStatesWhicheverExplorerRunsThem) {
  constexpr Memory kOperational[] = {Memory::sc, Memory::tso, Memory::weak};
  constexpr MemoryModel kAxiomatic[] = {MemoryModel::sc, MemoryModel::tso, MemoryModel::weak};
  unsigned compared = 0;
  for (u64 seed = 1; compared < 300; seed++) {
    ASSERT_LT(seed, 2000u) << compared;
    const std::string text = generate_with_locks(seed);
    for (int model = 0; model < 3; model++) {
      programs::Litmus program("generated", text);
      program.may_block();
      const Reached slow = by_interleavings(program, kOperational[model], 4'000);
      if (!slow.exhausted) break;
      u64 executions = 0;
      const Reached fast = by_graphs(program, kAxiomatic[model], executions);
      ASSERT_TRUE(fast.exhausted) << text;
      ASSERT_EQ(fast.states, slow.states) << "seed " << seed << " under " << to_string(kOperational[model]) << ": " << text;
      compared++;
    }
  }
}

TEST(DporAgreement, WhatStandsAroundASectionIsTriedInEveryOrderAndOnceEach) {
  const std::pair<const char*, u64> programs[] = {
      {"a=x; lock l; unlock l | lock l; unlock l; x=1", 3},
      {"a=x; lock l; b=add z 1; unlock l | lock l; c=add z 1; unlock l; x=1 | lock l; d=add z 1; unlock l; x=2", 22},
      {"e=y; lock l; c=add z 1; unlock l; x=1 | a=x; lock l; d=add z 1; unlock l; y=1 | lock l; b=add z 1; unlock l", 12},
      {"e=y; lock l; c=add z 1; unlock l; x=1 | a=x; lock l; d=add z 1; unlock l; y=1 | f=x; lock l; b=add z 1; unlock l; y=2",
       40}};
  for (const auto& [text, count] : programs) {
    programs::Litmus program("sections", text);
    u64 executions = 0;
    EXPECT_TRUE(by_graphs(program, MemoryModel::sc, executions).exhausted);
    EXPECT_EQ(executions, count) << text;
  }
}

}  // namespace
}  // namespace uringsim::sim::dpor
