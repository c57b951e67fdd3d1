// SPDX-License-Identifier: GPL-2.0-only
#include "uapi/ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <vector>

#include "tests/uapi/fake_system.h"

namespace uringsim::uapi {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;

using Enter = FakeMachine::Enter;
constexpr std::size_t sigset_bytes = 8;

class RingTest : public testing::Test {
 protected:
  void init(std::uint32_t setup_flags = 0, std::uint32_t features = 0) {
    machine.features = features;
    ASSERT_EQ(ring.queue_init(4, setup_flags), 0);
  }
  void fill(unsigned n) {
    for (unsigned i = 0; i < n; ++i) {
      auto sqe = ring.get_sqe();
      ASSERT_TRUE(sqe);
      sqe.prep_nop();
      sqe.set_data64(i);
    }
  }
  /// A kernel that takes what it is offered and completes each at once.
  void complete_at_once() {
    machine.on_enter = [this](const Enter& call) {
      for (std::uint32_t i = 0; i < call.to_submit; ++i) machine.post(machine.take().user_data, 0);
      return static_cast<int>(call.to_submit);
    };
  }
  std::uint32_t shared_tail() const { return machine.get<std::uint32_t>(FakeMachine::sq_at + FakeMachine::sq_off.tail); }
  std::uint32_t shared_cq_head() const { return machine.get<std::uint32_t>(machine.cq_area + FakeMachine::cq_off.head); }

  FakeMachine machine;
  Ring<Fake> ring{Fake{&machine}};
  Ring<Fake>::Cqe cqe;
};

// ---- setting up ---------------------------------------------------------------------------------------------------------

TEST_F(RingTest, QueueInitReturnsTheErrorOfSetup) {
  machine.setup_result = -EPERM;
  EXPECT_EQ(ring.queue_init(4, IORING_SETUP_SQPOLL), -EPERM);
  EXPECT_THAT(machine.closed, IsEmpty());
}

TEST_F(RingTest, QueueInitUndoesWhatItDidIfAMappingFails) {
  machine.failing_mmap = IORING_OFF_SQES;
  EXPECT_EQ(ring.queue_init(4, 0), -ENOMEM);
  EXPECT_THAT(machine.unmapped, ElementsAre(FakeMachine::sq_at, FakeMachine::cq_at));
  EXPECT_THAT(machine.closed, ElementsAre(FakeMachine::fd));
}

TEST_F(RingTest, QueueInitUnmapsTheSqIfTheCqCannotBeMapped) {
  machine.failing_mmap = IORING_OFF_CQ_RING;
  EXPECT_EQ(ring.queue_init(4, 0), -ENOMEM);
  EXPECT_THAT(machine.unmapped, ElementsAre(FakeMachine::sq_at));
}

TEST_F(RingTest, SetupFlagsWithoutCodeForThemAreRefused) {
  for (const std::uint32_t flag : {IORING_SETUP_NO_MMAP, IORING_SETUP_REGISTERED_FD_ONLY, IORING_SETUP_CQE_MIXED})
    EXPECT_EQ(ring.queue_init(4, flag), -EOPNOTSUPP);
}

TEST_F(RingTest, QueueExitUnmapsAllThreeAreasAndCloses) {
  init();
  ring.queue_exit();
  EXPECT_THAT(machine.unmapped, ElementsAre(FakeMachine::sqes_at, FakeMachine::sq_at, FakeMachine::cq_at));
  EXPECT_THAT(machine.closed, ElementsAre(FakeMachine::fd));
}

TEST_F(RingTest, SingleMmapMapsAndUnmapsTheRingsOnce) {
  init(0, IORING_FEAT_SINGLE_MMAP);
  EXPECT_EQ(ring.cq.ring_ptr, ring.sq.ring_ptr);
  complete_at_once();
  fill(1);
  EXPECT_EQ(ring.submit(), 1);
  EXPECT_EQ(ring.peek_cqe(&cqe), 0);
  ring.queue_exit();
  EXPECT_THAT(machine.unmapped, ElementsAre(FakeMachine::sqes_at, FakeMachine::sq_at));
}

// ---- the submission side ------------------------------------------------------------------------------------------------

TEST_F(RingTest, GetSqeHandsOutEveryEntryAndThenNone) {
  init();
  fill(4);
  EXPECT_EQ(ring.sq_space_left(), 0u);
  EXPECT_FALSE(ring.get_sqe());
  EXPECT_EQ(ring.sq_ready(), 4u);
  ring.submit();
  EXPECT_FALSE(ring.get_sqe()) << "the kernel has not moved the head";
  machine.take();
  EXPECT_TRUE(ring.get_sqe());
}

TEST_F(RingTest, APreparedSqeIsInvisibleUntilSubmit) {
  init();
  fill(3);
  EXPECT_EQ(shared_tail(), 0u);
  EXPECT_EQ(ring.submit(), 3);
  EXPECT_EQ(shared_tail(), 3u);
  EXPECT_THAT(machine.enters, ElementsAre(Enter{3, 0, 0, 0, sigset_bytes}));
}

TEST_F(RingTest, SubmitOffersAgainWhatTheKernelDidNotTake) {
  init();
  machine.on_enter = [this](const Enter&) {
    machine.take();
    return 1;
  };
  fill(3);
  EXPECT_EQ(ring.submit(), 1);
  EXPECT_EQ(ring.submit(), 1);
  EXPECT_EQ(machine.enters[1].to_submit, 2u);
}

TEST_F(RingTest, EntriesKeepTheirOrderAcrossTheWrapOfIndexAndOfNumber) {
  init();
  complete_at_once();
  // The shared words start just below the largest 32-bit number.
  const std::uint32_t start = 0xfffffffe;
  for (const std::uint64_t at : {ring.sq.khead, ring.sq.ktail, ring.cq.khead, ring.cq.ktail}) machine.set(at, start);
  ring.sq.sqe_head = ring.sq.sqe_tail = start;
  std::uint64_t next = 0, expected = 0;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 3; ++i) {
      auto sqe = ring.get_sqe();
      ASSERT_TRUE(sqe);
      sqe.prep_nop();
      sqe.set_data64(next++);
    }
    EXPECT_EQ(ring.submit(), 3);
    EXPECT_EQ(ring.cq_ready(), 3u);
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(ring.peek_cqe(&cqe), 0);
      EXPECT_EQ(cqe.user_data(), expected++);
      ring.cqe_seen(cqe);
    }
  }
  EXPECT_EQ(shared_tail(), start + 15);
  EXPECT_EQ(shared_cq_head(), start + 15);
}

