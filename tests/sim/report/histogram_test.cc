// SPDX-License-Identifier: GPL-2.0-only
#include "sim/report/histogram.h"

#include <gtest/gtest.h>

namespace uringsim::sim {
namespace {

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (u64 value = 1; value <= 100; ++value) histogram.record(value);
  EXPECT_EQ(histogram.percentile(500'000), 50u);
  EXPECT_EQ(histogram.percentile(990'000), 99u);
  EXPECT_EQ(histogram.percentile(1'000'000), 100u);
  EXPECT_EQ(histogram.percentile(0), 1u);
  EXPECT_EQ(histogram.mean(), 50u);
}

TEST(Histogram, LargeValuesAreAtMostOnePartIn128TooHigh) {
  for (u64 value = 1; value < (u64{1} << 62); value = value * 3 + 1) {
    Histogram histogram;
    histogram.record(value);
    histogram.record(~u64{0});
    const u64 told = histogram.percentile(500'000);
    EXPECT_GE(told, value);
    EXPECT_LE(told - value, value / 128 + 1);
  }
}

TEST(Histogram, NoPercentileExceedsTheMaximum) {
  Histogram histogram;
  histogram.record(1'000'003);
  EXPECT_EQ(histogram.percentile(999'000), 1'000'003u);
  EXPECT_EQ(Histogram().percentile(500'000), 0u);
}

TEST(Histogram, TheGreatestValueHasABucket) {
  Histogram histogram;
  histogram.record(~u64{0});
  EXPECT_EQ(histogram.percentile(500'000), ~u64{0});
}

}  // namespace
}  // namespace uringsim::sim
