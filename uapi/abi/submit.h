// SPDX-License-Identifier: GPL-2.0-only OR MIT
// What an SQE and a CQE say: opcodes, SQE flags, the flag words of single opcodes, CQE flags.
//
// Lists as in uapi/abi/setup.h: one row a fact, and everything else made from it.
#pragma once

#include <cstdint>

// clang-format off
#define URINGSIM_UAPI_OPCODES(X)                                                                                         \
  X(IORING_OP_NOP,              "NOP",              0,  5, 1,  "does nothing, completes") \
  X(IORING_OP_READV,            "READV",            1,  5, 1,  "preadv2") \
  X(IORING_OP_WRITEV,           "WRITEV",           2,  5, 1,  "pwritev2") \
  X(IORING_OP_FSYNC,            "FSYNC",            3,  5, 1,  "fsync, fdatasync") \
  X(IORING_OP_READ_FIXED,       "READ_FIXED",       4,  5, 1,  "read into a registered buffer") \
  X(IORING_OP_WRITE_FIXED,      "WRITE_FIXED",      5,  5, 1,  "write from a registered buffer") \
  X(IORING_OP_POLL_ADD,         "POLL_ADD",         6,  5, 1,  "completes once a file is ready") \
  X(IORING_OP_POLL_REMOVE,      "POLL_REMOVE",      7,  5, 1,  "ends a POLL_ADD") \
  X(IORING_OP_SYNC_FILE_RANGE,  "SYNC_FILE_RANGE",  8,  5, 2,  "sync_file_range") \
  X(IORING_OP_SENDMSG,          "SENDMSG",          9,  5, 3,  "sendmsg") \
  X(IORING_OP_RECVMSG,          "RECVMSG",          10, 5, 3,  "recvmsg") \
  X(IORING_OP_TIMEOUT,          "TIMEOUT",          11, 5, 4,  "completes after a time or a count of completions") \
  X(IORING_OP_TIMEOUT_REMOVE,   "TIMEOUT_REMOVE",   12, 5, 5,  "ends or changes a TIMEOUT") \
  X(IORING_OP_ACCEPT,           "ACCEPT",           13, 5, 5,  "accept4") \
  X(IORING_OP_ASYNC_CANCEL,     "ASYNC_CANCEL",     14, 5, 5,  "cancels a request") \
  X(IORING_OP_LINK_TIMEOUT,     "LINK_TIMEOUT",     15, 5, 5,  "a time limit for the request before it") \
  X(IORING_OP_CONNECT,          "CONNECT",          16, 5, 5,  "connect") \
  X(IORING_OP_FALLOCATE,        "FALLOCATE",        17, 5, 6,  "fallocate") \
  X(IORING_OP_OPENAT,           "OPENAT",           18, 5, 6,  "openat") \
  X(IORING_OP_CLOSE,            "CLOSE",            19, 5, 6,  "close") \
  X(IORING_OP_FILES_UPDATE,     "FILES_UPDATE",     20, 5, 6,  "replaces registered files") \
  X(IORING_OP_STATX,            "STATX",            21, 5, 6,  "statx") \
  X(IORING_OP_READ,             "READ",             22, 5, 6,  "pread into one buffer") \
  X(IORING_OP_WRITE,            "WRITE",            23, 5, 6,  "pwrite from one buffer") \
  X(IORING_OP_FADVISE,          "FADVISE",          24, 5, 6,  "posix_fadvise") \
  X(IORING_OP_MADVISE,          "MADVISE",          25, 5, 6,  "madvise") \
  X(IORING_OP_SEND,             "SEND",             26, 5, 6,  "send") \
  X(IORING_OP_RECV,             "RECV",             27, 5, 6,  "recv") \
  X(IORING_OP_OPENAT2,          "OPENAT2",          28, 5, 6,  "openat2") \
  X(IORING_OP_EPOLL_CTL,        "EPOLL_CTL",        29, 5, 6,  "epoll_ctl") \
  X(IORING_OP_SPLICE,           "SPLICE",           30, 5, 7,  "splice") \
  X(IORING_OP_PROVIDE_BUFFERS,  "PROVIDE_BUFFERS",  31, 5, 7,  "gives buffers to a group") \
  X(IORING_OP_REMOVE_BUFFERS,   "REMOVE_BUFFERS",   32, 5, 7,  "takes buffers from a group") \
  X(IORING_OP_TEE,              "TEE",              33, 5, 8,  "tee") \
  X(IORING_OP_SHUTDOWN,         "SHUTDOWN",         34, 5, 11, "shutdown") \
  X(IORING_OP_RENAMEAT,         "RENAMEAT",         35, 5, 11, "renameat2") \
  X(IORING_OP_UNLINKAT,         "UNLINKAT",         36, 5, 11, "unlinkat") \
  X(IORING_OP_MKDIRAT,          "MKDIRAT",          37, 5, 15, "mkdirat") \
  X(IORING_OP_SYMLINKAT,        "SYMLINKAT",        38, 5, 15, "symlinkat") \
  X(IORING_OP_LINKAT,           "LINKAT",           39, 5, 15, "linkat") \
  X(IORING_OP_MSG_RING,         "MSG_RING",         40, 5, 18, "posts a CQE to another ring") \
  X(IORING_OP_FSETXATTR,        "FSETXATTR",        41, 5, 19, "fsetxattr") \
  X(IORING_OP_SETXATTR,         "SETXATTR",         42, 5, 19, "setxattr") \
  X(IORING_OP_FGETXATTR,        "FGETXATTR",        43, 5, 19, "fgetxattr") \
  X(IORING_OP_GETXATTR,         "GETXATTR",         44, 5, 19, "getxattr") \
  X(IORING_OP_SOCKET,           "SOCKET",           45, 5, 19, "socket") \
  X(IORING_OP_URING_CMD,        "URING_CMD",        46, 5, 19, "a command of the file's own driver") \
  X(IORING_OP_SEND_ZC,          "SEND_ZC",          47, 6, 0,  "send without a copy") \
  X(IORING_OP_SENDMSG_ZC,       "SENDMSG_ZC",       48, 6, 1,  "sendmsg without a copy") \
  X(IORING_OP_READ_MULTISHOT,   "READ_MULTISHOT",   49, 6, 7,  "reads again and again into provided buffers") \
  X(IORING_OP_WAITID,           "WAITID",           50, 6, 7,  "waitid") \
  X(IORING_OP_FUTEX_WAIT,       "FUTEX_WAIT",       51, 6, 7,  "futex wait") \
  X(IORING_OP_FUTEX_WAKE,       "FUTEX_WAKE",       52, 6, 7,  "futex wake") \
  X(IORING_OP_FUTEX_WAITV,      "FUTEX_WAITV",      53, 6, 7,  "futex_waitv") \
  X(IORING_OP_FIXED_FD_INSTALL, "FIXED_FD_INSTALL", 54, 6, 8,  "makes a registered file a descriptor") \
  X(IORING_OP_FTRUNCATE,        "FTRUNCATE",        55, 6, 9,  "ftruncate") \
  X(IORING_OP_BIND,             "BIND",             56, 6, 11, "bind") \
  X(IORING_OP_LISTEN,           "LISTEN",           57, 6, 11, "listen") \
  X(IORING_OP_RECV_ZC,          "RECV_ZC",          58, 6, 15, "receive without a copy") \
  X(IORING_OP_EPOLL_WAIT,       "EPOLL_WAIT",       59, 6, 15, "epoll_wait") \
  X(IORING_OP_READV_FIXED,      "READV_FIXED",      60, 6, 15, "preadv2 into registered buffers") \
  X(IORING_OP_WRITEV_FIXED,     "WRITEV_FIXED",     61, 6, 15, "pwritev2 from registered buffers") \
  X(IORING_OP_PIPE,             "PIPE",             62, 6, 16, "pipe2")