TEST_F(RingTest, FlushSqPublishesByAReleaseOfTheTailAfterTheHeadWasAcquired) {
  init();
  fill(1);
  ring.submit();
  EXPECT_THAT(machine.log, ElementsAre("liburing.get_sqe.head sq.head", "liburing.flush_sq.tail sq.tail", "load sq.head"));
}

TEST_F(RingTest, NoSqArrayLeavesTheArrayAlone) {
  init(IORING_SETUP_NO_SQARRAY);
  fill(2);
  ring.submit();
  EXPECT_EQ(machine.get<std::uint32_t>(FakeMachine::sq_at + FakeMachine::sq_off.array + 4), 0u);
  EXPECT_EQ(shared_tail(), 2u);
}

TEST_F(RingTest, WideEntriesLieTwiceAsFarApart) {
  init(IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
  complete_at_once();
  const auto first = ring.get_sqe();
  first.prep_nop();
  first.set_data64(1);
  const auto second = ring.get_sqe();
  second.prep_nop();
  second.set_data64(2);
  EXPECT_EQ(second.address() - first.address(), 128u);
  EXPECT_EQ(ring.submit(), 2);
  std::array<Ring<Fake>::Cqe, 2> cqes;
  ASSERT_EQ(ring.peek_batch_cqe(cqes.data(), 2), 2u);
  EXPECT_EQ(cqes[1].address() - cqes[0].address(), 32u);
  EXPECT_EQ(cqes[1]->user_data, 2u);
}

// ---- the wake-up handshake ----------------------------------------------------------------------------------------------

TEST_F(RingTest, WithoutSqpollEverySubmitEnters) {
  init();
  ring.submit();
  EXPECT_THAT(machine.enters, ElementsAre(Enter{0, 0, 0, 0, sigset_bytes}));
}

TEST_F(RingTest, WithSqpollSubmitEntersOnlyToWake) {
  init(IORING_SETUP_SQPOLL);
  fill(2);
  EXPECT_EQ(ring.submit(), 2);
  EXPECT_THAT(machine.enters, IsEmpty());
  machine.set_sq_flags(IORING_SQ_NEED_WAKEUP);
  EXPECT_EQ(ring.submit(), 2) << "what the thread has not consumed, not what is new";
  EXPECT_THAT(machine.enters, ElementsAre(Enter{2, 0, IORING_ENTER_SQ_WAKEUP, 0, sigset_bytes}));
}

TEST_F(RingTest, TheFullBarrierStandsBetweenTailAndFlags) {
  init(IORING_SETUP_SQPOLL);
  fill(1);
  machine.log.clear();
  ring.submit();
  EXPECT_THAT(machine.log,
              ElementsAre("liburing.flush_sq.tail sq.tail", "load sq.head", "liburing.sq_ring_needs_enter", "load sq.flags"));
}

TEST_F(RingTest, Liburing21HasNoBarrierThere) {
  Ring<Fake, LiburingVersion::v2_1> old{Fake{&machine}};
  ASSERT_EQ(old.queue_init(4, IORING_SETUP_SQPOLL), 0);
  old.get_sqe().prep_nop();
  machine.log.clear();
  old.submit();
  EXPECT_THAT(machine.log, ElementsAre("liburing.flush_sq.tail sq.tail", "load sq.head", "load sq.flags"));
}

TEST_F(RingTest, WithoutSqpollThereIsNoBarrierToPayFor) {
  init();
  fill(1);
  ring.submit();
  EXPECT_THAT(machine.log, testing::Not(testing::Contains("liburing.sq_ring_needs_enter")));
}

/// A policy whose store to the tail stays in a store buffer until a full barrier or a system call.
struct Buffered : Fake {
  std::uint32_t* buffered = nullptr;

  template <class T>
  void store_release(std::uint64_t at, T value, const char* name) const {
    if (at == FakeMachine::sq_at + FakeMachine::sq_off.tail)
      *buffered = value;
    else
      Fake::store_release(at, value, name);
  }
  void full_barrier(const char*) const { drain(); }
  int io_uring_enter(int fd, std::uint32_t to_submit, std::uint32_t min_complete, std::uint32_t flags, std::uint64_t argument,
                     std::size_t size) const {
    drain();
    return Fake::io_uring_enter(fd, to_submit, min_complete, flags, argument, size);
  }
  void drain() const { machine->set(FakeMachine::sq_at + FakeMachine::sq_off.tail, *buffered); }
};

/// One submit against an SQ thread that goes to sleep right after the application has read the flags: it sets NEED_WAKEUP,
/// looks at the tail once more, and sleeps if nothing is there. Returns whether it sleeps on an entry that nobody wakes it for.
template <LiburingVersion V>
bool wakeup_is_lost() {
  FakeMachine machine;
  std::uint32_t buffered = 0;
  Ring<Buffered, V> ring{Buffered{{&machine}, &buffered}};
  EXPECT_EQ(ring.queue_init(4, IORING_SETUP_SQPOLL), 0);
  ring.get_sqe().prep_nop();
  const std::uint32_t flushed = ring.flush_sq();
  EXPECT_EQ(flushed, 1u);
  std::uint32_t enter_flags = 0;
  const bool wakes = ring.sq_ring_needs_enter(&enter_flags);
  machine.set_sq_flags(IORING_SQ_NEED_WAKEUP);
  const bool sleeps = machine.pending() == 0;
  return sleeps && !wakes;
}

TEST(LostWakeup, HappensToLiburing21UnderAStoreBuffer) { EXPECT_TRUE(wakeup_is_lost<LiburingVersion::v2_1>()); }

TEST(LostWakeup, IsPreventedByTheBarrierOfLiburing22) { EXPECT_FALSE(wakeup_is_lost<LiburingVersion::v2_2>()); }

TEST_F(RingTest, SqringWaitEntersOnlyIfTheSqIsFull) {
  init(IORING_SETUP_SQPOLL);
  EXPECT_EQ(ring.sqring_wait(), 0);
  EXPECT_THAT(machine.enters, IsEmpty());
  fill(4);
  ring.submit();
  ring.sqring_wait();
  EXPECT_THAT(machine.enters, ElementsAre(Enter{0, 0, IORING_ENTER_SQ_WAIT, 0, sigset_bytes}));
}

// ---- the completion side ------------------------------------------------------------------------------------------------

TEST_F(RingTest, PeekOfAnEmptyRingSaysEagainWithoutEntering) {
  init();
  EXPECT_EQ(ring.peek_cqe(&cqe), -EAGAIN);
  EXPECT_FALSE(cqe);
  EXPECT_THAT(machine.enters, IsEmpty());
}

TEST_F(RingTest, PeekEntersOnceForCqesHeldBack) {
  init();
  machine.set_sq_flags(IORING_SQ_CQ_OVERFLOW);
  EXPECT_EQ(ring.peek_cqe(&cqe), -EAGAIN) << "the kernel had none after all";
  EXPECT_THAT(machine.enters, ElementsAre(Enter{0, 0, IORING_ENTER_GETEVENTS, 0, sigset_bytes}));
  machine.on_enter = [this](const Enter&) {
    machine.post(5, 0);
    return 0;
  };
  EXPECT_EQ(ring.peek_cqe(&cqe), 0);
  EXPECT_EQ(cqe->user_data, 5u);
}

TEST_F(RingTest, PeekOfAPolledRingEntersToReap) {
  init(IORING_SETUP_IOPOLL);
  machine.on_enter = [this](const Enter&) {
    machine.post(9, 512);
    return 0;
  };
  EXPECT_EQ(ring.peek_cqe(&cqe), 0);
  EXPECT_EQ(cqe.res(), 512);
}

TEST_F(RingTest, SubmitOfAPolledRingAsksForEvents) {
  init(IORING_SETUP_IOPOLL);
  fill(1);
  ring.submit();
  EXPECT_THAT(machine.enters, ElementsAre(Enter{1, 0, IORING_ENTER_GETEVENTS, 0, sigset_bytes}));
}

TEST_F(RingTest, WaitCqeDoesNotEnterForACqeThatIsThere) {
  init();
  machine.post(1, -EBADF);
  EXPECT_EQ(ring.wait_cqe(&cqe), 0);
  EXPECT_EQ((*cqe).res, -EBADF);
  EXPECT_THAT(machine.enters, IsEmpty());
}

TEST_F(RingTest, WaitCqeEntersUntilOneIsThere) {
  init();
  machine.on_enter = [this](const Enter&) {
    if (machine.enters.size() == 3) machine.post(3, 0);
    return 0;
  };
  EXPECT_EQ(ring.wait_cqe(&cqe), 0);
  EXPECT_EQ(cqe.get_data64(), 3u);
  EXPECT_EQ(machine.enters.size(), 3u);
  EXPECT_EQ(machine.enters[0], (Enter{0, 1, IORING_ENTER_GETEVENTS, 0, sigset_bytes}));
}

TEST_F(RingTest, WaitCqeReturnsTheErrorOfEnter) {
  init();
  machine.on_enter = [](const Enter&) { return -EINTR; };
  EXPECT_EQ(ring.wait_cqe(&cqe), -EINTR);
  EXPECT_FALSE(cqe);
}

TEST_F(RingTest, WaitCqeNrEntersIfTooFewAreThere) {
  init();
  machine.post(1, 0);
  machine.on_enter = [this](const Enter&) {
    machine.post(2, 0);
    return 0;
  };
  EXPECT_EQ(ring.wait_cqe_nr(&cqe, 2), 0);
  EXPECT_EQ(cqe.user_data(), 1u);
  EXPECT_EQ(machine.enters.size(), 1u);
}

TEST_F(RingTest, SeeingACqeReleasesTheHead) {
  init();
  machine.post(1, 0);
  ASSERT_EQ(ring.peek_cqe(&cqe), 0);
  machine.log.clear();
  ring.cqe_seen(cqe);
  EXPECT_THAT(machine.log, ElementsAre("liburing.cq.head cq.head"));
  EXPECT_EQ(shared_cq_head(), 1u);
  ring.cqe_seen({});
  EXPECT_EQ(shared_cq_head(), 1u) << "nothing seen, nothing given back";
}

TEST_F(RingTest, PeekBatchHandsOutAtMostWhatIsThere) {
  init();
  for (std::uint64_t i = 0; i < 5; ++i) machine.post(i, 0);
  std::array<Ring<Fake>::Cqe, 8> cqes;
  EXPECT_EQ(ring.peek_batch_cqe(cqes.data(), 3), 3u);
  ring.cq_advance(3);
  EXPECT_EQ(ring.peek_batch_cqe(cqes.data(), 8), 2u);
  EXPECT_EQ(cqes[1].user_data(), 4u);
}

TEST_F(RingTest, PeekBatchAsksOnceForCqesHeldBack) {
  init();
  machine.set_sq_flags(IORING_SQ_CQ_OVERFLOW);
  machine.on_enter = [this](const Enter&) {
    machine.post(8, 0);
    return 0;
  };
  EXPECT_EQ(ring.peek_batch_cqe(&cqe, 1), 1u);
  EXPECT_EQ(cqe.user_data(), 8u);
}

TEST_F(RingTest, ForEachCqeVisitsWhatIsThereAndSeesNothing) {
  init();
  for (std::uint64_t i = 0; i < 3; ++i) machine.post(i, 0);
  std::vector<std::uint64_t> seen;
  for (auto each : ring.for_each_cqe()) {
    seen.push_back(each->user_data);
    if (seen.size() == 1) machine.post(3, 0);  // one more meanwhile
  }
  EXPECT_THAT(seen, ElementsAre(0u, 1u, 2u, 3u));
  EXPECT_EQ(shared_cq_head(), 0u);
  ring.cq_advance(4);
  EXPECT_EQ(ring.cq_ready(), 0u);
}

TEST_F(RingTest, SubmitAndWaitEntersOnceForBoth) {
  init();
  complete_at_once();
  fill(2);
  EXPECT_EQ(ring.submit_and_wait(2), 2);
  EXPECT_THAT(machine.enters, ElementsAre(Enter{2, 2, IORING_ENTER_GETEVENTS, 0, sigset_bytes}));
  EXPECT_EQ(ring.cq_ready(), 2u);
}

// ---- timed waits --------------------------------------------------------------------------------------------------------

constexpr std::uint64_t ts_at = FakeMachine::scratch_at + 0x100;

TEST_F(RingTest, ATimedWaitBefore511SubmitsATimeoutWithWhatIsPrepared) {
  init();
  std::vector<io_uring_sqe> taken;
  machine.on_enter = [&](const Enter& call) {
    for (std::uint32_t i = 0; i < call.to_submit; ++i) taken.push_back(machine.take());
    machine.post(taken.back().user_data, -ETIME);
    return static_cast<int>(call.to_submit);
  };
  fill(1);
  EXPECT_EQ(ring.wait_cqe_timeout(&cqe, ts_at), -ETIME);
  EXPECT_FALSE(cqe);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[1].opcode, IORING_OP_TIMEOUT);
  EXPECT_EQ(taken[1].addr, ts_at);
  EXPECT_EQ(taken[1].len, 1u);
  EXPECT_EQ(taken[1].off, 1u) << "ends after one completion";
  EXPECT_EQ(taken[1].user_data, LIBURING_UDATA_TIMEOUT);
  EXPECT_EQ(ring.cq_ready(), 0u) << "its CQE is not the application's";
}

