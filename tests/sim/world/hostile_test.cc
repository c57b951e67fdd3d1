// SPDX-License-Identifier: GPL-2.0-only
// At least 100,000 hostile steps in virtual time on each release; the sanitizers watch in their builds.
#include "tests/sim/world/hostile.h"

#include <gtest/gtest.h>

#include <array>

#include "kernel_model/versions/versions.h"
#include "sim/check/checker.h"
#include "sim/fiber/timed_machine.h"

namespace uringsim::sim {
namespace {

class Hostile : public testing::TestWithParam<const kernel::io_uring_profile*> {};

/// How deep the hostile steps came.
class Depth final : public kernel::TraceSink {
 public:
  explicit Depth(CheckSet& also) : also_(also) {}
  void event(const kernel::TraceEvent& event) noexcept override {
    seen[static_cast<std::size_t>(event.kind)]++;
    also_.event(event);
  }
  [[nodiscard]] u64 of(kernel::EventKind kind) const { return seen[static_cast<std::size_t>(kind)]; }
  std::array<u64, static_cast<std::size_t>(kernel::EventKind::count_)> seen{};

 private:
  CheckSet& also_;
};

TEST_P(Hostile, ApplicationsDoNotDamageTheKernelInVirtualTime) {
  u64 steps = 0, consumed = 0, punted = 0;
  for (u64 seed = first_hostile_seed(); steps < kHostileSteps; seed++) {
    Arena arena;
    TimedOptions timed;
    timed.seed = seed;
    timed.preempt_kernel = seed % 2 == 0;
    TimedMachine machine(arena, timed);
    CheckSet checks;
    checks.add(check_exactly_once()).add(check_request_life());
    Hostility shared;
    shared.options.seed = seed;
    shared.options.steps = kHostileStepsOfAWorld;
    Depth depth(checks);
    World world(machine, {.kernel = GetParam(), .trace = &depth});
    world.add_process({"nanny"}, [&] { run_hostile(shared); });
    // SQ threads that are told of endless work may keep every processor: not even the nanny runs any more, as under Linux.
    const RunResult result = machine.run(world.tasks(), 20'000'000);
    EXPECT_TRUE(result.end == RunEnd::finished || result.end == RunEnd::time_limit) << result.describe();
    expect_undamaged(machine);
    if (const Finding* const finding = checks.finding()) ADD_FAILURE() << finding->check << ": " << finding->text;
    if (HasFailure()) FAIL() << "seed " << seed;
    steps += shared.steps;
    consumed += depth.of(kernel::EventKind::sqe_consumed);
    punted += depth.of(kernel::EventKind::io_uring_queue_async_work);
  }
  EXPECT_GT(consumed, kHostileSteps / 2);
  EXPECT_GT(punted, 200u);
}

INSTANTIATE_TEST_SUITE_P(Releases, Hostile, testing::Values(&kernel::v5_1, &kernel::v5_4),
                         [](const auto& tested) { return tested.param == &kernel::v5_1 ? "v5_1" : "v5_4"; });

}  // namespace
}  // namespace uringsim::sim
