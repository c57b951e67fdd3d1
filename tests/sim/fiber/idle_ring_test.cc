// SPDX-License-Identifier: GPL-2.0-only
// Idle rings with the whole kernel on the timed engine: polling for hours is cheap, and the short cut is not to be seen.
#include <gtest/gtest.h>

#include "sim/fiber/timed_machine.h"
#include "sim/world/world.h"

namespace uringsim::sim {
namespace {

/// Mixes every event into one number.
struct HashingSink : kernel::TraceSink {
  u64 hash = 0xcbf29ce484222325;
  u64 events = 0;
  void mix(u64 value) { hash = (hash ^ value) * 0x100000001b3; }
  void event(const kernel::TraceEvent& event) noexcept override {
    events++;
    mix(event.time);
    mix(static_cast<u64>(event.kind));
    mix(static_cast<u64>(event.cpu));
    mix(event.task);
    for (const s64 value : event.values) mix(static_cast<u64>(value));
  }
};

struct IdleRun {
  u64 hash = 0;
  u64 events = 0;
  u64 time = 0;
  RunEnd end{};
  TaskStatistics sq_thread;
  TimedMachine::Effort effort;
};

void sleep_for(u64 nanoseconds) {
  const u64 until = arch::machine().now() + nanoseconds;
  arch::machine().set_state(arch::TASK_UNINTERRUPTIBLE);
  arch::machine().schedule(until);
}

/// A NOP, then nothing for `idle_ns`, then another NOP, on a ring whose SQ thread polls for `window_ms` before it sleeps.
IdleRun run_idle_ring(u64 idle_ns, u32 window_ms, bool skip, const kernel::io_uring_profile& profile = kernel::v5_4) {
  Arena arena;
  TimedMachine machine(arena, {.cpus = 2, .skip_passes = skip});
  HashingSink sink;
  WorldOptions options;
  options.kernel = &profile;
  options.trace = &sink;
  World world(machine, options);
  world.add_process({}, [&] {
    ApplicationRing ring;
    uapi::io_uring_params params{};
    params.flags = uapi::IORING_SETUP_SQPOLL;
    params.sq_thread_idle = window_ms;
    ASSERT_EQ(ring.queue_init_params(8, params), 0);
    for (int i = 0; i < 2; i++) {
      if (i == 1) sleep_for(idle_ns);
      ring.get_sqe().prep_nop();
      EXPECT_GE(ring.submit(), 0);
      ApplicationRing::Cqe cqe;
      ASSERT_EQ(ring.wait_cqe(&cqe), 0);
      ring.cqe_seen(cqe);
    }
    ring.queue_exit();
  });
  const RunResult result = machine.run(world.tasks());
  IdleRun run{sink.hash, sink.events, result.time, result.end, {}, machine.effort()};
  for (const TaskStatistics& task : machine.task_statistics())
    if (task.name == "io_uring-sq") run.sq_thread = task;
  return run;
}

TEST(IdleRing, TheShortCutIsNotToBeSeenWhilePollingThroughout) {
  const IdleRun with = run_idle_ring(100'000'000, 1'000, true);
  const IdleRun without = run_idle_ring(100'000'000, 1'000, false);
  EXPECT_EQ(with.end, RunEnd::finished);
  EXPECT_GT(with.events, 0u);
  EXPECT_EQ(with.hash, without.hash);
  EXPECT_EQ(with.time, without.time);
  EXPECT_EQ(with.sq_thread.spinning, without.sq_thread.spinning);
  EXPECT_EQ(with.sq_thread.passes, without.sq_thread.passes);
  EXPECT_EQ(with.sq_thread.running, without.sq_thread.running);
  EXPECT_EQ(with.sq_thread.asleep, without.sq_thread.asleep);
  EXPECT_GT(with.sq_thread.spinning, 99'000'000u);
  EXPECT_GT(with.effort.passes_skipped, 10 * with.effort.passes_executed);
}

TEST(IdleRing, TheShortCutIsNotToBeSeenWhenTheWindowEnds) {
  const IdleRun with = run_idle_ring(100'000'000, 40, true);
  const IdleRun without = run_idle_ring(100'000'000, 40, false);
  EXPECT_EQ(with.end, RunEnd::finished);
  EXPECT_EQ(with.hash, without.hash);
  EXPECT_EQ(with.sq_thread.spinning, without.sq_thread.spinning);
  EXPECT_EQ(with.sq_thread.asleep, without.sq_thread.asleep);
  EXPECT_GT(with.sq_thread.asleep, 50'000'000u);
  EXPECT_GT(with.sq_thread.spinning, 39'000'000u);
}

TEST(IdleRing, TenThousandSecondsOfPollingAreAFewPassesATick) {
  const IdleRun run = run_idle_ring(10'000'000'000'000, 20'000'000, true);
  EXPECT_EQ(run.end, RunEnd::finished);
  EXPECT_GT(run.sq_thread.spinning, 9'999'900'000'000u);
  EXPECT_LT(run.effort.passes_executed, 4u * 10'000 * 250 + 100'000);
}

TEST(IdleRing, TenThousandSecondsAsleepAreNothing) {
  const IdleRun run = run_idle_ring(10'000'000'000'000, 40, true);
  EXPECT_EQ(run.end, RunEnd::finished);
  EXPECT_GT(run.sq_thread.asleep, 9'999'900'000'000u);
  EXPECT_LT(run.effort.passes_executed, 10'000u);
}

}  // namespace
}  // namespace uringsim::sim
