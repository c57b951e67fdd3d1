// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/unchanged.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace uringsim::sim::tape {
namespace {

constexpr const char* kRing = R"({"do":"setup","entries":4},)";

/// What changed in a tape of a ring and `steps`. Its name says nothing: rules go by what a tape does.
std::optional<std::string> changed_in(const std::string& steps, const char* kernel = "v5.4") {
  const std::string text = fmt::format(R"({{"name":"a/b/c","steps":[{}{}]}})", kRing, steps);
  return changed(parse_recording(text, "t").tapes.at(0), kernel);
}

std::string sqe(const std::string& fields) { return R"({"do":"sqe",)" + fields + "}"; }

TEST(Unchanged, ComparesWhatEveryReleaseUnderstandsAlike) {
  for (const std::string& steps :
       {sqe(R"("op":"NOP","ud":1)") + R"(,{"do":"submit"},{"do":"enter","to_submit":1,"flags":["GETEVENTS"]},{"do":"reap"})",
        std::string(R"({"do":"file","name":"f","kind":"regular"},)") + sqe(R"("op":"FSYNC","fd":"f","op_flags":1)"),
        sqe(R"("op":200)"), sqe(R"("op":"NOP","flags":[128])"), std::string(R"({"do":"register","op":2000})")})
    EXPECT_FALSE(changed_in(steps)) << steps << ": " << *changed_in(steps);
}

TEST(Unchanged, LeavesOutWhatLaterReleasesBrought) {
  for (const std::string& steps :
       {std::string(R"({"do":"setup","ring":"q","entries":4,"flags":["CLAMP"]})"), sqe(R"("op":"OPENAT","fd":-100)"),
        sqe(R"("op":"NOP","flags":["ASYNC"])"), sqe(R"("op":63)"), std::string(R"({"do":"enter","flags":["EXT_ARG"]})"),
        std::string(R"({"do":"register","op":"REGISTER_PROBE"})"),
        std::string(R"({"do":"setup","ring":"q","entries":4,"full":true})")})
    EXPECT_TRUE(changed_in(steps)) << steps;
}

TEST(Unchanged, LeavesOutTheArgumentsWhoseMeaningChanged) {
  const std::string time = R"({"do":"mem","name":"t","fields":[["s64",0],["s64",1000]]},)";
  const std::string past = R"({"do":"mem","name":"t","fields":[["s64",-1],["s64",0]]},)";
  for (const std::string& steps :
       {sqe(R"("op":"NOP","ioprio":1)"), sqe(R"("op":"READV","off":-1)"), sqe(R"("op":"READV","op_flags":32)"),
        sqe(R"("op":"READV","fd":"r")"), time + sqe(R"("op":"TIMEOUT","addr":"t","len":1,"off":1000,"op_flags":1)"),
        past + sqe(R"("op":"TIMEOUT","addr":"t","len":1,"off":1000)"),
        std::string(
            R"({"do":"mem","name":"s","fields":[["s32",-1]]},{"do":"register","op":"REGISTER_FILES","arg":"s","nr_args":1})"),
        std::string(R"({"do":"advance","n":1})")})
    EXPECT_TRUE(changed_in(steps)) << steps;
}

TEST(Unchanged, ARefusedEntryHasToBeTheLastOfItsBatch) {
  const std::string refused = sqe(R"("op":200)"), nop = sqe(R"("op":"NOP")"),
                    enter = R"({"do":"submit"},{"do":"enter","to_submit":1},)";
  EXPECT_TRUE(changed_in(refused + "," + nop));
  EXPECT_FALSE(changed_in(nop + "," + refused));
  EXPECT_FALSE(changed_in(refused + "," + enter + nop));
}

TEST(Unchanged, ACountThatIsReachedWithinABatchIsLeftOut) {
  const std::string time = R"({"do":"mem","name":"t","fields":[["s64",0],["s64",1000]]},)",
                    counted = sqe(R"("op":"TIMEOUT","addr":"t","len":1,"off":1)"), nop = sqe(R"("op":"NOP")"),
                    enter = R"({"do":"submit"},{"do":"enter","to_submit":1})";
  EXPECT_TRUE(changed_in(time + counted + "," + nop + "," + enter));
  EXPECT_FALSE(changed_in(time + counted + "," + enter + "," + nop + "," + enter));
}

TEST(Unchanged, ACompletionQueueThatMayOverflowIsLeftOut) {
  std::string steps;
  for (int i = 0; i < 8; i++) steps += sqe(R"("op":"NOP")") + ",";
  EXPECT_FALSE(changed_in(steps + R"({"do":"reap"})"));
  EXPECT_TRUE(changed_in(steps + sqe(R"("op":"NOP")")));
  EXPECT_FALSE(changed_in(steps + R"({"do":"reap"},)" + sqe(R"("op":"NOP")")));
}

TEST(Unchanged, EachReleaseHasItsOwnPart) {
  const std::string link = sqe(R"("op":"NOP","flags":["IO_LINK"])");
  EXPECT_TRUE(changed_in(link, "v5.1"));
  EXPECT_FALSE(changed_in(link, "v5.4"));
  // 5.1 knows no eventfd, so taking one away is an unknown operation there.
  EXPECT_TRUE(changed_in(R"({"do":"register","op":"UNREGISTER_EVENTFD"})", "v5.1"));
  // Its reads of a pipe wait inline.
  const std::string read = R"({"do":"file","name":"p","kind":"pipe"},)" + sqe(R"("op":"READV","fd":"p.r")");
  EXPECT_TRUE(changed_in(read, "v5.1"));
  EXPECT_FALSE(changed_in(read, "v5.4"));
}

TEST(Unchanged, SaysWhichStepAndWhatOfIt) {
  EXPECT_EQ(changed_in(sqe(R"("op":"OPENAT")")), "step 1: OPENAT has no row in the table of what did not change");
  EXPECT_EQ(changed_in(sqe(R"("op":"NOP","ioprio":1)")),
            "step 1: NOP did not change for \"the other fields 0, on a ring that does not poll for completions\" only");
}

TEST(Unchanged, RowsNameTheirCallClassAndReason) {
  for (const Unchanged& row : unchanged()) {
    EXPECT_FALSE(row.call.empty() || row.arguments.empty() || row.why.empty()) << row.call;
    EXPECT_GE(row.since, (uapi::Release{5, 1})) << row.call;
  }
}

}  // namespace
}  // namespace uringsim::sim::tape
