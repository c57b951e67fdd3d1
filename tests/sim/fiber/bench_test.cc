// SPDX-License-Identifier: GPL-2.0-only
#include "sim/fiber/bench.h"

#include <gtest/gtest.h>

namespace uringsim::sim {
namespace {

TEST(FiberBench, RunsWhatItsFilterNames) {
  const std::vector<FiberFigure> figures = run_fiber_benchmarks("timed-idle-a");
  ASSERT_EQ(figures.size(), 1u);
  EXPECT_EQ(figures[0].name, "timed-idle-asleep");
  EXPECT_EQ(figures[0].unit, "s");
  for (const FiberFigure& figure : figures) EXPECT_GT(figure.value, 0);
}

}  // namespace
}  // namespace uringsim::sim
