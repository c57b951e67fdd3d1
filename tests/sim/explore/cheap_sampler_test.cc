// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/cheap_sampler.h"

#include <gtest/gtest.h>

#include "sim/explore/programs/handshake.h"
#include "sim/explore/story.h"
#include "tests/sim/explore/support.h"

namespace uringsim::sim {
namespace {

using programs::Handshake;

class CheapSamplerUnder : public testing::TestWithParam<Memory> {
 protected:
  CheapSamplerUnder() {
    options.memory = GetParam();
    machine = make_machine(options);
    machine->set_up(program);
  }
  [[nodiscard]] u32 most_reorderings() const { return GetParam() == Memory::sc ? 0 : 2; }

  MachineOptions options;
  Handshake program{{.submissions = 2, .app_barrier = false}};
  std::unique_ptr<OperationalMachine> machine;
};

TEST_P(CheapSamplerUnder, NoExecutionCostsMoreThanItMay) {
  for (u32 preemptions = 0; preemptions <= 2; preemptions++)
    for (u32 reorderings = 0; reorderings <= most_reorderings(); reorderings++) {
      CheapSampler sampler(1, preemptions, reorderings);
      for (int i = 0; i < 300; i++) {
        sampler.begin();
        Schedule schedule;
        (void)machine->record(sampler, schedule);
        const Cost cost = cost_of(schedule, GetParam());
        EXPECT_LE(cost.preemptions, preemptions) << i;
        // A barrier may empty the buffer unseen: what the task then runs ahead of is told as another reordering.
        EXPECT_LE(cost.reorderings, GetParam() == Memory::tso ? 2 * reorderings : reorderings) << i;
      }
    }
}

TEST_P(CheapSamplerUnder, FindsWhatASearchWithinTheSameBoundsFinds) {
  for (u32 preemptions = 0; preemptions <= 1; preemptions++)
    for (u32 reorderings = 0; reorderings <= std::min(most_reorderings(), 1u); reorderings++) {
      Handshake same{{.submissions = 2, .app_barrier = false}};
      DfsStrategy::Options bounds;
      bounds.preemptions = preemptions;
      bounds.reorderings = reorderings;
      const Exhaustive all = run_all(same, options, bounds);
      std::set<u64> digests;
      std::set<std::string> violations;
      CheapSampler sampler(1, preemptions, reorderings);
      for (int i = 0; i < 20'000; i++) {
        sampler.begin();
        const sim::Run run = machine->run(sampler);
        if (run.end == End::complete) digests.insert(program.digest());
        if (run.end == End::violation) violations.insert(machine->violation().check);
      }
      EXPECT_EQ(digests, all.digests);
      EXPECT_EQ(violations.size(), all.violations.size());
    }
}

INSTANTIATE_TEST_SUITE_P(Models, CheapSamplerUnder, testing::Values(Memory::sc, Memory::tso, Memory::weak),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace uringsim::sim
