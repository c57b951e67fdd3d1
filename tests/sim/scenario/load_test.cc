// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sim/scenario/input_error.h"

namespace uringsim::sim {
namespace {

const char* const base = R"({
  "name": "base",
  "machine": { "cpus": 2 },
  "params": { "idle": "4ms" },
  "devices": { "nvme0": { "type": "ram", "size": "1GiB", "latency": { "read": "80us", "spread": "lognormal" } } },
  "files": { "data": { "device": "nvme0", "size": "64MiB", "open": ["O_DIRECT"] }, "p": { "type": "pipe" } },
  "rings": { "r0": { "entries": 64, "flags": ["SQPOLL"], "sq_thread_idle": "${idle}", "register_files": ["data"] } },
  "tasks": { "app": { "cpu": 0, "buffers": { "page": {} }, "steps": [
    { "repeat": 10, "steps": [
      { "submit": { "ring": "r0", "op": "READV", "file": "data", "offset": "random", "count": 8 } },
      { "wait": { "ring": "r0", "cqes": 8, "into": "got" } } ] },
    { "assert": "got == 8" } ] } },
  "expect": [ { "cqes": { "ring": "r0", "count": 80 } }, { "metric": "rings.r0.wakeups_asked", "at_least": 1, "on": ["timed"] } ]
})";

