// SPDX-License-Identifier: GPL-2.0-only
// The running kernel as a player. What it answers depends on its release, so these tapes ask only what every release with
// io_uring answers alike.
#include "sim/tape/host_player.h"

#include <gtest/gtest.h>

#include "sim/tape/compare.h"

namespace uringsim::sim::tape {
namespace {

class HostPlayer : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!host_has_io_uring(why)) GTEST_SKIP() << "no io_uring here: " << why;
  }

  /// Plays one tape and returns the first difference in words, empty if there is none.
  static std::string play(const std::string& text) {
    const Tape tape = parse_recording(text, "t").tapes.at(0);
    std::string result = "not played";
    play_on_host(
        {&tape}, {},
        [&](size_t, Played played) {
          const auto difference = first_difference(tape, played);
          result = difference ? difference->field + ": " + difference->got.dump() : "";
        },
        [] { return false; });
    return result;
  }
};

TEST_F(HostPlayer, AnswersANop) {
  EXPECT_EQ(play(R"({"name":"nop","steps":[{"do":"setup","entries":3,"out":{"ret":0,"sq_entries":4,"cq_entries":8}},)"
                 R"({"do":"sqe","op":"NOP","ud":7,"fd":-1},{"do":"submit"},{"do":"enter","to_submit":1,"out":{"ret":1}},)"
                 R"({"do":"wait_cq","n":1,"out":{"ok":true}},{"do":"reap","out":{"cqes":[[7,0,0]]}},)"
                 R"({"do":"state","fields":["sq_head","cq_head"],"out":{"sq_head":1,"cq_head":1}}],"end":"exit"})"),
            "");
}

TEST_F(HostPlayer, SkipsStepsOfARingThatCouldNotBeMade) {
  EXPECT_EQ(play(R"({"name":"skip","steps":[{"do":"setup","entries":0,"out":{"ret":-22}},)"
                 R"({"do":"enter","to_submit":1,"out":{"skip":"no ring"}}],"end":"exit"})"),
            "");
}

TEST_F(HostPlayer, ReadsAFileIntoMemoryOfTheTape) {
  EXPECT_EQ(play(R"({"name":"file","steps":[{"do":"file","name":"f","kind":"regular","size":16,"seed":3},)"
                 R"({"do":"buf","name":"b","size":16},{"do":"mem","name":"v","fields":[["ptr","b"],["u64",16]]},)"
                 R"({"do":"setup","entries":1,"out":{"ret":0,"sq_entries":1,"cq_entries":2}},)"
                 R"({"do":"sqe","op":"READV","ud":1,"fd":"f","addr":"v","len":1},{"do":"submit"},)"
                 R"({"do":"enter","to_submit":1,"min_complete":1,"flags":["GETEVENTS"],"out":{"ret":1}},)"
                 R"({"do":"reap","out":{"cqes":[[1,16,0]]}},{"do":"peek","name":"b","len":4,"out":{"hex":"03224160"}},)"
                 R"({"do":"content","name":"f","out":{"size":16,"sum":2805843941}}],"end":"exit"})"),
            "");
}

TEST_F(HostPlayer, SeesACallThatDoesNotReturn) {
  EXPECT_EQ(
      play(R"({"name":"hang","limit_ms":200,"steps":[{"do":"setup","entries":1,"out":{"ret":0,"sq_entries":1,"cq_entries":2}},)"
           R"({"do":"enter","min_complete":1,"flags":["GETEVENTS"]}],"end":{"hang":1}})"),
      "");
}

TEST_F(HostPlayer, InterruptsAWaitFromASecondThread) {
  EXPECT_EQ(play(R"({"name":"signal","steps":[{"do":"setup","entries":1,"out":{"ret":0,"sq_entries":1,"cq_entries":2}},)"
                 R"({"do":"later","ms":20,"step":{"do":"signal"}},)"
                 R"({"do":"enter","min_complete":1,"flags":["GETEVENTS"],"out":{"ret":-4}}],"end":"exit"})"),
            "");
}

}  // namespace
}  // namespace uringsim::sim::tape
