// SPDX-License-Identifier: GPL-2.0-only
// uringsim explore and replay as scripts see them: what every option does, exit codes, files, and what an interrupted search
// says.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>

#include "tests/tools/binary.h"

namespace {

using nlohmann::json;

using uringsim::tools::Result;

class ExploreCli : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "uringsim-explore-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    // $U is the binary that stands beside this test, $RACES the folder of scenarios.
    setenv("U", uringsim::tools::binary().c_str(), 1);
    setenv("RACES", URINGSIM_SOURCE_DIR "/scenarios/races", 1);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] Result sh(const std::string& script) const { return uringsim::tools::shell(script, folder_); }
  [[nodiscard]] std::string read(const std::string& file) const {
    std::ifstream in(folder_ + "/" + file);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  std::string folder_;
};

// ---- verdicts ----------------------------------------------------------------------------------------------------------------

TEST_F(ExploreCli, ACleanExhaustiveSearchExitsWithZero) {
  const Result result = sh("$U explore $RACES/handshake-both.json --memory tso");
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_NE(result.out.find("clean, every execution covered"), std::string::npos) << result.out;
}

TEST_F(ExploreCli, AViolationExitsWithOneAndTellsItsStory) {
  const Result result = sh("$U explore $RACES/v5.10-lost-wakeup.json");
  EXPECT_EQ(result.code, 1);
  for (const char* const part :
       {"VIOLATION (no-lost-wakeup)", "Left over at the end:", "io_uring-sq sleeps in io_sq_thread_v5_10()",
        "writes sq.tail: 0 -> 1", "writes sq.flags: 0 -> 1", "schedule(): sleeps"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
}

TEST_F(ExploreCli, ASearchThatIsNotExhaustiveExitsWithFour) {
  for (const char* const options : {"--budget 5", "--departures 2", "--strategy random --budget 50", "--strategy pct --budget 50",
                                    "--budget 1ms --set N=3", "--strategy dfs --budget 50"}) {
    const Result result = sh(std::string("$U explore $RACES/handshake-both.json ") + options);
    EXPECT_EQ(result.code, 4) << options << "\n" << result.out;
    EXPECT_NE(result.out.find("nothing found, not exhaustive"), std::string::npos) << result.out;
  }
}

TEST_F(ExploreCli, EveryStrategyFindsWhatIsEasyToFind) {
  for (const char* const strategy : {"dpor", "dfs --preemptions 1", "pct --depth 2", "random"}) {
    const Result result = sh(std::string("$U explore $RACES/sq-park-before-prepare-wait.json --strategy ") + strategy);
    EXPECT_EQ(result.code, 1) << strategy << "\n" << result.out;
  }
}

// What they find first is as tangled as can be, each in its own way.
TEST_F(ExploreCli, TheStoryIsTheSimplestWhicheverStrategyFoundIt) {
  const auto story = [this](const std::string& options) {
    return json::parse(sh("$U explore --json " + options).out)["story"].get<std::string>();
  };
  for (const char* const strategy : {"dpor", "dfs", "pct", "random"})
    EXPECT_NE(story(std::string("$RACES/handshake-none.json --memory tso --strategy ") + strategy)
                  .find("4 steps, 0 preemptions, 1 reordering\n"),
              std::string::npos)
        << strategy;
  for (const char* const strategy : {"dpor", "pct"})
    EXPECT_NE(
        story(std::string("$RACES/v5.10-lost-wakeup.json --strategy ") + strategy).find("6 steps, 1 preemption, 0 reorderings\n"),
        std::string::npos)
        << strategy;
}

TEST_F(ExploreCli, AStoryOfAReadThatIsOldSaysWhichStoreItMissedAndWhy) {
  const auto tells = [this](const char* memory, const std::string& what) {
    std::string story =
        json::parse(sh(std::string("$U explore $RACES/handshake-none.json --json --memory ") + memory).out)["story"];
    // A line of the table breaks where the column ends.
    story = std::regex_replace(story, std::regex("\\s+"), " ");
    EXPECT_NE(story.find(what), std::string::npos) << story;
  };
  tells("tso", "reads sq.tail = 0 (old: app's store of 1 is still in its store buffer)");
  tells("weak", "'s store of 1 exists, but nothing orders this");
}

TEST_F(ExploreCli, ABarrierThatIsLeftOutByNameIsMissed) {
  EXPECT_EQ(sh("$U explore $RACES/handshake-both.json --memory weak --without io_sq_thread.need_wakeup").code, 1);
  const Result misspelt = sh("$U explore $RACES/handshake-both.json --without io_sq_thread.need_wakup");
  EXPECT_EQ(misspelt.code, 2);
  EXPECT_NE(misspelt.out.find("did you mean \"io_sq_thread.need_wakeup\"?"), std::string::npos) << misspelt.out;
}

TEST_F(ExploreCli, PctSaysWhatItPromises) {
  const Result result = sh("$U explore $RACES/handshake-both.json --strategy pct --depth 2 --budget 200");
  EXPECT_NE(result.out.find("an execution hits a bug of depth 2 with a probability of at least"), std::string::npos)
      << result.out;
}

TEST_F(ExploreCli, ASwitchIsTurnedOffBySet) {
  EXPECT_EQ(sh("$U explore $RACES/register-quiesce-vs-enter-deadlock.json").code, 1);
  EXPECT_EQ(sh("$U explore $RACES/register-quiesce-vs-enter-deadlock.json --set 'bugs=[]'").code, 0);
}

// ---- JSON, shards, jobs, checkpoints -----------------------------------------------------------------------------------------

TEST_F(ExploreCli, JsonHasTheKeysThatStay) {
  const json result = json::parse(sh("$U explore $RACES/v5.10-lost-wakeup.json --json --repro r.json").out);
  for (const char* const key :
       {"scenario", "kernel", "memory", "strategy", "verdict", "exhaustive", "executions", "seconds", "check", "steps", "repro"})
    EXPECT_TRUE(result.contains(key)) << key;
  EXPECT_EQ(result["verdict"], "violation");
  EXPECT_EQ(result["check"], "no-lost-wakeup");
  EXPECT_LE(result["steps"], 12);
  EXPECT_EQ(result["repro"], "r.json");
  const json clean = json::parse(sh("$U explore $RACES/handshake-both.json --json").out);
  EXPECT_EQ(clean["verdict"], "clean");
  EXPECT_TRUE(clean["exhaustive"].get<bool>());
  EXPECT_TRUE(clean["check"].is_null());
  EXPECT_EQ(json::parse(sh("$U explore $RACES/handshake-both.json $RACES/handshake-none.json --json").out).size(), 2u);
}

TEST_F(ExploreCli, ShardsMergeToTheVerdictAndTheCountOfOneSearch) {
  const json whole = json::parse(sh("$U explore $RACES/handshake-both.json --set N=2 --json").out);
  for (const char* const shard : {"1", "2", "3"}) {
    const std::string run =
        std::string("$U explore $RACES/handshake-both.json --set N=2 --json --shard ") + shard + "/3 >" + shard + ".json";
    EXPECT_EQ(sh(run).code, 4) << "one part is not the whole";
    const json one = json::parse(sh(std::string("cat ") + shard + ".json").out);
    EXPECT_FALSE(one["exhaustive"].get<bool>());
    EXPECT_TRUE(one["shard_exhaustive"].get<bool>());
  }
  const Result merged = sh("$U explore --merge 1.json 2.json 3.json --json");
  EXPECT_EQ(merged.code, 0) << merged.out;
  const json sum = json::parse(merged.out);
  EXPECT_TRUE(sum["exhaustive"].get<bool>());
  EXPECT_EQ(sum["executions"], whole["executions"]);
  EXPECT_EQ(sum["blocked"], whole["blocked"]);
  const Result part = sh("$U explore --merge 1.json 3.json");
  EXPECT_EQ(part.code, 4) << part.out;
  EXPECT_NE(part.out.find("missing: 2"), std::string::npos) << part.out;
  EXPECT_EQ(sh("$U explore $RACES/handshake-both.json --set N=1 --json --shard 2/3 >f.json").code, 4);
  const Result foreign = sh("$U explore --merge 1.json f.json 3.json");  // of another search, though it has the same name
  EXPECT_EQ(foreign.code, 2) << foreign.out;
  EXPECT_NE(foreign.out.find("/search"), std::string::npos) << foreign.out;
  EXPECT_EQ(sh("$U explore --merge 1.json 1.json").code, 2);
  EXPECT_EQ(sh("echo '{}' >x.json; $U explore --merge 1.json x.json").code, 2);
}

TEST_F(ExploreCli, AViolationInOneShardIsTheVerdictOfAll) {
  EXPECT_EQ(sh("for i in 1 2; do $U explore $RACES/handshake-none.json --memory tso --json --shard $i/2 >$i.json; done; "
               "$U explore --merge 1.json 2.json")
                .code,
            1);
}

TEST_F(ExploreCli, TwoJobsCountWhatOneDoes) {
  const json one = json::parse(sh("$U explore $RACES/handshake-both.json --set N=2 --memory tso --json").out);
  const json two = json::parse(sh("$U explore $RACES/handshake-both.json --set N=2 --memory tso --json --jobs 2").out);
  EXPECT_EQ(one["executions"], two["executions"]);
  EXPECT_TRUE(two["exhaustive"].get<bool>());
}

TEST_F(ExploreCli, AnInterruptedSearchSaysWhatItCoveredAndGoesOnFromItsCheckpoint) {
  const json whole = json::parse(sh("$U explore $RACES/handshake-both.json --set N=2 --memory weak --json").out);
  const Result stopped = sh("$U explore $RACES/handshake-both.json --set N=2 --memory weak --checkpoint c.json --budget 2500");
  ASSERT_EQ(stopped.code, 4) << stopped.out;
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/c.json"));
  EXPECT_GT(json::parse(read("c.json"))["executions"], 100);
  const Result rest = sh("$U explore $RACES/handshake-both.json --set N=2 --memory weak --checkpoint c.json --json");
  EXPECT_EQ(rest.code, 0) << rest.out;
  EXPECT_EQ(json::parse(rest.out)["executions"], whole["executions"]);
  const Result other = sh("$U explore $RACES/handshake-both.json --set N=2 --memory sc --checkpoint c.json");
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.out.find("/search: is of"), std::string::npos) << other.out;
}

TEST_F(ExploreCli, ACheckpointThatWasDamagedIsRefused) {
  ASSERT_EQ(sh("$U explore $RACES/handshake-both.json --set N=2 --memory weak --checkpoint c.json --budget 2500").code, 4);
  json checkpoint = json::parse(read("c.json"));
  checkpoint["position"][0] = checkpoint["position"][0].get<unsigned>() + 1;
  std::ofstream(folder_ + "/c.json") << checkpoint.dump();
  const Result result = sh("$U explore $RACES/handshake-both.json --set N=2 --memory weak --checkpoint c.json");
  EXPECT_EQ(result.code, 2) << result.out;
  EXPECT_NE(result.out.find("/digest: "), std::string::npos) << result.out;
}

TEST_F(ExploreCli, MergeRefusesWhatThePartsSayThemselves) {
  for (const char* const option : {"--memory tso", "--strategy dfs", "--repro r.json", "--jobs 2"}) {
    const Result result = sh(std::string("$U explore --merge part.json ") + option);
    EXPECT_EQ(result.code, 2) << result.out;
    EXPECT_NE(result.out.find(" excludes --"), std::string::npos) << result.out;
  }
}

TEST_F(ExploreCli, ASignalEndsASearchCleanly) {
  for (const char* const how : {"--strategy dfs", "--strategy dfs --jobs 2", "--strategy random --budget 1000000000"}) {
    // As soon as it listens for signals.
    const Result result = sh(std::string("$U explore $RACES/handshake-both.json --set N=3 ") + how +
                             " & p=$!; until ! kill -0 $p || grep -q '^SigBlk:.*4002$' /proc/$p/status; do sleep 0.01; done; "
                             "kill -INT $p; wait $p");
    EXPECT_EQ(result.code, 130) << how << "\n" << result.out;
    EXPECT_NE(result.out.find("nothing found, not exhaustive"), std::string::npos) << result.out;
    if (std::string(how).find("dfs") != std::string::npos) {
      EXPECT_NE(result.out.find("of the tree"), std::string::npos) << result.out;
    }
  }
}

// ---- repro files -------------------------------------------------------------------------------------------------------------

TEST_F(ExploreCli, AReproRunsAgainToTheSameBytesFromAnyFolder) {
  for (const char* const memory : {"sc", "tso", "weak"}) {
    std::filesystem::create_directory(folder_ + "/sub");
    ASSERT_EQ(sh(std::string("$U explore $RACES/v5.10-lost-wakeup.json --memory ") + memory + " --repro r.json").code, 1);
    const Result here = sh("$U replay r.json --json");
    const Result there = sh("cp r.json sub/ && cd sub && $U replay r.json --json");
    EXPECT_EQ(here.code, 1);
    EXPECT_EQ(here.out, there.out);
    const json told = json::parse(here.out);
    EXPECT_EQ(told["trace_hash"], json::parse(read("r.json"))["trace_hash"]);
    EXPECT_EQ(told["memory"], memory);
    EXPECT_EQ(told["check"], "no-lost-wakeup");
  }
}

TEST_F(ExploreCli, TheStoryOfAReplayIsTheStoryOfTheSearch) {
  const Result search = sh("$U explore $RACES/v5.10-lost-wakeup.json --repro r.json");
  const std::string story = json::parse(sh("$U replay r.json --json").out)["story"];
  EXPECT_EQ(search.out.compare(0, story.size(), story), 0) << search.out << "\n" << story;
}

TEST_F(ExploreCli, AReproWhoseModelHasChangedSaysSoAndNamesTheStep) {
  ASSERT_EQ(sh("$U explore $RACES/sq-park-before-prepare-wait.json --repro r.json").code, 1);
  json repro = json::parse(read("r.json"));
  std::string scenario = repro["scenario"];
  const std::string bug = "\"sq-park-before-prepare-wait\"";
  scenario.replace(scenario.rfind(bug), bug.size(), "");
  repro["scenario"] = scenario;
  std::ofstream(folder_ + "/changed.json") << repro.dump();
  const Result result = sh("$U replay changed.json");
  EXPECT_EQ(result.code, 2) << result.out;
  EXPECT_NE(result.out.find("changed.json: is stale: step "), std::string::npos) << result.out;
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
}

TEST_F(ExploreCli, AReproThatTellsOfAnotherViolationOrOfAnUnknownBarrierSaysSo) {
  ASSERT_EQ(sh("$U explore $RACES/sq-park-before-prepare-wait.json --repro r.json").code, 1);
  const auto changed = [&](const char* key, const json& value) {
    json repro = json::parse(read("r.json"));
    repro[key] = value;
    std::ofstream(folder_ + "/changed.json") << repro.dump();
    const Result result = sh("$U replay changed.json");
    EXPECT_EQ(result.code, 2) << result.out;
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
    return result.out;
  };
  EXPECT_NE(
      changed("violation", "something else").find("changed.json: is stale: the execution is the one written down, but what"),
      std::string::npos);
  EXPECT_NE(changed("left_out", {"io_sq_thread.need_wakup"})
                .find("changed.json: /left_out/0: there is no barrier \"io_sq_thread.need_wakup\"; did you mean"),
            std::string::npos);
}

// The text names the step of the scenario's file that failed; a repro holds the scenario, not its file.
TEST_F(ExploreCli, AReproOfAnAssertionIsNotStale) {
  ASSERT_EQ(sh("$U explore $RACES/sqpoll-link-split-batch.json --strategy pct --repro r.json").code, 1);
  const Result result = sh("$U replay r.json");
  EXPECT_EQ(result.code, 1) << result.out;
}

TEST_F(ExploreCli, AFileThatIsNoReproIsRefused) {
  for (const char* const text : {"", "{}", "[1]", R"({"format": 99})"}) {
    std::ofstream(folder_ + "/x.json") << text;
    const Result result = sh("$U replay x.json");
    EXPECT_EQ(result.code, 2) << text;
    EXPECT_NE(result.out.find("uringsim: x.json: "), std::string::npos) << result.out;
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
  }
}

TEST_F(ExploreCli, NothingIsWrittenThatWasNotNamed) {
  static_cast<void>(sh("$U explore $RACES/handshake-none.json --memory tso"));
  static_cast<void>(sh("$U explore $RACES/handshake-both.json --budget 5"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

// ---- usage -------------------------------------------------------------------------------------------------------------------

TEST_F(ExploreCli, UsageErrorsAreOneLineThatNamesTheOption) {
  const std::pair<const char*, const char*> wrong[] = {{"--memry tso", "--memory"},
                                                       {"--memory ts", "--memory"},
                                                       {"--strategy dpr", "dpor"},
                                                       {"--preemptions 2", "--preemptions"},
                                                       {"--strategy pct --departures 2", "--departures"},
                                                       {"--depth 2", "--depth"},
                                                       {"--strategy pct --depth 0", "--depth"},
                                                       {"--budget 3x", "--budget"},
                                                       {"--shard 3/2", "--shard"},
                                                       {"--shard 0/2", "--shard"},
                                                       {"--shard 1", "--shard"},
                                                       {"--jobs 0", "--jobs"},
                                                       {"--jobs 65", "--jobs"},
                                                       {"--seed -1", "--seed"},
                                                       {"--seed x", "--seed"},
                                                       {"--seed 99999999999999999999", "--seed"},
                                                       {"--budget 99999999999999999h", "--budget"},
                                                       {"--kernel v9", "v9"},
                                                       {"--set bogus=1", "bogus"},
                                                       {"--repro /nonexistent/x", "/nonexistent/x"},
                                                       {"--checkpoint /dev/null/x --budget 1", "/dev/null/x"},
                                                       {"--report x.html", "--report"}};
  for (const auto& [options, named] : wrong) {
    const Result result = sh(std::string("$U explore $RACES/handshake-both.json ") + options);
    EXPECT_EQ(result.code, 2) << options << "\n" << result.out;
    EXPECT_NE(result.out.find(named), std::string::npos) << options << "\n" << result.out;
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << options << "\n" << result.out;
  }
  EXPECT_EQ(sh("$U explore").code, 2);
  EXPECT_EQ(sh("$U explore nofile.json").code, 2);
  EXPECT_EQ(sh("$U explore --merge nofile.json").code, 2);
  EXPECT_EQ(sh("$U replay").code, 2);
  EXPECT_EQ(sh("$U replay nofile.json").code, 2);
}

}  // namespace
