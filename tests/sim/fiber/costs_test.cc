// SPDX-License-Identifier: GPL-2.0-only
#include "sim/fiber/costs.h"

#include <gtest/gtest.h>

namespace uringsim::sim {
namespace {

using arch::Cost;

TEST(Costs, TheBuiltInTableGivesEveryCostAValue) {
  const Costs& costs = Costs::standard();
  for (unsigned i = 0; i < static_cast<unsigned>(Cost::count_); i++) {
    if (static_cast<Cost>(i) != Cost::opcode) {
      EXPECT_GT(costs.picoseconds[i], 0u) << i;
    }
  }
  for (const u64 opcode : costs.opcode) EXPECT_GT(opcode, 0u);
  EXPECT_GT(costs.memory, 0u);
}

TEST(Costs, ChargesUnitsAndRoundsToTheNearestNanosecond) {
  Costs costs = Costs::standard();
  ASSERT_EQ(read_costs(R"({"copy": {"value": "60ps"}})", "test", costs), "");
  EXPECT_EQ(costs.nanoseconds(Cost::copy, 4096), 246u);
  EXPECT_EQ(costs.nanoseconds(Cost::copy, 8), 0u);
  EXPECT_EQ(costs.nanoseconds(Cost::copy, 9), 1u);
}

TEST(Costs, AnOverrideLeavesTheOthersAlone) {
  Costs costs = Costs::standard();
  ASSERT_EQ(read_costs(R"({"syscall": {"value": "1us"}, "opcode": {"values": {"NOP": "7ns"}}})", "test", costs), "");
  EXPECT_EQ(costs.nanoseconds(Cost::syscall, 2), 2000u);
  EXPECT_EQ(costs.nanoseconds(Cost::opcode, 0), 7u);
  EXPECT_EQ(costs.opcode[1], Costs::standard().opcode[1]);
}

TEST(Costs, ComplaintsNameFileAndPath) {
  Costs costs = Costs::standard();
  const auto complaint = [&](const char* text) { return read_costs(text, "my.json", costs); };
  EXPECT_EQ(complaint(R"({"sycall": {"value": "1us"}})"), "my.json: /sycall: no cost has this name");
  EXPECT_EQ(complaint(R"({"syscall": {"value": 5}})"),
            "my.json: /syscall/value: expected a time up to 1 s like \"120ns\" (ps, ns, us, ms)");
  EXPECT_EQ(complaint(R"({"memory": {"value": "1500ps"}})"), "my.json: /memory/value: expected a whole number of nanoseconds");
  EXPECT_EQ(complaint(R"({"memory": {"value": "0ns"}})"), "my.json: /memory: must be at least 1ns, or time stands still");
  EXPECT_EQ(complaint(R"({"opcode": {"values": {"NOOP": "1ns"}}})"), "my.json: /opcode/values/NOOP: no such opcode");
  EXPECT_NE(complaint("{").find("my.json: "), std::string::npos);
  EXPECT_EQ(costs.memory, Costs::standard().memory);
}

}  // namespace
}  // namespace uringsim::sim
