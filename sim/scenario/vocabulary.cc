// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenario/vocabulary.h"

#include <array>

#include "kernel_model/io_uring/bugs.h"
#include "kernel_model/versions/versions.h"
#include "sim/scenario/application_mistakes.h"

namespace uringsim::sim {

namespace {

template <class E>
constexpr Spelling word(std::string_view name, E value) {
  return {name, static_cast<u32>(value)};
}

struct CheckWord {
  std::string_view name;
  std::string_view about;
};

constexpr std::array checks{
    CheckWord{"no-cqe-error", "no CQE carries an error (res < 0)"},
    CheckWord{"tasks-end", "every task comes to the end of its steps"},
    CheckWord{"no-leak", "nothing of the kernel outlives the last task: requests, files, rings, memory"},
    CheckWord{"no-hang", "the world never stops while a task still has steps to do"},
    CheckWord{"no-lost-wakeup",
              "nobody sleeps at the end whose condition holds, and no SQE lies unconsumed beside a sleeping SQ thread"},
    CheckWord{"no-deadlock", "no circle of tasks that wait for each other (timed and explore only)"},
    CheckWord{"no-livelock", "nobody polls for what will never change (timed and explore only)"},
    CheckWord{"lock-order",
              "locks are taken in one order, so that no two tasks could wait for each other (timed and explore only)"},
    CheckWord{"exactly-once", "every SQE that was consumed gets exactly one CQE, or is counted in cq_overflow"},
    CheckWord{"overflow", "cq_overflow counts exactly the completions that were dropped"},
    CheckWord{"request-life", "a request is freed once, and none outlives its ring"},
    CheckWord{"link-order", "a linked request starts only after the one before it has completed"},
    CheckWord{"drain-order", "a drained request and those behind it start only after all before it have completed"},
    CheckWord{"ring-words",
              "heads and tails move forward only, never past what there is, and never further apart than the ring is long"},
    CheckWord{"data", "what is read is what was written, byte for byte"},
    CheckWord{"iopoll-progress", "who polls for completions, a task in enter or an SQ thread, finds those that there are"},
    CheckWord{"data-race", "no two tasks touch payload at once with nothing that orders them (explore only)"},
    CheckWord{"use-after-free", "nobody touches memory of the kernel that was given back (explore only)"},
    CheckWord{"sleep-in-atomic",
              "nobody sleeps, or takes a lock that may, with a spinlock held or in an interrupt (explore only)"},
    CheckWord{"lock-imbalance", "a lock is released by who holds it, and a spinlock before its task ends (explore only)"},
    CheckWord{"report", "no BUG_ON or WARN_ON of the kernel, and no assertion of a task, fails (explore only)"},
    CheckWord{"sqe-stable", "the application writes no SQE between its publication and its consumption (asked for by name)"},
    CheckWord{"buffer-stable", "the application leaves a request's buffer alone until its CQE (asked for by name)"},
    CheckWord{"user-data-unique", "no two requests in flight on a ring bear the same user_data (asked for by name)"},
    CheckWord{"need-wakeup-barrier",
              "a full barrier stands between the store of the SQ tail and the look at NEED_WAKEUP (asked for by name)"},
};

}  // namespace

#define URINGSIM_WORDS(E, ...)                       \
  template <>                                        \
  std::span<const Spelling> words_of<E>() noexcept { \
    static constexpr std::array words{__VA_ARGS__};  \
    return words;                                    \
  }

URINGSIM_WORDS(Engine, word("timed", Engine::timed), word("live", Engine::live))
URINGSIM_WORDS(DeviceType, word("ram", DeviceType::ram), word("file", DeviceType::file))
URINGSIM_WORDS(Spread, word("fixed", Spread::fixed), word("uniform", Spread::uniform), word("lognormal", Spread::lognormal))
URINGSIM_WORDS(HostBackend, word("auto", HostBackend::automatic), word("io_uring", HostBackend::io_uring),
               word("threads", HostBackend::threads))
URINGSIM_WORDS(FileType, word("regular", FileType::regular), word("block", FileType::block), word("host", FileType::host),
               word("pipe", FileType::pipe), word("socketpair", FileType::socketpair), word("eventfd", FileType::eventfd),
               word("timerfd", FileType::timerfd), word("devnull", FileType::devnull), word("devzero", FileType::devzero),
               word("directory", FileType::directory))
URINGSIM_WORDS(Content, word("zero", Content::zero), word("pattern", Content::pattern), word("hole", Content::hole))
URINGSIM_WORDS(SocketType, word("stream", SocketType::stream), word("dgram", SocketType::datagram),
               word("seqpacket", SocketType::seqpacket))
URINGSIM_WORDS(Library, word("2.2", Library::v2_2), word("2.1", Library::v2_1))
URINGSIM_WORDS(Op, word("NOP", Op::nop), word("READV", Op::readv), word("WRITEV", Op::writev), word("FSYNC", Op::fsync),
               word("READ_FIXED", Op::read_fixed), word("WRITE_FIXED", Op::write_fixed), word("POLL_ADD", Op::poll_add),
               word("POLL_REMOVE", Op::poll_remove), word("SYNC_FILE_RANGE", Op::sync_file_range), word("SENDMSG", Op::sendmsg),
               word("RECVMSG", Op::recvmsg), word("TIMEOUT", Op::timeout))
URINGSIM_WORDS(ReadWrite, word("read", ReadWrite::read), word("write", ReadWrite::write), word("randread", ReadWrite::randread),
               word("randwrite", ReadWrite::randwrite), word("rw", ReadWrite::rw), word("randrw", ReadWrite::randrw))
URINGSIM_WORDS(Completion, word("wait", Completion::wait), word("reap", Completion::reap))
URINGSIM_WORDS(Arrival, word("fixed", Arrival::fixed), word("poisson", Arrival::poisson))
URINGSIM_WORDS(RegisterWhat, word("buffers", RegisterWhat::buffers), word("files", RegisterWhat::files),
               word("eventfd", RegisterWhat::eventfd))
URINGSIM_WORDS(Signal, word("SIGUSR1", Signal::usr1), word("SIGUSR2", Signal::usr2), word("SIGINT", Signal::intr),
               word("SIGTERM", Signal::term), word("SIGALRM", Signal::alrm), word("SIGKILL", Signal::kill))
URINGSIM_WORDS(Word, word("sq_head", Word::sq_head), word("sq_tail", Word::sq_tail), word("sq_mask", Word::sq_mask),
               word("sq_entries", Word::sq_entries), word("sq_flags", Word::sq_flags), word("sq_dropped", Word::sq_dropped),
               word("cq_head", Word::cq_head), word("cq_tail", Word::cq_tail), word("cq_mask", Word::cq_mask),
               word("cq_entries", Word::cq_entries), word("cq_overflow", Word::cq_overflow))
URINGSIM_WORDS(LoadOrder, word("relaxed", LoadOrder::relaxed), word("acquire", LoadOrder::acquire),
               word("plain", LoadOrder::plain))
URINGSIM_WORDS(StoreOrder, word("relaxed", StoreOrder::relaxed), word("release", StoreOrder::release),
               word("plain", StoreOrder::plain))
URINGSIM_WORDS(FenceKind, word("none", FenceKind::none), word("full", FenceKind::full), word("read", FenceKind::read),
               word("write", FenceKind::write))
URINGSIM_WORDS(Area, word("sqes", Area::sqes), word("sq_array", Area::sq_array), word("sq_words", Area::sq_words),
               word("cq_words", Area::cq_words), word("cqes", Area::cqes))
URINGSIM_WORDS(DeviceOp, word("any", DeviceOp::any), word("read", DeviceOp::read), word("write", DeviceOp::write),
               word("flush", DeviceOp::flush))
URINGSIM_WORDS(Verdict, word("clean", Verdict::clean), word("violation", Verdict::violation))
URINGSIM_WORDS(SearchMemory, word("sc", SearchMemory::sc), word("tso", SearchMemory::tso), word("weak", SearchMemory::weak))

// Bits as the system calls take them (x86-64).
URINGSIM_WORDS(OpenFlagNames, Spelling{"O_RDONLY", open_read_only}, Spelling{"O_WRONLY", 01}, Spelling{"O_RDWR", 02},
               Spelling{"O_APPEND", 02000}, Spelling{"O_NONBLOCK", 04000}, Spelling{"O_DSYNC", 010000},
               Spelling{"O_DIRECT", 040000}, Spelling{"O_SYNC", 04010000})
URINGSIM_WORDS(SetupFlagNames, Spelling{"IOPOLL", 1}, Spelling{"SQPOLL", 2}, Spelling{"SQ_AFF", 4}, Spelling{"CQSIZE", 8},
               Spelling{"CLAMP", 16}, Spelling{"ATTACH_WQ", 32}, Spelling{"R_DISABLED", 64})
URINGSIM_WORDS(SqeFlagNames, Spelling{"FIXED_FILE", 1}, Spelling{"IO_DRAIN", 2}, Spelling{"IO_LINK", 4},
               Spelling{"IO_HARDLINK", 8}, Spelling{"ASYNC", 16}, Spelling{"BUFFER_SELECT", 32})
URINGSIM_WORDS(EnterFlagNames, Spelling{"GETEVENTS", 1}, Spelling{"SQ_WAKEUP", 2}, Spelling{"SQ_WAIT", 4})
URINGSIM_WORDS(PollEventNames, Spelling{"IN", 1}, Spelling{"PRI", 2}, Spelling{"OUT", 4}, Spelling{"ERR", 8}, Spelling{"HUP", 16})
URINGSIM_WORDS(SyncRangeNames, Spelling{"WAIT_BEFORE", 1}, Spelling{"WRITE", 2}, Spelling{"WAIT_AFTER", 4})
URINGSIM_WORDS(MessageFlagNames, Spelling{"OOB", 1}, Spelling{"PEEK", 2}, Spelling{"DONTWAIT", 0x40}, Spelling{"WAITALL", 0x100},
               Spelling{"NOSIGNAL", 0x4000})

#undef URINGSIM_WORDS

std::span<const std::string_view> sqe_opcodes() noexcept {
  static constexpr std::array<std::string_view, 34> names{"NOP",
                                                          "READV",
                                                          "WRITEV",
                                                          "FSYNC",
                                                          "READ_FIXED",
                                                          "WRITE_FIXED",
                                                          "POLL_ADD",
                                                          "POLL_REMOVE",
                                                          "SYNC_FILE_RANGE",
                                                          "SENDMSG",
                                                          "RECVMSG",
                                                          "TIMEOUT",
                                                          "TIMEOUT_REMOVE",
                                                          "ACCEPT",
                                                          "ASYNC_CANCEL",
                                                          "LINK_TIMEOUT",
                                                          "CONNECT",
                                                          "FALLOCATE",
                                                          "OPENAT",
                                                          "CLOSE",
                                                          "FILES_UPDATE",
                                                          "STATX",
                                                          "READ",
                                                          "WRITE",
                                                          "FADVISE",
                                                          "MADVISE",
                                                          "SEND",
                                                          "RECV",
                                                          "OPENAT2",
                                                          "EPOLL_CTL",
                                                          "SPLICE",
                                                          "PROVIDE_BUFFERS",
                                                          "REMOVE_BUFFERS",
                                                          "TEE"};
  return names;
}

std::vector<std::string_view> known_kernels() {
  std::vector<std::string_view> names;
  for (const kernel::io_uring_profile* const profile : kernel::profiles) names.push_back(profile->name);
  return names;
}

std::vector<std::string_view> known_checks() {
  std::vector<std::string_view> names;
  for (const CheckWord& check : checks) names.push_back(check.name);
  return names;
}

std::string_view about_check(std::string_view name) noexcept {
  for (const CheckWord& check : checks)
    if (check.name == name) return check.about;
  return {};
}

std::vector<std::string_view> known_bugs() {
  std::vector<std::string_view> names = known_kernel_bugs();
  for (const std::string_view mistake : known_mistakes()) names.push_back(mistake);
  return names;
}

std::vector<std::string_view> known_kernel_bugs() {
  std::vector<std::string_view> names;
  for (unsigned i = 0; i < static_cast<unsigned>(kernel::Bug::count_); ++i)
    names.push_back(kernel::describe(static_cast<kernel::Bug>(i)).id);
  return names;
}

std::vector<std::string_view> known_costs() {
  return {"memory",   "relax",   "handoff", "syscall", "context_switch", "wakeup",     "interrupt",
          "sqe_fill", "request", "opcode",  "copy",    "block_submit",   "page_lookup"};
}

}  // namespace uringsim::sim
