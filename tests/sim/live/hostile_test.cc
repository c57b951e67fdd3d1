// SPDX-License-Identifier: GPL-2.0-only
// At least 100,000 hostile steps on real threads on each release; the sanitizers watch in their builds, ThreadSanitizer above
// all.
#include <gtest/gtest.h>

#include <iterator>

#include "kernel_model/versions/versions.h"
#include "sim/live/live_machine.h"
#include "tests/sim/world/hostile.h"

namespace uringsim::sim {
namespace {

class HostileOnThreads : public testing::TestWithParam<const kernel::io_uring_profile*> {};

TEST_P(HostileOnThreads, ApplicationsDoNotDamageTheKernel) {
  u64 steps = 0;
  for (u64 seed = first_hostile_seed(); steps < kHostileSteps; seed++) {
    LiveMachine machine({.memory = u64{1} << 30, .hang = 0});  // on a busy host hundreds of threads wait long
    Hostility shared;
    shared.options.seed = seed;
    shared.options.steps = kHostileStepsOfAWorld;
    shared.options.iopoll = false;
    World world(machine,
                {.kernel = GetParam(), .fixes = {std::begin(kernel::kUseFreedMemory), std::end(kernel::kUseFreedMemory)}});
    world.add_process({"nanny"}, [&] { run_hostile(shared); });
    const RunResult result = machine.run(world.tasks(), 600'000'000'000);
    EXPECT_EQ(result.end, RunEnd::finished) << result.describe();
    expect_undamaged(machine);
    if (HasFailure()) FAIL() << "seed " << seed;
    steps += shared.steps;
  }
}

INSTANTIATE_TEST_SUITE_P(Releases, HostileOnThreads, testing::Values(&kernel::v5_1, &kernel::v5_4),
                         [](const auto& tested) { return tested.param == &kernel::v5_1 ? "v5_1" : "v5_4"; });

}  // namespace
}  // namespace uringsim::sim
