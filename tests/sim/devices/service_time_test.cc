// SPDX-License-Identifier: GPL-2.0-only
#include "sim/devices/service_time.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/live/live_machine.h"

namespace uringsim::sim {
namespace {

struct Built {
  explicit Built(const ServiceTimeOptions& options) { EXPECT_TRUE(time.build(machine, options)); }
  ~Built() {
    time.release(machine);
    EXPECT_EQ(machine.live_bytes(), 0);
  }
  [[nodiscard]] u64 quantile(double share) const { return time.at(static_cast<u32>(share * 4294967296.0)); }
  LiveMachine machine{{.memory = u64{1} << 26}};
  ServiceTime time;
};

TEST(ServiceTime, AFixedOneIsAlwaysTheSameAndDrawsNothing) {
  Built built({.value = 12'345});
  const u64 before = built.machine.random();
  EXPECT_EQ(built.time.draw(built.machine), 12'345u);
  Built other({.value = 1});
  (void)other.machine.random();
  EXPECT_EQ(built.machine.random(), other.machine.random());
  EXPECT_NE(before, 0u);
}

TEST(ServiceTime, AUniformOneIsLinearBetweenItsEnds) {
  Built built({.shape = ServiceTimeOptions::Shape::uniform, .least = 1000, .most = 3000});
  EXPECT_EQ(built.quantile(0), 1000u);
  EXPECT_NEAR(static_cast<double>(built.quantile(0.5)), 2000, 1);
  EXPECT_NEAR(static_cast<double>(built.quantile(0.75)), 2500, 1);
  for (int i = 0; i < 1000; i++) {
    const u64 drawn = built.time.draw(built.machine);
    EXPECT_GE(drawn, 1000u);
    EXPECT_LE(drawn, 3000u);
  }
}

TEST(ServiceTime, LognormalQuantilesAreThoseOfTheDistribution) {
  Built built({.shape = ServiceTimeOptions::Shape::lognormal, .value = 80'000, .sigma_milli = 500});
  const struct {
    double share, z;
  } quantiles[] = {{0.001, -3.090232}, {0.01, -2.326348}, {0.1587, -0.9998}, {0.5, 0},
                   {0.62, 0.305481},   {0.9, 1.281552},   {0.96, 1.750686},  {0.999, 3.090232}};
  for (const auto& at : quantiles) {
    const double exact = 80'000 * std::exp(0.5 * at.z);
    EXPECT_NEAR(static_cast<double>(built.quantile(at.share)) / exact, 1, 0.02) << at.share;
  }
}

TEST(ServiceTime, LognormalValuesAreExactToAMillionth) {
  EXPECT_EQ(lognormal_value(1'000'000'000, 1000, 0), 1'000'000'000u);
  EXPECT_NEAR(static_cast<double>(lognormal_value(1'000'000'000, 1000, 1'000'000)), 1e9 * std::exp(1.0), 3e3);
  EXPECT_NEAR(static_cast<double>(lognormal_value(1'000'000'000, 250, -2'000'000)), 1e9 * std::exp(-0.5), 1e3);
}

TEST(ServiceTime, PercentilesAreMetAndTheFirstHoldsFromZero) {
  Built built({.shape = ServiceTimeOptions::Shape::percentiles,
               .points = {{500'000, 70'000}, {990'000, 200'000}, {1'000'000, 1'000'000}}});
  EXPECT_EQ(built.quantile(0), 70'000u);
  EXPECT_EQ(built.quantile(0.4), 70'000u);
  EXPECT_NEAR(static_cast<double>(built.quantile(0.99)), 200'000, 10);
  EXPECT_NEAR(static_cast<double>(built.quantile(0.995)), 600'000, 10);
}

}  // namespace
}  // namespace uringsim::sim
