// SPDX-License-Identifier: GPL-2.0-only
// 5.4 counts for itself: heads, tails, lost completions and dropped entries live in its own memory, where no application gets at
// them, and wrap after 4294967295. Nobody waits for four billion of each: these rings begin as if they had been used that long.
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "kernel_model/fs/fs.h"
#include "kernel_model/io_uring/ctx.h"
#include "kernel_model/versions/versions.h"
#include "sim/fiber/timed_machine.h"
#include "sim/world/application.h"
#include "sim/world/world.h"

namespace uringsim::sim {
namespace {

/// What a ring has behind it.
struct Past {
  u32 completed = 0;  ///< CQEs posted and taken
  u32 lost = 0;       ///< completions that found the CQ full
  u32 dropped = 0;    ///< entries that named no SQE
};

void have_lived_through(ApplicationRing& ring, const Past& past) {
  kernel::file* const file = kernel::fget(static_cast<unsigned>(ring.ring_fd));
  auto* const ctx = static_cast<kernel::io_ring_ctx*>(file->private_data);
  const u32 head = past.completed + past.lost + past.dropped;
  ctx->cached_sq_head = *ctx->rings.sq_head = *ctx->rings.sq_tail = head;
  ctx->cached_cq_tail = *ctx->rings.cq_tail = *ctx->rings.cq_head = past.completed;
  ctx->cached_sq_dropped = *ctx->rings.sq_dropped = past.dropped;
  ctx->cached_cq_overflow.counter = static_cast<s32>(past.lost);
  *ctx->rings.cq_overflow = past.lost;
  kernel::fput(file);
  ring.sq.sqe_head = ring.sq.sqe_tail = head;
}

/// `program` with a ring of two entries (a CQ of four) of 5.4 that has `past` behind it.
void with_ring(const Past& past, const std::function<void(ApplicationRing&)>& program) {
  Arena arena;
  TimedMachine machine(arena);
  World world(machine, {.kernel = kernel::find_profile("v5.4")});
  bool ran = false;
  world.add_process({}, [&] {
    ApplicationRing ring;
    ASSERT_EQ(ring.queue_init(2, 0), 0);
    have_lived_through(ring, past);
    program(ring);
    ring.queue_exit();
    ran = true;
  });
  const RunResult result = machine.run(world.tasks(), 10'000'000'000);
  EXPECT_EQ(result.end, RunEnd::finished) << result.describe();
  EXPECT_TRUE(ran);
}

void prepare_nop(ApplicationRing& ring, u64 user_data, u32 flags = 0) {
  auto sqe = ring.get_sqe();
  ASSERT_TRUE(static_cast<bool>(sqe));
  sqe.prep_nop();
  sqe.set_flags(flags);
  sqe.set_data64(user_data);
}

/// user_data of the next CQE, which is taken; ~0 if there is none.
u64 next(ApplicationRing& ring) {
  ApplicationRing::Cqe cqe;
  if (ring.peek_cqe(&cqe) != 0) return ~u64{0};
  const u64 user_data = cqe.user_data();
  ring.cqe_seen(cqe);
  return user_data;
}

TEST(CounterWrap, HeadAndTailsPassZeroAndNothingIsLost) {
  with_ring({.completed = 0xfffffffe}, [](ApplicationRing& ring) {
    for (u64 i = 1; i <= 6; i++) {
      prepare_nop(ring, i);
      EXPECT_EQ(ring.submit(), 1);
    }
    for (u64 i = 1; i <= 4; i++) EXPECT_EQ(next(ring), i);
    EXPECT_EQ(next(ring), ~u64{0});  // four fit
    const Application app;
    EXPECT_EQ(app.load_relaxed<u32>(ring.cq.ktail), 2u);
    EXPECT_EQ(app.load_relaxed<u32>(ring.sq.khead), 4u);
    EXPECT_EQ(app.load_relaxed<u32>(ring.cq.koverflow), 2u);
  });
}

TEST(CounterWrap, LostCompletionsWrapInTheKernelsOwnCountWhateverTheRingSays) {
  with_ring({.lost = 0xffffffff}, [](ApplicationRing& ring) {
    const Application app;
    app.store_relaxed(ring.cq.koverflow, 77u);
    for (u64 i = 0; i < 5; i++) {
      prepare_nop(ring, i);
      EXPECT_EQ(ring.submit(), 1);
    }
    EXPECT_EQ(app.load_relaxed<u32>(ring.cq.koverflow), 0u);
    // Who drains adds up what was lost, too: the sum is right again beyond the wrap.
    ring.cq_advance(4);
    prepare_nop(ring, 9, uapi::IOSQE_IO_DRAIN);
    EXPECT_EQ(ring.submit(), 1);
    EXPECT_EQ(next(ring), 9u);
  });
}

TEST(CounterWrap, DroppedEntriesWrapInTheKernelsOwnCountWhateverTheRingSays) {
  with_ring({.dropped = 0xffffffff}, [](ApplicationRing& ring) {
    const Application app;
    app.store_relaxed(ring.sq.kdropped, 77u);
    prepare_nop(ring, 1);
    const u32 tail = ring.flush_sq();
    EXPECT_EQ(tail, 1u);
    app.store_relaxed(ring.sq.array + 4 * ((ring.sq.sqe_head - 1) & ring.sq.ring_mask), 9u);
    EXPECT_EQ(app.io_uring_enter(ring.ring_fd, 1, 0, 0, 0, 0), 0);
    EXPECT_EQ(app.load_relaxed<u32>(ring.sq.kdropped), 0u);
    prepare_nop(ring, 2, uapi::IOSQE_IO_DRAIN);
    EXPECT_EQ(ring.submit(), 1);
    EXPECT_EQ(next(ring), 2u);
  });
}

TEST(CounterWrap, ADrainedRequestWaitsAcrossTheWrapForWhatWasBeforeItAndNoLonger) {
  with_ring({.completed = 0xfffffffc, .lost = 2, .dropped = 1}, [](ApplicationRing& ring) {
    const u64 time = ring.system.publish_argument(std::array<s64, 2>{0, 1'000'000});
    auto sqe = ring.get_sqe();
    sqe.prep_timeout(time, 0, 0);
    sqe.set_data64(1);
    prepare_nop(ring, 2, uapi::IOSQE_IO_DRAIN);
    EXPECT_EQ(ring.submit(), 2);
    prepare_nop(ring, 3);
    EXPECT_EQ(ring.submit(), 1);
    EXPECT_EQ(next(ring), ~u64{0});
    EXPECT_EQ(ring.submit_and_wait(3), 0);  // a timeout that fires ends the wait, whatever is missing
    ApplicationRing::Cqe cqe;
    EXPECT_EQ(ring.wait_cqe_nr(&cqe, 3), 0);
    for (u64 i = 1; i <= 3; i++) EXPECT_EQ(next(ring), i);
  });
}

TEST(CounterWrap, ATimeoutThatCountsCompletionsCountsAcrossTheWrap) {
  with_ring({.completed = 0xfffffffd, .lost = 0xffffffff, .dropped = 2}, [](ApplicationRing& ring) {
    const u64 time = ring.system.publish_argument(std::array<s64, 2>{1000, 0});
    auto sqe = ring.get_sqe();
    sqe.prep_timeout(time, 3, 0);
    sqe.set_data64(1);
    prepare_nop(ring, 2);
    EXPECT_EQ(ring.submit(), 2);
    prepare_nop(ring, 3);
    EXPECT_EQ(ring.submit(), 1);
    for (u64 i = 2; i <= 3; i++) EXPECT_EQ(next(ring), i);
    EXPECT_EQ(next(ring), ~u64{0});
    prepare_nop(ring, 4);
    EXPECT_EQ(ring.submit(), 1);
    EXPECT_EQ(next(ring), 4u);
    EXPECT_EQ(next(ring), 1u) << "the third completion ends it";
  });
}

}  // namespace
}  // namespace uringsim::sim
