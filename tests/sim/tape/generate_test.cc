// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/generate.h"

#include <gtest/gtest.h>

#include <set>

#include "sim/tape/schema.h"
#include "sim/tape/unchanged.h"

namespace uringsim::sim::tape {
namespace {

TEST(RandomTape, IsWellFormed) {
  for (u64 i = 0; i < 2000; i++) {
    const Tape tape = random_tape(7, i);
    try {
      check_tape(tape);
    } catch (const SchemaError& e) {
      FAIL() << tape.name << e.path << ": " << e.what;
    }
  }
}

TEST(RandomTape, IsTheSameForTheSameSeed) {
  for (u64 i = 0; i < 50; i++) EXPECT_EQ(to_json(random_tape(3, i)), to_json(random_tape(3, i)));
}

TEST(RandomTape, IsAnotherForAnotherSeed) {
  u64 equal = 0;
  for (u64 i = 0; i < 60; i++) equal += to_json(random_tape(3, i))["steps"] == to_json(random_tape(4, i))["steps"];
  EXPECT_LT(equal, 10u);  // very short tapes may coincide
}

/// What a random tape asks has to mean the same in 5.4 and in whatever kernel runs, or it could not be compared.
TEST(RandomTape, AsksNothingThatChangedSince54) {
  for (u64 i = 0; i < 2000; i++) {
    const Tape tape = random_tape(5, i);
    const auto what = changed(tape, "v5.4");
    EXPECT_FALSE(what) << tape.name << " " << *what;
  }
}

TEST(RandomTape, CoversEverySubject) {
  std::set<std::string> names;
  for (u64 i = 0; i < random_subjects().size(); i++) {
    const std::string name = random_tape(1, i).name;
    names.insert(name.substr(5, name.rfind('/') - 5));
  }
  EXPECT_EQ(names.size(), random_subjects().size());
}

TEST(RandomTape, NeverOverflowsTheCompletionQueue) {
  for (u64 i = 0; i < 2000; i++) {
    const Tape tape = random_tape(9, i);
    u64 room = 0, owed = 0;
    for (const Step& step : tape.steps) {
      const std::string kind = step.body["do"];
      if (kind == "setup") {
        for (room = 1; room < step.body["entries"].get<u64>() && room < 0x10000; room *= 2) {
        }
        room *= 2;
      }
      if (kind == "sqe") owed++;
      if (kind == "reap" && !step.body.contains("max")) owed = 0;
      ASSERT_LE(owed, room) << tape.name;
    }
  }
}

}  // namespace
}  // namespace uringsim::sim::tape