#define URINGSIM_UAPI_SQE_FLAGS(X)                                                                                       \
  X(IOSQE_FIXED_FILE,       "FIXED_FILE",       1u << 0, 5, 1,  "fd is an index into the registered files") \
  X(IOSQE_IO_DRAIN,         "IO_DRAIN",         1u << 1, 5, 2,  "starts after everything submitted before it has completed") \
  X(IOSQE_IO_LINK,          "IO_LINK",          1u << 2, 5, 3,  "the next one starts after this one, if it succeeds") \
  X(IOSQE_IO_HARDLINK,      "IO_HARDLINK",      1u << 3, 5, 5,  "as IO_LINK, whether it succeeds or not") \
  X(IOSQE_ASYNC,            "ASYNC",            1u << 4, 5, 6,  "goes to a worker at once") \
  X(IOSQE_BUFFER_SELECT,    "BUFFER_SELECT",    1u << 5, 5, 7,  "takes a buffer of group buf_group") \
  X(IOSQE_CQE_SKIP_SUCCESS, "CQE_SKIP_SUCCESS", 1u << 6, 5, 17, "posts a CQE only if it fails")

#define URINGSIM_UAPI_CQE_FLAGS(X)                                                                                       \
  X(IORING_CQE_F_BUFFER,        "BUFFER",        1u << 0,  5, 7,  "the upper half is the number of the buffer used") \
  X(IORING_CQE_F_MORE,          "MORE",          1u << 1,  5, 13, "the same SQE will post more") \
  X(IORING_CQE_F_SOCK_NONEMPTY, "SOCK_NONEMPTY", 1u << 2,  5, 19, "the socket holds more data") \
  X(IORING_CQE_F_NOTIF,         "NOTIF",         1u << 3,  6, 0,  "a zero-copy send no longer needs its buffer") \
  X(IORING_CQE_F_BUF_MORE,      "BUF_MORE",      1u << 4,  6, 12, "the buffer is used up only in part") \
  X(IORING_CQE_F_SKIP,          "SKIP",          1u << 5,  6, 18, "fills the gap before a wide CQE that would wrap") \
  X(IORING_CQE_F_32,            "32",            1u << 15, 6, 18, "this CQE takes 32 bytes")

