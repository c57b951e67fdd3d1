// SPDX-License-Identifier: GPL-2.0-only
// Real bugs of the kernel's history, as variants of the model: one table, and a look-up at the place where the kernel had it.
//
// A profile has the bugs that its release had (native). A world may add foreign ones ("bugs") and take native ones out ("fixes").
// Each is one difference at the place where the kernel had it: look for ctx->has(Bug::...).
#pragma once

#include <string_view>

#include "kernel_model/arch/types.h"

namespace uringsim::kernel {

/// X(name, "id", "what it does wrong", "affected", "fixed by")
// clang-format off
#define URINGSIM_BUGS(X)                                                                                                         \
  X(sqpoll_need_wakeup_missing_mb_51rc, "sqpoll-need-wakeup-missing-mb-51rc",                                                    \
    "the SQ thread has no full barrier between setting NEED_WAKEUP and its last look at the SQ tail", "5.1-rc", "0d7bae69c574")  \
  X(sqpoll_flag_set_after_last_check, "sqpoll-flag-set-after-last-check",                                                        \
    "the SQ thread sets NEED_WAKEUP after its last look at the SQ tail and sleeps", "5.10 to 5.12", "5.13-rc1")                  \
  X(sqpoll_need_wakeup_barrier_dropped_58, "sqpoll-need-wakeup-barrier-dropped-58",                                              \
    "NEED_WAKEUP is set under a lock, which is not a barrier against the look at the SQ tail that follows", "5.8 to 5.17", "649bb75d19c9") \
  X(sqpoll_link_split_batch, "sqpoll-link-split-batch",                                                                          \
    "the SQ thread submits eight SQEs at a time and cuts chains that reach over the eighth", "5.3 to 5.4-rc", "fb5ccc98782f")    \
  X(sqpoll_wakeup_and_getevents_exclusive, "sqpoll-wakeup-and-getevents-exclusive",                                              \
    "enter on an SQPOLL ring returns after the wakeup and never waits", "5.1 to 5.3", "5.4-rc1")                                 \
  X(sq_park_before_prepare_wait, "sq-park-before-prepare-wait",                                                                  \
    "before it sleeps the SQ thread looks whether to stop, not whether to park, and the closer parks it first", "5.1", "5.2-rc1") \
  X(sq_exits_before_park, "sq-exits-before-park",                                                                                \
    "the closer tells the SQ thread to stop and then parks it: a thread that sees the one before the other ends, and is never parked", \
    "5.1", "2bbcd6d3b36a")                                                                                                       \
  X(sq_stop_before_thread_runs, "sq-stop-before-thread-runs",                                                                    \
    "the closer parks and stops the SQ thread without knowing that it has begun", "5.2", "a4c0b3decb33")                         \
  X(register_quiesce_vs_enter_deadlock, "register-quiesce-vs-enter-deadlock",                                                    \
    "register waits for every reference with uring_lock held, which enter wants while it holds one", "5.1-rc", "b19062a56726")   \
  X(cq_overflow_counter_race, "cq-overflow-counter-race",                                                                        \
    "cq_overflow is counted in the ring, where the application can write it", "5.1 to 5.3", "5.4")                               \
  X(timeout_counts_other_timeouts, "timeout-counts-other-timeouts",                                                              \
    "a timeout that fires counts as a completion for those that wait for a number of them", "5.4 to 5.6", "5.7")                 \
  X(timeout_insert_same_sequence, "timeout-insert-same-sequence",                                                                \
    "a timeout that is put in front of others leaves their sequence as it was", "5.4 before 5.4.59", "a1f58ba46f79")            \
  X(timeout_fn_walks_removed_entry, "timeout-fn-walks-removed-entry",                                                            \
    "a timeout that fires while a completion satisfies it walks the list that it was just taken off, for ever", "5.4",           \
    "5.5-rc1, \"add support for canceling timeout requests\"")                                                    \
  X(timeout_seq_skipped_by_batch, "timeout-seq-skipped-by-batch",                                                                \
    "a timeout compares the completions with its number for equality, and a dropped SQE counts like one and is not looked at",   \
    "5.4 to 5.10", "f010505b78a4")                                                                                               \
  X(timeout_seq_u32_wrap, "timeout-seq-u32-wrap",                                                                                \
    "a timeout that waits for so many completions that its number wraps is put in front of the others", "5.4-rc", "5da0fb1ab34c") \
  X(timeout_reads_sq_head_async, "timeout-reads-sq-head-async",                                                                  \
    "a timeout that a worker arms, because a drain deferred it, counts from what was submitted until then", "5.4 to 5.6",        \
    "5.7-rc2")                                                                                                                   \
  X(timeout_armed_after_unlock, "timeout-armed-after-unlock",                                                                    \
    "a timeout is put on its list before its timer is started: a completion that satisfies it in between frees it, used as it is", "5.4", \
    "5.5-rc1; half of it in 5.4.y of June 2023, \"don't drop completion lock before timer is fully initialized\"")              \
  X(drain_link_order_broken, "drain-link-order-broken",                                                                          \
    "while a drain waits the members of a chain are deferred one by one, and all run when it ends", "5.3-rc", "5.3")             \
  X(drain_sequence_of_batch, "drain-sequence-of-batch",                                                                          \
    "the SQ thread gives all SQEs of a batch the number of the last: a drain among them waits for itself", "5.2 to 5.3",         \
    "8776f3fa15a5")                                                                                                              \
  X(drain_shadow_after_head, "drain-shadow-after-head",                                                                          \
    "what stands for a drained member of a chain waits behind its head: a head that is over by then leaves it there for ever, and all behind it", \
    "5.3 and 5.4", "5.5-rc1, \"drain next sqe instead of shadowing\"")                                                           \
  X(drain_counts_refused, "drain-counts-refused",                                                                                \
    "a drain counts the completion of an SQE behind it that is refused, and starts one too early", "5.2 and later", "not known") \
  X(drain_ignores_overflow, "drain-ignores-overflow",                                                                            \
    "a drain does not count completions that were dropped: once the CQ has overflowed, none ever starts", "5.2 to 5.4-rc5",      \
    "498ccd9eda49")                                                                                                              \
  X(link_head_after_commit, "link-head-after-commit",                                                                            \
    "enter gives the SQ entries back before it submits the chain that the batch ends with, whose SQE it reads again",            \
    "5.3 to 5.4-rc5", "935d1e45908a")                                                                                            \
  X(async_list_missing_mb, "async-list-missing-mb",                                                                              \
    "a request on a worker's list is followed by the look whether the worker is still there with no full barrier in between",    \
    "5.1 to 5.2", "c0e48f9dea91")                                                                                                \
  X(async_list_count_mismatch, "async-list-count-mismatch",                                                                      \
    "a chain member or drained request counts down the workers of a list that it was never counted in", "5.2 to 5.3-rc1",        \
    "f7b76ac9d17e")                                                                                                              \
  X(cancel_async_work_missing_mb, "cancel-async-work-missing-mb",                                                                \
    "between telling a worker that its request is cancelled and looking whether it has one, and the other way round, there is no full barrier", \
    "5.4.y to 5.4.70", "75524f753318 (5.4.71)")                                                                                  \
  X(cancel_async_work_of_others, "cancel-async-work-of-others",                                                                  \
    "a process that ends cancels the queued work of every process that shares the ring", "5.4.y to 5.4.70", "efb1cef27d59 (5.4.71)") \
  X(poll_list_uninitialised, "poll-list-uninitialised",                                                                          \
    "a poll that fires while it is being armed is taken off a list that it was never put on", "5.1 to 5.3-rc", "36703247d5f5")   \
  X(iopoll_holds_mutex_vs_worker, "iopoll-holds-mutex-vs-worker",                                                                \
    "a poller keeps uring_lock while it waits for a request that a worker needs the lock to issue", "5.1 to 5.2", "500f9fbadef8") \
  X(iopoll_spins_with_cqe_ready, "iopoll-spins-with-cqe-ready",                                                                  \
    "a poller does not look whether the CQE that it waits for is there already", "5.1 to 5.2", "a3a0e43fd770")                   \
  X(iopoll_exit_not_reaped, "iopoll-exit-not-reaped",                                                                            \
    "the ring's release polls once, and a worker may issue another request after that", "5.1 to 5.8-rc1", "5.8-rc2")             \
  X(iopoll_sqpoll_inflight_zeroed, "iopoll-sqpoll-inflight-zeroed",                                                              \
    "the SQ thread forgets requests that a worker has not put on the poll list yet, and sleeps", "5.1 to 5.5", "bdcd3eab2a9a")   \
  X(iopoll_sqpoll_pending_cqe_loop, "iopoll-sqpoll-pending-cqe-loop",                                                            \
    "the SQ thread does not poll as long as the CQ holds entries that nobody has read", "5.3 to 5.5", "5.6-rc3")                 \
  X(iopoll_sqpoll_refusal_unlocked, "iopoll-sqpoll-refusal-unlocked",                                                            \
    "the SQ thread posts the CQE of a refused SQE without uring_lock, the only lock that a poller holds while it posts others",  \
    "5.1 to 5.5-rc1", "8a4955ff1cca")                                                                                            \
  X(iopoll_worker_refusal_unlocked, "iopoll-worker-refusal-unlocked",                                                            \
    "a worker posts the CQE of a failed request without uring_lock, the only lock that a poller holds while it posts others",    \
    "5.1 to 5.10", "dad1b1242fd5 (5.11-rc1)")                                                                                    \
  X(sqpoll_spins_after_owner_exit, "sqpoll-spins-after-owner-exit",                                                              \
    "the SQ thread holds the creator's memory while it spins, and with it the ring of a process that has ended", "5.1 to 5.5",   \
    "7143b5ac5750")                                                                                                              \
  X(sq_entries_read_before_tail_51rc, "sq-entries-read-before-tail-51rc",                                                        \
    "the SQ tail is read without acquire, so the entries behind it may be read before it", "5.1-rc",                             \
    "5.1, \"fix race condition reading SQ entries\"")                                                                            \
  X(eventfd_poll_recursion, "eventfd-poll-recursion",                                                                            \
    "a poll of the ring's own eventfd completes inside of that eventfd's wakeup, and signals it again", "5.2 to 5.5",            \
    "f0b493e6b9a8")                                                                                                              \
  X(ring_poll_read_barrier, "ring-poll-read-barrier",                                                                            \
    "poll of a ring joins the wait queue and looks at the CQ with only a read barrier between the two", "5.1 and later",         \
    "not known")                                                                                                                 \
  X(eventfd_put_under_sq_thread, "eventfd-put-under-sq-thread",                                                                  \
    "the SQ thread refuses SQEs without a reference that register waits for, and signals an eventfd that is being unregistered", \
    "5.2 to 5.5", "5.6, \"batch getting pcpu references\"")                                                                      \
  X(put_touches_freed_ring, "put-touches-freed-ring",                                                                            \
    "who drops the last reference of a ring looks at its wait queue after that, when the closer may have freed it", "5.1",       \
    "5.4, where nobody waits there for references")                                                                              \
  X(iovec_reused_after_punt, "iovec-reused-after-punt",                                                                          \
    "a worker reads the iovecs again, from memory that the application may have used for something else since", "5.1 to 5.4",    \
    "f67676d160c6")
// clang-format on

enum class Bug : u8 {
#define X(name, id, what, affected, fixed) name,
  URINGSIM_BUGS(X)
#undef X
      count_
};
static_assert(static_cast<unsigned>(Bug::count_) <= 64, "BugSet is one word");

/// A set of bugs.
struct BugSet {
  u64 bits = 0;
  [[nodiscard]] constexpr bool has(Bug bug) const noexcept { return (bits >> static_cast<unsigned>(bug) & 1) != 0; }
  [[nodiscard]] constexpr BugSet with(Bug bug) const noexcept { return {bits | u64{1} << static_cast<unsigned>(bug)}; }
  [[nodiscard]] constexpr BugSet without(Bug bug) const noexcept { return {bits & ~(u64{1} << static_cast<unsigned>(bug))}; }
};

/// Bugs by which a release uses memory that it has given back. A search tells of that; on threads nobody does, and whatever lies
/// there by then would be damaged, the simulator's own state included. So worlds on threads run without them unless they are
/// asked for.
inline constexpr Bug kUseFreedMemory[] = {Bug::timeout_armed_after_unlock, Bug::put_touches_freed_ring,
                                          Bug::eventfd_put_under_sq_thread};

struct BugDescription {
  std::string_view id, what, affected, fixed;
};
/// What is known of a bug.
const BugDescription& describe(Bug bug) noexcept;
/// The bug with this id; Bug::count_ if there is none.
Bug find_bug(std::string_view id) noexcept;

}  // namespace uringsim::kernel
