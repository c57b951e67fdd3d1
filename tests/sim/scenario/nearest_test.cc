// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/nearest.h"

#include <gtest/gtest.h>

namespace uringsim::sim {
namespace {

TEST(NearestName, FindsTypingMistakes) {
  const std::vector<std::string_view> names{"entries", "flags", "sq_thread_idle", "sq_thread_cpu"};
  EXPECT_EQ(nearest_name("entires", names), "entries");
  EXPECT_EQ(nearest_name("FLAGS", names), "flags");
  EXPECT_EQ(nearest_name("sq_thread_idel", names), "sq_thread_idle");
  EXPECT_EQ(nearest_name("sqthreadcpu", names), "sq_thread_cpu");
}

TEST(NearestName, DoesNotGuessWildly) {
  EXPECT_EQ(nearest_name("workload", {"entries", "flags"}), "");
  EXPECT_EQ(nearest_name("ab", {"cd"}), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'x'), {"entries"}), "");
}

TEST(NameHint, ListsWhatThereIsWhereNothingIsNear) {
  EXPECT_EQ(name_hint("zzzzzz", {"a1", "b2"}), "known: a1, b2");
  EXPECT_EQ(name_hint("zzzzzz", {}), "there are none");
}

TEST(InQuotes, KeepsALineALine) {
  EXPECT_EQ(in_quotes("a\nb\x01"), "\"a\\nb\\x01\"");
  EXPECT_EQ(in_quotes(std::string(100, 'x')), "\"" + std::string(60, 'x') + "...\"");
}

}  // namespace
}  // namespace uringsim::sim