#define URINGSIM_UAPI_FSYNC_FLAGS(X)                                                                                     \
  X(IORING_FSYNC_DATASYNC, "DATASYNC", 1u << 0, 5, 1, "fdatasync instead of fsync")

#define URINGSIM_UAPI_TIMEOUT_FLAGS(X)                                                                                   \
  X(IORING_TIMEOUT_ABS,           "ABS",           1u << 0, 5, 5,  "a point in time, not a span") \
  X(IORING_TIMEOUT_UPDATE,        "UPDATE",        1u << 1, 5, 11, "TIMEOUT_REMOVE sets a new time") \
  X(IORING_TIMEOUT_BOOTTIME,      "BOOTTIME",      1u << 2, 5, 15, "CLOCK_BOOTTIME") \
  X(IORING_TIMEOUT_REALTIME,      "REALTIME",      1u << 3, 5, 15, "CLOCK_REALTIME") \
  X(IORING_LINK_TIMEOUT_UPDATE,   "LINK_UPDATE",   1u << 4, 5, 15, "TIMEOUT_REMOVE changes a LINK_TIMEOUT") \
  X(IORING_TIMEOUT_ETIME_SUCCESS, "ETIME_SUCCESS", 1u << 5, 5, 16, "running out is no failure to a link") \
  X(IORING_TIMEOUT_MULTISHOT,     "MULTISHOT",     1u << 6, 6, 4,  "fires again and again")

#define URINGSIM_UAPI_POLL_FLAGS(X)                                                                                      \
  X(IORING_POLL_ADD_MULTI,        "ADD_MULTI",        1u << 0, 5, 13, "stays armed after an event") \
  X(IORING_POLL_UPDATE_EVENTS,    "UPDATE_EVENTS",    1u << 1, 5, 13, "POLL_REMOVE sets new events") \
  X(IORING_POLL_UPDATE_USER_DATA, "UPDATE_USER_DATA", 1u << 2, 5, 13, "POLL_REMOVE sets a new user_data") \
  X(IORING_POLL_ADD_LEVEL,        "ADD_LEVEL",        1u << 3, 6, 0,  "level triggered")

#define URINGSIM_UAPI_CANCEL_FLAGS(X)                                                                                    \
  X(IORING_ASYNC_CANCEL_ALL,      "ALL",      1u << 0, 5, 19, "every request that matches") \
  X(IORING_ASYNC_CANCEL_FD,       "FD",       1u << 1, 5, 19, "match by descriptor") \
  X(IORING_ASYNC_CANCEL_ANY,      "ANY",      1u << 2, 5, 19, "any request matches") \
  X(IORING_ASYNC_CANCEL_FD_FIXED, "FD_FIXED", 1u << 3, 6, 0,  "the descriptor is a registered file") \
  X(IORING_ASYNC_CANCEL_USERDATA, "USERDATA", 1u << 4, 6, 6,  "match by user_data") \
  X(IORING_ASYNC_CANCEL_OP,       "OP",       1u << 5, 6, 6,  "match by opcode")

