// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/quantity.h"

#include <gtest/gtest.h>

namespace uringsim::sim {
namespace {

TEST(Quantity, SizesAreBinary) {
  EXPECT_EQ(parse_bytes("512"), Bytes{512});
  EXPECT_EQ(parse_bytes("4KiB"), Bytes{4096});
  EXPECT_EQ(parse_bytes("1.5 MiB"), Bytes{1'572'864});
  EXPECT_EQ(parse_bytes("16777215TiB"), Bytes{16'777'215ull << 40});
}

TEST(Quantity, TimesAreExact) {
  EXPECT_EQ(parse_duration("80us"), Nanoseconds{80'000});
  EXPECT_EQ(parse_duration("0.1us"), Nanoseconds{100});
  EXPECT_EQ(parse_duration("2h"), Nanoseconds{7'200'000'000'000});
  EXPECT_EQ(parse_duration("0"), Nanoseconds{0});
}

TEST(Quantity, WhatIsNotExactOrTooLargeIsRefused) {
  EXPECT_EQ(parse_bytes("0.5B"), std::nullopt);
  EXPECT_EQ(parse_bytes("16777216TiB"), std::nullopt);
  EXPECT_EQ(parse_duration("0.1ns"), std::nullopt);
  EXPECT_EQ(parse_duration("99999999999999999999999999h"), std::nullopt);
  EXPECT_EQ(parse_duration("0.0000000000000000000000000001h"), std::nullopt);
}

TEST(Quantity, WhatHasNoOrAnUnknownUnitIsRefused) {
  for (const char* const text : {"", "4", "4kb", "ms", "-1ms", "1.ms", ".5ms", "1.2.3ms", "4 ", "1e3us"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  for (const char* const text : {"", "4KB", "KiB", "4kib", "-1", "1.", "0x10"})
    EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
}

TEST(Quantity, ProbabilitiesAreSharesOfOne) {
  EXPECT_EQ(parse_probability("5%"), PartsPerMillion{50'000});
  EXPECT_EQ(parse_probability("0.05"), PartsPerMillion{50'000});
  EXPECT_EQ(parse_probability("1"), PartsPerMillion{1'000'000});
  EXPECT_EQ(parse_probability("101%"), std::nullopt);
  EXPECT_EQ(parse_probability("0.0000001"), std::nullopt);
}

TEST(Quantity, TextUsesTheLargestUnitThatIsExact) {
  EXPECT_EQ(to_text(Nanoseconds{1'500'000}), "1.5 ms");
  EXPECT_EQ(to_text(Nanoseconds{80'000}), "80 us");
  EXPECT_EQ(to_text(Nanoseconds{1'000'001}), "1000.001 us");
  EXPECT_EQ(to_text(Nanoseconds{0}), "0 ns");
  EXPECT_EQ(to_text(Bytes{4096}), "4 KiB");
  EXPECT_EQ(to_text(Bytes{4097}), "4097 B");
  EXPECT_EQ(to_text(Bytes{1u << 30}), "1 GiB");
}

}  // namespace
}  // namespace uringsim::sim