TEST_F(RingTest, TheCqeOfATimeoutThatCountedEnoughIsTakenOutSilently) {
  init();
  machine.post(LIBURING_UDATA_TIMEOUT, 0);
  machine.post(4, 0);
  EXPECT_EQ(ring.wait_cqe(&cqe), 0);
  EXPECT_EQ(cqe.user_data(), 4u);
  EXPECT_EQ(shared_cq_head(), 1u);
}

TEST_F(RingTest, WithExtArgThatUserDataIsTheApplications) {
  init(0, IORING_FEAT_EXT_ARG);
  machine.post(LIBURING_UDATA_TIMEOUT, -ETIME);
  EXPECT_EQ(ring.peek_cqe(&cqe), 0);
  EXPECT_EQ(cqe.res(), -ETIME);
}

TEST_F(RingTest, ATimedWaitSubmitsFirstIfTheSqIsFull) {
  init();
  complete_at_once();
  fill(4);
  EXPECT_EQ(ring.wait_cqes(&cqe, 1, ts_at, nullptr), 0);
  ASSERT_EQ(machine.enters.size(), 2u);
  EXPECT_EQ(machine.enters[0].to_submit, 4u);
  EXPECT_EQ(machine.enters[1].to_submit, 1u);
}

TEST_F(RingTest, ATimedWaitSaysEagainIfTheSqStaysFull) {
  init(IORING_SETUP_SQPOLL);
  fill(4);
  EXPECT_EQ(ring.wait_cqe_timeout(&cqe, ts_at), -EAGAIN);
}

