// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/json_reader.h"

#include <gtest/gtest.h>

#include "sim/scenario/input_error.h"

namespace uringsim::sim {
namespace {

std::string error_of(std::string_view text, const JsonLimits& limits = {}) {
  try {
    (void)read_json(text, "f.json", limits);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(JsonReader, EveryValueKnowsItsLineAndColumn) {
  const Document document = read_json("{\n  \"a\": [1, -2.5,\n    \"x\"],\n  \"b\": {\"c\": true, \"d\": null}\n}", "f.json");
  const Json& a = *document.root.find("a");
  EXPECT_EQ(document.where(a.at), "f.json:2:8");
  EXPECT_EQ(document.where(a.items[0].at), "f.json:2:9");
  EXPECT_EQ(document.where(a.items[1].at), "f.json:2:12");
  EXPECT_EQ(document.where(a.items[2].at), "f.json:3:5");
  const Json& b = *document.root.find("b");
  EXPECT_EQ(document.where(b.keys[1].at), "f.json:4:20");
  EXPECT_EQ(document.where(b.items[1].at), "f.json:4:25");
}

TEST(JsonReader, PositionsBehindEscapesAndManyByteCharactersCountCharacters) {
  const Document document = read_json("{\"a\\\"\\\\\": \"\xc3\xa4\xe2\x82\xac\", \"b\": 1}", "f.json");
  EXPECT_EQ(document.root.keys[0].text, "a\"\\");
  EXPECT_EQ(document.where(document.root.items[1].at), "f.json:1:22");
}

TEST(JsonReader, AByteOrderMarkIsSkipped) {
  const Document document = read_json("\xef\xbb\xbf[7]", "f.json");
  EXPECT_EQ(document.where(document.root.items[0].at), "f.json:1:2");
}

TEST(JsonReader, NumbersKeepTheirExactValue) {
  const Document document = read_json("[18446744073709551615, -9223372036854775808, 0.1, 1e3]", "f");
  EXPECT_EQ(document.root.items[0].magnitude, ~u64{0});
  EXPECT_TRUE(document.root.items[1].negative);
  EXPECT_EQ(document.root.items[1].magnitude, u64{1} << 63);
  EXPECT_EQ(document.root.items[2].text, "0.1");
  EXPECT_EQ(document.root.items[3].kind, Json::Kind::real);
}

TEST(JsonReader, ASyntaxErrorNamesThePlaceInOneLine) {
  const std::string error = error_of("{\n  \"a\": 1,\n  }");
  EXPECT_EQ(error.rfind("f.json:3:3: /: not JSON: ", 0), 0u) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos);
}

TEST(JsonReader, ATruncatedTextNamesItsEnd) { EXPECT_EQ(error_of("{\"a\": [1, 2").rfind("f.json:1:", 0), 0u); }

TEST(JsonReader, ADuplicateKeyIsAnErrorAtItsSecondPlace) {
  EXPECT_EQ(error_of("{\"a\": 1,\n \"a\": 2}"), "f.json:2:2: /a: the key \"a\" is there twice; keep one of them");
}

TEST(JsonReader, ADuplicateKeyDeepDownIsNamedByItsPath) {
  EXPECT_EQ(error_of(R"({"tasks": {"app": {"steps": [{"sleep": "1ms"}, {"wait": {"ring": "r", "ring": "q"}}]}}})"),
            "f.json:1:71: /tasks/app/steps/1/wait/ring: the key \"ring\" is there twice; keep one of them");
}

TEST(JsonReader, ASyntaxErrorDeepDownNamesThePathOfWhatItStandsIn) {
  EXPECT_EQ(error_of(R"({"a": [1, {"b": }]})").rfind("f.json:1:17: /a/1/b: not JSON: ", 0), 0u);
  EXPECT_EQ(error_of(R"({"a": [1, {"b": 2,}]})").rfind("f.json:1:19: /a/1: not JSON: ", 0), 0u);
  EXPECT_NE(error_of(R"({"a": [1, 2)").find(": /a/2: not JSON: "), std::string::npos);
}

TEST(JsonReader, TheSameKeyInTwoObjectsIsFine) { EXPECT_EQ(error_of("{\"a\": {\"a\": 1}, \"b\": {\"a\": 1}}"), "no error"); }

TEST(JsonReader, DepthIsBounded) {
  EXPECT_EQ(error_of(std::string(64, '[') + std::string(64, ']')), "no error");
  std::string path;
  for (int i = 0; i < 64; ++i) path += "/0";
  EXPECT_EQ(error_of(std::string(65, '[') + std::string(65, ']')), "f.json:1:65: " + path + ": nested deeper than 64 levels");
  EXPECT_EQ(error_of(std::string(2'000'000, '[')), "f.json:1:65: " + path + ": nested deeper than 64 levels");
}

TEST(JsonReader, SizeAndNumberOfValuesAreBounded) {
  EXPECT_EQ(error_of(std::string(100, ' '), {.bytes = 99}), "f.json: 100 bytes; at most 99 are read");
  EXPECT_EQ(error_of("[1,2,3]", {.values = 3}), "f.json:1:6: /2: more than 3 values; a scenario is far smaller");
}

TEST(JsonReader, AMissingFileIsNamed) {
  try {
    (void)read_json_file("/nonexistent/x.json");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "/nonexistent/x.json: cannot be opened: No such file or directory");
  }
}

TEST(JsonReader, ADirectoryIsNoFile) { EXPECT_THROW((void)read_json_file("/"), InputError); }

TEST(JsonReader, TextOfAValueIsJsonAgain) {
  const Document document = read_json(R"({"a":[1,-2,0.5,"x\ny",true,null],"b":{}})", "f");
  EXPECT_EQ(to_text(document.root), R"({"a":[1,-2,0.5,"x\ny",true,null],"b":{}})");
}

}  // namespace
}  // namespace uringsim::sim
