// SPDX-License-Identifier: GPL-2.0-only
// What no recording has: the same programs with the answers that the sources of a release give.
#include "sim/tape/model_player.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/tape/conform.h"

namespace uringsim::sim::tape {
namespace {

/// Plays a tape of `steps` under `kernel`; the first answer that differs from its own, or nothing.
std::string difference(const std::string& kernel, const std::string& steps, const Circumstances& circumstances = {}) {
  const Tape tape = parse_recording(fmt::format(R"({{"name":"t","steps":[{}],"end":"exit"}})", steps), "t").tapes.at(0);
  ModelOptions options;
  options.kernel = kernel;
  options.circumstances = circumstances;
  std::string text = "not played";
  play_on_model(
      {&tape}, options,
      [&](size_t, const Played& played) {
        const auto found = first_difference(tape, played);
        text = found ? describe(tape, *found) : "";
      },
      [] { return false; });
  return text;
}

/// A ring with one registered buffer of 8 KiB that begins with the number 5.
const std::string kRegistered =
    R"({"do":"setup","entries":8,"out":{"ret":0,"sq_entries":8,"cq_entries":16}},)"
    R"({"do":"mem","name":"b","size":8192,"fields":[["u64",5]]},{"do":"mem","name":"v","fields":[["ptr","b"],["u64",8192]]},)"
    R"({"do":"register","op":"REGISTER_BUFFERS","arg":"v","nr_args":1,"out":{"ret":0}},)";

/// One request on `file` and what it completes with.
std::string completes(const std::string& op, const std::string& file, const std::string& more, int res) {
  return fmt::format(R"({{"do":"sqe","op":"{}","ud":1,"fd":"{}",{}}},{{"do":"submit"}},)"
                     R"({{"do":"enter","to_submit":1,"min_complete":1,"flags":["GETEVENTS"],"out":{{"ret":1}}}},)"
                     R"({{"do":"reap","out":{{"cqes":[[1,{},0]]}}}})",
                     op, file, more, res);
}
std::string fixed(const std::string& op, const std::string& file, unsigned len, int res) {
  return completes(op, file, fmt::format(R"("addr":"b","len":{},"buf_index":0)", len), res);
}

/// `vectors` of pointer "d" and length, named "v".
std::string vectors(std::initializer_list<u64> lengths) {
  std::string fields;
  for (const u64 length : lengths) fields += fmt::format(R"({}["ptr","d"],["u64",{}])", fields.empty() ? "" : ",", length);
  return R"({"do":"setup","entries":8,"out":{"ret":0,"sq_entries":8,"cq_entries":16}},{"do":"buf","name":"d","size":4096},)" +
         fmt::format(R"({{"do":"mem","name":"v","fields":[{}]}},)", fields);
}

const std::string kDirectory = R"({"do":"file","name":"f","kind":"dir"},)";
const std::string kEventfd = R"({"do":"file","name":"f","kind":"eventfd","init":3,"nonblock":true},)";
const std::string kTimerfd = R"({"do":"file","name":"f","kind":"timerfd","ms":1},{"do":"sleep","ms":20},)";

/// A ring with an SQ thread whose files are registered.
const std::string kSqpoll =
    R"({"do":"setup","entries":8,"flags":["SQPOLL"],"sq_thread_idle":2000,"out":{"ret":0,"sq_entries":8,"cq_entries":16}},)";

TEST(ModelPlayer, WhatEnterReturnsBelowAnyErrorIsReportedAsTheLastError) {
  const std::string enter = R"({"do":"enter","to_submit":2147483648,"out":{"ret":)";
  EXPECT_EQ(difference("v5.4", kSqpoll + enter + "-2}}"), "");
  EXPECT_EQ(difference("v5.1", kSqpoll + R"({"do":"enter","ring":77,"out":{"ret":-9}},)" + enter + "-9}}"), "");
}

TEST(ModelPlayer, TheSqThreadSendsMessagesWithoutAProcessToTakeAPathFrom) {
  const std::string steps =
      R"({"do":"file","name":"s","kind":"socketpair"},{"do":"mem","name":"f","fields":[["fd","s.a"]]},)" + kSqpoll +
      R"({"do":"register","op":"REGISTER_FILES","arg":"f","nr_args":1,"out":{"ret":0}},{"do":"buf","name":"d","size":64},)"
      R"({"do":"mem","name":"v","fields":[["ptr","d"],["u64",20]]},)"
      R"({"do":"mem","name":"m","fields":[["u64",0],["u64",0],["ptr","v"],["u64",1],["u64",0],["u64",0],["u64",0]]},)"
      R"({"do":"sqe","op":"SENDMSG","ud":1,"fd":0,"flags":["FIXED_FILE"],"addr":"m","len":1},{"do":"submit"},)"
      R"({"do":"enter","flags":["SQ_WAKEUP"],"out":{"ret":0}},{"do":"wait_cq","n":1,"out":{"ok":true}},)"
      R"({"do":"reap","out":{"cqes":[[1,20,0]]}})";
  EXPECT_EQ(difference("v5.4", steps), "");
}

/// A file of 513 bytes opened O_DIRECT, its pages still in the page cache as whoever made it left them; memory "d" of 'A's.
const std::string kDirect =
    R"({"do":"file","name":"f","kind":"regular","size":513,"direct":true},{"do":"buf","name":"d","size":4096,"fill":65},)"
    R"({"do":"mem","name":"v","fields":[["ptr","d"],["u64",1024]]},{"do":"mem","name":"odd","fields":[["ptr","d",1],["u64",100]]},)"
    R"({"do":"setup","entries":8,"out":{"ret":0,"sq_entries":8,"cq_entries":16}},)";

TEST(ModelPlayer, PastTheEndOfAFileAMisalignedDirectReadIsNothingIn5_4AndAnErrorIn5_1) {
  const std::string past = R"("addr":"odd","len":1,"off":1000)";
  EXPECT_EQ(difference("v5.4", kDirect + completes("READV", "f", past, 0)), "");
  EXPECT_EQ(difference("v5.1", kDirect + completes("READV", "f", past, -EINVAL)), "");
}

TEST(ModelPlayer, ADirectReadThatMustNotWaitFindsCachedPagesInItsWay) {
  for (const char* const kernel : {"v5.1", "v5.4"}) {
    EXPECT_EQ(difference(kernel, kDirect + completes("READV", "f", R"("addr":"v","len":1,"op_flags":8)", -EAGAIN)), "");
    EXPECT_EQ(difference(kernel, kDirect + completes("WRITEV", "f", R"("addr":"v","len":1,"op_flags":8,"off":4096)", -EAGAIN)),
              "")
        << "no blocks there yet";
  }
}

TEST(ModelPlayer, ADirectReadAcrossTheEndFillsAllTheMemoryThatItWasGiven) {
  for (const char* const kernel : {"v5.1", "v5.4"})
    EXPECT_EQ(difference(kernel, kDirect + completes("READV", "f", R"("addr":"v","len":1,"off":512)", 1) +
                                     R"(,{"do":"peek","name":"d","len":3,"out":{"hex":"220000"}})" +
                                     R"(,{"do":"peek","name":"d","off":1023,"len":2,"out":{"hex":"0041"}})"),
              "");
}

TEST(ModelPlayer, TheRecordersOwnDescriptorsAreOpen) {
  const std::string setup = R"({"do":"setup","entries":8,"out":{"ret":0,"sq_entries":8,"cq_entries":16}},)";
  const auto refused = [](int fd, int res) {
    return fmt::format(
        R"({{"do":"sqe","op":200,"ud":1,"fd":{}}},{{"do":"submit"}},{{"do":"enter","to_submit":1,"out":{{"ret":1}}}},)"
        R"({{"do":"reap","out":{{"cqes":[[1,{},0]]}}}})",
        fd, res);
  };
  for (const char* const kernel : {"v5.1", "v5.4"}) {
    EXPECT_EQ(difference(kernel, setup + refused(3, -EINVAL)), "");
    EXPECT_EQ(difference(kernel, setup + refused(1000, -EINVAL)), "");
    EXPECT_EQ(difference(kernel, setup + refused(5, -EBADF)), "");
  }
}

TEST(ModelPlayer, WhatTheRecorderReadsOfADirectFileIsNeverAligned) {
  for (const char* const kernel : {"v5.1", "v5.4"})
    EXPECT_EQ(difference(kernel, R"({"do":"file","name":"d","kind":"regular","size":4096,"direct":true},)"
                                 R"({"do":"read","name":"d","len":512,"out":{"ret":-22}},)"
                                 R"({"do":"rlimit","which":"nofile","value":4},{"do":"content","name":"d","out":{"ret":-22}})"),
              "");
}

TEST(ModelPlayer, ASocketThatCouldNotBeMadeIsBoundAllTheSame) {
  EXPECT_EQ(difference("v5.4", R"({"do":"rlimit","which":"nofile","value":4},)"
                               R"({"do":"file","name":"l","kind":"listen","out":{"ret":-9}},)"
                               R"({"do":"file","name":"s","kind":"socket","out":{"ret":-24}})"),
            "");
}

TEST(ModelPlayer, ATimeoutOfNothingTakesAnInterruptThatTheRestOfTheSubmissionOvertakes) {
  EXPECT_EQ(difference("v5.4", R"({"do":"setup","entries":4,"out":{"ret":0,"sq_entries":4,"cq_entries":8}},)"
                               R"({"do":"mem","name":"t","fields":[["s64",0],["s64",0]]},)"
                               R"({"do":"sqe","op":"TIMEOUT","ud":1,"fd":-1,"addr":"t","len":1,"off":5},)"
                               R"({"do":"sqe","op":"NOP","ud":2,"fd":-1},{"do":"submit"},)"
                               R"({"do":"enter","to_submit":2,"out":{"ret":2}},{"do":"sleep","ms":20},)"
                               R"({"do":"reap","out":{"cqes":[[2,0,0],[1,-62,0]]}})"),
            "");
}

TEST(ModelPlayer, RegisteredBuffersReachFilesThatOnlyReadAndWriteSince5_4) {
  EXPECT_EQ(difference("v5.4", kRegistered + kDirectory + fixed("READ_FIXED", "f", 8, -21)), "");
  EXPECT_EQ(difference("v5.4", kRegistered + kTimerfd + fixed("READ_FIXED", "f", 8, 8)), "");
  // The counter is taken: the file has nothing left to read.
  EXPECT_EQ(difference("v5.4", kRegistered + kEventfd + fixed("READ_FIXED", "f", 8, 8) +
                                   R"(,{"do":"read","name":"f","val":true,"out":{"ret":-11}})"),
            "");
  EXPECT_EQ(difference("v5.4", kRegistered + kEventfd + fixed("WRITE_FIXED", "f", 8, 8) +
                                   R"(,{"do":"read","name":"f","val":true,"out":{"ret":8,"val":8}})"),
            "");
  EXPECT_EQ(difference("v5.4", kRegistered + kEventfd + fixed("WRITE_FIXED", "f", 100, 8)), "");
}

TEST(ModelPlayer, RegisteredBuffersAreRefusedByFilesThatOnlyReadAndWriteIn5_1) {
  EXPECT_EQ(difference("v5.1", kRegistered + kDirectory + fixed("READ_FIXED", "f", 8, -22)), "");
  EXPECT_EQ(difference("v5.1", kRegistered + kEventfd + fixed("READ_FIXED", "f", 8, -22)), "");
  EXPECT_EQ(difference("v5.1", kRegistered + kEventfd + fixed("WRITE_FIXED", "f", 8, -22)), "");
  EXPECT_EQ(difference("v5.1", kRegistered + kTimerfd + fixed("READ_FIXED", "f", 8, -22)), "");
}

TEST(ModelPlayer, LongVectorsAreCutToWhatOneCallMovesAndNotRefused) {
  const std::string null = R"({"do":"file","name":"f","kind":"devnull"},)";
  const std::string file = R"({"do":"file","name":"f","kind":"regular","size":100},)";
  for (const char* const kernel : {"v5.1", "v5.4"}) {
    EXPECT_EQ(difference(kernel, vectors({0x9000000}) + null + completes("WRITEV", "f", R"("addr":"v","len":1)", 150994944)), "");
    EXPECT_EQ(difference(kernel, vectors({0x7fffffff, 0x7fffffff}) + null +
                                     completes("WRITEV", "f", R"("addr":"v","len":2)", 2147479552)),
              "");
    EXPECT_EQ(difference(kernel, vectors({0x10000000}) + file + completes("READV", "f", R"("addr":"v","len":1)", 100)), "");
  }
  const std::string message =
      R"({"do":"mem","name":"m","fields":[["u64",0],["u64",0],["ptr","v"],["u64",1],["u64",0],["u64",0],["u64",0]]},)"
      R"({"do":"file","name":"s","kind":"socketpair"},{"do":"write","name":"s.b","len":50,"out":{"ret":50}},)";
  EXPECT_EQ(difference("v5.4", vectors({0x10000000}) + message + completes("RECVMSG", "s.a", R"("addr":"m","len":1)", 50)), "");
}

/// Who is woken waits for its waker's processor.
constexpr Circumstances kOnOneProcessor = {.wakeup_ns = 2'000, .balance = false, .timer_ns = 2'000};

TEST(ModelPlayer, SetupSleepsUntilItsNewSqThreadHasReportedSoThatTheOneBeforeGetsTheProcessor) {
  const auto setup = [](const char* ring) {
    return fmt::format(
        R"({{"do":"setup","ring":"{}","entries":4,"flags":["SQPOLL"],"out":{{"ret":0,"sq_entries":4,"cq_entries":8}}}},)", ring);
  };
  const auto flags = [](const char* ring, const char* set) {
    return fmt::format(R"({{"do":"state","ring":"{}","fields":["sq_flags"],"out":{{"sq_flags":[{}]}}}})", ring, set);
  };
  const std::string two = setup("a") + setup("b") + flags("a", R"("NEED_WAKEUP")") + "," + flags("b", "");
  for (const char* const kernel : {"v5.1", "v5.4"}) EXPECT_EQ(difference(kernel, two, kOnOneProcessor), "");
}

TEST(ModelPlayer, ASqThreadOf5_1OnTheSubmittersProcessorKeepsItForItsIdleTime) {
  const auto drained = [](const char* flags) {
    return fmt::format(R"({{"do":"setup","entries":4,"flags":["SQPOLL"],"sq_thread_idle":20,)"
                       R"("out":{{"ret":0,"sq_entries":4,"cq_entries":8}}}},)"
                       R"({{"do":"wait_sq","cond":"need_wakeup","out":{{"ok":true}}}},{{"do":"sqe","op":"NOP","ud":1,"fd":-1}},)"
                       R"({{"do":"submit"}},{{"do":"enter","to_submit":1,"flags":["SQ_WAKEUP"],"out":{{"ret":1}}}},)"
                       R"({{"do":"wait_sq","cond":"drained","out":{{"ok":true}}}},)"
                       R"({{"do":"state","fields":["sq_flags"],"out":{{"sq_flags":[{}]}}}})",
                       flags);
  };
  EXPECT_EQ(difference("v5.1", drained("")), "") << "on a processor of its own it spins on";
  EXPECT_EQ(difference("v5.1", drained(R"("NEED_WAKEUP")"), kOnOneProcessor), "");
  EXPECT_EQ(difference("v5.4", drained(""), kOnOneProcessor), "") << "makes room: cond_resched()";
}

}  // namespace
}  // namespace uringsim::sim::tape
