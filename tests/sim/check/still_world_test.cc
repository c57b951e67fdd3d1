// SPDX-License-Identifier: GPL-2.0-only
// The checks that judge a world in which nothing happens any more, on one such world and events told to them by hand: who is
// judged, and who is not.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "sim/check/checker.h"
#include "sim/check/rings.h"
#include "sim/fiber/timed_machine.h"
#include "sim/world/world.h"
#include "uapi/abi.h"

namespace uringsim::sim {
namespace {

using kernel::EventKind;

/// One process that sleeps for ever. It has four rings: with an SQ thread that sleeps over an entry that was published; with
/// IOPOLL and a CQE that was not taken; with IOPOLL and nothing; with IOPOLL and an SQ thread that sleeps.
class StillWorld : public testing::Test {
 protected:
  StillWorld() {
    app_ = world_.add_process({.name = "app"}, [this] {
      uapi::io_uring_params params{};
      params.flags = uapi::IORING_SETUP_SQPOLL;
      params.sq_thread_idle = 4;
      ASSERT_EQ(sleeper_.queue_init_params(4, params), 0);
      ASSERT_EQ(polled_.queue_init(4, uapi::IORING_SETUP_IOPOLL), 0);
      ASSERT_EQ(empty_.queue_init(4, uapi::IORING_SETUP_IOPOLL), 0);
      params = {};
      params.flags = uapi::IORING_SETUP_SQPOLL | uapi::IORING_SETUP_IOPOLL;
      params.sq_thread_idle = 4;
      ASSERT_EQ(both_.queue_init_params(4, params), 0);
      polled_.get_sqe().prep_nop();  // refused on such a ring, with a CQE
      ASSERT_EQ(polled_.submit(), 1);
      kernel::__set_current_state(kernel::TASK_UNINTERRUPTIBLE);
      (void)kernel::schedule_hrtimeout(machine_.now() + 50'000'000);
      sleeper_.get_sqe().prep_nop();
      (void)sleeper_.flush_sq();
      stay();
    });
    const RunResult result = machine_.run(world_.tasks(), 10'000'000'000);
    EXPECT_EQ(result.end, RunEnd::deadlock) << result.describe();
    const std::vector<kernel::io_ring_ctx*> rings = rings_of(world_.kernel());
    EXPECT_EQ(rings.size(), 4u);
    with_thread_ = rings.at(0);
    with_cqe_ = rings.at(1);
    with_nothing_ = rings.at(2);
    with_both_ = rings.at(3);
  }

  struct Told {
    EventKind kind;
    u32 task;
    std::vector<s64> values;
  };
  /// What the check finds in this world once it has heard of these events; empty: nothing.
  std::string found(const std::unique_ptr<Checker>& checker, std::initializer_list<Told> events, Rest rest = Rest::still) {
    for (const Told& told : events) {
      kernel::TraceEvent event;
      event.kind = told.kind;
      event.task = told.task;
      std::copy(told.values.begin(), told.values.end(), event.values);
      checker->event(event);
    }
    checker->finish(world_.kernel(), rest);
    return checker->finding() != nullptr ? checker->finding()->text : "";
  }
  /// Makes a task runnable that will not run.
  void wake(kernel::task_struct* task) { ASSERT_TRUE(machine_.wake(*task, arch::TASK_NORMAL)); }

  static constexpr u32 kNobody = 999;
  Arena arena_;
  TimedMachine machine_{arena_};
  World world_{machine_, {}};
  ApplicationRing sleeper_, polled_, empty_, both_;
  kernel::task_struct* app_ = nullptr;
  kernel::io_ring_ctx* with_thread_ = nullptr;
  kernel::io_ring_ctx* with_cqe_ = nullptr;
  kernel::io_ring_ctx* with_nothing_ = nullptr;
  kernel::io_ring_ctx* with_both_ = nullptr;
};

TEST_F(StillWorld, AnSqThreadIsJudgedIfItSleepsAndHasNotBeenAwakeSince) {
  const s64 ring = with_thread_->id;
  EXPECT_EQ(found(check_lost_wakeup(), {{EventKind::sq_thread_sleep, 0, {ring}}}),
            "the SQ thread does not sleep while the SQ holds entries: that of ring 1 sleeps, 1 entry lies in the SQ, and nobody "
            "will wake it");
  EXPECT_EQ(found(check_lost_wakeup(), {{EventKind::sq_thread_sleep, 0, {ring}}, {EventKind::sq_thread_awake, 0, {ring, 1}}}),
            "");
  wake(with_thread_->sqo_thread);
  EXPECT_EQ(found(check_lost_wakeup(), {{EventKind::sq_thread_sleep, 0, {ring}}}), "");
}

TEST_F(StillWorld, AWaiterIsJudgedUntilItComesBackOrIsWoken) {
  const s64 ring = with_cqe_->id;
  const Told waits{EventKind::io_uring_cqring_wait, app_->id, {ring, 1}};
  EXPECT_EQ(found(check_lost_wakeup(), {waits}),
            "nobody sleeps for CQEs that are there: app waits for 1 on ring 2, the CQ holds 1, and nobody will wake it");
  EXPECT_EQ(found(check_lost_wakeup(), {{EventKind::io_uring_cqring_wait, app_->id, {ring, 2}}}), "");
  EXPECT_EQ(found(check_lost_wakeup(), {{EventKind::io_uring_cqring_wait, app_->id, {with_thread_->id, 1}}}), "");
  EXPECT_EQ(found(check_lost_wakeup(), {waits, {EventKind::sys_exit_io_uring_enter, app_->id, {1}}}), "");
  EXPECT_NE(found(check_lost_wakeup(), {waits, {EventKind::sys_exit_io_uring_enter, kNobody, {1}}}), "");
  EXPECT_EQ(found(check_lost_wakeup(), {{EventKind::io_uring_cqring_wait, kNobody, {ring, 1}}}), "")
      << "another task sleeps, for something else";
  wake(app_);
  EXPECT_EQ(found(check_lost_wakeup(), {waits}), "");
}

TEST_F(StillWorld, APollerIsJudgedIfItAskedForCompletionsAndHasNotComeBack) {
  const s64 polled = polled_.ring_fd, slept = sleeper_.ring_fd;
  const auto enters = [](u32 task, s64 fd, s64 wanted, s64 flags) {
    return Told{EventKind::sys_enter_io_uring_enter, task, {fd, 0, wanted, flags}};
  };
  constexpr s64 getevents = uapi::IORING_ENTER_GETEVENTS;
  EXPECT_EQ(found(check_iopoll_progress(), {enters(app_->id, polled, 1, getevents)}),
            "a poller comes back when there are completions: app polls ring 2 for ever, and its CQ holds 1");
  EXPECT_EQ(found(check_iopoll_progress(), {enters(app_->id, slept, 1, getevents)}), "");
  EXPECT_EQ(found(check_iopoll_progress(), {enters(app_->id, polled, 0, getevents)}), "");
  EXPECT_EQ(found(check_iopoll_progress(), {enters(app_->id, polled, 1, uapi::IORING_ENTER_SQ_WAKEUP)}), "");
  EXPECT_EQ(found(check_iopoll_progress(), {enters(kNobody, polled, 1, getevents)}), "");
  EXPECT_EQ(found(check_iopoll_progress(), {enters(app_->id, 77, 1, getevents)}), "") << "no such descriptor";
  EXPECT_EQ(found(check_iopoll_progress(),
                  {enters(app_->id, polled, 1, getevents), {EventKind::sys_exit_io_uring_enter, app_->id, {1}}}),
            "");
}

TEST_F(StillWorld, AWorldThatWasCutOffIsNotJudged) {
  EXPECT_EQ(found(check_lost_wakeup(), {{EventKind::sq_thread_sleep, 0, {with_thread_->id}}}, Rest::cut_off), "");
  EXPECT_EQ(found(check_lost_wakeup(), {{EventKind::io_uring_cqring_wait, app_->id, {with_cqe_->id, 1}}}, Rest::cut_off), "");
  EXPECT_EQ(found(check_iopoll_progress(),
                  {{EventKind::sys_enter_io_uring_enter, app_->id, {polled_.ring_fd, 0, 1, uapi::IORING_ENTER_GETEVENTS}}},
                  Rest::cut_off),
            "");
}

// Requests that are on the poll list although nothing happens any more are put there by hand.
TEST_F(StillWorld, APollerIsJudgedByWhatIsOnThePollListToo) {
  const Told enters{EventKind::sys_enter_io_uring_enter, app_->id, {empty_.ring_fd, 0, 1, uapi::IORING_ENTER_GETEVENTS}};
  EXPECT_EQ(found(check_iopoll_progress(), {enters}), "");
  with_nothing_->poll_list.count = 2;
  EXPECT_EQ(found(check_iopoll_progress(), {enters}),
            "a poller finds what the device has completed: app polls ring 3 for ever, and 2 requests are on the poll list");
  EXPECT_EQ(found(check_iopoll_progress(), {}), "") << "nobody has to poll";
  EXPECT_EQ(found(check_iopoll_progress(), {enters}, Rest::cut_off), "");
}

TEST_F(StillWorld, AnSqThreadLeavesNothingOnThePollList) {
  EXPECT_EQ(found(check_iopoll_progress(), {}), "");
  with_both_->poll_list.count = 1;
  EXPECT_EQ(found(check_iopoll_progress(), {}),
            "an SQ thread polls until nothing is left to poll for: that of ring 4 sleeps, and 1 of its requests is on the poll "
            "list");
  EXPECT_EQ(found(check_iopoll_progress(), {}, Rest::cut_off), "");
  wake(with_both_->sqo_thread);
  EXPECT_NE(found(check_iopoll_progress(), {}).find("that of ring 4 does not look"), std::string::npos);
}

}  // namespace
}  // namespace uringsim::sim
