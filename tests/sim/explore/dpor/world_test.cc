// SPDX-License-Identifier: GPL-2.0-only
// The search over the full kernel model: the wakeup handshake as the functions of kernel_model/io_uring do it, from the ring
// being ready to quiescence.
#include <gtest/gtest.h>

#include "kernel_model/versions/versions.h"
#include "sim/explore/dpor/dpor.h"
#include "sim/explore/world_program.h"

namespace uringsim::sim::dpor {
namespace {

/// An application that submits `submissions` entries to an SQ thread, one after the other, and waits for their completions in
/// memory alone.
Result search(int submissions, MemoryModel memory, const char* left_out) {
  WorldOptions world_options;
  world_options.kernel = &kernel::v5_4;
  WorldProgram program("handshake", world_options, [submissions](World& world) {
    world.add_process({}, [submissions] {
      ApplicationRing ring;
      uapi::io_uring_params params{};
      params.flags = uapi::IORING_SETUP_SQPOLL;
      params.sq_thread_idle = 4;
      if (ring.queue_init_params(8, params) != 0) arch::machine().report("no ring", true, arch::Site::here());
      arch::machine().ready();
      for (int i = 0; i < submissions; i++) {
        ring.get_sqe().prep_nop();
        ring.submit();
      }
      for (int i = 0; i < submissions; i++) {
        ApplicationRing::Cqe cqe;
        while (ring.peek_cqe(&cqe) != 0) arch::machine().poll_pass(arch::Site::here());
        ring.cqe_seen(cqe);
      }
      stay();
    });
  });
  Options options;
  options.memory = memory;
  if (left_out != nullptr) options.left_out = {left_out};
  return explore(program, options);
}

TEST(DporWorld, TheHandshakeOfTheKernelModelNeverLosesAWakeup) {
  for (const MemoryModel memory : {MemoryModel::sc, MemoryModel::tso, MemoryModel::weak}) {
    const Result result = search(1, memory, nullptr);
    EXPECT_EQ(result.error, "");
    EXPECT_TRUE(result.exhausted);
    EXPECT_FALSE(result.found) << result.violation.text;
    EXPECT_GT(result.complete, 100u);
  }
  const Result two = search(2, MemoryModel::sc, nullptr);
  EXPECT_TRUE(two.exhausted);
  EXPECT_FALSE(two.found) << two.violation.text;
}

TEST(DporWorld, WithoutEitherBarrierTheKernelModelLosesAWakeupWhereStoresAreLate) {
  for (const char* barrier : {"io_sq_thread.need_wakeup", "liburing.sq_ring_needs_enter"}) {
    const Result result = search(2, MemoryModel::tso, barrier);
    EXPECT_EQ(result.error, "");
    EXPECT_TRUE(result.found) << barrier;
    EXPECT_FALSE(result.schedule.steps.empty());
  }
}

}  // namespace
}  // namespace uringsim::sim::dpor
