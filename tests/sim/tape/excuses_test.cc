// SPDX-License-Identifier: GPL-2.0-only
// Each row of the table recognises the difference it is about, and not the one next to it.
#include "sim/tape/excuses.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "sim/tape/unchanged.h"

namespace uringsim::sim::tape {
namespace {

/// A newer kernel's answers, and an older one's to the one step in which they differ.
struct Case {
  const char* function;  ///< whose row is meant; empty: none
  const char* steps;     ///< with the newer kernel's answers
  size_t step;
  const char* older;  ///< the older kernel's answer to `step`
};

constexpr Case kCases[] = {
    {"io_submit_sqes",
     R"({"do":"sqe","op":"READV","ud":1},{"do":"sqe","op":"NOP","ud":2},{"do":"submit"},{"do":"enter","to_submit":2,"out":{"ret":1}},)"
     R"({"do":"reap","out":{"cqes":[[1,-14,0]]}})",
     4, R"({"ret":2})"},
    // The last one taken was not refused: nothing explains why the rest was left.
    {"",
     R"({"do":"sqe","op":"NOP","ud":1},{"do":"sqe","op":"NOP","ud":2},{"do":"submit"},{"do":"enter","to_submit":2,"out":{"ret":1}},)"
     R"({"do":"reap","out":{"cqes":[[1,0,0]]}})",
     4, R"({"ret":2})"},
    {"io_submit_sqe",
     R"({"do":"sqe","op":"NOP","ud":1,"flags":["IO_LINK"]},{"do":"sqe","op":"READV","ud":2},{"do":"submit"},)"
     R"({"do":"enter","to_submit":2,"out":{"ret":2}},{"do":"reap","out":{"cqes":[[1,-125,0],[2,-14,0]]}})",
     5, R"({"cqes":[[1,0,0],[2,-14,0]]})"},
    // No member was refused.
    {"",
     R"({"do":"sqe","op":"NOP","ud":1,"flags":["IO_LINK"]},{"do":"sqe","op":"NOP","ud":2},{"do":"submit"},)"
     R"({"do":"enter","to_submit":2,"out":{"ret":2}},{"do":"reap","out":{"cqes":[[1,0,0],[2,-125,0]]}})",
     5, R"({"cqes":[[1,0,0],[2,0,0]]})"},
    {"io_req_set_file", R"({"do":"sqe","op":200,"ud":1,"fd":-1},{"do":"reap","out":{"cqes":[[1,-22,0]]}})", 2,
     R"({"cqes":[[1,-9,0]]})"},
    {"", R"({"do":"sqe","op":"READV","ud":1,"fd":-1},{"do":"reap","out":{"cqes":[[1,-22,0]]}})", 2, R"({"cqes":[[1,-9,0]]})"},
    {"io_poll_wake", R"({"do":"sqe","op":"POLL_ADD","ud":1,"op_flags":1},{"do":"reap","out":{"cqes":[[1,1,0]]}})", 2,
     R"({"cqes":[[1,65,0]]})"},
    {"", R"({"do":"sqe","op":"POLL_ADD","ud":1,"op_flags":1},{"do":"reap","out":{"cqes":[[1,1,0]]}})", 2,
     R"({"cqes":[[1,4,0]]})"},
    {"io_poll_remove_one",
     R"({"do":"sqe","op":"POLL_ADD","ud":1},{"do":"sqe","op":"POLL_REMOVE","ud":2,"addr":1},)"
     R"({"do":"reap","order":"any","out":{"cqes":[[2,0,0],[1,-125,0]]}})",
     3, R"({"cqes":[[1,0,0],[2,0,0]]})"},
    {"",
     R"({"do":"sqe","op":"POLL_ADD","ud":1},{"do":"sqe","op":"POLL_REMOVE","ud":2,"addr":3},)"
     R"({"do":"reap","order":"any","out":{"cqes":[[2,0,0],[1,-125,0]]}})",
     3, R"({"cqes":[[1,0,0],[2,0,0]]})"},
    {"io_poll_remove",
     R"({"do":"sqe","op":"POLL_REMOVE","ud":1,"addr":7,"flags":["IO_LINK"]},{"do":"sqe","op":"NOP","ud":2},)"
     R"({"do":"reap","out":{"cqes":[[1,-2,0],[2,-125,0]]}})",
     3, R"({"cqes":[[1,-2,0],[2,0,0]]})"},
    {"",
     R"({"do":"sqe","op":"POLL_REMOVE","ud":1,"addr":7},{"do":"sqe","op":"NOP","ud":2},)"
     R"({"do":"reap","out":{"cqes":[[1,-2,0],[2,-125,0]]}})",
     3, R"({"cqes":[[1,-2,0],[2,0,0]]})"},
    {"io_timeout", R"({"do":"sqe","op":"TIMEOUT","ud":1,"flags":["IO_DRAIN"]},{"do":"reap","out":{"cqes":[[1,-62,0]]}})", 2,
     R"({"cqes":[[1,-22,0]]})"},
    {"", R"({"do":"sqe","op":"TIMEOUT","ud":1},{"do":"reap","out":{"cqes":[[1,-62,0]]}})", 2, R"({"cqes":[[1,-22,0]]})"},
    {"io_cqring_ev_posted",
     R"({"do":"file","name":"e","kind":"eventfd"},{"do":"register","op":"REGISTER_EVENTFD","out":{"ret":0}},)"
     R"({"do":"read","name":"e","val":true,"out":{"ret":8,"val":1}})",
     3, R"({"ret":8,"val":2})"},
    {"",
     R"({"do":"file","name":"e","kind":"eventfd"},{"do":"register","op":"REGISTER_EVENTFD","out":{"ret":0}},)"
     R"({"do":"read","name":"e","val":true,"out":{"ret":8,"val":2}})",
     3, R"({"ret":8,"val":1})"},
    {"io_fsync", R"({"do":"sqe","op":"FSYNC","ud":1,"off":-1},{"do":"reap","out":{"cqes":[[1,-22,0]]}})", 2,
     R"({"cqes":[[1,0,0]]})"},
    {"", R"({"do":"sqe","op":"FSYNC","ud":1},{"do":"reap","out":{"cqes":[[1,-22,0]]}})", 2, R"({"cqes":[[1,0,0]]})"},
    {"io_send_recvmsg", R"({"do":"sqe","op":"RECVMSG","ud":1},{"do":"reap","out":{"cqes":[[1,0,4]]}})", 2,
     R"({"cqes":[[1,0,0]]})"},
    {"", R"({"do":"sqe","op":"SENDMSG","ud":1},{"do":"reap","out":{"cqes":[[1,0,4]]}})", 2, R"({"cqes":[[1,0,0]]})"},
    {"generic_perform_write", R"({"do":"sqe","op":"WRITEV","ud":1,"len":2},{"do":"reap","out":{"cqes":[[1,10,0]]}})", 2,
     R"({"cqes":[[1,-14,0]]})"},
    {"", R"({"do":"sqe","op":"WRITEV","ud":1,"len":1},{"do":"reap","out":{"cqes":[[1,10,0]]}})", 2, R"({"cqes":[[1,-14,0]]})"},
    {"kiocb_set_rw_flags",
     R"({"do":"file","name":"p","kind":"pipe"},{"do":"sqe","op":"READV","ud":1,"fd":"p.r","op_flags":8},)"
     R"({"do":"reap","out":{"cqes":[[1,-11,0]]}})",
     3, R"({"cqes":[[1,-95,0]]})"},
    {"", R"({"do":"sqe","op":"READV","ud":1,"fd":-1,"op_flags":8},{"do":"reap","out":{"cqes":[[1,-11,0]]}})", 2,
     R"({"cqes":[[1,-95,0]]})"},
};

Tape newer_tape(const Case& one) {
  const std::string text = fmt::format(R"({{"name":"a/b/c","steps":[{{"do":"setup","entries":4}},{}],"end":"exit"}})", one.steps);
  return parse_recording(text, "t").tapes.at(0);
}

std::optional<size_t> row_for(const Case& one, std::string_view kernel = "v5.4") {
  const Tape newer = newer_tape(one);
  Played older;
  for (const Step& step : newer.steps) older.outs.push_back(step.out);
  older.outs[one.step] = Json::parse(one.older);
  older.end = newer.end;
  const auto difference = first_difference(newer, older);
  if (!difference || difference->step != one.step) return std::nullopt;
  return excuse_for(newer, *difference, kernel);
}

TEST(Excuses, EachRowKnowsItsDifferenceAndNotTheOneNextToIt) {
  for (const Case& one : kCases) {
    const auto row = row_for(one);
    EXPECT_EQ(row ? excuses()[*row].function : "", one.function) << one.steps;
  }
}

TEST(Excuses, EveryRowIsTried) {
  std::set<std::string_view> tried;
  for (const Case& one : kCases) tried.insert(one.function);
  for (const Excuse& row : excuses()) EXPECT_EQ(tried.count(row.function), 1u) << row.function;
}

TEST(Excuses, ReleasesThatHaveTheChangeAreNotExcused) {
  EXPECT_TRUE(row_for(kCases[0], "v5.1"));
  EXPECT_FALSE(row_for(kCases[0], "v5.10"));
}

TEST(Excuses, AreFewAndNameFunctionReleaseCallAndArguments) {
  EXPECT_LE(excuses().size(), 20u);
  for (const Excuse& row : excuses()) {
    EXPECT_FALSE(row.function.empty() || row.call.empty() || row.arguments.empty() || row.change.empty()) << row.function;
    EXPECT_GT(row.release, (uapi::Release{5, 4})) << row.function;
  }
}

}  // namespace
}  // namespace uringsim::sim::tape
