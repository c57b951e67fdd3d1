// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/conform.h"

#include <gtest/gtest.h>

namespace uringsim::sim::tape {
namespace {

Played answers_of(const Tape& tape) {
  Played played;
  for (const Step& step : tape.steps) played.outs.push_back(step.out);
  played.end = tape.end;
  return played;
}

Tape tape_of(const std::string& text) { return parse_recording(text, "t").tapes.at(0); }

const char* const kNops =
    R"({"name":"op/nops","steps":[{"do":"setup","entries":2,"out":{"ret":0,"sq_entries":2,"cq_entries":4}},)"
    R"({"do":"enter","to_submit":2,"out":{"ret":2}},{"do":"reap","out":{"cqes":[[1,0,0],[2,-22,0]]}}],"end":"exit"})";

TEST(Compare, FindsNothingInEqualAnswers) {
  const Tape tape = tape_of(kNops);
  EXPECT_FALSE(first_difference(tape, answers_of(tape)));
}

TEST(Compare, IgnoresTheOrderOfKeys) {
  const Tape tape = tape_of(kNops);
  Played played = answers_of(tape);
  played.outs[0] = {{"cq_entries", 4}, {"ret", 0}, {"sq_entries", 2}};
  EXPECT_FALSE(first_difference(tape, played));
}

TEST(Compare, NamesTheFieldOfACompletion) {
  const Tape tape = tape_of(kNops);
  Played played = answers_of(tape);
  played.outs[2] = Json::parse(R"({"cqes":[[1,0,0],[2,-9,0]]})");
  const auto difference = first_difference(tape, played);
  ASSERT_TRUE(difference);
  EXPECT_EQ(describe(tape, *difference), "op/nops step 2 (reap): cqes[1].res: expected -22, got -9");
}

TEST(Compare, ReportsTheFirstOfSeveralDifferences) {
  const Tape tape = tape_of(kNops);
  Played played = answers_of(tape);
  played.outs[1] = {{"ret", 1}};
  played.outs[2] = Json::parse(R"({"cqes":[[1,0,0]]})");
  EXPECT_EQ(first_difference(tape, played)->step, 1u);
}

TEST(Compare, TakesAMissingCompletionForADifference) {
  const Tape tape = tape_of(kNops);
  Played played = answers_of(tape);
  played.outs[2] = Json::parse(R"({"cqes":[[1,0,0]]})");
  EXPECT_EQ(first_difference(tape, played)->field, "cqes");
}

TEST(Compare, TakesAnExtraKeyForADifference) {
  const Tape tape = tape_of(kNops);
  Played played = answers_of(tape);
  played.outs[0]["mmap"] = -12;
  EXPECT_EQ(first_difference(tape, played)->field, "mmap");
}

TEST(Compare, LetsOrderPassWhereAnyOrderWasSeen) {
  const Tape exact = tape_of(R"({"name":"a","steps":[{"do":"reap","out":{"cqes":[[1,0,0],[2,0,0]]}}],"end":"exit"})");
  const Tape any = tape_of(R"({"name":"a","steps":[{"do":"reap","order":"any","out":{"cqes":[[1,0,0],[2,0,0]]}}],"end":"exit"})");
  Played played = answers_of(exact);
  played.outs[0] = Json::parse(R"({"cqes":[[2,0,0],[1,0,0]]})");
  EXPECT_EQ(first_difference(exact, played)->field, "cqes[0].user_data");
  EXPECT_FALSE(first_difference(any, played));
}

TEST(Compare, ComparesHowTheTapeEnded) {
  const Tape tape = tape_of(kNops);
  Played played = answers_of(tape);
  played.outs.resize(2);
  played.end = {{"hang", 2}};
  const auto difference = first_difference(tape, played);
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->step, 2u);
  EXPECT_EQ(difference->field, "end");
}

TEST(Selection, TakesNamesByGlobAndGroup) {
  const Tape tape = tape_of(kNops);
  EXPECT_TRUE((Selection{}.takes(tape)));
  EXPECT_TRUE((Selection{"op/*", {}}.takes(tape)));
  EXPECT_FALSE((Selection{"setup/*", {}}.takes(tape)));
  EXPECT_FALSE((Selection{"", {"setup", "enter"}}.takes(tape)));
  EXPECT_TRUE((Selection{"", {"setup", "op"}}.takes(tape)));
}

TEST(Conform, PutsEveryTapeIntoOneDrawer) {
  const Recording recording = parse_recording(R"({"name":"a/good","steps":[{"do":"sleep","ms":1}],"end":"exit"})"
                                              "\n"
                                              R"({"name":"a/bad","steps":[{"do":"enter","out":{"ret":0}}],"end":"exit"})"
                                              "\n"
                                              R"({"name":"a/disk","needs":["disk"],"steps":[],"end":"exit"})"
                                              "\n"
                                              R"({"name":"a/crash","steps":[],"end":{"kernel":"panic"}})",
                                              "t");
  const Player player = [](const std::vector<const Tape*>& tapes, const auto& done, const auto&) {
    for (size_t i = 0; i < tapes.size(); i++) {
      Played played = answers_of(*tapes[i]);
      if (tapes[i]->name == "a/bad") played.outs[0]["ret"] = -22;
      done(i, played);
    }
  };
  const Conformity result = conform(recording, {}, host_rules(), "v5.4", player, {}, {}, [] { return false; });
  EXPECT_EQ(result.count(Drawer::matched), 1u);
  EXPECT_EQ(result.count(Drawer::differ), 1u);
  EXPECT_EQ(result.count(Drawer::not_applicable), 1u);
  EXPECT_EQ(result.count(Drawer::no_result), 1u);
  EXPECT_FALSE(result.stopped);
  EXPECT_EQ(to_json(*result.verdicts[1].tape, *result.verdicts[1].difference).dump(),
            R"({"tape":"a/bad","step":0,"field":"ret","expected":0,"got":-22})");
}

}  // namespace
}  // namespace uringsim::sim::tape
