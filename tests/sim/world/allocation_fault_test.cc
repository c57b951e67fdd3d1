// SPDX-License-Identifier: GPL-2.0-only
// Every allocation of a system call fails once: the call says -ENOMEM (or does without), and nothing is left behind.
#include <gtest/gtest.h>
#include <poll.h>

#include <functional>
#include <set>

#include "kernel_model/core/fault.h"
#include "kernel_model/core/syscall.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/versions/versions.h"
#include "sim/check/checker.h"
#include "sim/fiber/timed_machine.h"
#include "sim/world/application.h"
#include "sim/world/world.h"

namespace uringsim::sim {
namespace {

/// What one attempt came to.
struct Attempt {
  bool failed = false;  ///< the allocation was reached
  s64 result = 0;
  std::string leak;
};

/// Runs `call` in a fresh world with its nth allocation failing; `before` prepares, `after` puts away.
Attempt attempt(const kernel::io_uring_profile* profile, u64 nth, const std::function<void(ApplicationRing&)>& before,
                const std::function<s64(ApplicationRing&)>& call) {
  Arena arena;
  TimedMachine machine(arena);
  CheckSet checks = all_checks();
  World world(machine, {.kernel = profile, .trace = &checks});
  Attempt done;
  world.add_process({}, [&] {
    ApplicationRing ring;
    (void)Application().publish_argument(u64{0});  // the page for arguments is no part of the call
    before(ring);
    kernel::fault_attr fault;
    fault.nth = nth;
    fault.task = kernel::current()->id;
    kernel::kernel().allocation_fault = &fault;
    done.result = call(ring);
    kernel::kernel().allocation_fault = nullptr;
    done.failed = fault.failed != 0;
    if (ring.ring_fd >= 0) ring.queue_exit();
    kernel::__set_current_state(kernel::TASK_UNINTERRUPTIBLE);  // releases that are left to workers
    (void)kernel::schedule_hrtimeout(machine.now() + 100'000'000);
  });
  const RunResult result = machine.run(world.tasks(), 10'000'000'000);
  if (result.end != RunEnd::finished) ADD_FAILURE() << result.describe();
  for (const MachineReport& report : machine.reports()) ADD_FAILURE() << report.what << " at " << report.where;
  checks.finish(world.kernel());
  // 5.4 forgets that a chain drains where it has no memory to remember that with.
  if (const Finding* const finding = checks.finding(); finding != nullptr && finding->check != "drain-order")
    done.leak = finding->check + ": " + finding->text;
  return done;
}

/// Every allocation in turn, until none is left to fail. Returns the results seen where one failed.
std::set<s64> every_allocation(const kernel::io_uring_profile* profile, const std::function<void(ApplicationRing&)>& before,
                               const std::function<s64(ApplicationRing&)>& call) {
  std::set<s64> results;
  constexpr u64 most = 200;
  for (u64 nth = 1; nth < most; nth++) {
    const Attempt one = attempt(profile, nth, before, call);
    EXPECT_EQ(one.leak, "") << "allocation " << nth;
    if (!one.failed) {
      EXPECT_GE(one.result, 0);
      return results;
    }
    results.insert(one.result);
  }
  ADD_FAILURE() << "more than " << most << " allocations";
  return results;
}

class EveryAllocation : public testing::TestWithParam<const kernel::io_uring_profile*> {};

TEST_P(EveryAllocation, OfSetupSaysEnomem) {
  for (const u32 flags : {0u, uapi::IORING_SETUP_SQPOLL}) {
    const std::set<s64> results = every_allocation(
        GetParam(), [](ApplicationRing& ring) { ring.ring_fd = -1; },
        [&](ApplicationRing& ring) -> s64 {
          const Application application;
          uapi::io_uring_params params{};
          params.flags = flags;
          const s64 fd = application.io_uring_setup(8, params);
          EXPECT_TRUE(fd < 0 || application.close(static_cast<int>(fd)) == 0);
          ring.ring_fd = -1;
          return fd;
        });
    for (const s64 result : results) EXPECT_TRUE(result == -ENOMEM || result == -ENFILE || result >= 0) << result;
    EXPECT_EQ(results.count(-ENOMEM), 1u);
  }
}

TEST_P(EveryAllocation, OfRegisteringBuffersSaysEnomem) {
  const std::set<s64> results = every_allocation(
      GetParam(), [](ApplicationRing& ring) { ASSERT_EQ(ring.queue_init(8, 0), 0); },
      [](ApplicationRing& ring) -> s64 {
        const Application application;
        const auto memory = static_cast<u64>(application.allocate(4 * kernel::PAGE_SIZE));
        struct Vector {
          u64 base, bytes;
        } const vectors[2] = {{memory, kernel::PAGE_SIZE}, {memory + kernel::PAGE_SIZE, 2 * kernel::PAGE_SIZE}};
        return application.io_uring_register(ring.ring_fd, uapi::IORING_REGISTER_BUFFERS, application.publish_argument(vectors),
                                             2);
      });
  EXPECT_EQ(results.count(-ENOMEM), 1u);
}

TEST_P(EveryAllocation, OfRegisteringFilesSaysEnomem) {
  const std::set<s64> results = every_allocation(
      GetParam(), [](ApplicationRing& ring) { ASSERT_EQ(ring.queue_init(8, 0), 0); },
      [](ApplicationRing& ring) -> s64 {
        const Application application;
        const auto file =
            static_cast<s32>(kernel::system_call([]() noexcept { return static_cast<s64>(kernel::sys_eventfd2(0, 0)); }));
        if (file < 0) return file;
        return application.io_uring_register(ring.ring_fd, uapi::IORING_REGISTER_FILES, application.publish_argument(file), 1);
      });
  EXPECT_EQ(results.count(-ENOMEM), 1u);
}

TEST_P(EveryAllocation, OfSubmittingIsACqeOrNothing) {
  const std::set<s64> results = every_allocation(
      GetParam(), [](ApplicationRing& ring) { ASSERT_EQ(ring.queue_init(8, 0), 0); },
      [](ApplicationRing& ring) -> s64 {
        for (int i = 0; i < 4; i++) ring.get_sqe().prep_nop();
        if (const int submitted = ring.submit(); submitted != 4) return submitted < 0 ? submitted : -EIO;
        s64 worst = 0;
        for (int i = 0; i < 4; i++) {
          ApplicationRing::Cqe cqe;
          if (ring.peek_cqe(&cqe) != 0) return -ENODATA;  // lost
          worst = std::min<s64>(worst, cqe.res());
          ring.cqe_seen(cqe);
        }
        return worst;
      });
  EXPECT_EQ(results, std::set<s64>{-EAGAIN});
}

// 5.4 frees the head of a chain that it has no memory to put off, and reads the head's SQE by it.
TEST(EveryAllocationOfAChain, ThatWaitsForEarlierRequestsIsACqeOrNothing) {
  const std::set<s64> results = every_allocation(
      &kernel::v5_4, [](ApplicationRing& ring) { ASSERT_EQ(ring.queue_init(8, 0), 0); },
      [](ApplicationRing& ring) -> s64 {
        const auto file =
            static_cast<s32>(kernel::system_call([]() noexcept { return static_cast<s64>(kernel::sys_eventfd2(0, 0)); }));
        if (file < 0) return file;
        constexpr u8 link = uapi::IOSQE_IO_LINK, drain = uapi::IOSQE_IO_DRAIN;
        ring.get_sqe().prep_poll_add(file, POLLIN);  // what the chain waits for
        for (const u8 flags : {link, drain}) {
          const auto sqe = ring.get_sqe();
          sqe.prep_nop();
          sqe.set_flags(flags);
        }
        if (const int submitted = ring.submit(); submitted != 3) return submitted < 0 ? submitted : -EIO;
        s64 worst = 0;
        ApplicationRing::Cqe cqe;
        for (; ring.peek_cqe(&cqe) == 0; ring.cqe_seen(cqe)) worst = std::min<s64>(worst, cqe.res());
        return worst;
      });
  EXPECT_TRUE(results.count(-EAGAIN) == 1) << "some allocation was that of a request";
}

INSTANTIATE_TEST_SUITE_P(Releases, EveryAllocation, testing::Values(&kernel::v5_1, &kernel::v5_4),
                         [](const auto& tested) { return tested.param == &kernel::v5_1 ? "v5_1" : "v5_4"; });

}  // namespace
}  // namespace uringsim::sim
