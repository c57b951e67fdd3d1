// SPDX-License-Identifier: GPL-2.0-only
// Everything the kernel needs of a machine. Engines (sim/live, sim/fiber) implement it; nothing else below sim/ may know one.
//
// Three rules hold for every engine:
//  * A call that does not say "may switch" never runs another task's code before it returns.
//  * Nothing observable depends on an address: order comes from ids, sequence numbers and the machine's own random numbers.
//  * All state of kernel and tasks comes from alloc(): an engine may snapshot and restore it as a whole. Tasks are never
//    unwound; when a world ends their stacks are dropped, so no destructor may be relied on to release anything outside.
#pragma once

#include "kernel_model/arch/site.h"
#include "kernel_model/arch/task.h"
#include "kernel_model/arch/types.h"

namespace uringsim::arch {

/// Ordering of one memory operation, in the terms of the Linux-kernel memory model.
enum class Order : u8 {
  plain,    ///< not marked: a data race if unordered with a conflicting access
  relaxed,  ///< READ_ONCE, WRITE_ONCE, void or _relaxed read-modify-write
  acquire,  ///< smp_load_acquire, lock
  release,  ///< smp_store_release, unlock
  full,     ///< value-returning read-modify-write: a full barrier before and after
};

enum class Fence : u8 { full, read, write };  ///< smp_mb, smp_rmb, smp_wmb

enum class Rmw : u8 { exchange, compare_exchange, add, bit_and, bit_or };

/// The state of a task, in the low bits Linux's own (include/linux/sched.h).
enum TaskState : u32 {
  TASK_RUNNING = 0,
  TASK_INTERRUPTIBLE = 1,
  TASK_UNINTERRUPTIBLE = 2,
  TASK_PARKED = 0x40,
  TASK_NORMAL = TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE,
};

/// What a lock is, for engines (a spinner occupies its processor, a sleeper does not) and for the lock checkers.
enum class LockKind : u8 { spin, mutex };

/// The state of a lock, part of the kernel object that it protects. Zeroed is unlocked.
struct LockWord {
  u32 word = 0;     ///< direct: 0 free, 1 held, 2 held and contended (mutex); else owned by the engine: 0 or holder's id + 1
  u32 waiters = 0;  ///< direct: id + 1 of who took it last, for reports; else number of tasks that the engine keeps waiting
};

/// Things that cost time in the timed engine; the cost model gives each nanoseconds (and nanoseconds a unit).
enum class Cost : u8 {
  syscall,         ///< entry and exit of a system call
  context_switch,  ///< switching a processor from one task to another
  wakeup,          ///< from wake to running on an idle processor
  interrupt,       ///< entry and exit of an interrupt
  sqe_fill,        ///< application: filling one SQE
  request,         ///< kernel: fixed part of one request, from SQE to issue
  opcode,          ///< kernel: issue of one opcode (unit: opcode number selects the entry)
  copy,            ///< copying user memory (unit: byte)
  block_submit,    ///< building and submitting one bio
  page_lookup,     ///< one page cache look-up
  count_,
};

/// A one-shot timer. Embedded in its owner, which keeps it alive until timer_cancel() returned 0 or 1, or the callback began:
/// the callback may start the timer again and may free it (as io_uring's timeouts do), so an engine clears `armed` before the
/// call, does not touch the timer after it, and remembers itself which one is running. The callback runs in interrupt context.
struct Timer {
  void (*function)(Timer*) = nullptr;
  u64 due = 0;           ///< nanoseconds of Machine::now(); equal ones run in order of starting
  void* engine[4] = {};  ///< the engine's own, valid while armed; zero when not
  bool armed = false;
};

/// Work for interrupt context: a device's completion. One-shot, embedded in its owner; the function may free or raise it again.
struct Interrupt {
  void (*function)(Interrupt*) = nullptr;
  void* engine[2] = {};
};

struct SpawnOptions {
  int cpu = -1;         ///< bound to this processor, or -1
  u32 stack_bytes = 0;  ///< 0: the engine's usual size
  bool kernel_thread = false;
};

/// The machine. All functions are called by, or on behalf of, the current task unless they say otherwise.
class Machine {
 public:
  virtual ~Machine() = default;

  /// The kernel that runs here, set by its constructor. Interrupt contexts find it this way: their tasks are the engine's.
  void* kernel = nullptr;

  // ---- memory: explored tasks only; the inline operations of memory.h call these -----------------------------------

  /// Loads `size` (1, 2, 4, 8) bytes. May switch before it acts.
  virtual u64 load(const void* at, unsigned size, Order order, const char* barrier, Site site) noexcept = 0;
  virtual void store(void* at, unsigned size, u64 value, Order order, const char* barrier, Site site) noexcept = 0;
  /// Returns the old value. For compare_exchange `operand` is stored if the old value equals `expected`.
  virtual u64 rmw(void* at, unsigned size, Rmw op, u64 operand, u64 expected, Order order, Site site) noexcept = 0;
  /// `barrier` names the fence (see memory.h); an engine that was told to leave it out does nothing.
  virtual void fence(Fence kind, const char* barrier, Site site) noexcept = 0;
  /// A plain access to `bytes` bytes of payload happens right after this returns. Race-checked; may switch.
  virtual void plain(const void* at, u64 bytes, bool write, Site site) noexcept = 0;
  /// Returns when no task is any more inside an access to user memory from `start` to `end` (user_access.h) that it began before
  /// this call. What the caller stored before is seen by every access that begins later. To be called without locks that an
  /// access could want. Nothing to do where tasks take turns.
  virtual void shoot_down([[maybe_unused]] uptr start, [[maybe_unused]] uptr end) noexcept {}
  /// Enters (name) or leaves (null) a kernel function: what stories and race reports are told in.
  virtual void scope(const char* function) noexcept = 0;

