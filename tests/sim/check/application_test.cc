// SPDX-License-Identifier: GPL-2.0-only
// Checks of applications on real runs: each fires on a program that makes the mistake, and is quiet on its mended twin; and the
// checkers of the kernel fire on a model with the mistake in it.
#include <gtest/gtest.h>

#include "sim/scenario/load.h"
#include "sim/scenario/run_scenario.h"
#include "sim/scenario/scenario_program.h"

namespace uringsim::sim {
namespace {

/// What the run says of the check; empty if it holds.
std::string found(const std::string& check, const std::string& body) {
  const Scenario scenario =
      load_scenario_text("{\"name\": \"t\", " + body + R"(, "expect": [{"check": ")" + check + "\"}]}", "t.json");
  const RunReport report = run_scenario(scenario, {});
  for (const std::string& failure : report.failures) ADD_FAILURE() << failure;
  for (const ExpectationReport& one : report.expectations)
    if (one.what.rfind(check + ":", 0) == 0 && !one.holds) return one.got;
  return "";
}

TEST(ApplicationChecks, AnSqeThatIsRewrittenBeforeItWasConsumed) {
  const std::string steps = R"("rings": {"r": {}}, "tasks": {"a": {"steps": [
    {"sqe": {"ring": "r", "user_data": 1}}, {"advance": {"ring": "r", "word": "sq_tail"}}, %s
    {"sqe": {"ring": "r", "slot": 0, "user_data": 2}}, {"enter": {"ring": "r", "to_submit": 1}}]}})";
  const auto with = [&](const std::string& between) {
    std::string text = steps;
    return text.replace(text.find("%s"), 2, between);
  };
  EXPECT_NE(found("sqe-stable", with("")).find("writes SQE 0"), std::string::npos);
  EXPECT_EQ(found("sqe-stable", with(R"({"enter": {"ring": "r", "to_submit": 1}},)")), "");
}

TEST(ApplicationChecks, ABufferThatTwoReadsFill) {
  const auto with = [](const std::string& count) {
    return R"("devices": {"d": {"type": "ram"}}, "files": {"f": {"device": "d", "size": "64KiB", "open": ["O_DIRECT"]}},
    "rings": {"r": {"register_files": ["f"], "register_buffers": {"count": )" +
           count + R"(, "size": "4KiB"}}}, "tasks": {"a": {"steps": [
    {"submit": {"ring": "r", "op": "READ_FIXED", "file": "f", "size": "4KiB", "count": 2, "verify": false}}, {"wait": {"ring": "r", "cqes": 2}}]}})";
  };
  EXPECT_NE(found("buffer-stable", with("1")).find("overlaps"), std::string::npos);
  EXPECT_EQ(found("buffer-stable", with("2")), "");
}

TEST(ApplicationChecks, AUserDataThatIsReusedEarly) {
  const auto with = [](const std::string& other) {
    return R"("rings": {"r": {}}, "allow": ["no-cqe-error"], "tasks": {"a": {"steps": [{"submit": {"ring": "r", "sqes": [
    {"op": "TIMEOUT", "after": "1ms", "user_data": 7}, {"op": "TIMEOUT", "after": "1ms", "user_data": )" +
           other + R"(}]}}, {"wait": {"ring": "r", "cqes": 2}}]}})";
  };
  EXPECT_NE(found("user-data-unique", with("7")).find("0x7"), std::string::npos);
  EXPECT_EQ(found("user-data-unique", with("8")), "");
}

TEST(ApplicationChecks, AnOldLibraryLooksAtNeedWakeupWithoutABarrier) {
  const auto with = [](const std::string& library) {
    return R"("rings": {"r": {"flags": ["SQPOLL"], "sq_thread_idle": "4ms", "library": ")" + library +
           R"("}}, "tasks": {"a": {"steps": [
    {"submit": {"ring": "r", "op": "NOP"}}, {"wait": {"ring": "r"}}]}})";
  };
  EXPECT_NE(found("need-wakeup-barrier", with("2.1")).find("there is none"), std::string::npos);
  EXPECT_EQ(found("need-wakeup-barrier", with("2.2")), "");
}

