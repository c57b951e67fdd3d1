// SPDX-License-Identifier: GPL-2.0-only
// uringsim diff as scripts see it. Most of it needs a running kernel with io_uring; the tests skip where there is none.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "sim/tape/host_player.h"
#include "tests/tools/binary.h"

namespace uringsim::tools {
namespace {

namespace fs = std::filesystem;

const std::string kNop =
    R"({"name":"enter/to-submit/one","group":"enter","steps":[{"do":"setup","entries":2},{"do":"sqe","op":"NOP","ud":7},)"
    R"({"do":"submit"},{"do":"enter","to_submit":1},{"do":"reap"}]})"
    "\n";
const std::string kNewer = R"({"name":"op/later","group":"op","steps":[{"do":"setup","entries":2,"flags":["CLAMP"]}]})"
                           "\n";

size_t lines(const std::string& text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

class DiffCli : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!sim::tape::host_has_io_uring(why)) GTEST_SKIP() << "the running kernel has no io_uring: " << why;
  }
};

TEST_F(DiffCli, PlaysTheSameTapesOnBothAndExitsWithZero) {
  const TemporaryFile tapes(kNop);
  const Result result = uringsim("diff --kernel v5.4 " + tapes.path());
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_NE(result.out.find("1 matched, 0 differ"), std::string::npos) << result.out;
}

TEST_F(DiffCli, SaysWhatARunningKernelWithoutAProfileCanBeAskedAndLeavesTheRestOutByName) {
  const TemporaryFile tapes(kNop + kNewer);
  const auto json = nlohmann::json::parse(uringsim("diff --kernel v5.4 --json " + tapes.path()).out);
  EXPECT_EQ(json["kernel"], "v5.4");
  EXPECT_EQ(json["running"], sim::tape::host_release());
  EXPECT_EQ(json["matched"], 1);
  EXPECT_EQ(json["not_applicable"], 1);
  EXPECT_EQ(json["left_out"][0]["tape"], "op/later");
  EXPECT_EQ(json["differ"], 0);
  EXPECT_EQ(json["no_result"], 0);
  EXPECT_EQ(json["differences"].size(), 0u);
  EXPECT_FALSE(json["stopped"]);
}

// A kernel that runs the members of a chain one by one behind a drain, as 5.3-rc did: the running kernel knows better.
const std::string kWrong = "--kernel v5.4 --bugs drain-link-order-broken ";

TEST_F(DiffCli, ADifferenceExitsWithOneAndIsShrunkToTheStepsThatMatter) {
  const TemporaryFile tapes(
      R"({"name":"a/b/c","steps":[{"do":"mem","name":"t","fields":[["s64",0],["s64",5000000]]},)"
      R"({"do":"file","name":"f","kind":"regular"},{"do":"buf","name":"b","size":8},)"
      R"({"do":"mem","name":"v","fields":[["ptr","b"],["u64",8]]},{"do":"setup","entries":8},{"do":"sqe","op":"NOP","ud":1},)"
      R"({"do":"sqe","op":"TIMEOUT","ud":2,"addr":"t","len":1,"off":1000},{"do":"sqe","op":"NOP","ud":3,"flags":["IO_DRAIN"]},)"
      R"({"do":"sqe","op":"READV","ud":4,"fd":"f","addr":"v","len":1,"flags":["IO_LINK"]},{"do":"sqe","op":"NOP","ud":5},{"do":"submit"},)"
      R"({"do":"enter","to_submit":5},{"do":"wait_cq","n":5,"ms":60},{"do":"reap","order":"any"},{"do":"state"}]})"
      "\n");
  EXPECT_EQ(uringsim("diff --kernel v5.4 " + tapes.path()).code, 0);
  const auto result = uringsim("diff --json " + kWrong + tapes.path());
  EXPECT_EQ(result.code, 1) << result.out;
  const auto json = nlohmann::json::parse(result.out);
  ASSERT_EQ(json["differ"], 1);
  EXPECT_EQ(json["differences"][0]["step"], 13);
  EXPECT_EQ(json["differences"][0]["expected"], -125);
  EXPECT_EQ(json["differences"][0]["got"], 0);
  EXPECT_LE(json["differences"][0]["shortest"]["steps"].size(), 13u) << json.dump(1);
}

TEST_F(DiffCli, RandomTapesFindAFaultOfTheModel) {
  const auto result = uringsim("diff --fuzz 66 --seed 1 --filter 'fuzz/drain/1-65' --shrink 0 --json " + kWrong);
  EXPECT_EQ(result.code, 1) << result.out;
  const auto json = nlohmann::json::parse(result.out);
  ASSERT_EQ(json["differ"], 1);
  EXPECT_EQ(json["differences"][0]["expected"], -125);
  EXPECT_EQ(json["differences"][0]["got"], 0);
}

