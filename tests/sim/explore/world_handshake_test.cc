// SPDX-License-Identifier: GPL-2.0-only
// The wakeup handshake over the whole kernel: liburing's submit against io_sq_thread, from ring ready to quiescence. Every
// cell of the table is a search of every execution. Of the four combinations of the two full barriers exactly the one with both
// is clean under tso and weak.
#include <gtest/gtest.h>

#include "sim/explore/explore.h"
#include "sim/explore/world_program.h"

namespace uringsim {
namespace {

using sim::Memory;

/// An application that publishes `entries` NOPs, one submit each, and then waits for their completions by looking.
sim::WorldProgram handshake(const kernel::io_uring_profile& release, int entries) {
  sim::WorldOptions options;
  options.kernel = &release;
  return sim::WorldProgram("world-handshake", options, [entries](sim::World& world) {
    world.add_process({}, [entries] {
      sim::ApplicationRing ring;
      uapi::io_uring_params params{};
      params.flags = uapi::IORING_SETUP_SQPOLL;
      params.sq_thread_idle = 4;
      if (ring.queue_init_params(8, params) != 0) arch::machine().report("no ring", true, arch::Site::here());
      arch::machine().ready();
      for (int i = 0; i < entries; i++) {
        ring.get_sqe().prep_nop();
        (void)ring.submit();
      }
      for (int i = 0; i < entries; i++) {
        sim::ApplicationRing::Cqe cqe;
        while (ring.peek_cqe(&cqe) != 0) arch::machine().poll_pass(arch::Site::here());
        ring.cqe_seen(cqe);
      }
      sim::stay();
    });
  });
}

ExploreResult search(const kernel::io_uring_profile& release, int entries, Memory memory,
                     std::vector<std::string> left_out = {}) {
  sim::WorldProgram program = handshake(release, entries);
  ExploreOptions options;
  options.memory = memory;
  options.left_out = std::move(left_out);
  return explore(program, options);
}

TEST(WorldHandshake, IsCleanUnderTsoAndWeakExactlyWithBothBarriers) {
  const char* const kApplication = "liburing.sq_ring_needs_enter";
  const char* const kKernel = "io_sq_thread.need_wakeup";
  std::printf("%-10s%-10s%-8s%-8s%-8s\n", "app", "kernel", "sc", "tso", "weak");
  for (const bool application : {true, false})
    for (const bool kernel_side : {true, false}) {
      std::printf("%-10s%-10s", application ? "barrier" : "none", kernel_side ? "barrier" : "none");
      for (const Memory memory : {Memory::sc, Memory::tso, Memory::weak}) {
        std::vector<std::string> left_out;
        if (!application) left_out.emplace_back(kApplication);
        if (!kernel_side) left_out.emplace_back(kKernel);
        const bool clean = memory == Memory::sc || (application && kernel_side);
        const ExploreResult result = search(kernel::v5_4, 1, memory, left_out);
        ASSERT_EQ(result.error, "");
        EXPECT_EQ(result.clean(), clean) << result.story;
        if (clean) {
          EXPECT_TRUE(result.exhaustive);
        } else {
          EXPECT_EQ(result.violation.check, "no-lost-wakeup");
        }
        std::printf("%-8s", result.found ? "lost" : "clean");
      }
      std::printf("\n");
    }
}

TEST(WorldHandshake, OfRelease510LosesAWakeupUnderScInAStoryOfTwelveStepsAtMost) {
  const ExploreResult result = search(kernel::v5_10, 1, Memory::sc);
  ASSERT_TRUE(result.found) << result.error;
  EXPECT_EQ(result.violation.check, "no-lost-wakeup");
  EXPECT_LE(result.cost.lines, 12u) << result.story;
  EXPECT_NE(result.story.find("sq.flags"), std::string::npos) << result.story;
  sim::WorldProgram program = handshake(kernel::v5_10, 1);
  const ReplayResult again = replay(program, sim::Repro::from_json(result.repro.to_json()));
  EXPECT_EQ(again.difference, "");
  EXPECT_EQ(again.hash, result.repro.hash);
}

}  // namespace
}  // namespace uringsim
