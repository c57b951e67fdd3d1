// SPDX-License-Identifier: GPL-2.0-only
// The wakeup handshake, with a thread that really sleeps: exactly the variants that lose a wakeup are found, over all executions.
#include "tests/sim/explore/handshake.h"

#include <gtest/gtest.h>

#include "tests/sim/explore/support.h"

namespace uringsim::sim {
namespace {

struct Row {
  const char* name;
  bool app_barrier, kernel_barrier, second_look;
  bool loses[3];  ///< under sc, tso, weak
};

constexpr Row kRows[] = {
    {"both barriers", true, true, true, {false, false, false}},      {"application only", true, false, true, {false, true, true}},
    {"kernel only", false, true, true, {false, true, true}},         {"no barrier", false, false, true, {false, true, true}},
    {"5.10: no second look", true, true, false, {true, true, true}},
};

class HandshakeTest : public testing::TestWithParam<bool> {};

TEST_P(HandshakeTest, ExactlyTheVariantsThatLackABarrierLoseAWakeup) {
  for (const Row& row : kRows)
    for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) {
      Tasks<Handshake> program("handshake");
      make_handshake(program, {1, row.app_barrier, row.kernel_barrier, row.second_look}, GetParam());
      MachineOptions options;
      options.memory = memory;
      const Exhaustive all = run_all(program, options);
      EXPECT_EQ(all.cut, 0u);
      EXPECT_EQ(!all.violations.empty(), row.loses[static_cast<int>(memory)]) << row.name << " under " << to_string(memory);
      EXPECT_FALSE(all.violations.contains("data-race") || all.violations.contains("report")) << row.name;
    }
}

TEST_P(HandshakeTest, LeavingOutANamedBarrierIsTheSameAsNotWritingIt) {
  for (const char* barrier : {"app.tail_then_flags", "sq.flags_then_tail"}) {
    Tasks<Handshake> program("handshake");
    make_handshake(program, {1}, GetParam());
    MachineOptions options;
    options.memory = Memory::tso;
    options.left_out = {barrier};
    EXPECT_FALSE(run_all(program, options).violations.empty()) << barrier;
  }
}

TEST_P(HandshakeTest, TwoEntriesAreCleanWithinThreePreemptionsUnderEachModel) {
  for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) {
    Tasks<Handshake> program("handshake");
    make_handshake(program, {2}, GetParam());
    MachineOptions options;
    options.memory = memory;
    DfsStrategy::Options bounds;
    bounds.preemptions = 3;
    // With a sleeper tso's late stores make a hundred times the executions; dpor runs that program without bounds (Departures).
    bounds.reorderings = GetParam() && memory == Memory::tso ? 2 : 3;
    const Exhaustive all = run_all(program, options, bounds);
    EXPECT_TRUE(all.violations.empty()) << to_string(memory);
    EXPECT_GT(all.executions, 100u);
  }
}

INSTANTIATE_TEST_SUITE_P(Waits, HandshakeTest, testing::Bool(),
                         [](const auto& event) { return std::string(event.param ? "event" : "counter"); });

}  // namespace
}  // namespace uringsim::sim
