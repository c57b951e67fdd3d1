// SPDX-License-Identifier: GPL-2.0-only
// What a scenario file says, as plain structs: every option with its unit and its default, here and nowhere else.
//
// tables.cc maps JSON fields to these members, one line a field; scenarios/schema.json is generated from the same lines. The
// runner turns a Scenario into a World and its tasks' steps into calls. A Scenario is immutable while it runs: what a task
// changes (variables, positions, random numbers) lives with the task.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernel_model/arch/types.h"
#include "sim/scenario/expression.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

/// A name that a person wrote, and where: `file:line:column: /json/path`.
struct Ref {
  std::string name;
  std::string where;
  [[nodiscard]] bool empty() const noexcept { return name.empty(); }
};

/// Members of a JSON object whose keys are names, in the order of the file.
template <class T>
struct Entry {
  std::string name;
  std::string where;
  T value;
};
template <class T>
using Named = std::vector<Entry<T>>;

/// The entry called `name`, or null.
template <class T>
[[nodiscard]] const T* find(const Named<T>& entries, std::string_view name) noexcept {
  for (const Entry<T>& entry : entries)
    if (entry.name == name) return &entry.value;
  return nullptr;
}

/// Flags that may be written by name or as numbers (hostile scenarios set bits that have no name). `Names` is a tag type.
template <class Names>
struct Flags {
  u32 bits = 0;
};

enum class Engine : u8 { timed, live };

// ---- machine ---------------------------------------------------------------------------------------------------------

struct MachineSettings {
  u32 cpus = 2;
  u32 hz = 250;                       ///< jiffies a second
  Nanoseconds time_slice{4'000'000};  ///< timed: a task that others wait for is preempted after this
  Bytes memory{1u << 30};             ///< page frames for page cache and user memory together
  std::string costs;                  ///< timed: overrides of the cost model, JSON as in sim/fiber/costs.json; empty: none
};

// ---- devices ---------------------------------------------------------------------------------------------------------

enum class DeviceType : u8 { ram, file };

