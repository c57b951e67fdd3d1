// SPDX-License-Identifier: GPL-2.0-only
// At least 100,000 hostile steps on each engine and release; the sanitizers watch in their builds.
#include "tests/sim/world/hostile.h"

#include <gtest/gtest.h>

#include <array>

#include "kernel_model/versions/versions.h"
#include "sim/check/checker.h"
#include "sim/fiber/timed_machine.h"
#include "sim/live/live_machine.h"

namespace uringsim::sim {
namespace {

/// Defects that a release had by nature and that the model names instead of crashing.
bool known_defect(const std::string& report) {
  return report.find("5.4 follows it") != std::string::npos || report.find("5.4 never returns") != std::string::npos;
}

template <class Machine>
void expect_undamaged(const Machine& machine) {
  for (const MachineReport& report : machine.reports())
    if (!known_defect(report.what)) ADD_FAILURE() << report.what << " at " << report.where << " (" << report.task << ")";
}

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

constexpr u64 all_steps = 100'000, steps_of_a_world = 2'000;

TEST_P(Hostile, ApplicationsDoNotDamageTheKernelInVirtualTime) {
  u64 steps = 0, consumed = 0, punted = 0;
  for (u64 seed = 1; steps < all_steps; seed++) {
    Arena arena;
    TimedOptions timed;
    timed.seed = seed;
    timed.preempt_kernel = seed % 2 == 0;
    TimedMachine machine(arena, timed);
    CheckSet checks;
    checks.add(check_exactly_once()).add(check_request_life());
    Hostility shared;
    shared.options.seed = seed;
    shared.options.steps = steps_of_a_world;
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
  EXPECT_GT(consumed, all_steps / 2);
  EXPECT_GT(punted, 200u);
}

TEST_P(Hostile, ApplicationsDoNotDamageTheKernelOnThreads) {
  u64 steps = 0;
  for (u64 seed = 1; steps < all_steps; seed++) {
    LiveMachine machine({.memory = u64{1} << 30});
    Hostility shared;
    shared.options.seed = seed;
    shared.options.steps = steps_of_a_world;
    shared.options.iopoll = false;
    World world(machine, {.kernel = GetParam()});
    world.add_process({"nanny"}, [&] { run_hostile(shared); });
    const RunResult result = machine.run(world.tasks(), 60'000'000'000);
    EXPECT_EQ(result.end, RunEnd::finished) << result.describe();
    expect_undamaged(machine);
    if (HasFailure()) FAIL() << "seed " << seed;
    steps += shared.steps;
  }
}

INSTANTIATE_TEST_SUITE_P(Releases, Hostile, testing::Values(&kernel::v5_1, &kernel::v5_4),
                         [](const auto& tested) { return tested.param == &kernel::v5_1 ? "v5_1" : "v5_4"; });

}  // namespace
}  // namespace uringsim::sim
