// SPDX-License-Identifier: GPL-2.0-only
// The barrier that one thread issues for all, on the program that needs one on each side.
#include "sim/live/host_barrier.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <thread>

namespace uringsim::sim {
namespace {

class HostBarrierBy : public testing::TestWithParam<HostBarrier::Way> {};

/// Rounds of two threads that store to a word of their own and look at the other's. How often neither saw what the other stored.
template <class Often, class Seldom>
int missed_by_both(int rounds, Often often, Seldom seldom) {
  struct alignas(64) Word {
    std::atomic<int> value{0};
  };
  Word a, b, begun, ended;
  int seen_by_often = 0, missed = 0;
  std::thread other([&] {
    for (int round = 1; round <= rounds; round++) {
      for (int pass = 1; begun.value.load(std::memory_order_acquire) < round; pass++)
        if (pass % 1000 == 0) sched_yield();
      a.value.store(round, std::memory_order_relaxed);
      often();
      seen_by_often = b.value.load(std::memory_order_relaxed);
      ended.value.store(round, std::memory_order_release);
    }
  });
  for (int round = 1; round <= rounds; round++) {
    begun.value.store(round, std::memory_order_release);
    b.value.store(round, std::memory_order_relaxed);
    seldom();
    const int seen = a.value.load(std::memory_order_relaxed);
    for (int pass = 1; ended.value.load(std::memory_order_acquire) < round; pass++)
      if (pass % 1000 == 0) sched_yield();
    missed += seen != round && seen_by_often != round;
  }
  other.join();
  return missed;
}

TEST_P(HostBarrierBy, StandsForAFullBarrierOnTheOtherThread) {
  const HostBarrier barrier(GetParam());
  EXPECT_EQ(missed_by_both(
                500, [] { std::atomic_signal_fence(std::memory_order_seq_cst); }, [&] { barrier.issue(); }),
            0);
}

INSTANTIATE_TEST_SUITE_P(Ways, HostBarrierBy, testing::Values(HostBarrier::Way::membarrier, HostBarrier::Way::mapping),
                         [](const auto& tested) {
                           return tested.param == HostBarrier::Way::membarrier ? "membarrier" : "mapping";
                         });

}  // namespace
}  // namespace uringsim::sim