TEST_F(RingTest, ATimedWaitFrom511OnPassesTheTimeToEnter) {
  init(0, IORING_FEAT_EXT_ARG);
  machine.on_enter = [](const Enter&) { return -ETIME; };
  fill(1);
  EXPECT_EQ(ring.wait_cqes(&cqe, 2, ts_at, 0x77), -ETIME);
  ASSERT_THAT(machine.enters, ElementsAre(Enter{0, 2, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, FakeMachine::scratch_at,
                                                sizeof(io_uring_getevents_arg)}))
      << "and submits nothing";
  const auto arg = machine.get<io_uring_getevents_arg>(FakeMachine::scratch_at);
  EXPECT_EQ(arg.ts, ts_at);
  EXPECT_EQ(arg.sigmask, 0x77u);
  EXPECT_EQ(arg.sigmask_sz, sigset_bytes);
}

TEST_F(RingTest, SubmitAndWaitTimeoutDoesBothInOneEnter) {
  init(0, IORING_FEAT_EXT_ARG);
  complete_at_once();
  fill(1);
  EXPECT_EQ(ring.submit_and_wait_timeout(&cqe, 1, ts_at, nullptr), 0);
  ASSERT_EQ(machine.enters.size(), 1u);
  EXPECT_EQ(machine.enters[0].to_submit, 1u);
  EXPECT_EQ(machine.enters[0].flags, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG);
}

