// SPDX-License-Identifier: GPL-2.0-only OR MIT
// What io_uring_setup(2) and io_uring_enter(2) take and tell: setup flags, features, enter flags, and the flag words that
// live in the rings.
//
// Each list is the only place where its facts stand: identifier, short name (as scenarios, tapes and traces spell it),
// value, the release that brought it, what it means. The constants below and the tables of uapi/names.h come from it.
#pragma once

#include <cstdint>

// clang-format off
#define URINGSIM_UAPI_SETUP_FLAGS(X)                                                                                    \
  X(IORING_SETUP_IOPOLL,             "IOPOLL",             1u << 0,  5, 1,  "completions are found by polling the device") \
  X(IORING_SETUP_SQPOLL,             "SQPOLL",             1u << 1,  5, 1,  "a kernel thread submits") \
  X(IORING_SETUP_SQ_AFF,             "SQ_AFF",             1u << 2,  5, 1,  "sq_thread_cpu names that thread's processor") \
  X(IORING_SETUP_CQSIZE,             "CQSIZE",             1u << 3,  5, 5,  "cq_entries is the application's choice") \
  X(IORING_SETUP_CLAMP,              "CLAMP",              1u << 4,  5, 6,  "too many entries are lowered, not refused") \
  X(IORING_SETUP_ATTACH_WQ,          "ATTACH_WQ",          1u << 5,  5, 6,  "shares the workers of the ring wq_fd") \
  X(IORING_SETUP_R_DISABLED,         "R_DISABLED",         1u << 6,  5, 10, "starts disabled, until ENABLE_RINGS") \
  X(IORING_SETUP_SUBMIT_ALL,         "SUBMIT_ALL",         1u << 7,  5, 18, "an invalid SQE does not stop its batch") \
  X(IORING_SETUP_COOP_TASKRUN,       "COOP_TASKRUN",       1u << 8,  5, 19, "task work waits for the task's next system call") \
  X(IORING_SETUP_TASKRUN_FLAG,       "TASKRUN_FLAG",       1u << 9,  5, 19, "pending task work shows in the SQ flags") \
  X(IORING_SETUP_SQE128,             "SQE128",             1u << 10, 5, 19, "an SQE takes 128 bytes") \
  X(IORING_SETUP_CQE32,              "CQE32",              1u << 11, 5, 19, "a CQE takes 32 bytes") \
  X(IORING_SETUP_SINGLE_ISSUER,      "SINGLE_ISSUER",      1u << 12, 6, 0,  "one task alone submits") \
  X(IORING_SETUP_DEFER_TASKRUN,      "DEFER_TASKRUN",      1u << 13, 6, 1,  "task work runs only when events are asked for") \
  X(IORING_SETUP_NO_MMAP,            "NO_MMAP",            1u << 14, 6, 5,  "the application brings the ring memory") \
  X(IORING_SETUP_REGISTERED_FD_ONLY, "REGISTERED_FD_ONLY", 1u << 15, 6, 5,  "gives a registered index instead of a descriptor") \
  X(IORING_SETUP_NO_SQARRAY,         "NO_SQARRAY",         1u << 16, 6, 6,  "no index array between SQ ring and SQEs") \
  X(IORING_SETUP_HYBRID_IOPOLL,      "HYBRID_IOPOLL",      1u << 17, 6, 13, "polling sleeps a while first") \
  X(IORING_SETUP_CQE_MIXED,          "CQE_MIXED",          1u << 18, 6, 18, "CQEs of 16 and of 32 bytes in one ring")

#define URINGSIM_UAPI_FEATURES(X)                                                                                        \
  X(IORING_FEAT_SINGLE_MMAP,     "SINGLE_MMAP",     1u << 0,  5, 4,  "one mapping holds SQ and CQ ring") \
  X(IORING_FEAT_NODROP,          "NODROP",          1u << 1,  5, 5,  "CQEs without room are kept back, not dropped") \
  X(IORING_FEAT_SUBMIT_STABLE,   "SUBMIT_STABLE",   1u << 2,  5, 5,  "what an SQE points to is needed only until it is submitted") \
  X(IORING_FEAT_RW_CUR_POS,      "RW_CUR_POS",      1u << 3,  5, 6,  "offset -1 means the file's position") \
  X(IORING_FEAT_CUR_PERSONALITY, "CUR_PERSONALITY", 1u << 4,  5, 6,  "requests run under the submitter's credentials") \
  X(IORING_FEAT_FAST_POLL,       "FAST_POLL",       1u << 5,  5, 7,  "what would block arms a poll instead of a worker") \
  X(IORING_FEAT_POLL_32BITS,     "POLL_32BITS",     1u << 6,  5, 9,  "POLL_ADD takes 32 bits of events") \
  X(IORING_FEAT_SQPOLL_NONFIXED, "SQPOLL_NONFIXED", 1u << 7,  5, 11, "SQPOLL works on plain descriptors") \
  X(IORING_FEAT_EXT_ARG,         "EXT_ARG",         1u << 8,  5, 11, "enter takes a timeout beside the signal mask") \
  X(IORING_FEAT_NATIVE_WORKERS,  "NATIVE_WORKERS",  1u << 9,  5, 12, "workers are threads of the submitting process") \
  X(IORING_FEAT_RSRC_TAGS,       "RSRC_TAGS",       1u << 10, 5, 13, "registered files and buffers can carry tags") \
  X(IORING_FEAT_CQE_SKIP,        "CQE_SKIP",        1u << 11, 5, 17, "IOSQE_CQE_SKIP_SUCCESS is known") \
  X(IORING_FEAT_LINKED_FILE,     "LINKED_FILE",     1u << 12, 5, 17, "a linked request looks up its file when its turn comes") \
  X(IORING_FEAT_REG_REG_RING,    "REG_REG_RING",    1u << 13, 6, 3,  "register takes a registered ring index") \
  X(IORING_FEAT_RECVSEND_BUNDLE, "RECVSEND_BUNDLE", 1u << 14, 6, 10, "one receive or send may use several buffers") \
  X(IORING_FEAT_MIN_TIMEOUT,     "MIN_TIMEOUT",     1u << 15, 6, 12, "a wait can have a shorter limit for its first event") \
  X(IORING_FEAT_RW_ATTR,         "RW_ATTR",         1u << 16, 6, 14, "reads and writes can carry attributes") \
  X(IORING_FEAT_NO_IOWAIT,       "NO_IOWAIT",       1u << 17, 6, 15, "a wait can be kept out of the iowait figures")

