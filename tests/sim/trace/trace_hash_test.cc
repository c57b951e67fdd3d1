// SPDX-License-Identifier: GPL-2.0-only
#include "sim/trace/trace_hash.h"

#include <gtest/gtest.h>

namespace uringsim::sim {
namespace {

u64 hash_of(const kernel::TraceEvent& event) {
  TraceHash hash;
  hash.add(event);
  return hash.value();
}

TEST(TraceHash, EveryFieldCounts) {
  const kernel::TraceEvent base;
  const u64 reference = hash_of(base);
  kernel::TraceEvent changed = base;
  changed.time = 1;
  EXPECT_NE(hash_of(changed), reference);
  changed = base;
  changed.cpu = 0;
  EXPECT_NE(hash_of(changed), reference);
  changed = base;
  changed.task = 1;
  EXPECT_NE(hash_of(changed), reference);
  for (s64& value : changed.values) {
    changed = base;
    value = 1;
    EXPECT_NE(hash_of(changed), reference);
  }
  EXPECT_EQ(hash_of(base), reference);
}

TEST(TraceHash, OrderCounts) {
  kernel::TraceEvent a, b;
  a.values[0] = 1;
  TraceHash forward, backward;
  forward.add(a);
  forward.add(b);
  backward.add(b);
  backward.add(a);
  EXPECT_NE(forward.value(), backward.value());
}

}  // namespace
}  // namespace uringsim::sim
