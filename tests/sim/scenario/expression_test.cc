// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/expression.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace uringsim::sim {
namespace {

std::optional<Expression::Instruction> names(std::string_view name) {
  if (name == "x") return Expression::Instruction{Expression::Operator::variable, 0};
  if (name == "y") return Expression::Instruction{Expression::Operator::variable, 1};
  if (name == "page") return Expression::Instruction{Expression::Operator::buffer, 0};
  if (const auto constant = constant_named(name)) return Expression::Instruction{Expression::Operator::constant, *constant};
  return std::nullopt;
}

s64 value(std::string_view text, s64 x = 0, s64 y = 0) {
  std::string error;
  const auto expression = Expression::parse(text, names, error);
  EXPECT_TRUE(expression) << error;
  const s64 variables[] = {x, y};
  const u64 buffers[] = {0x1000};
  return expression ? expression->value(variables, buffers) : -999'999;
}

std::string error(std::string_view text) {
  std::string what;
  EXPECT_FALSE(Expression::parse(text, names, what)) << text;
  return what;
}

TEST(Expression, OperatorsBindAsInC) {
  EXPECT_EQ(value("1 + 2 * 3"), 7);
  EXPECT_EQ(value("10 - 3 - 2"), 5);
  EXPECT_EQ(value("1 | 6 & 3"), 3);
  EXPECT_EQ(value("6 & 3 == 3"), 0);  // C's famous one
  EXPECT_EQ(value("1 << 2 + 1"), 8);
  EXPECT_EQ(value("-2 * -(3)"), 6);
  EXPECT_EQ(value("!0 && ~0 == -1 || 0"), 1);
  EXPECT_EQ(value("0x10 % 5"), 1);
}

TEST(Expression, NamesAreVariablesBuffersAndConstants) {
  EXPECT_EQ(value("x + y", 3, 4), 7);
  EXPECT_EQ(value("page + 16"), 0x1010);
  EXPECT_EQ(value("x == -EAGAIN", -11), 1);
  EXPECT_EQ(value("x & NEED_WAKEUP", 3), 1);
}

TEST(Expression, ArithmeticWrapsAndNeverTraps) {
  const s64 least = std::numeric_limits<s64>::min();
  EXPECT_EQ(value("x + 1", std::numeric_limits<s64>::max()), least);
  EXPECT_EQ(value("x / y", least, -1), least);
  EXPECT_EQ(value("x % y", least, -1), 0);
  EXPECT_EQ(value("x / y", 7, 0), 0);
  EXPECT_EQ(value("x % y", 7, 0), 0);
  EXPECT_EQ(value("x << 64", 5), 5);  // as x86 shifts
  EXPECT_EQ(value("0xffffffffffffffff"), -1);
}

TEST(Expression, MistakesNameTheirPlace) {
  EXPECT_EQ(error("1 +"), "a value is missing at character 4 of \"1 +\"");
  EXPECT_EQ(error("(x"), "\")\" is missing at character 3 of \"(x\"");
  EXPECT_EQ(error("1 2"), "an operator or the end is expected at character 3 of \"1 2\"");
  EXPECT_EQ(error("tial"), "unknown name \"tial\" at character 1 of \"tial\"");
  EXPECT_EQ(error("4KiB"), "no unit is possible here: numbers are plain at character 2 of \"4KiB\"");
  EXPECT_EQ(error("0x"), "digits are missing at character 3 of \"0x\"");
  EXPECT_EQ(error("99999999999999999999").rfind("number beyond 64 bits", 0), 0u);
}

TEST(Expression, NestingAndLengthAreBounded) {
  EXPECT_EQ(value(std::string(20, '(') + "1" + std::string(20, ')')), 1);
  EXPECT_EQ(error(std::string(500, '(')).rfind("nested too deeply", 0), 0u);
  EXPECT_EQ(error(std::string(500, '-')).rfind("nested too deeply", 0), 0u);
  EXPECT_EQ(error(std::string(2'000, '1')), "longer than 1024 characters");
  // The deepest stack that can be reached: every level leaves a value waiting.
  std::string text = "x";
  for (int i = 0; i < 20; ++i) text = "1+(" + text + ")";
  EXPECT_EQ(value(text, 1), 21);
}

TEST(Expression, ConstantsAreUniqueAndErrnosHaveNames) {
  const auto all = constant_names();
  EXPECT_EQ(std::set<std::string_view>(all.begin(), all.end()).size(), all.size());
  EXPECT_EQ(errno_name(5), "EIO");
  EXPECT_EQ(errno_name(4095), "E<4095>");
}

}  // namespace
}  // namespace uringsim::sim
