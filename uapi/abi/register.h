// SPDX-License-Identifier: GPL-2.0-only OR MIT
// The operations of io_uring_register(2) and their constants. A list as in uapi/abi/setup.h.
#pragma once

#include <cstdint>

// clang-format off
#define URINGSIM_UAPI_REGISTER_OPS(X)                                                                                    \
  X(IORING_REGISTER_BUFFERS,          "REGISTER_BUFFERS",          0,  5, 1,  "an array of iovec to pin") \
  X(IORING_UNREGISTER_BUFFERS,        "UNREGISTER_BUFFERS",        1,  5, 1,  "") \
  X(IORING_REGISTER_FILES,            "REGISTER_FILES",            2,  5, 1,  "an array of descriptors to hold") \
  X(IORING_UNREGISTER_FILES,          "UNREGISTER_FILES",          3,  5, 1,  "") \
  X(IORING_REGISTER_EVENTFD,          "REGISTER_EVENTFD",          4,  5, 2,  "an eventfd to signal at each completion") \
  X(IORING_UNREGISTER_EVENTFD,        "UNREGISTER_EVENTFD",        5,  5, 2,  "") \
  X(IORING_REGISTER_FILES_UPDATE,     "REGISTER_FILES_UPDATE",     6,  5, 5,  "replaces registered files") \
  X(IORING_REGISTER_EVENTFD_ASYNC,    "REGISTER_EVENTFD_ASYNC",    7,  5, 6,  "an eventfd for completions out of workers only") \
  X(IORING_REGISTER_PROBE,            "REGISTER_PROBE",            8,  5, 6,  "which opcodes are supported") \
  X(IORING_REGISTER_PERSONALITY,      "REGISTER_PERSONALITY",      9,  5, 6,  "keeps the caller's credentials") \
  X(IORING_UNREGISTER_PERSONALITY,    "UNREGISTER_PERSONALITY",    10, 5, 6,  "") \
  X(IORING_REGISTER_RESTRICTIONS,     "REGISTER_RESTRICTIONS",     11, 5, 10, "what the ring may be used for") \
  X(IORING_REGISTER_ENABLE_RINGS,     "REGISTER_ENABLE_RINGS",     12, 5, 10, "ends R_DISABLED") \
  X(IORING_REGISTER_FILES2,           "REGISTER_FILES2",           13, 5, 13, "files with tags") \
  X(IORING_REGISTER_FILES_UPDATE2,    "REGISTER_FILES_UPDATE2",    14, 5, 13, "replaces files with tags") \
  X(IORING_REGISTER_BUFFERS2,         "REGISTER_BUFFERS2",         15, 5, 13, "buffers with tags") \
  X(IORING_REGISTER_BUFFERS_UPDATE,   "REGISTER_BUFFERS_UPDATE",   16, 5, 13, "replaces buffers with tags") \
  X(IORING_REGISTER_IOWQ_AFF,         "REGISTER_IOWQ_AFF",         17, 5, 14, "processors of the workers") \
  X(IORING_UNREGISTER_IOWQ_AFF,       "UNREGISTER_IOWQ_AFF",       18, 5, 14, "") \
  X(IORING_REGISTER_IOWQ_MAX_WORKERS, "REGISTER_IOWQ_MAX_WORKERS", 19, 5, 15, "limits on the number of workers") \
  X(IORING_REGISTER_RING_FDS,         "REGISTER_RING_FDS",         20, 5, 18, "rings by index") \
  X(IORING_UNREGISTER_RING_FDS,       "UNREGISTER_RING_FDS",       21, 5, 18, "") \
  X(IORING_REGISTER_PBUF_RING,        "REGISTER_PBUF_RING",        22, 5, 19, "a ring of provided buffers") \
  X(IORING_UNREGISTER_PBUF_RING,      "UNREGISTER_PBUF_RING",      23, 5, 19, "") \
  X(IORING_REGISTER_SYNC_CANCEL,      "REGISTER_SYNC_CANCEL",      24, 6, 0,  "cancels and waits for it") \
  X(IORING_REGISTER_FILE_ALLOC_RANGE, "REGISTER_FILE_ALLOC_RANGE", 25, 6, 0,  "slots that the kernel may pick") \
  X(IORING_REGISTER_PBUF_STATUS,      "REGISTER_PBUF_STATUS",      26, 6, 8,  "the head of a ring of provided buffers") \
  X(IORING_REGISTER_NAPI,             "REGISTER_NAPI",             27, 6, 9,  "busy polling of network queues") \
  X(IORING_UNREGISTER_NAPI,           "UNREGISTER_NAPI",           28, 6, 9,  "") \
  X(IORING_REGISTER_CLOCK,            "REGISTER_CLOCK",            29, 6, 12, "the clock of waits") \
  X(IORING_REGISTER_CLONE_BUFFERS,    "REGISTER_CLONE_BUFFERS",    30, 6, 12, "another ring's buffers") \
  X(IORING_REGISTER_SEND_MSG_RING,    "REGISTER_SEND_MSG_RING",    31, 6, 13, "MSG_RING without a ring of one's own") \
  X(IORING_REGISTER_ZCRX_IFQ,         "REGISTER_ZCRX_IFQ",         32, 6, 15, "a network queue to receive from without a copy") \
  X(IORING_REGISTER_RESIZE_RINGS,     "REGISTER_RESIZE_RINGS",     33, 6, 13, "new ring sizes") \
  X(IORING_REGISTER_MEM_REGION,       "REGISTER_MEM_REGION",       34, 6, 13, "memory for wait arguments") \
  X(IORING_REGISTER_QUERY,            "REGISTER_QUERY",            35, 6, 18, "what the kernel supports")

#define URINGSIM_UAPI_RESTRICTION_OPS(X)                                                                                 \
  X(IORING_RESTRICTION_REGISTER_OP,        "REGISTER_OP",        0, 5, 10, "allows a register operation") \
  X(IORING_RESTRICTION_SQE_OP,             "SQE_OP",             1, 5, 10, "allows an opcode") \
  X(IORING_RESTRICTION_SQE_FLAGS_ALLOWED,  "SQE_FLAGS_ALLOWED",  2, 5, 10, "allows SQE flags") \
  X(IORING_RESTRICTION_SQE_FLAGS_REQUIRED, "SQE_FLAGS_REQUIRED", 3, 5, 10, "demands SQE flags")
// clang-format on

namespace uringsim::uapi {

#define URINGSIM_UAPI_ENUMERATOR(id, name, value, major, minor, about) id = value,
enum io_uring_register_op : std::uint32_t { URINGSIM_UAPI_REGISTER_OPS(URINGSIM_UAPI_ENUMERATOR) };
enum io_uring_restriction_op : std::uint16_t { URINGSIM_UAPI_RESTRICTION_OPS(URINGSIM_UAPI_ENUMERATOR) };
#undef URINGSIM_UAPI_ENUMERATOR

/// Added to the operation (6.3): fd is a registered ring index.
inline constexpr std::uint32_t IORING_REGISTER_USE_REGISTERED_RING = 1u << 31;
/// In io_uring_probe_op.flags (5.6): the opcode is supported.
inline constexpr std::uint16_t IO_URING_OP_SUPPORTED = 1u << 0;
/// In a files update (5.12): leave this slot as it is.
inline constexpr std::int32_t IORING_REGISTER_FILES_SKIP = -2;
/// In io_uring_rsrc_register.flags (5.19): only empty slots.
inline constexpr std::uint32_t IORING_RSRC_REGISTER_SPARSE = 1u << 0;

}  // namespace uringsim::uapi