// ---- what 2.1 does otherwise --------------------------------------------------------------------------------------------

TEST_F(RingTest, Liburing21EntersForATimedWaitEvenIfTheSqThreadIsAwake) {
  // The thread consumes the TIMEOUT on its own, and a CQE is there before the enter.
  const auto enters = [&](auto&& any_ring) {
    machine.enters.clear();
    EXPECT_EQ(any_ring.queue_init(4, IORING_SETUP_SQPOLL), 0);
    machine.post(1, 0);
    EXPECT_EQ(any_ring.wait_cqe_timeout(&cqe, ts_at), 0);
    return machine.enters.size();
  };
  EXPECT_EQ(enters(Ring<Fake, LiburingVersion::v2_1>{Fake{&machine}}), 1u);
  machine = FakeMachine{};
  EXPECT_EQ(enters(Ring<Fake, LiburingVersion::v2_2>{Fake{&machine}}), 0u);
}

TEST_F(RingTest, Liburing21DoesNotEnterToPeekAPolledRing) {
  Ring<Fake, LiburingVersion::v2_1> old{Fake{&machine}};
  ASSERT_EQ(old.queue_init(4, IORING_SETUP_IOPOLL), 0);
  EXPECT_EQ(old.peek_cqe(&cqe), -EAGAIN);
  EXPECT_THAT(machine.enters, IsEmpty());
}