  // ---- locks: counted and explored tasks; direct ones use the hardware (lock.h) and come to lock() only to wait ------

  /// Acquires; may switch. Acquire ordering (lock.h says what Linux promises).
  virtual void lock(LockWord& lock, LockKind kind, Site site) noexcept = 0;
  virtual bool try_lock(LockWord& lock, LockKind kind, Site site) noexcept = 0;
  /// Release ordering only: an unlock is not a full barrier.
  virtual void unlock(LockWord& lock, LockKind kind, Site site) noexcept = 0;

  // ---- tasks -----------------------------------------------------------------------------------------------------

  /// Makes `task` a task of this machine, stopped in TASK_UNINTERRUPTIBLE until its first wake(). `entry(argument)` runs
  /// on the task's own stack; when it returns the task is gone and `task` may be released by whoever joined it.
  virtual void spawn(Task& task, void (*entry)(void*), void* argument, const SpawnOptions& options) noexcept = 0;
  /// Ends the current task at once, without unwinding. Does not return.
  [[noreturn]] virtual void exit() noexcept = 0;
  /// Blocks until `task` has ended. Immediate if it has.
  virtual void join(Task& task) noexcept = 0;
  virtual void set_affinity(Task& task, int cpu) noexcept = 0;

  /// __set_current_state: a relaxed store to the state of the current task. (set_current_state adds smp_mb, see core/sched.h.)
  virtual void set_state(u32 state) noexcept = 0;
  [[nodiscard]] virtual u32 state(const Task& task) const noexcept = 0;
  /// schedule(): if the current task's state is TASK_RUNNING, at most yields; else sleeps until a wake() made it TASK_RUNNING
  /// or now() >= deadline (then sets TASK_RUNNING itself). Returns false if the deadline ended it. May switch.
  virtual bool schedule(u64 deadline = ~u64{0}) noexcept = 0;
  /// try_to_wake_up: if the state of `task` is in `mask`, atomically makes it TASK_RUNNING and runnable and returns true.
  /// Orders like a full barrier before the test (5.4: smp_mb__after_spinlock() in try_to_wake_up()); callers rely on it: what
  /// they stored before is seen by a task whose state they found not to be in `mask`.
  virtual bool wake(Task& task, u32 mask) noexcept = 0;
  /// True once the current task should give way: its time slice is used up, or somebody more urgent waits.
  [[nodiscard]] virtual bool need_resched() noexcept = 0;
  /// Gives way to others that are runnable on this processor. May switch.
  virtual void yield() noexcept = 0;
  /// Counted tasks only: the current task's clock has reached its deadline. May switch. memory.h calls this.
  virtual void due() noexcept {}
  /// One pass of a polling loop is over. An engine may skip passes, or hold the task until something that the last pass
  /// read has changed or time has moved, if that pass had no effect. May switch.
  virtual void poll_pass(Site site) noexcept = 0;

  [[nodiscard]] virtual unsigned cpus() const noexcept = 0;
  [[nodiscard]] virtual int current_cpu() const noexcept = 0;

  // ---- time --------------------------------------------------------------------------------------------------------

  /// CLOCK_MONOTONIC in nanoseconds. In an explored task a choice near a deadline; may switch.
  [[nodiscard]] virtual u64 now() noexcept = 0;
  /// now() / period: jiffies. Asking for it promises that the caller looks at nothing finer, so that a poller which reads
  /// jiffies is known to see no change before the next one; one that reads now() sees a change at every pass.
  [[nodiscard]] virtual u64 ticks(u64 period) noexcept { return now() / period; }
  /// ticks(period) > count: how a deadline is looked at. What ticks() says may set deadlines only; that time goes on until one of
  /// them has passed is found out here, and is a choice of an explored task here.
  [[nodiscard]] virtual bool ticks_passed(u64 period, s64 count) noexcept { return static_cast<s64>(ticks(period)) > count; }
  virtual void timer_start(Timer& timer, u64 due) noexcept = 0;
  /// 1: was armed and will not run; 0: was not armed; -1: its callback is running right now (hrtimer_try_to_cancel).
  virtual int timer_cancel(Timer& timer) noexcept = 0;
  /// Runs interrupt.function in interrupt context soon. Callable from any thread that the engine knows as its own.
  virtual void raise(Interrupt& interrupt) noexcept = 0;
  /// Adds what `units` of `what` cost. Free in live.
  virtual void charge(Cost what, u64 units) noexcept = 0;

  // ---- supply ------------------------------------------------------------------------------------------------------

  /// Zeroed memory, aligned to `align` (a power of two up to 4096); null when exhausted. Not an operation of its own.
  [[nodiscard]] virtual void* alloc(u64 bytes, u64 align) noexcept = 0;
  virtual void free(void* memory, u64 bytes) noexcept = 0;
  /// The next number of the world's own seeded stream.
  [[nodiscard]] virtual u64 random() noexcept = 0;
  /// A choice among 0..options-1 that belongs to the world, not to a task (which completion comes first, whether a fault
  /// strikes). Explored exhaustively when exploring; drawn from random() otherwise.
  [[nodiscard]] virtual u32 choose(u32 options, const char* what) noexcept = 0;
  /// The current task has set up what it needs: a run that is to be explored begins here. Engines that do not explore ignore it.
  virtual void ready() noexcept {}
  /// Something is wrong with the model's world itself (BUG_ON, WARN_ON, use after free): recorded as a violation that names
  /// `what`. Does not return if `fatal`.
  virtual void report(const char* what, bool fatal, Site site) noexcept = 0;
};

/// The machine of the current task.
inline Machine& machine() noexcept { return *current_task()->machine; }

}  // namespace uringsim::arch
