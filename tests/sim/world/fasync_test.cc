// SPDX-License-Identifier: GPL-2.0-only
// SIGIO for a ring's CQEs: O_ASYNC and F_SETOWN on the ring's descriptor.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>

#include "kernel_model/core/signal.h"
#include "kernel_model/core/syscall.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/versions/versions.h"
#include "sim/fiber/timed_machine.h"
#include "sim/world/application.h"
#include "sim/world/world.h"

namespace uringsim::sim {
namespace {

s64 fcntl_of(int fd, int command, u64 argument) {
  return kernel::system_call(
      [&]() noexcept { return kernel::sys_fcntl(static_cast<unsigned>(fd), static_cast<unsigned>(command), argument); });
}

void sleep_for(u64 ns) {
  kernel::__set_current_state(kernel::TASK_UNINTERRUPTIBLE);
  (void)kernel::schedule_hrtimeout(kernel::current()->machine->now() + ns);
}

/// Completes a NOP on a ring that wants SIGIO; true if the signal came. `polled`: while another task polls the ring.
bool signalled(const kernel::io_uring_profile* profile, bool wanted, bool polled) {
  Arena arena;
  TimedMachine machine(arena);
  World world(machine, {.kernel = profile});
  int fd = -1;
  bool came = false;
  kernel::task_struct* const app = world.add_process({"app"}, [&] {
    kernel::set_current_blocked(kernel::sigmask_of(SIGIO));  // stays pending, to be looked at
    ApplicationRing ring;
    ASSERT_EQ(ring.queue_init(8, 0), 0);
    EXPECT_EQ(fcntl_of(ring.ring_fd, F_SETOWN, static_cast<u64>(kernel::current()->tgid)), 0);
    EXPECT_EQ(fcntl_of(ring.ring_fd, F_GETOWN, 0), kernel::current()->tgid);
    EXPECT_EQ(fcntl_of(ring.ring_fd, F_SETFL, wanted ? O_ASYNC : 0), 0);
    fd = ring.ring_fd;
    sleep_for(1'000'000);
    ring.get_sqe().prep_nop();
    EXPECT_EQ(ring.submit(), 1);
    came = (kernel::current()->signal->shared_pending & kernel::sigmask_of(SIGIO)) != 0;
    sleep_for(1'000'000);
    ring.queue_exit();
  });
  if (polled)
    world.add_thread(app, {"poller"}, [&] {
      kernel::set_current_blocked(kernel::sigmask_of(SIGIO));
      sleep_for(500'000);
      const Application application;
      const struct {
        s32 fd;
        s16 events, revents;
      } one{fd, POLLIN, 0};
      const u64 at = application.publish_argument(one);
      EXPECT_EQ(kernel::system_call([&]() noexcept -> s64 { return kernel::sys_poll(at, 1, 1000); }), 1);
    });
  const RunResult result = machine.run(world.tasks(), 10'000'000'000);
  EXPECT_EQ(result.end, RunEnd::finished) << result.describe();
  for (const MachineReport& report : machine.reports()) ADD_FAILURE() << report.what << " at " << report.where;
  return came;
}

class Fasync : public testing::TestWithParam<const kernel::io_uring_profile*> {};

TEST_P(Fasync, ACqeSignalsTheOwnerWhileSomebodyPollsTheRing) { EXPECT_TRUE(signalled(GetParam(), true, true)); }
// The signal sits behind the look for pollers: nobody polling, no signal.
TEST_P(Fasync, NobodyIsSignalledWhereNobodyPolls) { EXPECT_FALSE(signalled(GetParam(), true, false)); }
TEST_P(Fasync, NobodyIsSignalledWhoDidNotAsk) { EXPECT_FALSE(signalled(GetParam(), false, true)); }

INSTANTIATE_TEST_SUITE_P(Releases, Fasync, testing::Values(&kernel::v5_1, &kernel::v5_4),
                         [](const auto& tested) { return tested.param == &kernel::v5_1 ? "v5_1" : "v5_4"; });

}  // namespace
}  // namespace uringsim::sim
