// SPDX-License-Identifier: GPL-2.0-only
#include "sim/tape/names.h"

#include <array>

namespace uringsim::sim::tape {

namespace {

using namespace std::string_view_literals;

constexpr std::array kSetupFlagList = {"IOPOLL"sv,        "SQPOLL"sv,        "SQ_AFF"sv,     "CQSIZE"sv,
                                       "CLAMP"sv,         "ATTACH_WQ"sv,     "R_DISABLED"sv, "SUBMIT_ALL"sv,
                                       "COOP_TASKRUN"sv,  "TASKRUN_FLAG"sv,  "SQE128"sv,     "CQE32"sv,
                                       "SINGLE_ISSUER"sv, "DEFER_TASKRUN"sv, "NO_MMAP"sv,    "REGISTERED_FD_ONLY"sv,
                                       "NO_SQARRAY"sv,    "HYBRID_IOPOLL"sv, "CQE_MIXED"sv};

constexpr std::array kFeatureList = {"SINGLE_MMAP"sv, "NODROP"sv,      "SUBMIT_STABLE"sv,   "RW_CUR_POS"sv,   "CUR_PERSONALITY"sv,
                                     "FAST_POLL"sv,   "POLL_32BITS"sv, "SQPOLL_NONFIXED"sv, "EXT_ARG"sv,      "NATIVE_WORKERS"sv,
                                     "RSRC_TAGS"sv,   "CQE_SKIP"sv,    "LINKED_FILE"sv,     "REG_REG_RING"sv, "RECVSEND_BUNDLE"sv,
                                     "MIN_TIMEOUT"sv, "RW_ATTR"sv,     "NO_IOWAIT"sv};

constexpr std::array kEnterFlagList = {"GETEVENTS"sv,       "SQ_WAKEUP"sv, "SQ_WAIT"sv,     "EXT_ARG"sv,
                                       "REGISTERED_RING"sv, "ABS_TIMER"sv, "EXT_ARG_REG"sv, "NO_IOWAIT"sv};

constexpr std::array kSqeFlagList = {"FIXED_FILE"sv, "IO_DRAIN"sv,      "IO_LINK"sv,         "IO_HARDLINK"sv,
                                     "ASYNC"sv,      "BUFFER_SELECT"sv, "CQE_SKIP_SUCCESS"sv};

constexpr std::array kSqRingFlagList = {"NEED_WAKEUP"sv, "CQ_OVERFLOW"sv, "TASKRUN"sv};

constexpr std::array kOperationList = {"NOP"sv,
                                       "READV"sv,
                                       "WRITEV"sv,
                                       "FSYNC"sv,
                                       "READ_FIXED"sv,
                                       "WRITE_FIXED"sv,
                                       "POLL_ADD"sv,
                                       "POLL_REMOVE"sv,
                                       "SYNC_FILE_RANGE"sv,
                                       "SENDMSG"sv,
                                       "RECVMSG"sv,
                                       "TIMEOUT"sv,
                                       "TIMEOUT_REMOVE"sv,
                                       "ACCEPT"sv,
                                       "ASYNC_CANCEL"sv,
                                       "LINK_TIMEOUT"sv,
                                       "CONNECT"sv,
                                       "FALLOCATE"sv,
                                       "OPENAT"sv,
                                       "CLOSE"sv,
                                       "FILES_UPDATE"sv,
                                       "STATX"sv,
                                       "READ"sv,
                                       "WRITE"sv,
                                       "FADVISE"sv,
                                       "MADVISE"sv,
                                       "SEND"sv,
                                       "RECV"sv,
                                       "OPENAT2"sv,
                                       "EPOLL_CTL"sv,
                                       "SPLICE"sv,
                                       "PROVIDE_BUFFERS"sv,
                                       "REMOVE_BUFFERS"sv,
                                       "TEE"sv,
                                       "SHUTDOWN"sv,
                                       "RENAMEAT"sv,
                                       "UNLINKAT"sv,
                                       "MKDIRAT"sv,
                                       "SYMLINKAT"sv,
                                       "LINKAT"sv,
                                       "MSG_RING"sv,
                                       "FSETXATTR"sv,
                                       "SETXATTR"sv,
                                       "FGETXATTR"sv,
                                       "GETXATTR"sv,
                                       "SOCKET"sv,
                                       "URING_CMD"sv,
                                       "SEND_ZC"sv,
                                       "SENDMSG_ZC"sv,
                                       "READ_MULTISHOT"sv,
                                       "WAITID"sv,
                                       "FUTEX_WAIT"sv,
                                       "FUTEX_WAKE"sv,
                                       "FUTEX_WAITV"sv,
                                       "FIXED_FD_INSTALL"sv,
                                       "FTRUNCATE"sv,
                                       "BIND"sv,
                                       "LISTEN"sv,
                                       "RECV_ZC"sv,
                                       "EPOLL_WAIT"sv,
                                       "READV_FIXED"sv,
                                       "WRITEV_FIXED"sv,
                                       "PIPE"sv};

constexpr std::array kRegisterList = {"REGISTER_BUFFERS"sv,       "UNREGISTER_BUFFERS"sv,        "REGISTER_FILES"sv,
                                      "UNREGISTER_FILES"sv,       "REGISTER_EVENTFD"sv,          "UNREGISTER_EVENTFD"sv,
                                      "REGISTER_FILES_UPDATE"sv,  "REGISTER_EVENTFD_ASYNC"sv,    "REGISTER_PROBE"sv,
                                      "REGISTER_PERSONALITY"sv,   "UNREGISTER_PERSONALITY"sv,    "REGISTER_RESTRICTIONS"sv,
                                      "REGISTER_ENABLE_RINGS"sv,  "REGISTER_FILES2"sv,           "REGISTER_FILES_UPDATE2"sv,
                                      "REGISTER_BUFFERS2"sv,      "REGISTER_BUFFERS_UPDATE"sv,   "REGISTER_IOWQ_AFF"sv,
                                      "UNREGISTER_IOWQ_AFF"sv,    "REGISTER_IOWQ_MAX_WORKERS"sv, "REGISTER_RING_FDS"sv,
                                      "UNREGISTER_RING_FDS"sv,    "REGISTER_PBUF_RING"sv,        "UNREGISTER_PBUF_RING"sv,
                                      "REGISTER_SYNC_CANCEL"sv,   "REGISTER_FILE_ALLOC_RANGE"sv, "REGISTER_PBUF_STATUS"sv,
                                      "REGISTER_NAPI"sv,          "UNREGISTER_NAPI"sv,           "REGISTER_CLOCK"sv,
                                      "REGISTER_CLONE_BUFFERS"sv, "REGISTER_SEND_MSG_RING"sv,    "REGISTER_ZCRX_IFQ"sv,
                                      "REGISTER_RESIZE_RINGS"sv,  "REGISTER_MEM_REGION"sv,       "REGISTER_QUERY"sv};

constexpr std::array kPollBitList = {"IN"sv, "PRI"sv, "OUT"sv, "ERR"sv, "HUP"sv, "NVAL"sv};

}  // namespace

const Names kSetupFlags = kSetupFlagList;
const Names kFeatures = kFeatureList;
const Names kEnterFlags = kEnterFlagList;
const Names kSqeFlags = kSqeFlagList;
const Names kSqRingFlags = kSqRingFlagList;
const Names kOperations = kOperationList;
const Names kRegisterOperations = kRegisterList;
const Names kPollBits = kPollBitList;

std::optional<u32> position(Names names, std::string_view name) noexcept {
  for (u32 i = 0; i < names.size(); i++)
    if (names[i] == name) return i;
  return std::nullopt;
}

std::vector<std::string> bit_names(Names names, u32 word) {
  std::vector<std::string> list;
  for (u32 i = 0; i < 32; i++)
    if (word >> i & 1) list.push_back(i < names.size() ? std::string(names[i]) : "bit" + std::to_string(i));
  return list;
}

}  // namespace uringsim::sim::tape
