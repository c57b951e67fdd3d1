// SPDX-License-Identifier: GPL-2.0-only
#include "sim/check/checker.h"

#include <gtest/gtest.h>

namespace uringsim::sim {
namespace {

using kernel::EventKind;

/// Feeds events to one checker and says what it found.
class Stream {
 public:
  explicit Stream(std::unique_ptr<Checker> checker) : checker_(std::move(checker)) {}
  Stream& operator()(EventKind kind, std::initializer_list<s64> values) {
    kernel::TraceEvent event;
    event.kind = kind;
    std::copy(values.begin(), values.end(), event.values);
    checker_->event(event);
    return *this;
  }
  [[nodiscard]] std::string found() const { return checker_->finding() != nullptr ? checker_->finding()->text : ""; }
  Checker& checker() { return *checker_; }

 private:
  std::unique_ptr<Checker> checker_;
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

TEST(RingIndices, FindsATailThatMovesBack) {
  Stream stream(check_ring_indices());
  stream(EventKind::cqe_posted, {1, 0, 5, 0, 0})(EventKind::cq_tail, {1, 1});
  EXPECT_EQ(stream.found(), "");
  stream(EventKind::cq_tail, {1, 0});
  EXPECT_NE(stream.found().find("back to 0"), std::string::npos);
}

TEST(RingIndices, FindsAHeadThatPassesWhatWasTaken) {
  Stream stream(check_ring_indices());
  stream(EventKind::sqe_consumed, {1, 0, 0, 5})(EventKind::sq_head, {1, 2});
  EXPECT_NE(stream.found().find("never passes"), std::string::npos);
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
