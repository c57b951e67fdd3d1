// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/unknowns.h"

#include <gtest/gtest.h>

namespace uringsim::sim::tape {
namespace {

Tape tape_of(const std::string& text) { return parse_recording(text, "t").tapes.at(0); }

Played answers_of(const Tape& tape) {
  Played played;
  for (const Step& step : tape.steps) played.outs.push_back(step.out);
  played.end = tape.end;
  return played;
}

/// A player that answers like the tape, but for `ret` in step `at`.
Player with_ret(size_t at, int ret) {
  return [=](const std::vector<const Tape*>& tapes, const auto& done, const auto&) {
    Played played = answers_of(*tapes[0]);
    played.outs[at]["ret"] = ret;
    done(0, played);
  };
}

const char* const kThreeEnters = R"({"name":"a","steps":[{"do":"enter","out":{"ret":0}},{"do":"enter","out":{"ret":0}},)"
                                 R"({"do":"enter","out":{"ret":0}}],"end":"exit"})";

TEST(Unknowns, AnAnswerThatNoCircumstanceChangesIsNotDoubtful) {
  const Tape tape = tape_of(kThreeEnters);
  const std::vector<Doubt> doubts = {{"why", {with_ret(1, 0)}}};
  EXPECT_FALSE(doubtful(tape, answers_of(tape), 2, doubts));
}

TEST(Unknowns, AnAnswerThatACircumstanceChangesIsDoubtfulFromThereOn) {
  const Tape tape = tape_of(kThreeEnters);
  const std::vector<Doubt> doubts = {{"why", {with_ret(1, 0), with_ret(1, 5)}}};
  EXPECT_EQ(doubtful(tape, answers_of(tape), 1, doubts), "why");
  EXPECT_EQ(doubtful(tape, answers_of(tape), 2, doubts), "why");
}

TEST(Unknowns, ADifferenceBeforeTheDoubtStaysADifference) {
  const Tape tape = tape_of(kThreeEnters);
  const std::vector<Doubt> doubts = {{"why", {with_ret(1, 5)}}};
  EXPECT_FALSE(doubtful(tape, answers_of(tape), 0, doubts));
}

TEST(Unknowns, EachIsPlayedAtBothExtremesAndNamedByWhatIsLacking) {
  std::vector<Circumstances> asked;
  const std::vector<Doubt> doubts = doubts_of([&](const Circumstances& circumstances) {
    asked.push_back(circumstances);
    return with_ret(0, 0);
  });
  ASSERT_EQ(doubts.size(), unknowns().size());
  EXPECT_EQ(asked.size(), 2 * doubts.size());
  EXPECT_EQ(doubts[0].reason.rfind("needs the pace of the recorded machine: ", 0), 0u);
}

}  // namespace
}  // namespace uringsim::sim::tape