#define URINGSIM_UAPI_ENTER_FLAGS(X)                                                                                     \
  X(IORING_ENTER_GETEVENTS,       "GETEVENTS",       1u << 0, 5, 1,  "wait for min_complete CQEs") \
  X(IORING_ENTER_SQ_WAKEUP,       "SQ_WAKEUP",       1u << 1, 5, 1,  "wake the SQ thread") \
  X(IORING_ENTER_SQ_WAIT,         "SQ_WAIT",         1u << 2, 5, 10, "wait until the SQ ring has room") \
  X(IORING_ENTER_EXT_ARG,         "EXT_ARG",         1u << 3, 5, 11, "the argument is an io_uring_getevents_arg") \
  X(IORING_ENTER_REGISTERED_RING, "REGISTERED_RING", 1u << 4, 5, 18, "fd is a registered ring index") \
  X(IORING_ENTER_ABS_TIMER,       "ABS_TIMER",       1u << 5, 6, 12, "the timeout is a point in time") \
  X(IORING_ENTER_EXT_ARG_REG,     "EXT_ARG_REG",     1u << 6, 6, 13, "the argument is an offset into a registered region") \
  X(IORING_ENTER_NO_IOWAIT,       "NO_IOWAIT",       1u << 7, 6, 15, "waiting does not count as iowait")

#define URINGSIM_UAPI_SQ_RING_FLAGS(X)                                                                                   \
  X(IORING_SQ_NEED_WAKEUP, "NEED_WAKEUP", 1u << 0, 5, 1,  "the SQ thread sleeps: enter with SQ_WAKEUP") \
  X(IORING_SQ_CQ_OVERFLOW, "CQ_OVERFLOW", 1u << 1, 5, 8,  "CQEs are kept back: enter with GETEVENTS") \
  X(IORING_SQ_TASKRUN,     "TASKRUN",     1u << 2, 5, 19, "task work is pending: enter with GETEVENTS")

#define URINGSIM_UAPI_CQ_RING_FLAGS(X)                                                                                   \
  X(IORING_CQ_EVENTFD_DISABLED, "EVENTFD_DISABLED", 1u << 0, 5, 8, "the application wants no eventfd notification for now")
// clang-format on

namespace uringsim::uapi {

#define URINGSIM_UAPI_CONSTANT(id, name, value, major, minor, about) inline constexpr std::uint32_t id = value;
URINGSIM_UAPI_SETUP_FLAGS(URINGSIM_UAPI_CONSTANT)
URINGSIM_UAPI_FEATURES(URINGSIM_UAPI_CONSTANT)
URINGSIM_UAPI_ENTER_FLAGS(URINGSIM_UAPI_CONSTANT)
URINGSIM_UAPI_SQ_RING_FLAGS(URINGSIM_UAPI_CONSTANT)
URINGSIM_UAPI_CQ_RING_FLAGS(URINGSIM_UAPI_CONSTANT)
#undef URINGSIM_UAPI_CONSTANT

/// System call numbers, the same on every architecture that has io_uring, alpha apart.
inline constexpr long NR_io_uring_setup = 425;
inline constexpr long NR_io_uring_enter = 426;
inline constexpr long NR_io_uring_register = 427;

/// mmap(2) offsets on the ring's descriptor: which area a mapping shows.
inline constexpr std::uint64_t IORING_OFF_SQ_RING = 0;
inline constexpr std::uint64_t IORING_OFF_CQ_RING = 0x8000000;
inline constexpr std::uint64_t IORING_OFF_SQES = 0x10000000;
/// Since 5.19 and 6.4: a mapped ring of provided buffers, its group number shifted in; and the mask that tells areas apart.
inline constexpr std::uint64_t IORING_OFF_PBUF_RING = 0x80000000;
inline constexpr unsigned IORING_OFF_PBUF_SHIFT = 16;
inline constexpr std::uint64_t IORING_OFF_MMAP_MASK = 0xf8000000;

}  // namespace uringsim::uapi
