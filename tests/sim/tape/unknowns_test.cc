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

/// The same, but for what it answers otherwise: it does not look at what was recorded.
Player with_ret_of(const Tape& tape, size_t at, int ret) {
  return [played = answers_of(tape), at, ret](const auto&, const auto& done, const auto&) {
    Played other = played;
    other.outs[at]["ret"] = ret;
    done(0, other);
  };
}

const char* const kThreeEnters = R"({"name":"a","steps":[{"do":"enter","out":{"ret":0}},{"do":"enter","out":{"ret":0}},)"
                                 R"({"do":"enter","out":{"ret":0}}],"end":"exit"})";

TEST(Unknowns, AnAnswerThatTheModelGivesUnderNoCircumstanceIsADifference) {
  const std::vector<Doubt> doubts = {{"why", {with_ret(1, 3), with_ret(1, 5)}}};
  EXPECT_FALSE(doubtful(tape_of(kThreeEnters), doubts));
}

TEST(Unknowns, AnAnswerThatTheModelGivesUnderSomeCircumstanceIsDoubtful) {
  const std::vector<Doubt> doubts = {{"another", {with_ret(1, 3)}}, {"why", {with_ret(1, 5), with_ret(1, 0)}}};
  EXPECT_EQ(doubtful(tape_of(kThreeEnters), doubts), "why");
}

TEST(Unknowns, AWrongAnswerBehindADoubtfulOneStaysADifference) {
  Tape tape = tape_of(kThreeEnters);
  const std::vector<Doubt> doubts = {{"why", {with_ret_of(tape, 1, 0), with_ret_of(tape, 1, 5)}}};
  tape.steps[1].out["ret"] = 5;
  EXPECT_EQ(doubtful(tape, doubts), "why");
  tape.steps[2].out["ret"] = 7;
  EXPECT_FALSE(doubtful(tape, doubts));
}

TEST(Unknowns, EachIsPlayedUnderAllItsCircumstancesAndNamedByWhatIsLacking) {
  std::vector<Circumstances> asked;
  const std::vector<Doubt> doubts = doubts_of([&](const Circumstances& circumstances) {
    asked.push_back(circumstances);
    return with_ret(0, 0);
  });
  ASSERT_EQ(doubts.size(), unknowns().size());
  size_t circumstances = 0;
  for (size_t i = 0; i < doubts.size(); i++) {
    EXPECT_EQ(doubts[i].players.size(), unknowns()[i].otherwise.size());
    EXPECT_GE(doubts[i].players.size(), 2u);
    circumstances += doubts[i].players.size();
  }
  EXPECT_EQ(asked.size(), circumstances);
  EXPECT_EQ(doubts[0].reason.rfind("needs the pace of the recorded machine: ", 0), 0u);
}

}  // namespace
}  // namespace uringsim::sim::tape