// ---- registering --------------------------------------------------------------------------------------------------------

TEST_F(RingTest, RegisterCallsCarryTheirArguments) {
  using Register = FakeMachine::Register;
  init();
  ring.register_buffers(0x1234, 2);
  ring.unregister_buffers();
  ring.register_files(0x5678, 3);
  ring.unregister_files();
  ring.register_eventfd(42);
  EXPECT_EQ(machine.get<int>(FakeMachine::scratch_at), 42);
  ring.unregister_eventfd();
  ring.register_files_update(5, 0x9abc, 1);
  const auto update = machine.get<io_uring_files_update>(FakeMachine::scratch_at);
  EXPECT_EQ(update.offset, 5u);
  EXPECT_EQ(update.fds, 0x9abcu);
  EXPECT_THAT(
      machine.registers,
      ElementsAre(Register{IORING_REGISTER_BUFFERS, 0x1234, 2}, Register{IORING_UNREGISTER_BUFFERS, 0, 0},
                  Register{IORING_REGISTER_FILES, 0x5678, 3}, Register{IORING_UNREGISTER_FILES, 0, 0},
                  Register{IORING_REGISTER_EVENTFD, FakeMachine::scratch_at, 1}, Register{IORING_UNREGISTER_EVENTFD, 0, 0},
                  Register{IORING_REGISTER_FILES_UPDATE, FakeMachine::scratch_at, 1}));
}

TEST(Barriers, HaveNamesThatDiffer) {
  std::vector<std::string> names(std::begin(barriers::all), std::end(barriers::all));
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& name : names) EXPECT_EQ(name.rfind("liburing.", 0), 0u) << name;
}

}  // namespace
}  // namespace uringsim::uapi