TEST_F(DiffCli, EveryRowOfTheTableIsPrintedWithTheNumberOfTapesItExcused) {
  const TemporaryFile tapes(
      kNop + R"({"name":"a/b/c","steps":[{"do":"setup","entries":2},{"do":"sqe","op":200,"ud":1,"fd":-1},{"do":"submit"},)"
             R"({"do":"enter","to_submit":1},{"do":"reap"}]})"
             "\n");
  const Result result = uringsim("diff --kernel v5.4 " + tapes.path());
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_NE(result.out.find("excused     1 tapes: an unknown opcode, a descriptor that is not open (io_req_set_file, v5.10)"),
            std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find("excused     0 tapes: TIMEOUT"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("excused together 1 of 2 compared: 50.0 %"), std::string::npos) << result.out;
}

TEST_F(DiffCli, RecordWritesWhatTheRunningKernelAnswersAsARecording) {
  const TemporaryFile tapes(kNop), out;
  const Result result = uringsim("diff --record " + out.path() + " " + tapes.path());
  EXPECT_EQ(result.code, 0) << result.out;
  std::ifstream file(out.path());
  std::string header, tape;
  std::getline(file, header);
  std::getline(file, tape);
  EXPECT_EQ(nlohmann::json::parse(header)["header"], 1);
  EXPECT_EQ(nlohmann::json::parse(tape)["end"], "exit");
  EXPECT_EQ(nlohmann::json::parse(tape)["steps"][4]["out"]["cqes"], nlohmann::json::parse("[[7,0,0]]"));
}

TEST_F(DiffCli, RandomTapesAreThoseOfTheirSeed) {
  const Result result = uringsim("diff --kernel v5.4 --fuzz 7 --seed 3 --filter 'fuzz/nops/*' --jobs 2");
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_NE(result.out.find("7 random tapes of seed 3: 1 matched, 0 differ, 0 excused"), std::string::npos) << result.out;
}

TEST_F(DiffCli, UsageErrorsAreOneLineAndExitWithTwo) {
  const TemporaryFile tapes(kNop), broken("{\"name\":\"a\",\"steps\":[{\"do\":\"dance\"}]}\n");
  for (const std::string& arguments :
       {std::string("diff"), std::string("diff --fuzz 3 ") + tapes.path(), std::string("diff --fuzz 0"),
        "diff --kernel v5.5 " + tapes.path(), "diff --bugs no-such " + tapes.path(), std::string("diff /nonexistent.jsonl"),
        "diff " + broken.path(), std::string("diff --fuzz x"), "diff --record /nowhere/out " + tapes.path(),
        "diff --record out.jsonl " + tapes.path() + " " + tapes.path(), "diff --filter 'nothing*' " + tapes.path()}) {
    const Result result = uringsim(arguments);
    EXPECT_EQ(result.code, 2) << arguments << ": " << result.out;
    EXPECT_EQ(lines(result.out), 1u) << arguments << ": " << result.out;
  }
}

TEST_F(DiffCli, StoppedByASignalItTellsWhatItCovered) {
  // The last tape makes a file, so that we know that it is under way, and waits. Those before it are two parts.
  std::string nops;
  for (int i = 0; i < 40; i++) {
    nops += kNop;
    nops.insert(nops.rfind("one\""), std::to_string(i) + "-");
  }
  const TemporaryFile tapes(nops + R"({"name":"enter/to-submit/waits","group":"enter","limit_ms":60000,"steps":[)"
                                   R"({"do":"file","name":"here","kind":"regular"},{"do":"sleep","ms":50000}]})");
  const TemporaryFile out;
  const std::string directory = testing::TempDir() + "uringsim-stop-" + std::to_string(getpid());
  fs::create_directory(directory);
  std::string program = binary();
  std::vector<std::string> words = {program, "diff", "--kernel", "v5.4", "--directory", directory, tapes.path()};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, out.path().c_str(), O_WRONLY | O_TRUNC, 0600);
  pid_t pid = 0;
  ASSERT_EQ(posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  const auto under_way = [&] {
    std::error_code gone;
    for (fs::recursive_directory_iterator at(directory, gone), end; !gone && at != end; at.increment(gone))
      if (at->path().filename() == "here") return true;
    return false;
  };
  while (!under_way() && waitpid(pid, nullptr, WNOHANG) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  kill(pid, SIGTERM);
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM) << status;
  std::ifstream file(out.path());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(text.find("40 matched, 0 differ"), std::string::npos) << text;
  EXPECT_NE(text.find("stopped: 40 of 41 tapes were played"), std::string::npos) << text;
  EXPECT_TRUE(fs::is_empty(directory));
  fs::remove_all(directory);
}

}  // namespace
}  // namespace uringsim::tools
