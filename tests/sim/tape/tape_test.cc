// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/tape.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>

namespace uringsim::sim::tape {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string golden(const std::string& name) { return std::string(URINGSIM_SOURCE_DIR "/tests/golden/") + name; }

std::string error_of(const std::string& text) {
  try {
    (void)parse_recording(text, "t.jsonl");
  } catch (const TapeError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Tape, ReadsACompressedRecordingWithItsHeader) {
  const Recording recording = read_recording(golden("v5.4.jsonl.gz"));
  EXPECT_EQ(recording.header["profile"], "v5.4");
  EXPECT_EQ(recording.tapes.size(), 1643u);
  EXPECT_EQ(recording.tapes[0].line, 2u);
}

TEST(Tape, RefusesWhatStandsBehindCompressedData) {
  std::ifstream whole(golden("v5.4.jsonl.gz"), std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(whole), {}};
  const std::string path = testing::TempDir() + "uringsim-garbage-" + std::to_string(getpid()) + ".gz";
  for (const auto& [content, what] : {std::pair(bytes + "garbage", "something else stands behind the compressed data"),
                                      std::pair(bytes.substr(0, bytes.size() / 2), "unexpected end of file")}) {
    std::ofstream(path, std::ios::binary) << content;
    try {
      (void)read_recording(path);
      ADD_FAILURE() << "no error: " << what;
    } catch (const TapeError& e) {
      EXPECT_EQ(e.what(), path + ": " + what);
    }
  }
  std::remove(path.c_str());
}

TEST(Tape, WritesWhatItRead) {
  const std::string line =
      R"({"name":"a/b","group":"a","steps":[{"do":"setup","entries":1,"out":{"ret":-22}},{"do":"sleep","ms":5}],"needs":["root"],"limit_ms":700,"end":"exit"})";
  EXPECT_EQ(to_json(parse_recording(line, "t").tapes.at(0)).dump(), line);
}

TEST(Tape, TellsATapeThatTookTheKernelDown) {
  EXPECT_TRUE(parse_recording(R"({"name":"a","steps":[],"end":{"kernel":"panic"}})", "t").tapes[0].without_result());
  EXPECT_FALSE(parse_recording(R"({"name":"a","steps":[],"end":{"hang":0}})", "t").tapes[0].without_result());
}

TEST(Tape, NamesLineAndColumnOfBrokenJson) {
  EXPECT_THAT(error_of("{\"name\":\"a\",\"steps\":[]}\n{\"name\":]}"), StartsWith("t.jsonl:2:9: "));
}

TEST(Tape, NamesThePathOfAnUnknownField) {
  EXPECT_THAT(error_of(R"({"name":"a","steps":[{"do":"setup","entries":1,"entires":2}]})"),
              StartsWith("t.jsonl:1: /steps/0/entires: \"setup\" has no field of that name"));
}

TEST(Tape, RefusesAMissingField) {
  EXPECT_THAT(error_of(R"({"name":"a","steps":[{"do":"setup"}]})"), HasSubstr("/steps/0: \"setup\" needs \"entries\""));
}

TEST(Tape, RefusesAnUnknownKindOfStep) {
  EXPECT_THAT(error_of(R"({"name":"a","steps":[{"do":"dance"}]})"), HasSubstr("/steps/0/do: unknown kind of step \"dance\""));
}

TEST(Tape, RefusesANumberThatDoesNotFit) {
  EXPECT_THAT(error_of(R"({"name":"a","steps":[{"do":"setup","entries":4294967296}]})"), HasSubstr("/steps/0/entries"));
  EXPECT_THAT(error_of(R"({"name":"a","steps":[{"do":"setup","entries":-1}]})"), HasSubstr("/steps/0/entries"));
}

TEST(Tape, RefusesAGroupThatIsNotTheFirstPartOfTheName) {
  EXPECT_THAT(error_of(R"({"name":"a/b","group":"b","steps":[]})"),
              HasSubstr("/group: the first part of the name is expected, \"a\""));
  EXPECT_THAT(error_of(R"({"name":"a/b","group":7,"steps":[]})"), HasSubstr("/group"));
}

TEST(Tape, TakesAnyUnsignedNumberForTheDescriptorOfAWorkqueue) {
  const auto read = [](const char* number) {
    return parse_recording(fmt::format(R"({{"name":"a","steps":[{{"do":"setup","entries":1,"wq_fd":{}}}]}})", number), "t");
  };
  EXPECT_EQ(read("4294967295").tapes.size(), 1u);
  EXPECT_THROW(read("4294967296"), TapeError);
}

TEST(Tape, RefusesAnUnknownFlagOrOpcode) {
  EXPECT_THAT(error_of(R"({"name":"a","steps":[{"do":"sqe","op":"NOP","flags":["IO_LINK","X"]}]})"),
              HasSubstr("/steps/0/flags/1: unknown name \"X\""));
  EXPECT_THAT(error_of(R"({"name":"a","steps":[{"do":"sqe","op":"FROB"}]})"), HasSubstr("/steps/0/op: unknown name"));
}

TEST(Tape, RefusesAFileOutsideOfItsDirectory) {
  for (const char* name : {"../x", "/tmp/x", "a/b", "..", ".", ""})
    EXPECT_THAT(error_of(std::string(R"({"name":"a","steps":[{"do":"file","kind":"regular","name":")") + name + R"("}]})"),
                HasSubstr(":1: /steps/0/name: a name in the current directory is expected"))
        << name;
}

TEST(Tape, RefusesAnEndBeforeItsFirstStep) {
  EXPECT_THAT(error_of(R"({"name":"a","steps":[],"end":{"hang":-1}})"), HasSubstr(":1: /end: not a way for a tape to end"));
}

TEST(Tape, RefusesAnEndBehindItsLastStep) {
  const std::string tape = R"({"name":"a","steps":[{"do":"submit"}],"end":{"hang":)";
  EXPECT_EQ(parse_recording(tape + "1}}", "t").tapes[0].end["hang"], 1);  // while it exits
  EXPECT_THAT(error_of(tape + "2}}"), HasSubstr(":1: /end/hang: a step is expected, or 1 for the exit"));
}

TEST(Tape, IsUnansweredWhereAStepThatWasExecutedAndAlwaysHasAResultHasNone) {
  const auto missing = [](const std::string& end) {
    return unanswered(parse_recording(R"({"name":"a","steps":[{"do":"submit"},{"do":"enter","out":{"ret":0}},{"do":"enter"}])" +
                                          (end.empty() ? "" : R"(,"end":)" + end) + "}",
                                      "t")
                          .tapes[0]);
  };
  EXPECT_EQ(missing(""), "/end");
  EXPECT_EQ(missing(R"("exit")"), "/steps/2");
  EXPECT_EQ(missing(R"({"hang":3})"), "/steps/2");
  EXPECT_EQ(missing(R"({"hang":2})"), "");
  EXPECT_EQ(missing(R"({"kernel":"panic"})"), "");
}

TEST(Tape, RefusesMemoryThatNothingMade) {
  EXPECT_THAT(error_of(R"({"name":"a","steps":[{"do":"sqe","op":"READV","addr":"v"}]})"), HasSubstr("unknown memory \"v\""));
}

TEST(Tape, RefusesADescriptorThatNothingMakes) {
  EXPECT_THAT(error_of(R"({"name":"a","steps":[{"do":"sqe","op":"READV","fd":"p.r"}]})"), HasSubstr("/steps/0/fd"));
}

TEST(Tape, RefusesToLookPastTheEndOfMemory) {
  EXPECT_THAT(error_of(R"({"name":"a","steps":[{"do":"buf","name":"b","size":8},{"do":"peek","name":"b","off":4,"len":5}]})"),
              HasSubstr("/steps/1: reaches past the end"));
}

TEST(Tape, RefusesADuplicateKey) {
  EXPECT_THAT(error_of(R"({"name":"a","steps":[{"do":"sleep","ms":1,"ms":2}]})"), HasSubstr("t.jsonl:1: key \"ms\" given twice"));
}

TEST(Tape, RefusesASecondTapeOfTheSameName) {
  EXPECT_THAT(error_of("{\"name\":\"a\",\"steps\":[]}\n{\"name\":\"a\",\"steps\":[]}"),
              StartsWith("t.jsonl:2: /name: a second tape named a"));
}

TEST(Tape, RefusesEndlessNesting) {
  EXPECT_THAT(error_of("{\"name\":\"a\",\"steps\":" + std::string(100, '[') + std::string(100, ']') + "}"),
              HasSubstr("nested deeper"));
}

TEST(Tape, RefusesAnEmptyFile) { EXPECT_THAT(error_of("\n \n"), HasSubstr("no tapes in this file")); }

TEST(Tape, NamesAFileThatIsNotThere) {
  try {
    (void)read_recording("/nonexistent/tapes.jsonl");
    FAIL();
  } catch (const TapeError& e) {
    EXPECT_STREQ(e.what(), "/nonexistent/tapes.jsonl: No such file or directory");
  }
}

}  // namespace
}  // namespace uringsim::sim::tape