// Bits of poll(2), as POLL_ADD takes and reports them. The constants are <poll.h>'s, so the first column stays unused.
#define URINGSIM_UAPI_POLL_EVENTS(X)                                                                                     \
  X(POLLIN,     "IN",     0x0001u, 5, 1, "readable") \
  X(POLLPRI,    "PRI",    0x0002u, 5, 1, "urgent data") \
  X(POLLOUT,    "OUT",    0x0004u, 5, 1, "writable") \
  X(POLLERR,    "ERR",    0x0008u, 5, 1, "error") \
  X(POLLHUP,    "HUP",    0x0010u, 5, 1, "hung up") \
  X(POLLNVAL,   "NVAL",   0x0020u, 5, 1, "no such descriptor") \
  X(POLLRDNORM, "RDNORM", 0x0040u, 5, 1, "normal data readable") \
  X(POLLRDBAND, "RDBAND", 0x0080u, 5, 1, "priority data readable") \
  X(POLLWRNORM, "WRNORM", 0x0100u, 5, 1, "normal data writable") \
  X(POLLWRBAND, "WRBAND", 0x0200u, 5, 1, "priority data writable") \
  X(POLLMSG,    "MSG",    0x0400u, 5, 1, "a SIGPOLL message") \
  X(POLLRDHUP,  "RDHUP",  0x2000u, 5, 1, "the peer stopped writing")
// clang-format on

namespace uringsim::uapi {

enum io_uring_op : std::uint8_t {
#define URINGSIM_UAPI_ENUMERATOR(id, name, value, major, minor, about) id = value,
  URINGSIM_UAPI_OPCODES(URINGSIM_UAPI_ENUMERATOR)
#undef URINGSIM_UAPI_ENUMERATOR
};

#define URINGSIM_UAPI_CONSTANT(id, name, value, major, minor, about) inline constexpr std::uint8_t id = value;
URINGSIM_UAPI_SQE_FLAGS(URINGSIM_UAPI_CONSTANT)
#undef URINGSIM_UAPI_CONSTANT

#define URINGSIM_UAPI_CONSTANT(id, name, value, major, minor, about) inline constexpr std::uint32_t id = value;
URINGSIM_UAPI_CQE_FLAGS(URINGSIM_UAPI_CONSTANT)
URINGSIM_UAPI_FSYNC_FLAGS(URINGSIM_UAPI_CONSTANT)
URINGSIM_UAPI_TIMEOUT_FLAGS(URINGSIM_UAPI_CONSTANT)
URINGSIM_UAPI_POLL_FLAGS(URINGSIM_UAPI_CONSTANT)
URINGSIM_UAPI_CANCEL_FLAGS(URINGSIM_UAPI_CONSTANT)
#undef URINGSIM_UAPI_CONSTANT

/// Where the buffer number stands in cqe.flags under IORING_CQE_F_BUFFER (5.7).
inline constexpr unsigned IORING_CQE_BUFFER_SHIFT = 16;
/// splice_flags (5.7): splice_fd_in is a registered file.
inline constexpr std::uint32_t SPLICE_F_FD_IN_FIXED = 1u << 31;
/// file_index (5.19): the kernel picks a free slot of the registered files.
inline constexpr std::uint32_t IORING_FILE_INDEX_ALLOC = ~0u;
/// sqe.ioprio of ACCEPT, SEND, RECV and their kin (5.19 and later).
inline constexpr std::uint16_t IORING_ACCEPT_MULTISHOT = 1u << 0;
inline constexpr std::uint16_t IORING_RECVSEND_POLL_FIRST = 1u << 0;
inline constexpr std::uint16_t IORING_RECV_MULTISHOT = 1u << 1;
inline constexpr std::uint16_t IORING_RECVSEND_FIXED_BUF = 1u << 2;
inline constexpr std::uint16_t IORING_SEND_ZC_REPORT_USAGE = 1u << 3;
inline constexpr std::uint16_t IORING_RECVSEND_BUNDLE = 1u << 4;
/// sqe.addr of MSG_RING (5.18, 6.0): what is sent; and its flags.
inline constexpr std::uint64_t IORING_MSG_DATA = 0;
inline constexpr std::uint64_t IORING_MSG_SEND_FD = 1;
inline constexpr std::uint32_t IORING_MSG_RING_CQE_SKIP = 1u << 0;
inline constexpr std::uint32_t IORING_MSG_RING_FLAGS_PASS = 1u << 1;
/// nop_flags (6.10): the NOP completes with sqe.len as its result.
inline constexpr std::uint32_t IORING_NOP_INJECT_RESULT = 1u << 0;

}  // namespace uringsim::uapi