std::string error_of(const std::vector<std::string>& sets, std::string_view text = base) {
  try {
    (void)load_scenario_text(text, "f.json", sets);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

/// The error without its place.
std::string what_of(const std::string& set) {
  const std::string error = error_of({set});
  const std::size_t place = error.find(": /");
  return place == std::string::npos ? error : error.substr(place + 2);
}

TEST(LoadScenario, FillsPlainStructs) {
  const Scenario scenario = load_scenario_text(base, "f.json");
  EXPECT_EQ(scenario.name, "base");
  EXPECT_EQ(scenario.kernel.name, "v5.4");
  ASSERT_EQ(scenario.engines.size(), 2u);
  const DeviceOptions& device = *find(scenario.devices, "nvme0");
  EXPECT_EQ(device.size, Bytes{1u << 30});
  EXPECT_EQ(std::get<LognormalLatency>(device.latency.read).median, Nanoseconds{80'000});
  EXPECT_EQ(find(scenario.files, "data")->open.bits, 040000u);
  const RingOptions& ring = *find(scenario.rings, "r0");
  EXPECT_EQ(ring.flags.bits, 2u);
  EXPECT_EQ(ring.sq_thread_idle, Nanoseconds{4'000'000});
  const TaskOptions& app = *find(scenario.tasks, "app");
  EXPECT_EQ(app.variables, (std::vector<std::string>{"self", "got"}));
  const auto& repeat = std::get<RepeatStep>(app.steps[0].action);
  EXPECT_EQ(repeat.times.value(), 10);
  const auto& submit = std::get<SubmitStep>(repeat.steps[0].action);
  EXPECT_EQ(submit.request.op, Op::readv);
  EXPECT_EQ(submit.request.offset.kind, Offset::Kind::random);
  EXPECT_EQ(submit.request.size, Bytes{4096});
  EXPECT_EQ(std::get<WaitStep>(repeat.steps[1].action).into.slot, 1u);
  EXPECT_EQ(app.steps[1].where, "f.json:12:5: /tasks/app/steps/1");
}

TEST(LoadScenario, SetReachesTheStructs) {
  const Scenario scenario = load_scenario_text(base, "f.json", {"idle=20ms", "rings.r0.entries=8", "engines=[\"timed\"]"});
  EXPECT_EQ(find(scenario.rings, "r0")->sq_thread_idle, Nanoseconds{20'000'000});
  EXPECT_EQ(find(scenario.rings, "r0")->entries, 8u);
  EXPECT_EQ(scenario.engines, std::vector<Engine>{Engine::timed});
}

TEST(LoadScenario, ErrorsNameFileLineColumnPathAndTheNearestName) {
  EXPECT_EQ(error_of({}, R"({"name": "x",
    "tasks": {"a": {"steps": [{"sleeep": "5ms"}]}}})"),
            "f.json:2:32: /tasks/a/steps/0/sleeep: unknown step \"sleeep\"; did you mean \"sleep\"?");
  EXPECT_EQ(error_of({"idle=20"}),
            "f.json:7:76: /rings/r0/sq_thread_idle: 20 is not a time like \"80us\" or \"2ms\" (units: ns, us, ms, s, min, h)");
}

TEST(LoadScenario, NamesHaveToLeadSomewhere) {
  EXPECT_EQ(what_of("kernel=v5.44"), "/kernel: no kernel \"v5.44\"; did you mean \"v5.4\"?");
  EXPECT_EQ(what_of("files.data.device=nvme1"), "/files/data/device: no device \"nvme1\"; did you mean \"nvme0\"?");
  EXPECT_EQ(what_of("tasks.app.steps.0.steps.1.wait.ring=r1"),
            "/tasks/app/steps/0/steps/1/wait/ring: no ring \"r1\"; did you mean \"r0\"?");
  EXPECT_EQ(what_of("tasks.app.steps.0.steps.0.submit.file=dat"),
            "/tasks/app/steps/0/steps/0/submit/file: no file \"dat\"; did you mean \"data\"?");
  EXPECT_EQ(what_of("rings.r0.register_files=[\"p\"]"), "/rings/r0/register_files/0: no file \"p\"; did you mean \"p.r\"?");
  EXPECT_EQ(what_of("rings.r0.register_eventfd=data"), "/rings/r0/register_eventfd: \"data\" is no eventfd");
  EXPECT_EQ(what_of("rings.r0.attach=r0"), "/rings/r0/attach: a ring cannot attach to itself");
  EXPECT_EQ(what_of("expect.1.metric=rings.r9.sqes"),
            "/expect/1/metric: no \"r9\" among the figures \"rings\"; did you mean \"r0\"?");
  EXPECT_EQ(what_of("expect.1.metric=rings.r0.latency_ns.p9"),
            "/expect/1/metric: no \"p9\" among the figures \"rings.r0.latency_ns\"; did you mean \"p90\"?");
  EXPECT_EQ(what_of("expect.1.metric=rings.r0.sqes.x"), "/expect/1/metric: there is nothing below figures \"rings.r0.sqes\"");
  EXPECT_EQ(what_of("expect.1.metric=rings.r0"), "/expect/1/metric: \"rings.r0\" is a group of figures; add the name of one");
  EXPECT_EQ(what_of("expect.1.metric=cpus.2.busy_ns").rfind("/expect/1/metric: no \"2\" among the figures \"cpus\"", 0), 0u);
  EXPECT_EQ(what_of("expect.1={\"content\":{\"file\":\"p.r\"}}"),
            "/expect/1/content/file: \"p.r\" is no regular file: only those are read at the end");
  EXPECT_EQ(what_of("expect.1={\"check\":\"no-lost-wakup\"}"),
            "/expect/1/check: no check \"no-lost-wakup\"; did you mean \"no-lost-wakeup\"?");
  EXPECT_EQ(what_of("expect.1={\"variable\":\"app.gto\",\"equals\":8}"),
            "/expect/1/variable: no variable \"gto\"; did you mean \"got\"?");
  EXPECT_EQ(what_of("expect.1={\"variable\":\".got\",\"equals\":8}"), "/expect/1/variable: needs \"task.variable\"");
  EXPECT_EQ(what_of("tasks.app.steps.1={\"await\":\"go\"}"),
            "/tasks/app/steps/1/await: no step that posts \"go\"; there are none");
  EXPECT_EQ(what_of("tasks.app.steps.1={\"if\":1,\"then\":[{\"join\":\"child\"},{\"fork\":\"child\",\"steps\":[]}]}"),
            "/tasks/app/steps/1/then/0/join: no such task, nor a child that this one forked before: \"child\"; known: app");
}

TEST(LoadScenario, VariablesHaveToBeSetSomewhere) {
  EXPECT_EQ(what_of("tasks.app.steps.1.assert=gto == 8"),
            "/tasks/app/steps/1/assert: nothing sets the variable \"gto\"; did you mean \"got\"?");
  EXPECT_EQ(what_of("tasks.app.steps.1={\"set\":{\"page\":1}}"),
            "/tasks/app/steps/1/set/page: \"page\" is a buffer of this task");
  EXPECT_EQ(what_of("tasks.app.steps.1={\"set\":{\"self\":1}}"),
            "/tasks/app/steps/1/set/self: \"self\" is the task's number and cannot be set");
}

TEST(LoadScenario, WhatASetPutsInIsTheSetsMistakeAtItsPlaceInTheFile) {
  EXPECT_EQ(error_of({"rings.r0.flagz=[]"}),
            "f.json:7:20 (--set \"rings.r0.flagz=[]\"): /rings/r0/flagz: unknown field \"flagz\"; did you mean \"flags\"?");
  EXPECT_EQ(error_of({"machine.cpus=0"}),
            "f.json:3:24 (--set \"machine.cpus=0\"): /machine/cpus: 0 is not an integer from 1 to 64");
}

TEST(LoadScenario, ContradictionsAreRefused) {
  EXPECT_EQ(what_of("tasks.app.cpu=2"), "/tasks/app: is bound to processor 2, but the machine has 2 (numbered from 0)");
  EXPECT_EQ(what_of("files.data.size=2GiB"), "/files/data: its 2 GiB do not fit the 1 GiB of device \"nvme0\"");
  EXPECT_EQ(what_of("files.more={\"device\":\"nvme0\",\"size\":\"1000MiB\"}"),
            "/files/more: its 1000 MiB do not fit the 1 GiB of device \"nvme0\" beside the files before it");
  EXPECT_EQ(what_of("files.more={\"device\":\"nvme0\",\"size\":\"1000MiB\",\"content\":\"hole\"}"), "no error");
  EXPECT_NE(error_of({"devices.nvme0.size=64GiB", "files.data.size=2GiB"}).find("/files/data: the contents of files are kept in"),
            std::string::npos);
  EXPECT_EQ(error_of({"devices.nvme0.size=64GiB", "files.data.size=2GiB", "files.data.content=hole"}), "no error");
  EXPECT_EQ(what_of("files.tmp={\"device\":\"nvme0\"}"),
            "/files/tmp: is the name of a directory of the file system (/tmp); choose another");
  EXPECT_EQ(what_of("tasks.app.steps.1={\"spin\":\"301s\"}"), "/tasks/app/steps/1/spin: \"301s\" is not at most 5 min");
  EXPECT_EQ(what_of("tasks.app.steps.0.repeat=-1"), "/tasks/app/steps/0: \"repeat\": -1 is not an integer from 0 to 1000000000");
  EXPECT_EQ(
      what_of("tasks.app.steps.1={\"repeat\":1000000,\"steps\":[{\"repeat\":\"4 * 1000000\",\"steps\":[]}]}"),
      "/tasks/app/steps/1/steps/0: \"repeat\": 4000000 rounds in each of 1000000 are more than a run can do; at most 1000000000 "
      "are possible");
  EXPECT_EQ(what_of("machine.hz=200"),
            "/machine/hz: no kernel ticks 200 times a second; 100, 250, 300 or 1000 would be possible");
  EXPECT_EQ(what_of("files.p.size=4KiB"), "/files/p/size: a pipe has none; only for: regular");
  EXPECT_EQ(what_of("devices.nvme0.path=/tmp/x"), "/devices/nvme0/path: is for devices of type \"file\"");
  EXPECT_EQ(what_of("tasks.app.steps.0.steps.0.submit.after=5ms"),
            "/tasks/app/steps/0/steps/0/submit/after: means nothing for READV");
  EXPECT_EQ(what_of("expect.0.cqes.at_least=3"), "/expect/0/cqes: \"count\" and a bound exclude each other");
  EXPECT_EQ(what_of("bugs=[\"sqpoll-flag-set-after-last-chek\"]"),
            "/bugs/0: no bug \"sqpoll-flag-set-after-last-chek\"; did you mean \"sqpoll-flag-set-after-last-check\"?");
  EXPECT_EQ(what_of("params={\"idle\":\"1ms\",\"bugs\":[]}").rfind("/params/bugs: is the name of a field of the file", 0), 0u);
}

TEST(LoadScenario, WhatTheKernelRefusesIsLeftToTheKernel) {
  EXPECT_EQ(error_of({"rings.r0.flags=[\"SQ_AFF\", \"IOPOLL\", 4096]", "rings.r0.sq_thread_cpu=900", "rings.r0.entries=0",
                      "tasks.app.uid=1000"}),
            "no error");
}

TEST(LoadScenario, AHostFileNeedsTheLiveEngine) {
  const std::string device = R"(devices.nvme0={"type":"file","path":"build/x","size":"1GiB","create":true})";
  EXPECT_EQ(error_of({device}), "no error");
  EXPECT_NE(error_of({device, "engines=[\"timed\"]", "expect=[]"}).find("works in real time only"), std::string::npos);
}

TEST(LoadScenario, FaultsNeedADeviceThatHasThem) {
  const std::string faults = R"(faults=[{"device":"nvme0","error":"EIO"}])";
  EXPECT_EQ(error_of({faults}), "no error");
  EXPECT_NE(error_of({R"(devices.nvme0={"type":"file","path":"build/x"})", faults}).find("faults strike devices of type \"ram\""),
            std::string::npos);
}

TEST(LoadScenario, EveryPointOfASweepIsChecked) {
  EXPECT_EQ(error_of({R"(sweep={"idle":["1ms","2ms"]})"}), "no error");
  EXPECT_NE(error_of({R"(sweep={"idle":["1ms","2 parsecs"]})"}).find("/rings/r0/sq_thread_idle: \"2 parsecs\" is not a time"),
            std::string::npos);
}

TEST(LoadScenario, ExamplesAreAcceptedAndRefusedAsTheSchemaDoes) {
  // tools/checks/schema.py runs the same file through a JSON Schema validator.
  const Document examples = read_json_file(URINGSIM_SOURCE_DIR "/tests/sim/scenario/examples.json");
  int count = 0;
  for (const Json& example : examples.root.items) {
    const bool good = example.find("good")->boolean;
    const std::string error = error_of({}, to_text(*example.find("scenario")));
    EXPECT_EQ(error == "no error", good) << example.find("why")->text << ": " << error;
    EXPECT_EQ(error.find('\n'), std::string::npos);
    ++count;
  }
  EXPECT_GT(count, 50);
}

TEST(LoadScenario, TheShippedSchemaIsTheOneOfTheTables) {
  std::ifstream file(URINGSIM_SOURCE_DIR "/scenarios/schema.json");
  std::stringstream shipped;
  shipped << file.rdbuf();
  EXPECT_TRUE(shipped.str() == scenario_schema()) << "uringsim validate --schema > scenarios/schema.json makes it anew";
}

TEST(LoadScenario, EveryShippedScenarioIsValidAndDeclaresTheTimedEngine) {
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(URINGSIM_SOURCE_DIR "/scenarios")) {
    if (entry.path().extension() != ".json" || entry.path().filename() == "schema.json") continue;
    const Scenario scenario = load_scenario(entry.path().string());
    EXPECT_EQ(scenario.name, entry.path().stem().string());
    EXPECT_FALSE(scenario.about.empty()) << entry.path();
    EXPECT_NE(std::find(scenario.engines.begin(), scenario.engines.end(), Engine::timed), scenario.engines.end()) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 10);
}

// ---- hostile input -------------------------------------------------------------------------------------------------------

/// xorshift: the same texts on every machine.
struct Dice {
  u64 state;
  u64 operator()(u64 below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
  }
};

TEST(LoadScenarioFuzz, MutatedTextsNeverCrashAndErrorsStayOneLine) {
  const Document examples = read_json_file(URINGSIM_SOURCE_DIR "/tests/sim/scenario/examples.json");
  std::vector<std::string> seeds{base};
  for (const Json& example : examples.root.items) seeds.push_back(to_text(*example.find("scenario")));
  const std::vector<std::string> scraps{"{",        "}",    "[",       "]",    "\"",
                                        ",",        ":",    "null",    "-1",   "1e999",
                                        "${",       "${x}", "\\u0000", "\xff", "99999999999999999999",
                                        "\"4KiB\"", "true", "\n",      "((((", "\"a\":",
                                        "\"-(\"",   "4ms"};
  Dice dice{0x9e3779b97f4a7c15ull};
  int refused = 0;
  constexpr int rounds = 20'000;
  for (int round = 0; round < rounds; ++round) {
    std::string text = seeds[dice(seeds.size())];
    for (u64 i = 0, n = 1 + dice(4); i < n; ++i) {
      const std::size_t at = dice(text.size() + 1);
      switch (dice(5)) {
        case 0:
          text.resize(at);
          break;
        case 1:
          text.insert(at, scraps[dice(scraps.size())]);
          break;
        case 2:
          if (at < text.size()) text[at] = static_cast<char>(dice(256));
          break;
        case 3:
          text.erase(at, dice(12));
          break;
        default: {
          const std::string& other = seeds[dice(seeds.size())];
          const std::size_t from = dice(other.size());
          text.insert(at, other.substr(from, dice(40)));
        }
      }
    }
    const std::string error = error_of({}, text);
    ASSERT_EQ(error.find('\n'), std::string::npos) << error;
    ASSERT_LT(error.size(), 2'000u);
    refused += error != "no error";
  }
  EXPECT_GT(refused, rounds / 2);
  EXPECT_LT(refused, rounds);
}

TEST(LoadScenarioFuzz, EveryPrefixIsRefused) {
  const std::string_view text = base;
  for (std::size_t length = 0; length < text.size(); ++length)
    ASSERT_NE(error_of({}, text.substr(0, length)), "no error") << length;
}

TEST(LoadScenarioFuzz, AHugeScenarioIsReadInTime) {
  std::string text = R"({"name": "x", "tasks": {"a": {"steps": [)";
  for (int i = 0; i < 100'000; ++i) text += i ? R"(,{"sleep":"1us"})" : R"({"sleep":"1us"})";
  EXPECT_EQ(error_of({}, text + "]}}}"), "no error");
}

}  // namespace
}  // namespace uringsim::sim