TEST(ApplicationChecks, ACqHeadThatPassesTheTail) {
  const auto with = [](const std::string& by) {
    return R"("rings": {"r": {}}, "tasks": {"a": {"steps": [{"submit": {"ring": "r", "op": "NOP"}},
    {"advance": {"ring": "r", "word": "cq_head", "by": )" +
           by + R"(}}]}})";
  };
  EXPECT_NE(found("ring-words", with("2")).find("CQ head never passes"), std::string::npos);
  EXPECT_EQ(found("ring-words", with("1")), "");
}

// The rule about the SQ thread: it does not sleep at the end while the SQ holds an entry that was published.
TEST(KernelChecks, AnSqThreadThatSleepsOverAPublishedEntryLosesAWakeup) {
  const auto with = [](const std::string& wakes) {
    return R"("rings": {"r": {"entries": 4, "flags": ["SQPOLL"], "sq_thread_idle": "4ms"}}, "allow": ["tasks-end", "no-hang"],
    "tasks": {"a": {"steps": [{"sleep": "50ms"}, {"sqe": {"ring": "r", "slot": 0, "opcode": "NOP", "user_data": 1}},
    {"advance": {"ring": "r", "word": "sq_tail"}}, )" +
           wakes + R"({"reap": {"ring": "r", "cqes": 1, "until": true}}]}})";
  };
  EXPECT_NE(found("no-lost-wakeup", with(""))
                .find("the SQ thread does not sleep while the SQ holds entries: that of ring 1 "
                      "sleeps, 1 entry lies in the SQ"),
            std::string::npos);
  EXPECT_EQ(found("no-lost-wakeup", with(R"({"enter": {"ring": "r", "flags": ["SQ_WAKEUP"]}}, )")), "");
}

// A run that its limit cuts off says nothing of what was under way.
TEST(KernelChecks, APublisherWhoHasNotGotRoundToItsWakeupHasLostNone) {
  const auto with = [](const std::string& limit) {
    return R"("limit": ")" + limit +
           R"(", "rings": {"r": {"entries": 4, "flags": ["SQPOLL"], "sq_thread_idle": "4ms"}}, "allow": ["tasks-end", "no-hang"],
    "tasks": {"a": {"steps": [{"sleep": "50ms"}, {"sqe": {"ring": "r", "slot": 0, "opcode": "NOP", "user_data": 1}},
    {"advance": {"ring": "r", "word": "sq_tail"}}, {"spin": "100ms"}, {"enter": {"ring": "r", "flags": ["SQ_WAKEUP"]}},
    {"reap": {"ring": "r", "cqes": 1, "until": true}}]}})";
  };
  EXPECT_EQ(found("no-lost-wakeup", with("110ms")), "");
  EXPECT_EQ(found("no-lost-wakeup", with("10s")), "");
}

// Who has come back from enter() and sleeps elsewhere waits for no CQE, and CQEs of one ring are nobody's who waits on another.
TEST(KernelChecks, ASleeperWhoWaitsForSomethingElseHasLostNoWakeup) {
  const std::string world = R"("rings": {"r": {}, "s": {}}, "files": {"p": {"type": "pipe"}}, "allow": ["tasks-end", "no-hang"],
    "tasks": {"a": {"steps": [{"submit": {"ring": "r", "op": "NOP"}}, {"enter": {"ring": "r", "min_complete": 1, "flags": ["GETEVENTS"]}}, )";
  EXPECT_EQ(found("no-lost-wakeup", world + R"({"read": {"file": "p.r", "size": 1}}]}})"), "");
  EXPECT_EQ(found("no-lost-wakeup", world + R"({"enter": {"ring": "s", "min_complete": 1, "flags": ["GETEVENTS"]}}]}})"), "");
}

// Who sleeps for more CQEs than there are polls for none.
TEST(KernelChecks, AWaiterOnARingWithoutIopollIsNoPoller) {
  EXPECT_EQ(found("iopoll-progress", R"("rings": {"r": {}}, "allow": ["tasks-end", "no-hang"], "tasks": {"a": {"steps": [
    {"submit": {"ring": "r", "op": "NOP"}}, {"enter": {"ring": "r", "min_complete": 2, "flags": ["GETEVENTS"]}}]}})"),
            "");
}

TEST(KernelChecks, WrongDataIsAViolationOfItsOwn) {
  const auto with = [](const std::string& seed) {
    return R"("devices": {"d": {"type": "ram"}}, "files": {"f": {"device": "d", "size": "64KiB", "open": ["O_DIRECT"]}}, "rings": {"r": {}},
    "tasks": {"a": {"steps": [{"submit": {"ring": "r", "op": "WRITEV", "file": "f", "size": "4KiB", "offset": 0, "seed": )" +
           seed + R"(}},
    {"wait": {"ring": "r"}}, {"submit": {"ring": "r", "op": "READV", "file": "f", "size": "4KiB", "offset": 0, "verify": true}}, {"wait": {"ring": "r"}}]}},
    "allow": ["tasks-end"])";
  };
  EXPECT_NE(found("data", with("9")).find("wrong data"), std::string::npos);
  EXPECT_EQ(found("data", with("0")), "");
}

/// The first violation that a search meets, by check; empty if there is none in so many executions.
std::string searched(const std::string& race, const std::vector<std::string>& sets) {
  ScenarioProgram program(load_scenario(URINGSIM_SOURCE_DIR "/scenarios/races/" + race + ".json", sets));
  ExploreOptions options;
  options.strategy = Search::random;
  options.executions = 2'000;
  options.minimise = false;
  const ExploreResult result = explore(program, options);
  EXPECT_EQ(result.error, "");
  return result.found ? result.violation.check : "";
}

TEST(KernelChecks, AChainThatADrainCutsBreaksTheLinkOrder) {
  // Without the steps that would notice it themselves.
  const std::string steps = R"(tasks.app.steps.4={"sleep": "1ms"})", more = R"(tasks.app.steps.5={"sleep": "1ms"})",
                    last = R"(tasks.app.steps.6={"sleep": "1ms"})", third = R"(tasks.app.steps.3={"sleep": "1ms"})";
  EXPECT_EQ(searched("drain-link-order-broken", {third, steps, more, last}), "link-order");
  EXPECT_EQ(searched("drain-link-order-broken", {third, steps, more, last, "bugs=[]"}), "");
}

}  // namespace
}  // namespace uringsim::sim
