// SPDX-License-Identifier: GPL-2.0-only
#include "sim/report/ring_metrics.h"

#include <gtest/gtest.h>

namespace uringsim::sim {
namespace {

using kernel::EventKind;

class RingMetricsTest : public testing::Test {
 protected:
  template <class... Values>
  void at(u64 time, u32 task, EventKind kind, Values... values) {
    kernel::TraceEvent event;
    event.time = time;
    event.task = task;
    event.kind = kind;
    const s64 list[] = {static_cast<s64>(values)...};
    std::copy(std::begin(list), std::end(list), event.values);
    metrics.event(event);
  }
  void create(u32 task, u32 ring, const char* name, int fd) {
    metrics.expect_ring(task, name);
    at(0, task, EventKind::io_uring_create, ring, fd, 8, 16, 0);
  }
  RingMetrics metrics;
};

TEST_F(RingMetricsTest, RingsAreKnownByTheTaskThatMakesThem) {
  metrics.expect_ring(2, "b");
  create(1, 7, "a", 3);
  at(0, 2, EventKind::io_uring_create, 8, 3, 8, 16, 0);
  at(1, 1, EventKind::cqe_posted, 7, 0, 1, 0, 0);
  EXPECT_EQ(metrics.ring("a")->cqes, 1u);
  EXPECT_EQ(metrics.ring("b")->cqes, 0u);
  EXPECT_EQ(metrics.ring("c"), nullptr);
}

TEST_F(RingMetricsTest, EnterCallsCountForTheRingBehindTheProcesssDescriptor) {
  metrics.add_task(1, 100);
  metrics.add_task(2, 200);
  create(1, 7, "a", 3);
  create(2, 8, "b", 3);
  at(1, 1, EventKind::sys_enter_io_uring_enter, 3, 1, 0, 0);
  at(1, 2, EventKind::sys_enter_io_uring_enter, 3, 1, 0, 0);
  at(1, 2, EventKind::sys_enter_io_uring_enter, 3, 1, 0, 0);
  at(1, 2, EventKind::sys_enter_io_uring_enter, 9, 1, 0, 0);
  EXPECT_EQ(metrics.ring("a")->enter_calls, 1u);
  EXPECT_EQ(metrics.ring("b")->enter_calls, 2u);
}

TEST_F(RingMetricsTest, LatencyRunsFromPublicationToCqe) {
  create(1, 7, "a", 3);
  at(100, 1, EventKind::sq_published, 7, 0, 2);
  at(200, 1, EventKind::sq_published, 7, 2, 3);
  at(250, 1, EventKind::sqe_consumed, 7, 0, 0, 11);
  at(251, 1, EventKind::sqe_consumed, 7, 1, 1, 12);
  at(252, 1, EventKind::sqe_consumed, 7, 2, 2, 13);
  at(300, 1, EventKind::cqe_posted, 7, 0, 13, 0, 0);
  at(400, 1, EventKind::cqe_posted, 7, 1, 11, 0, 0);
  at(600, 1, EventKind::cqe_overflow, 7, 12, 0, 1);
  const RingFigures& ring = *metrics.ring("a");
  EXPECT_EQ(ring.latency.count(), 3u);
  EXPECT_EQ(ring.latency.min(), 100u);
  EXPECT_EQ(ring.latency.max(), 500u);
  EXPECT_EQ(ring.submits, 2u);
  EXPECT_EQ(ring.largest_batch, 2u);
  EXPECT_EQ(ring.overflows, 1u);
}

TEST_F(RingMetricsTest, TailsMayWrap) {
  create(1, 7, "a", 3);
  at(100, 1, EventKind::sq_published, 7, 0xffffffffll, 1);
  at(150, 1, EventKind::sqe_consumed, 7, 0xffffffffll, 0, 1);
  at(160, 1, EventKind::sqe_consumed, 7, 0, 0, 2);
  at(170, 1, EventKind::cqe_posted, 7, 0, 2, 0, 0);
  EXPECT_EQ(metrics.ring("a")->latency.max(), 70u);
}

TEST_F(RingMetricsTest, WakeupsAskedForAndNeeded) {
  create(1, 7, "a", 3);
  at(1, 1, EventKind::sq_wakeup_asked, 7, 0);
  at(2, 1, EventKind::sq_wakeup_asked, 7, 1);
  at(3, 9, EventKind::sq_thread_sleep, 7);
  EXPECT_EQ(metrics.ring("a")->wakeups_asked, 2u);
  EXPECT_EQ(metrics.ring("a")->wakeups_needed, 1u);
  EXPECT_EQ(metrics.ring("a")->sq_thread, 9u);
}

TEST_F(RingMetricsTest, DevicesAreBusyWhileSomethingIsInFlight) {
  metrics.name_device(1, "nvme0");
  at(100, 1, EventKind::block_rq_issue, 1, 5, 0, 0, 8);
  at(150, 1, EventKind::block_rq_issue, 1, 6, 1, 8, 8);
  at(200, 1, EventKind::block_rq_complete, 1, 5, 0, 0, 8, 0);
  at(300, 1, EventKind::block_rq_complete, 1, 6, 1, 8, 8, -5);
  at(400, 1, EventKind::block_rq_issue, 1, 5, 0, 0, 1);
  at(450, 1, EventKind::block_rq_complete, 1, 5, 0, 0, 1, 0);
  const DeviceFigures device = metrics.devices().at("nvme0");
  EXPECT_EQ(device.busy_ns, 250u);
  EXPECT_EQ(device.deepest, 2u);
  EXPECT_EQ(device.reads, 2u);
  EXPECT_EQ(device.bytes_read, 9u * 512);
  EXPECT_EQ(device.errors, 1u);
}

}  // namespace
}  // namespace uringsim::sim