/// A distribution of service times. All of them are drawn by table or integer arithmetic.
struct FixedLatency {
  Nanoseconds value{80'000};
};
struct UniformLatency {
  Nanoseconds least, most;
};
struct LognormalLatency {
  Nanoseconds median{80'000};
  u32 sigma_milli = 250;  ///< standard deviation of the logarithm, in thousandths
};
struct PercentileLatency {
  struct Point {
    u32 share_ppm;  ///< this share of requests takes at most `value`
    Nanoseconds value;
  };
  std::vector<Point> points;  ///< ascending; linear in between, the first holds from 0
};
using Latency = std::variant<FixedLatency, UniformLatency, LognormalLatency, PercentileLatency>;

enum class Spread : u8 { fixed, uniform, lognormal };

/// "latency": {"read": "80us", "spread": "lognormal"}: a plain time takes the shape of `spread`; a distribution stands for
/// itself.
struct LatencyOptions {
  Latency read = FixedLatency{};
  std::optional<Latency> write;  ///< none: as read
  std::optional<Latency> flush;  ///< none: as write
  Spread spread = Spread::fixed;
  u32 sigma_milli = 250;            ///< lognormal
  PartsPerMillion jitter{250'000};  ///< uniform: plus and minus this share
};

enum class HostBackend : u8 { automatic, io_uring, threads };

struct DeviceOptions {
  DeviceType type = DeviceType::ram;
  Bytes size{64u << 20};         ///< ram: capacity; file: 0 or what the file is grown to
  Bytes block{512};              ///< logical block: alignment of O_DIRECT
  Bytes max_transfer{1u << 20};  ///< one request; longer bios are split
  u32 queue_depth = 1024;        ///< requests the device holds; more wait in the block layer
  u32 poll_queues = 0;           ///< 0: IOPOLL is refused as by a driver without poll queues
  // ram
  LatencyOptions latency;
  u32 parallelism = 32;    ///< requests in service at once; others wait their turn
  bool reordering = true;  ///< completions come as their service ends; false: in the order of submission
  Bytes bandwidth;         ///< bytes a second through all of it together, 0: unlimited
  // file
  std::string path;     ///< of the host, opened O_DIRECT
  bool create = false;  ///< make the file if there is none, of `size`
  HostBackend backend = HostBackend::automatic;
};

// ---- files -----------------------------------------------------------------------------------------------------------

enum class FileType : u8 { regular, block, host, pipe, socketpair, eventfd, timerfd, devnull, devzero, directory };
enum class Content : u8 { zero, pattern, hole };
enum class SocketType : u8 { stream, datagram, seqpacket };
struct OpenFlagNames {};
/// O_RDONLY is 0 for the system call: this bit says that it was asked for. No access mode at all means O_RDWR.
inline constexpr u32 open_read_only = 1u << 31;

/// A file of the world, opened before any task starts, in every process. A pipe `p` is two files, `p.r` and `p.w`; a socketpair
/// `s` is `s.a` and `s.b`.
struct FileOptions {
  std::optional<FileType> type;  ///< none: regular with `device`, host with `host`
  Ref device;                    ///< regular, block: where it lives
  std::string host;              ///< path on the host
  Bytes size{1u << 20};          ///< regular
  Content content = Content::pattern;
  u32 seed = 0;               ///< of the pattern: byte i is (i*31 + (i>>8)*17 + seed) mod 256
  bool cached = false;        ///< regular: its pages are in the page cache when the tasks start
  Flags<OpenFlagNames> open;  ///< O_RDWR unless an access mode is given
  Bytes capacity{65536};      ///< pipe
  SocketType socket = SocketType::stream;
  u64 initial = 0;         ///< eventfd
  bool semaphore = false;  ///< eventfd
  Nanoseconds expires;     ///< timerfd: once, this long after the start; 0: disarmed
  [[nodiscard]] FileType kind() const noexcept { return type ? *type : !host.empty() ? FileType::host : FileType::regular; }
};

// ---- rings -----------------------------------------------------------------------------------------------------------

struct SetupFlagNames {};

struct BufferSet {
  u32 count = 0;
  Bytes size{4096};
};

/// Which ring library the application was built with: whether flush_sq is followed by a full barrier before the flags are read.
enum class Library : u8 { v2_2, v2_1 };

/// The arguments of io_uring_setup and what is registered right after it. Made before the tasks' first step by the ring's
/// owner (a `setup` step makes it later instead). What Linux itself would refuse is not refused here: see `result`.
struct RingOptions {
  u32 entries = 64;
  std::optional<u32> cq_entries;
  Flags<SetupFlagNames> flags;
  Nanoseconds sq_thread_idle;  ///< rounded up to milliseconds, the unit of the system call
  std::optional<u32> sq_thread_cpu;
  Ref attach;  ///< ring whose SQ thread or workers are shared (ATTACH_WQ)
  Ref owner;   ///< task that calls setup; none: the first task that uses the ring
  std::vector<Ref> register_files;
  std::optional<BufferSet> register_buffers;
  Ref register_eventfd;
  Library library = Library::v2_2;
  Expression result;  ///< what setup returns: 0, or "-EPERM" where that is the subject
};

// ---- steps -----------------------------------------------------------------------------------------------------------

struct TaskStep;
/// Steps that may be nested; std::vector of an incomplete type.
using Steps = std::vector<TaskStep>;

/// Slot of a variable in the task's array; false: the value is not wanted.
struct Variable {
  static constexpr u32 none = ~u32{0};
  u32 slot = none;
  explicit operator bool() const noexcept { return slot != none; }
};

/// One of the task's buffers.
struct BufferSlot {
  u32 slot = 0;
};

enum class Op : u8 {
  nop,
  readv,
  writev,
  fsync,
  read_fixed,
  write_fixed,
  poll_add,
  poll_remove,
  sync_file_range,
  sendmsg,
  recvmsg,
  timeout
};
struct SqeFlagNames {};
struct PollEventNames {};
struct SyncRangeNames {};
struct MessageFlagNames {};

/// Where a request starts in its file.
struct Offset {
  enum class Kind : u8 { at, sequential, random };
  Kind kind = Kind::sequential;
  Expression at;  ///< bytes, Kind::at; request i of the step starts i * size later
};

/// One request, or `count` equal ones, as an application prepares them with the ring library.
struct Request {
  Op op = Op::nop;
  u32 count = 1;
  Ref file;
  std::optional<bool> fixed;  ///< none: by index where the ring has registered the file
  Offset offset;
  Bytes size{4096};                     ///< of each transfer
  u32 iovecs = 1;                       ///< readv, writev: `size` is split among them
  std::optional<u32> seed;              ///< data written: pattern with this seed; none: the file's own
  std::optional<bool> verify;           ///< compare what is read; none: where the file's content is known
  bool link = false;                    ///< each with the next, the last of the step not
  bool drain = false;                   ///< the first of them
  Flags<SqeFlagNames> flags;            ///< more, for each
  std::optional<Expression> user_data;  ///< of the first, counting up; none: numbers of the runner's own
  Flags<PollEventNames> events{1};      ///< poll_add
  Expression target;                    ///< poll_remove: user_data of the poll
  bool datasync = false;                ///< fsync
  Flags<SyncRangeNames> range;          ///< sync_file_range
  Flags<MessageFlagNames> message;      ///< sendmsg, recvmsg
  Nanoseconds after;                    ///< timeout
  bool absolute = false;                ///< timeout: `after` is a time of the clock, not a span
  u32 completions = 0;                  ///< timeout: or after so many
};

/// Fills SQEs, publishes all of them with one tail store, looks once at the flags, and enters where the library would.
struct SubmitStep {
  Ref ring;
  Request request;  ///< the step's own, if `sqes` is empty
  std::vector<Request> sqes;
  bool wake = true;  ///< false: published, but the kernel is never told
  u32 wait = 0;      ///< submit_and_wait
  Variable into;     ///< what submit returned
};

/// Sleeps in enter(GETEVENTS) until `cqes` are there, then takes them.
struct WaitStep {
  Ref ring;
  Expression cqes{1};
  bool take = true;
  std::optional<Expression> res;        ///< what each has to carry
  std::optional<Expression> user_data;  ///< of the first taken
  Variable into;                        ///< how many were taken, or the error
  Variable into_res;                    ///< res of the last one taken
  Variable into_user_data;
};

/// Takes what is there by looking at memory; never enters.
struct ReapStep {
  Ref ring;
  std::optional<Expression> cqes;  ///< at most so many; none: all
  bool until = false;              ///< look again and again until `cqes` were taken
  std::optional<Expression> res;
  Variable into;
  Variable into_res;
  Variable into_user_data;
};

enum class ReadWrite : u8 { read, write, randread, randwrite, rw, randrw };
enum class Completion : u8 { wait, reap };
enum class Arrival : u8 { fixed, poisson };

/// A workload in fio's terms.
struct WorkloadStep {
  Ref ring;
  Ref file;
  ReadWrite rw = ReadWrite::randread;
  u32 rwmixread = 50;  ///< rw, randrw: percent
  Bytes bs{4096};
  Bytes offset;  ///< the region used; size 0: to the end
  Bytes size;
  u32 iodepth = 1;
  u32 batch = 1;           ///< requests a submit
  u32 batch_complete = 1;  ///< completions waited for at once
  u64 ios = 0;             ///< ends after so many, 0: by runtime
  Nanoseconds runtime;     ///< or after so long
  u64 rate = 0;            ///< requests a second, 0: as fast as it goes
  Arrival arrival = Arrival::fixed;
  Nanoseconds thinktime;     ///< pause
  u32 thinktime_blocks = 1;  ///< after so many requests
  u32 link = 1;              ///< chain length
  u32 drain = 0;             ///< every so many requests, 0: never
  u32 fsync = 0;             ///< after every so many writes, 0: never
  bool fixed_buffers = false;
  std::optional<bool> fixed;  ///< as in Request
  bool verify = false;
  Completion completion = Completion::wait;
};

struct SleepStep {
  Nanoseconds time;
};
/// Computes: holds the processor.
struct SpinStep {
  Nanoseconds time;
};
struct YieldStep {};

struct RepeatStep {
  Expression times;
  Variable index;  ///< counts from 0
  Steps steps;
};
struct IfStep {
  Expression condition;
  Steps then, otherwise;
};
/// An application's mistake (application_mistakes.h): `steps` with the mistake in, `instead` without it.
struct MistakeStep {
  Ref mistake;
  Steps steps, instead;
  bool made = false;  ///< the scenario's `bugs` names it
};
struct WhileStep {
  Expression condition;
  Steps steps;
  u64 limit = 0;  ///< fails the run after so many rounds; 0: none
};
struct AssertStep {
  Expression condition;
  std::string message;
  std::string text;  ///< the condition as written
};
struct Assignment {
  u32 variable;
  Expression value;
};
struct SetStep {
  std::vector<Assignment> values;
};

/// Reads CLOCK_MONOTONIC, in nanoseconds.
struct ClockStep {
  Variable into;
};

/// Semaphores between tasks, of the test and not of the kernel: they wait by sleeping and order everything before the post.
struct PostStep {
  Ref event;
};
struct AwaitStep {
  Ref event;
};
struct JoinStep {
  Ref task;
};

/// io_uring_setup and mmap of a declared ring, now rather than at the start.
struct SetupStep {
  Ref ring;
  Variable into;
};
struct CloseStep {
  Ref ring, file;
  bool keep_map = false;  ///< ring: its memory stays mapped, and with it the ring
  Variable into;
};
struct UnmapStep {
  Ref ring;
};
/// Maps a ring again (after `unmap`, or in a child that needs its own look).
struct MapStep {
  Ref ring;
  Variable into;
};

enum class RegisterWhat : u8 { buffers, files, eventfd };
struct RegisterStep {
  Ref ring;
  RegisterWhat what = RegisterWhat::files;
  std::vector<Ref> files;
  std::optional<BufferSet> buffers;
  Ref eventfd;
  Expression result;  ///< what it has to return, 0 unless the error is the subject
  Variable into;      ///< with this, `result` is not tested
};
struct UnregisterStep {
  Ref ring;
  RegisterWhat what = RegisterWhat::files;
  Expression result;
  Variable into;
};

/// read(2), write(2), fsync(2) by the task itself.
struct ReadStep {
  Ref file;
  Bytes size{4096};
  std::optional<Expression> offset;  ///< pread
  std::optional<Expression> result;
  Variable into;
};
struct WriteStep {
  Ref file;
  Bytes size{4096};
  std::optional<Expression> offset;  ///< pwrite
  std::optional<u32> seed;
  std::optional<Expression> value;  ///< the eight bytes for an eventfd
  std::optional<Expression> result;
  Variable into;
};
/// poll(2) on a file or on the ring itself.
struct PollStep {
  Ref file, ring;
  Flags<PollEventNames> events{1};
  std::optional<Nanoseconds> timeout;  ///< none: for ever
  Variable into;                       ///< revents
};

/// A child process with copies of memory and descriptors; the ring stays shared.
struct ForkStep {
  std::string name;  ///< of the child's task
  Steps steps;
};
struct ExitStep {
  u32 code = 0;
};
enum class Signal : u8 { usr1, usr2, intr, term, alrm, kill };
struct SignalStep {
  Ref task;
  Signal signal = Signal::usr1;
};

// -- low level: the ring itself, one access a step

enum class Word : u8 {
  sq_head,
  sq_tail,
  sq_mask,
  sq_entries,
  sq_flags,
  sq_dropped,
  cq_head,
  cq_tail,
  cq_mask,
  cq_entries,
  cq_overflow
};
enum class LoadOrder : u8 { relaxed, acquire, plain };
enum class StoreOrder : u8 { relaxed, release, plain };
enum class FenceKind : u8 { none, full, read, write };
struct EnterFlagNames {};

/// Stores into an SQE, field by field, raw. Fields that are not named are set to 0 unless `keep`.
struct SqeStep {
  Ref ring;
  std::optional<Expression> slot;   ///< SQE index; none: the one after the last, modulo the ring
  std::optional<Expression> index;  ///< what goes into the SQ array at `slot`; none: slot itself
  bool keep = false;                ///< leave other fields as they are: to change an SQE under the kernel's eyes
  std::optional<Expression> opcode, flags, ioprio, fd, off, addr, len, rw_flags, user_data, buf_index;
  Ref file;  ///< instead of `fd`: the descriptor, or the index where `fixed`
  bool fixed = false;
};
struct LoadStep {
  Ref ring;
  Word word = Word::sq_head;
  LoadOrder order = LoadOrder::relaxed;
  Variable into;
};
struct StoreStep {
  Ref ring;
  Word word = Word::sq_tail;
  Expression value;
  StoreOrder order = StoreOrder::release;
};
/// Adds to a word that this side owns (SQ tail, CQ head), from the task's own copy.
struct AdvanceStep {
  Ref ring;
  Word word = Word::cq_head;
  Expression by{1};
  StoreOrder order = StoreOrder::release;
};
struct FenceStep {
  FenceKind kind = FenceKind::full;
};
/// io_uring_enter, argument by argument.
struct EnterStep {
  Ref ring;
  Expression to_submit, min_complete;
  Flags<EnterFlagNames> flags;
  std::optional<std::vector<Signal>> blocked;  ///< the sigmask while inside; none: no mask is passed
  std::optional<Expression> result;
  Variable into;
};
/// Reads one CQE, plainly.
struct CqeStep {
  Ref ring;
  Expression at;  ///< CQ index before masking
  Variable user_data, res, flags;
};
enum class Area : u8 { sqes, sq_array, sq_words, cq_words, cqes };
/// Writes over ring memory: `value` in each byte, or random bytes.
struct ScribbleStep {
  Ref ring;
  Area area = Area::sqes;
  Expression offset;
  Bytes size{64};
  std::optional<Expression> value;  ///< none: random
};
/// Fills one of the task's own buffers with a pattern or a byte.
struct FillStep {
  BufferSlot buffer;
  std::optional<u32> seed;
  std::optional<Expression> value;
};
/// Stores a number into one of the task's own buffers: an iovec, say.
struct PokeStep {
  BufferSlot buffer;
  Expression offset;
  u32 size = 8;
  Expression value;
};
/// Asserts that a buffer holds the pattern of `seed` from `offset` on.
struct CompareStep {
  BufferSlot buffer;
  u32 seed = 0;
  Bytes offset;               ///< where in the pattern the buffer starts
  std::optional<Bytes> size;  ///< none: all of it
};

using StepAction =
    std::variant<SubmitStep, WaitStep, ReapStep, WorkloadStep, SleepStep, SpinStep, YieldStep, RepeatStep, IfStep, MistakeStep,
                 WhileStep, AssertStep, SetStep, ClockStep, PostStep, AwaitStep, JoinStep, SetupStep, CloseStep, UnmapStep,
                 MapStep, RegisterStep, UnregisterStep, ReadStep, WriteStep, PollStep, ForkStep, ExitStep, SignalStep, SqeStep,
                 LoadStep, StoreStep, AdvanceStep, FenceStep, EnterStep, CqeStep, ScribbleStep, FillStep, PokeStep, CompareStep>;

struct TaskStep {
  std::string where;  ///< `file:line:column: /json/path`, for failures
  StepAction action;
};

// ---- tasks -----------------------------------------------------------------------------------------------------------

struct BufferOptions {
  Bytes size{4096};
  Content content = Content::zero;
  u32 seed = 0;
};

struct TaskOptions {
  std::optional<u32> cpu;        ///< bound to this processor
  u32 uid = 0;                   ///< 0: root, with all capabilities; others have none
  std::string process;           ///< tasks with the same name share memory and descriptors; none: all of one process
  u32 count = 1;                 ///< so many tasks, named NAME, NAME.1, NAME.2 ...; `self` is the number in expressions
  Nanoseconds start;             ///< first step after this
  std::optional<Bytes> memlock;  ///< RLIMIT_MEMLOCK of the process
  std::optional<u32> nofile;     ///< RLIMIT_NOFILE of the process
  std::optional<Bytes> fsize;    ///< RLIMIT_FSIZE of the process
  Named<BufferOptions> buffers;  ///< memory of the task's own, usable by name in expressions
  std::vector<Signal> handlers;  ///< signals with an empty handler, no SA_RESTART
  bool must_end = true;          ///< false: may still be at it when all others are done
  Steps steps;
  std::vector<std::string> variables;  ///< names by slot; slot 0 is `self`
};

// ---- faults ----------------------------------------------------------------------------------------------------------

enum class DeviceOp : u8 { any, read, write, flush };

/// When a fault strikes. Without any of these: every time.
struct When {
  u64 nth = 0;                    ///< only the nth occurrence, from 1
  u64 every = 0;                  ///< each multiple of this
  std::optional<Nanoseconds> at;  ///< from this time on
  PartsPerMillion probability{1'000'000};
  u64 times = 0;  ///< no more than so often, 0: no limit
};
struct DeviceFault {
  Ref device;
  DeviceOp op = DeviceOp::any;
  s64 error = 0;  ///< positive errno, 0: none
  Nanoseconds delay;
  std::optional<Bytes> transfer;  ///< the request ends short after so many bytes
  When when;
};
/// An allocation of the kernel returns null.
struct AllocationFault {
  std::string site;  ///< kernel function that allocates; "any"
  Ref task;          ///< on behalf of this task; none: any
  When when;
};
struct SignalFault {
  Signal signal = Signal::usr1;
  Ref task;
  Nanoseconds at;
};
/// A task is killed: at a time, or before its nth step.
struct DeathFault {
  Ref task;
  std::optional<Nanoseconds> at;
  u64 nth = 0;
};
using Fault = std::variant<DeviceFault, AllocationFault, SignalFault, DeathFault>;

// ---- expectations ----------------------------------------------------------------------------------------------------

/// Where an expectation applies.
struct Scope {
  std::vector<Engine> engines;       ///< none: all
  std::vector<std::string> kernels;  ///< none: all
};
struct Bounds {
  std::optional<double> at_least, at_most, equals;
};
/// Number of CQEs that tasks have taken from a ring, all of them or those with a given res or user_data.
struct CqesExpectation {
  Ref ring;
  std::optional<s64> res, user_data;
  std::optional<u64> count, at_least, at_most;
};
struct CheckExpectation {
  Ref check;
};
struct MetricExpectation {
  Ref metric;  ///< path in the --json output
  Bounds bounds;
};
/// What a file holds at the end.
struct ContentExpectation {
  Ref file;
  u64 offset = 0;
  std::optional<Bytes> size;  ///< none: to the end
  Content content = Content::pattern;
  u32 seed = 0;
};
/// In which order CQEs were taken: `user_data` appear in this order; others may come between unless `exactly`.
struct OrderExpectation {
  Ref ring;
  std::vector<s64> user_data;
  bool exactly = false;
};
/// A task's variable at its end.
struct VariableExpectation {
  Ref task;
  std::string name;
  u32 slot = 0;
  Bounds bounds;
};
enum class Verdict : u8 { clean, violation };
enum class SearchMemory : u8 { sc, tso, weak };
/// What a search of the scenario finds (uringsim explore).
struct SearchExpectation {
  Verdict verdict = Verdict::clean;
  Ref check;                         ///< the violated invariant; none: any
  std::vector<SearchMemory> memory;  ///< none: all
};
struct Expectation {
  std::string where;
  Scope on;
  std::variant<CqesExpectation, CheckExpectation, MetricExpectation, ContentExpectation, OrderExpectation, VariableExpectation,
               SearchExpectation>
      what;
};

// ---- the whole -------------------------------------------------------------------------------------------------------

struct Scenario {
  std::string file;  ///< as given on the command line
  std::string name;
  std::string about;
  Ref kernel{"v5.4", ""};
  std::vector<Engine> engines{Engine::timed, Engine::live};
  u64 seed = 1;
  MachineSettings machine;
  Named<DeviceOptions> devices;
  Named<FileOptions> files;
  Named<RingOptions> rings;
  Named<TaskOptions> tasks;
  std::vector<Fault> faults;
  std::vector<Expectation> expect;
  std::vector<Ref> allow;
  std::vector<Ref> bugs;
  std::vector<Ref> fixes;
  std::optional<Nanoseconds> limit;  ///< of virtual or real time for the whole run; none: the engine's own watchdog
  std::string text;                  ///< the JSON after --set and params, compact: what a repro carries
};

}  // namespace uringsim::sim
