// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/unchanged.h"

#include <gtest/gtest.h>

namespace uringsim::sim::tape {
namespace {

/// Random hostile tapes take an eventfd away, and 5.1 knows no such operation: EINVAL instead of ENXIO.
TEST(Unchanged, HostileCallsAreRefusedAlikeOnlySinceThereIsAnEventfdToRegister) {
  Tape tape;
  tape.name = "fuzz/hostile/7-5";
  EXPECT_EQ(unchanged(tape, "v5.1"), nullptr);
  EXPECT_NE(unchanged(tape, "v5.4"), nullptr);
}

}  // namespace
}  // namespace uringsim::sim::tape
