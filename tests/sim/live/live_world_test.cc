// SPDX-License-Identifier: GPL-2.0-only
// The whole kernel on OS threads: what needs real concurrency to go wrong.
#include <gtest/gtest.h>

#include "sim/devices/device_error.h"
#include "sim/devices/host_files.h"
#include "tests/sim/devices/device_support.h"

namespace uringsim::sim {
namespace {

using D = DeviceWorld;

void sleep_until(u64 when) {
  arch::machine().set_state(arch::TASK_UNINTERRUPTIBLE);
  arch::machine().schedule(when);
}

class EveryKernelLive : public testing::TestWithParam<const kernel::io_uring_profile*> {};
INSTANTIATE_TEST_SUITE_P(Kernels, EveryKernelLive, testing::ValuesIn(kernel::profiles), [](const auto& tested) {
  std::string name = tested.param->name;
  return name.replace(name.find('.'), 1, "_");
});

TEST_P(EveryKernelLive, AnSqThreadOnAnotherThreadTakesEveryNop) {
  LiveMachine machine({.memory = u64{2} << 30});
  // 5.10 loses wakeups, and on threads it does so within seconds; that is not the subject here.
  World world(machine,
              {.kernel = GetParam(),
               .fixes = {kernel::Bug::sqpoll_flag_set_after_last_check, kernel::Bug::sqpoll_need_wakeup_barrier_dropped_58}});
  u64 next = 0;
  world.add_process({}, [&] {
    ApplicationRing ring;
    uapi::io_uring_params params{};
    params.flags = uapi::IORING_SETUP_SQPOLL;
    params.sq_thread_idle = 1;  // it falls asleep now and then
    ASSERT_EQ(ring.queue_init_params(16, params), 0);
    while (next < 2000) {
      u64 until = next;
      for (u64 i = 0; i < 1 + next % 8; i++) {
        auto sqe = ring.get_sqe();
        if (!sqe) break;
        sqe.prep_nop();
        sqe.set_data64(until++);
      }
      ASSERT_GE(ring.submit(), 0);
      while (next < until) {
        ApplicationRing::Cqe cqe;
        if (ring.peek_cqe(&cqe) != 0) {
          arch::machine().poll_pass(arch::Site::here());
          continue;
        }
        ASSERT_EQ(cqe.user_data(), next);
        ring.cqe_seen(cqe);
        next++;
      }
      if (next % 512 < 8) sleep_until(arch::machine().now() + 6'000'000);
    }
    ring.queue_exit();
  });
  const RunResult result = machine.run(world.tasks());
  EXPECT_EQ(result.end, RunEnd::finished) << result.describe();
  for (const MachineReport& report : machine.reports()) ADD_FAILURE() << report.what << " at " << report.where;
  EXPECT_GE(next, 2000u);
}

TEST_P(EveryKernelLive, RingsOfSeveralProcessesDoNotDisturbEachOther) {
  LiveMachine machine({.memory = u64{2} << 30});
  World world(machine, {.kernel = GetParam()});
  u64 seen[3] = {};
  for (u64& mine : seen)
    world.add_process({}, [&mine] {
      ApplicationRing ring;
      ASSERT_EQ(ring.queue_init(32, 0), 0);
      for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 32; i++) ring.get_sqe().prep_nop();
        ASSERT_EQ(ring.submit_and_wait(32), 32);
        for (auto cqe : ring.for_each_cqe()) mine += cqe.res() == 0;
        ring.cq_advance(32);
      }
      ring.queue_exit();
    });
  EXPECT_EQ(machine.run(world.tasks()).end, RunEnd::finished);
  for (const u64 mine : seen) EXPECT_EQ(mine, 6400u);
}

TEST(LiveWorldFiles, AFileOfTheHostIsReadAndWrittenThroughTheRing) {
  const HostTestFile host(64 << 10);
  LiveMachine machine({.memory = u64{2} << 30});
  HostFileSet files(machine);
  files.add("data", host.path());
  World world(machine, {.host_files = &files});
  bool same = false;
  int missing = 0;
  world.add_process({}, [&] {
    missing = D::open("/host/other", O_RDONLY);
    const int fd = D::open("/host/data", O_RDWR);
    ASSERT_GE(fd, 0);
    const u64 buffer = D::allocate(16384);
    const u64 iovecs = D::allocate(4096);
    const u64 iovec[2] = {buffer, 16384};
    Application().copy_out(iovecs, iovec, 16);
    ApplicationRing ring;
    ASSERT_EQ(ring.queue_init(4, 0), 0);
    ring.get_sqe().prep_readv(fd, iovecs, 1, 1000);
    EXPECT_EQ(ring.submit_and_wait(1), 1);
    ApplicationRing::Cqe cqe;
    ASSERT_EQ(ring.peek_cqe(&cqe), 0);
    EXPECT_EQ(cqe.res(), 16384);
    same = D::holds(buffer, 16384, [](u64 i) { return HostTestFile::byte_at(1000 + i); });
    ring.cqe_seen(cqe);
    D::fill(buffer, 16384, [](u64) { return u8{7}; });
    ring.get_sqe().prep_writev(fd, iovecs, 1, 4096);
    EXPECT_EQ(ring.submit_and_wait(1), 1);
    ASSERT_EQ(ring.peek_cqe(&cqe), 0);
    EXPECT_EQ(cqe.res(), 16384);
    ring.queue_exit();
  });
  const RunResult result = machine.run(world.tasks());
  EXPECT_EQ(result.end, RunEnd::finished) << result.describe();
  EXPECT_EQ(missing, -ENOENT);
  EXPECT_TRUE(same);
  std::ifstream in(host.path(), std::ios::binary);
  in.seekg(4096);
  EXPECT_EQ(in.get(), 7);
}

TEST(LiveWorldFiles, AMissingHostFileIsNamed) {
  LiveMachine machine({.memory = u64{1} << 26});
  HostFileSet files(machine);
  try {
    files.add("data", "/nonexistent/file");
    ADD_FAILURE() << "was not refused";
  } catch (const DeviceError& error) {
    EXPECT_STREQ(error.what(), "file data: /nonexistent/file: No such file or directory");
  }
}

}  // namespace
}  // namespace uringsim::sim
