// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace uringsim::sim::tape {
namespace {

Tape tape_of(const std::string& text) { return parse_recording(text, "t").tapes.at(0); }

const char* const kTape =
    R"({"name":"a","steps":[{"do":"buf","name":"b","size":8},{"do":"setup","entries":4},{"do":"sqe","op":"NOP","ud":1,"fd":-1},)"
    R"({"do":"sqe","op":"READV","ud":2,"addr":"b"},{"do":"sqe","op":"NOP","ud":3,"flags":["IO_LINK"]},{"do":"submit"},)"
    R"({"do":"enter","to_submit":3},{"do":"reap"}]})";

bool has(const Tape& tape, const char* key, const Json& value) {
  return std::any_of(tape.steps.begin(), tape.steps.end(),
                     [&](const Step& s) { return s.body.contains(key) && s.body[key] == value; });
}

TEST(Shrink, KeepsOnlyTheStepsThatTheDifferenceNeeds) {
  const Tape shortest = shrink(tape_of(kTape), [](const Tape& t) { return has(t, "do", "setup") && has(t, "ud", 3); });
  ASSERT_EQ(shortest.steps.size(), 2u);
  EXPECT_EQ(shortest.steps[0].body["do"], "setup");
  EXPECT_EQ(shortest.steps[1].body.dump(), R"({"do":"sqe","op":"NOP","ud":3})");
}

TEST(Shrink, NeverTriesATapeThatIsMalformed) {
  const Tape shortest = shrink(tape_of(kTape), [](const Tape& t) {
    // Without its buffer, or without its opcode, the READV would be no step at all.
    EXPECT_TRUE(!has(t, "addr", "b") || has(t, "name", "b"));
    return has(t, "addr", "b");
  });
  ASSERT_EQ(shortest.steps.size(), 2u);
  EXPECT_EQ(shortest.steps[1].body.dump(), R"({"do":"sqe","op":"READV","addr":"b"})");
}

TEST(Shrink, StopsAfterSoManyTries) {
  unsigned tries = 0;
  (void)shrink(
      tape_of(kTape), [&](const Tape&) { return ++tries, false; }, 3);
  EXPECT_EQ(tries, 3u);
}

}  // namespace
}  // namespace uringsim::sim::tape
