// SPDX-License-Identifier: GPL-2.0-only
#include "sim/check/checker.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "uapi/abi.h"

namespace uringsim::sim {
namespace {

using kernel::EventKind;

/// Feeds events to one checker, those that it asks for, and says what it found.
class Stream {
 public:
  explicit Stream(std::unique_ptr<Checker> checker) : checker_(std::move(checker)), kinds_(checker_->kinds()) {}
  Stream& operator()(EventKind kind, std::initializer_list<s64> values) {
    if (std::find(kinds_.begin(), kinds_.end(), kind) == kinds_.end()) return *this;
    kernel::TraceEvent event;
    event.kind = kind;
    event.task = task_;
    std::copy(values.begin(), values.end(), event.values);
    checker_->event(event);
    return *this;
  }
  /// The events to come are of this task.
  Stream& by(u32 task) {
    task_ = task;
    return *this;
  }
  [[nodiscard]] std::string found() const { return checker_->finding() != nullptr ? checker_->finding()->text : ""; }
  Checker& checker() { return *checker_; }

 private:
  std::unique_ptr<Checker> checker_;
  std::vector<EventKind> kinds_;
  u32 task_ = 0;
};

TEST(ExactlyOnce, AcceptsACqeAndADropForTwoSqes) {
  Stream stream(check_exactly_once());
  stream(EventKind::sqe_consumed, {1, 0, 0, 5})(EventKind::sqe_consumed, {1, 1, 1, 6});
  stream(EventKind::cqe_posted, {1, 0, 5, 0, 0})(EventKind::cqe_overflow, {1, 6, 0, 1})(EventKind::ring_free, {1});
  EXPECT_EQ(stream.found(), "");
}

TEST(ExactlyOnce, FindsACompletionFromNowhere) {
  Stream stream(check_exactly_once());
  stream(EventKind::sqe_consumed, {1, 0, 0, 5})(EventKind::cqe_posted, {1, 0, 5, 0, 0})(EventKind::cqe_posted, {1, 1, 5, 0, 0});
  EXPECT_NE(stream.found().find("from nowhere"), std::string::npos);
}

TEST(ExactlyOnce, FindsAnSqeThatIsNeverCompleted) {
  Stream stream(check_exactly_once());
  stream(EventKind::sqe_consumed, {1, 0, 0, 5})(EventKind::ring_free, {1});
  EXPECT_NE(stream.found().find("1 of its 1"), std::string::npos);
}

TEST(Overflow, FindsADropThatIsNotCounted) {
  Stream stream(check_overflow());
  stream(EventKind::cqe_overflow, {1, 6, 0, 1});
  EXPECT_EQ(stream.found(), "");
  stream(EventKind::cqe_overflow, {1, 7, 0, 1});
  EXPECT_NE(stream.found().find("dropped 2 and counts 1"), std::string::npos);
}

TEST(Overflow, FindsACountOfWhatWasNotDropped) {
  Stream stream(check_overflow());
  stream(EventKind::cqe_overflow, {1, 6, 0, 2});
  EXPECT_NE(stream.found().find("dropped 1 and counts 2"), std::string::npos);
}

TEST(RingWords, FindsATailThatMovesBack) {
  Stream stream(check_ring_words());
  stream(EventKind::cqe_posted, {1, 0, 5, 0, 0})(EventKind::cq_tail, {1, 1});
  EXPECT_EQ(stream.found(), "");
  stream(EventKind::cq_tail, {1, 0});
  EXPECT_NE(stream.found().find("back to 0"), std::string::npos);
}

TEST(RingWords, FindsAHeadThatPassesWhatWasTaken) {
  Stream stream(check_ring_words());
  stream(EventKind::sqe_consumed, {1, 0, 0, 5})(EventKind::sq_head, {1, 2});
  EXPECT_NE(stream.found().find("never passes"), std::string::npos);
}

TEST(RingWords, TheHeadMayPassAnSqeThatWasDropped) {
  Stream stream(check_ring_words());
  stream(EventKind::sqe_consumed, {1, 0, 0, 5})(EventKind::sqe_dropped, {1, 1, 99})(EventKind::sq_head, {1, 2});
  EXPECT_EQ(stream.found(), "");
}

TEST(RequestLife, FindsADoubleFreeAndALeak) {
  Stream twice(check_request_life());
  twice(EventKind::request_alloc, {1, 9})(EventKind::request_free, {1, 9});
  EXPECT_EQ(twice.found(), "");
  twice(EventKind::request_free, {1, 9});
  EXPECT_NE(twice.found().find("freed once"), std::string::npos);
  Stream leak(check_request_life());
  leak(EventKind::request_alloc, {1, 9})(EventKind::ring_free, {1});
  EXPECT_NE(leak.found().find("outlives"), std::string::npos);
}

// Two SQEs of a chain, taken in one batch: heads 0 and 1, requests 1 and 2.
Stream& chain_of_two(Stream& stream) {
  stream(EventKind::io_uring_create, {1, 3, 8, 16, 0});
  stream(EventKind::sqe_consumed, {1, 0, 0, 5, uapi::IOSQE_IO_LINK, 0})(EventKind::request_take, {1, 1, 0});
  return stream(EventKind::sqe_consumed, {1, 1, 1, 6, 0, 0})(EventKind::request_take, {1, 2, 1});
}

TEST(LinkOrder, AcceptsAMemberThatStartsWhenTheOneBeforeItHasCompleted) {
  Stream stream(check_link_order());
  chain_of_two(stream)(EventKind::request_issue, {1, 1, 0, 1})(EventKind::io_uring_complete, {1, 5, 0, 1});
  stream(EventKind::request_issue, {1, 2, 0, 0});
  EXPECT_EQ(stream.found(), "");
}

TEST(LinkOrder, FindsAMemberThatStartsBeforeTheOneBeforeItHasCompleted) {
  Stream stream(check_link_order());
  chain_of_two(stream)(EventKind::request_issue, {1, 1, 0, 1})(EventKind::request_issue, {1, 2, 0, 0});
  EXPECT_NE(stream.found().find("SQE 1 (user_data 0x6) starts, and SQE 0"), std::string::npos) << stream.found();
}

TEST(LinkOrder, AMemberStartsWhileWhatIsNotOfItsChainIsUnderWay) {
  Stream stream(check_link_order());
  stream(EventKind::io_uring_create, {1, 3, 8, 16, 0});
  stream(EventKind::sqe_consumed, {1, 0, 0, 5, 0, 0})(EventKind::request_take, {1, 1, 0})(EventKind::request_issue, {1, 1, 0, 1});
  stream(EventKind::sqe_consumed, {1, 1, 1, 6, uapi::IOSQE_IO_LINK, 0})(EventKind::request_take, {1, 2, 1});
  stream(EventKind::sqe_consumed, {1, 2, 2, 7, 0, 0})(EventKind::request_take, {1, 3, 2})(EventKind::request_issue, {1, 2, 0, 1});
  stream(EventKind::io_uring_complete, {1, 6, 0, 2})(EventKind::request_issue, {1, 3, 0, 0});
  EXPECT_EQ(stream.found(), "");
}

TEST(LinkOrder, AMemberThatIsFreedWithoutACompletionIsOver) {
  Stream stream(check_link_order());
  chain_of_two(stream)(EventKind::request_issue, {1, 1, 0, 1})(EventKind::request_free, {1, 1});
  stream(EventKind::request_issue, {1, 2, 0, 0});
  EXPECT_EQ(stream.found(), "");
}

TEST(LinkOrder, ADroppedSqeEndsAChain) {
  Stream stream(check_link_order());
  stream(EventKind::io_uring_create, {1, 3, 8, 16, 0});
  stream(EventKind::sqe_consumed, {1, 0, 0, 5, uapi::IOSQE_IO_LINK, 0})(EventKind::request_take, {1, 1, 0});
  stream(EventKind::request_issue, {1, 1, 0, 1})(EventKind::sqe_dropped, {1, 1, 99});
  stream(EventKind::sqe_consumed, {1, 2, 2, 7, 0, 0})(EventKind::request_take, {1, 3, 2})(EventKind::request_issue, {1, 3, 0, 1});
  EXPECT_EQ(stream.found(), "");
}

TEST(LinkOrder, AChainEndsWithItsBatch) {
  Stream stream(check_link_order());
  stream(EventKind::io_uring_create, {1, 3, 8, 16, 0});
  stream(EventKind::sqe_consumed, {1, 0, 0, 5, uapi::IOSQE_IO_LINK, 0})(EventKind::request_take, {1, 1, 0});
  stream(EventKind::request_issue, {1, 1, 0, 1})(EventKind::sq_head, {1, 1});
  stream(EventKind::sqe_consumed, {1, 1, 1, 6, 0, 0})(EventKind::request_take, {1, 2, 1})(EventKind::request_issue, {1, 2, 0, 1});
  EXPECT_EQ(stream.found(), "");
}

TEST(LinkOrder, AnSqThreadMayNotCutWhatWasPublishedAtOnce) {
  Stream stream(check_link_order());
  stream(EventKind::io_uring_create, {1, 3, 8, 16, uapi::IORING_SETUP_SQPOLL})(EventKind::sq_published, {1, 0, 2});
  stream(EventKind::sqe_consumed, {1, 0, 0, 5, uapi::IOSQE_IO_LINK, 0})(EventKind::request_take, {1, 1, 0});
  stream(EventKind::request_issue, {1, 1, 0, 1})(EventKind::sq_head, {1, 1});
  stream(EventKind::sqe_consumed, {1, 1, 1, 6, 0, 0})(EventKind::request_take, {1, 2, 1})(EventKind::request_issue, {1, 2, 0, 1});
  EXPECT_NE(stream.found(), "");
}

// enter() takes at once what several stores of the tail have published.
TEST(LinkOrder, WithoutAnSqThreadPublicationsCutNothing) {
  Stream stream(check_link_order());
  stream(EventKind::io_uring_create, {1, 3, 8, 16, 0})(EventKind::sq_published, {1, 0, 1})(EventKind::sq_published, {1, 1, 2});
  stream(EventKind::sqe_consumed, {1, 0, 0, 5, uapi::IOSQE_IO_LINK, 0})(EventKind::request_take, {1, 1, 0});
  stream(EventKind::request_issue, {1, 1, 0, 1});
  stream(EventKind::sqe_consumed, {1, 1, 1, 6, 0, 0})(EventKind::request_take, {1, 2, 1})(EventKind::request_issue, {1, 2, 0, 1});
  EXPECT_NE(stream.found(), "");
}

TEST(LinkOrder, ARefusedMemberIsOver) {
  Stream stream(check_link_order());
  stream(EventKind::io_uring_create, {1, 3, 8, 16, 0});
  stream(EventKind::sqe_consumed, {1, 0, 0, 5, uapi::IOSQE_IO_LINK, 0});  // no request: refused
  stream(EventKind::sqe_consumed, {1, 1, 1, 6, 0, 0})(EventKind::request_take, {1, 2, 1})(EventKind::request_issue, {1, 2, 0, 1});
  EXPECT_EQ(stream.found(), "");
}

TEST(DrainOrder, FindsADrainedRequestThatStartsTooEarly) {
  Stream stream(check_drain_order());
  stream(EventKind::sqe_consumed, {1, 0, 0, 5, 0, 0})(EventKind::request_take, {1, 1, 0})(EventKind::request_issue, {1, 1, 0, 1});
  stream(EventKind::sqe_consumed, {1, 1, 1, 6, uapi::IOSQE_IO_DRAIN, 0})(EventKind::request_take, {1, 2, 1});
  EXPECT_EQ(stream.found(), "");
  stream(EventKind::request_issue, {1, 2, 0, 1});
  EXPECT_NE(stream.found().find("SQE 1 drains, and SQE 0"), std::string::npos) << stream.found();
}

TEST(DrainOrder, FindsARequestThatOvertakesADrainThatWaits) {
  Stream stream(check_drain_order());
  stream(EventKind::sqe_consumed, {1, 0, 0, 5, 0, 0})(EventKind::request_take, {1, 1, 0})(EventKind::request_issue, {1, 1, 0, 1});
  stream(EventKind::sqe_consumed, {1, 1, 1, 6, uapi::IOSQE_IO_DRAIN, 0})(EventKind::request_take, {1, 2, 1});
  stream(EventKind::sqe_consumed, {1, 2, 2, 7, 0, 0})(EventKind::request_take, {1, 3, 2})(EventKind::request_issue, {1, 3, 0, 1});
  EXPECT_NE(stream.found(), "");
}

TEST(DrainOrder, AcceptsWhatWaitsForAllBeforeTheDrain) {
  Stream stream(check_drain_order());
  stream(EventKind::sqe_consumed, {1, 0, 0, 5, 0, 0})(EventKind::request_take, {1, 1, 0})(EventKind::request_issue, {1, 1, 0, 1});
  stream(EventKind::sqe_consumed, {1, 1, 1, 6, uapi::IOSQE_IO_DRAIN, 0})(EventKind::request_take, {1, 2, 1});
  stream(EventKind::sqe_consumed, {1, 2, 2, 7, 0, 0})(EventKind::request_take, {1, 3, 2});
  stream(EventKind::io_uring_complete, {1, 5, 0, 1})(EventKind::request_issue, {1, 2, 0, 0})(EventKind::request_issue,
                                                                                             {1, 3, 0, 0});
  EXPECT_EQ(stream.found(), "");
}

TEST(DrainOrder, WhatIsInFrontOfADrainStartsWhenItLikes) {
  Stream stream(check_drain_order());
  for (s64 head = 0; head < 3; head++) {
    const s64 flags = head == 2 ? uapi::IOSQE_IO_DRAIN : 0;
    stream(EventKind::sqe_consumed, {1, head, head, 5 + head, flags, 0})(EventKind::request_take, {1, 1 + head, head});
  }
  stream(EventKind::request_issue, {1, 1, 0, 0})(EventKind::request_issue, {1, 2, 0, 0});
  EXPECT_EQ(stream.found(), "");
}

TEST(DrainOrder, FindsADrainThatStartsBeforeTheDrainInFrontOfItHasCompleted) {
  Stream stream(check_drain_order());
  for (s64 head = 0; head < 2; head++)
    stream(EventKind::sqe_consumed, {1, head, head, 5 + head, uapi::IOSQE_IO_DRAIN, 0})(EventKind::request_take,
                                                                                        {1, 1 + head, head});
  stream(EventKind::request_issue, {1, 1, 0, 0});
  EXPECT_EQ(stream.found(), "");
  stream(EventKind::request_issue, {1, 2, 0, 0});
  EXPECT_NE(stream.found().find("SQE 1 drains, and SQE 0"), std::string::npos) << stream.found();
}

TEST(RingWords, FindsAnSqHeadThatMovesBack) {
  Stream stream(check_ring_words());
  stream(EventKind::sqe_consumed, {1, 0, 0, 5})(EventKind::sq_head, {1, 1});
  EXPECT_EQ(stream.found(), "");
  stream(EventKind::sq_head, {1, 0});
  EXPECT_EQ(stream.found(), "the SQ head only moves forward: ring 1 moves it from 1 back to 0");
}

TEST(RingWords, FindsACqTailThatPassesWhatWasPosted) {
  Stream stream(check_ring_words());
  stream(EventKind::cqe_posted, {1, 0, 5, 0, 0})(EventKind::cq_tail, {1, 2, 0});
  EXPECT_EQ(stream.found(), "the CQ tail never passes what there is: ring 1 moves it to 2, and there are 1");
}

TEST(RingWords, FindsACqThatIsTooFull) {
  Stream stream(check_ring_words());
  stream(EventKind::io_uring_create, {1, 3, 1, 2, 0});
  for (s64 tail = 0; tail < 3; tail++) {
    EXPECT_EQ(stream.found(), "");
    stream(EventKind::cqe_posted, {1, tail, 5, 0, 0})(EventKind::cq_tail, {1, tail + 1, 0});
  }
  EXPECT_NE(stream.found().find("it goes to 3, the head is 0, and there are 2 entries"), std::string::npos) << stream.found();
}

TEST(RingWords, FindsACqHeadBeyondTheTailAndAnSqThatIsTooFull) {
  Stream head(check_ring_words());
  head(EventKind::io_uring_create, {1, 3, 4, 8, 0})(EventKind::cqe_posted, {1, 0, 5, 0, 0})(EventKind::cq_tail, {1, 1, 0});
  EXPECT_EQ(head.found(), "");
  head(EventKind::cqe_posted, {1, 1, 5, 0, 0})(EventKind::cq_tail, {1, 2, 3});
  EXPECT_NE(head.found().find("never passes the tail"), std::string::npos) << head.found();
  Stream full(check_ring_words());
  full(EventKind::io_uring_create, {1, 3, 4, 8, 0})(EventKind::sq_published, {1, 0, 4});
  EXPECT_EQ(full.found(), "");
  full(EventKind::sq_published, {1, 4, 5});
  EXPECT_NE(full.found().find("there are 4 entries"), std::string::npos) << full.found();
}

TEST(SqeStable, FindsAWriteBetweenPublicationAndConsumption) {
  Stream stream(check_sqe_stable());
  stream(EventKind::io_uring_create, {1, 3, 4, 8, 0})(EventKind::sqe_written, {1, 0, 0, 0})(EventKind::sq_published, {1, 0, 1});
  stream(EventKind::sqe_written, {1, 1, 1, 1});  // another one
  EXPECT_EQ(stream.found(), "");
  stream(EventKind::sqe_written, {1, 0, 0, 0});
  EXPECT_NE(stream.found().find("writes SQE 0, entry 0"), std::string::npos) << stream.found();
}

TEST(SqeStable, AcceptsAWriteOnceTheHeadHasPassed) {
  Stream stream(check_sqe_stable());
  stream(EventKind::io_uring_create, {1, 3, 4, 8, 0})(EventKind::sqe_written, {1, 2, 0, 2})(EventKind::sq_published, {1, 0, 1});
  stream(EventKind::sqe_written, {1, 0, 1, 0});  // entry 0 is SQE 2
  stream(EventKind::sq_head, {1, 1})(EventKind::sqe_written, {1, 2, 2, 2});
  EXPECT_EQ(stream.found(), "");
}

TEST(BufferStable, FindsABufferThatIsGivenTwiceOrWritten) {
  Stream twice(check_buffer_stable());
  twice(EventKind::buffer_lent, {1, 5, 0x1000, 4096, 1})(EventKind::buffer_lent, {1, 6, 0x2000, 4096, 1});
  EXPECT_EQ(twice.found(), "");
  twice(EventKind::buffer_lent, {1, 7, 0x1800, 16, 0});
  EXPECT_NE(twice.found().find("0x7 overlaps that of user_data 0x5"), std::string::npos) << twice.found();
  Stream written(check_buffer_stable());
  written(EventKind::buffer_lent, {1, 5, 0x1000, 4096, 0})(EventKind::buffer_touched, {0x1000, 8, 0});
  EXPECT_EQ(written.found(), "");
  written(EventKind::buffer_touched, {0x1000, 8, 1});
  EXPECT_NE(written.found().find("the application writes"), std::string::npos) << written.found();
}

TEST(BufferStable, ACompletionGivesTheBufferBack) {
  Stream stream(check_buffer_stable());
  stream(EventKind::buffer_lent, {1, 5, 0x1000, 4096, 1})(EventKind::io_uring_complete, {1, 5, 4096, 1});
  stream(EventKind::buffer_lent, {1, 6, 0x1000, 4096, 1})(EventKind::buffer_touched, {0x3000, 8, 1});
  EXPECT_EQ(stream.found(), "");
}

TEST(BufferStable, ACompletionOnAnotherRingGivesNothingBack) {
  Stream stream(check_buffer_stable());
  stream(EventKind::buffer_lent, {1, 5, 0x1000, 4096, 1})(EventKind::io_uring_complete, {2, 5, 4096, 1});
  stream(EventKind::buffer_touched, {0x1000, 8, 0});
  EXPECT_NE(stream.found().find("the application reads that of user_data 0x5"), std::string::npos) << stream.found();
}

TEST(UserDataUnique, FindsOneThatIsUsedAgainBeforeItsCqe) {
  Stream stream(check_user_data_unique());
  stream(EventKind::sqe_consumed, {1, 0, 0, 5, 0, 0})(EventKind::io_uring_complete, {1, 5, 0, 1});
  stream(EventKind::sqe_consumed, {1, 1, 1, 5, 0, 0})(EventKind::sqe_consumed, {2, 0, 0, 5, 0, 0});
  EXPECT_EQ(stream.found(), "");
  stream(EventKind::sqe_consumed, {1, 2, 2, 5, 0, 0});
  EXPECT_NE(stream.found().find("0x5"), std::string::npos);
}

TEST(NeedWakeupBarrier, FindsALookAtTheFlagsWithoutABarrier) {
  Stream stream(check_need_wakeup_barrier());
  stream(EventKind::sq_published, {1, 0, 1})(EventKind::full_barrier, {})(EventKind::sq_flags_read, {1, 0});
  EXPECT_EQ(stream.found(), "");
  stream(EventKind::sq_published, {1, 1, 2})(EventKind::sq_flags_read, {2, 0});
  EXPECT_EQ(stream.found(), "");
  stream(EventKind::sq_flags_read, {1, 0});
  EXPECT_NE(stream.found().find("on ring 1 there is none"), std::string::npos);
}

TEST(NeedWakeupBarrier, AsksForTheBarrierOfWhoeverPublishedAndForNoOthers) {
  Stream others_look(check_need_wakeup_barrier());
  others_look.by(1)(EventKind::sq_published, {1, 0, 1}).by(2)(EventKind::sq_flags_read, {1, 0});
  EXPECT_EQ(others_look.found(), "");
  Stream others_barrier(check_need_wakeup_barrier());
  others_barrier.by(1)(EventKind::sq_published, {1, 0, 1}).by(2)(EventKind::full_barrier, {});
  others_barrier.by(1)(EventKind::sq_flags_read, {1, 0});
  EXPECT_NE(others_barrier.found(), "");
}

TEST(NeedWakeupBarrier, ASystemCallIsABarrier) {
  Stream stream(check_need_wakeup_barrier());
  stream(EventKind::sq_published, {1, 0, 1})(EventKind::sys_enter_io_uring_enter, {3, 1, 0, 0});
  stream(EventKind::sq_flags_read, {1, 0});
  EXPECT_EQ(stream.found(), "");
}

TEST(Checker, GoesOnFromWhatItHadSeenBeforeKeep) {
  Stream stream(check_exactly_once());
  stream(EventKind::sqe_consumed, {1, 0, 0, 5});
  stream.checker().keep();
  for (int execution = 0; execution < 3; execution++) {
    stream.checker().put_back();
    EXPECT_EQ(stream.found(), "");
    stream(EventKind::cqe_posted, {1, 0, 5, 0, 0});
    EXPECT_EQ(stream.found(), "");
    stream(EventKind::cqe_posted, {1, 1, 5, 0, 0});
    EXPECT_NE(stream.found(), "");
  }
}

}  // namespace
}  // namespace uringsim::sim
