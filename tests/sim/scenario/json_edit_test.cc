// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/json_edit.h"

#include <gtest/gtest.h>

#include "sim/scenario/input_error.h"

namespace uringsim::sim {
namespace {

const std::vector<std::string_view> fields{"params", "rings", "bugs", "sweep", "name", "machine"};

Document document() {
  return read_json(R"({"name": "x", "params": {"idle": "4ms", "n": 2, "both": "${idle}+${n}"},
                       "rings": {"r0": {"entries": "${n}", "idle": "${idle}", "list": [1, {"a": 2}], "text": "n is ${n}, ${both}"}}})",
                   "f.json");
}

std::string after(const std::vector<std::string>& sets) {
  Document edited = document();
  for (const std::string& set : sets) apply_set(edited, set, fields);
  substitute_params(edited);
  return to_text(*edited.root.find("rings")->find("r0"));
}

std::string error_of(const std::vector<std::string>& sets) {
  try {
    return after(sets);
  } catch (const InputError& error) {
    return error.what();
  }
}

TEST(JsonEdit, AWholeStringBecomesTheParamWithItsTypeAndAPartItsText) {
  EXPECT_EQ(after({}), R"({"entries":2,"idle":"4ms","list":[1,{"a":2}],"text":"n is 2, 4ms+2"})");
}

TEST(JsonEdit, SetReplacesParamsAndPaths) {
  EXPECT_EQ(after({"n=8", "rings.r0.list.1.a=[7]", "rings.r0.text=plain", "/rings/r0/new=true"}),
            R"({"entries":8,"idle":"4ms","list":[1,{"a":[7]}],"text":"plain","new":true})");
}

TEST(JsonEdit, SetOfAFieldThatTheFileLeavesOut) {
  Document edited = document();
  apply_set(edited, "bugs=[]", fields);
  EXPECT_EQ(to_text(*edited.root.find("bugs")), "[]");
}

TEST(JsonEdit, SetBelowAPartThatTheFileLeavesOutMakesThePart) {
  Document edited = document();
  apply_set(edited, "machine.cpus=3", fields);
  apply_set(edited, "machine.hz=100", fields);
  EXPECT_EQ(to_text(*edited.root.find("machine")), R"({"cpus":3,"hz":100})");
}

TEST(JsonEdit, SetThatLeadsNowhereSaysWhereAndWhatWouldBeRight) {
  EXPECT_EQ(error_of({"idel=1ms"}),
            "f.json:1:1 (--set \"idel=1ms\"): /: neither a param nor a field of the file; did you mean \"idle\"?");
  EXPECT_EQ(error_of({"rings.r1.entries=4"}),
            "f.json:2:33 (--set \"rings.r1.entries=4\"): /rings: no \"r1\" there; did you mean \"r0\"?");
  EXPECT_EQ(error_of({"ring.r0.entries=4"}),
            "f.json:1:1 (--set \"ring.r0.entries=4\"): /: no \"ring\" there; did you mean \"rings\"?");
  EXPECT_EQ(error_of({"rings.r0.list.2=4"}),
            "f.json:2:87 (--set \"rings.r0.list.2=4\"): /rings/r0/list: the list there has 2 elements, \"2\" is none of them");
  EXPECT_EQ(error_of({"name.x=4"}), "f.json:1:10 (--set \"name.x=4\"): /name: a string has no parts");
  EXPECT_EQ(error_of({"idle"}).rfind("f.json:1:1 (--set \"idle\"): /: is not NAME=VALUE", 0), 0u);
  EXPECT_EQ(error_of({"rings.r0.list=[1"}).rfind("f.json:2:87 (--set \"rings.r0.list=[1\"): /rings/r0/list: column", 0), 0u);
}

TEST(JsonEdit, UnknownAndUnfinishedParamsAreErrorsAtTheirPlace) {
  EXPECT_EQ(error_of({"rings.r0.text=${idel}"}),
            "f.json:2:110 (--set \"rings.r0.text=${idel}\"): /rings/r0/text: no param \"idel\"; did you mean \"idle\"?");
  EXPECT_EQ(error_of({"rings.r0.text=${idle"}),
            "f.json:2:110 (--set \"rings.r0.text=${idle\"): /rings/r0/text: \"${\" without \"}\"");
}

TEST(JsonEdit, ParamsCannotUseThemselvesOrExplode) {
  EXPECT_NE(error_of({"idle=${idle}"}).find("no param \"idle\""), std::string::npos);
  std::string text = R"({"params": {"a0": [1,1,1,1,1,1,1,1])";
  for (int i = 1; i < 12; ++i) {
    text += ", \"a" + std::to_string(i) + "\": [";
    for (int j = 0; j < 8; ++j) text += (j ? ",\"${a" : "\"${a") + std::to_string(i - 1) + "}\"";
    text += "]";
  }
  Document bomb = read_json(text + "}}", "f");
  EXPECT_THROW(substitute_params(bomb), InputError);
}

TEST(JsonEdit, SweepIsTheProductWithTheLastKeyFastest) {
  Document swept = document();
  apply_set(swept, R"(sweep={"idle": ["1ms", "2ms"], "rings.r0.entries": [4, 8]})", fields);
  std::string names;
  for (const SweepPoint& point : sweep_points(swept)) names += point.name() + "; ";
  EXPECT_EQ(
      names,
      "idle=1ms rings.r0.entries=4; idle=1ms rings.r0.entries=8; idle=2ms rings.r0.entries=4; idle=2ms rings.r0.entries=8; ");
}

TEST(JsonEdit, SweepMistakesAreErrors) {
  for (const char* const sweep :
       {"{}", "[1]", R"({"idle": []})", R"({"idle": 4})", R"({"idel": [1]})", R"({"rings.r1.x": [1]})"}) {
    Document swept = document();
    apply_set(swept, std::string("sweep=") + sweep, fields);
    EXPECT_THROW((void)sweep_points(swept), InputError) << sweep;
  }
}

TEST(JsonEdit, AnImmenseSweepIsRefusedBeforeItIsBuilt) {
  std::string values = "[0";
  for (int i = 1; i < 200; ++i) values += "," + std::to_string(i);
  Document swept = document();
  apply_set(swept, R"(sweep={"idle": )" + values + R"(], "n": )" + values + "]}", fields);
  EXPECT_THROW((void)sweep_points(swept), InputError);
}

TEST(JsonEdit, ASweepOfALargeFileIsRefusedBeforeItIsBuilt) {
  std::string steps = "[0";
  for (int i = 1; i < 20'000; ++i) steps += ",0";
  std::string values = "[0";
  for (int i = 1; i < 1000; ++i) values += "," + std::to_string(i);
  Document swept = read_json(R"({"params": {"n": 1}, "tasks": )" + steps + R"(], "sweep": {"n": )" + values + "]}}", "f.json");
  EXPECT_THROW((void)sweep_points(swept), InputError);
}

}  // namespace
}  // namespace uringsim::sim
