// SPDX-License-Identifier: GPL-2.0-only
// What a scenario's task sees of the world: its process's memory and system calls, time, and the other tasks.
//
// The runner (step_runner.h) executes steps against this interface and nothing else, so the same steps run on the model under
// any engine and, for the runner's own tests, on the running kernel. Addresses are those of the task's process; system calls go
// by their x86-64 numbers with the ABI's structures, and return -errno.
#pragma once

#include <sys/syscall.h>

#include <initializer_list>

#include "kernel_model/arch/types.h"
#include "kernel_model/trace/events.h"
#include "sim/scenario/scenario.h"
#include "uapi/abi.h"

namespace uringsim::sim {

class Environment {
 public:
  virtual ~Environment() = default;

  // ---- system calls ----------------------------------------------------------------------------------------------------

  virtual s64 call(long number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) = 0;

  // ---- memory: operations of the program, seen by memory models and costs ------------------------------------------------

  /// Loads 1, 2, 4 or 8 bytes. `barrier` names an acquire.
  virtual u64 load(uptr at, unsigned size, LoadOrder order, const char* barrier) = 0;
  virtual void store(uptr at, unsigned size, u64 value, StoreOrder order, const char* barrier) = 0;
  virtual void fence(FenceKind kind, const char* barrier) = 0;
  /// A whole SQE as one plain operation.
  virtual void write_sqe(uptr at, const uapi::io_uring_sqe& sqe) = 0;
  /// Plain copies.
  virtual void copy_out(uptr to, const void* from, u64 bytes) = 0;
  virtual void copy_in(void* to, uptr from, u64 bytes) = 0;

  /// Looks at memory as a debugger would: no operation, no cost, no race.
  virtual void peek(void* to, uptr from, u64 bytes) = 0;

  // ---- time ------------------------------------------------------------------------------------------------------------

  /// CLOCK_MONOTONIC in nanoseconds.
  virtual u64 now() = 0;
  /// Sleeps so long in the kernel, whatever signals come.
  virtual void sleep(u64 nanoseconds) = 0;
  /// Computes so long.
  virtual void spin(u64 nanoseconds) = 0;
  virtual void yield() = 0;
  /// One look of a loop that waits for memory to change is over; nothing need happen until it does.
  virtual void poll_pass() = 0;

  // ---- the world -------------------------------------------------------------------------------------------------------

  /// A number of the task's process: tasks with the same share its memory.
  [[nodiscard]] virtual u32 process() = 0;
  /// The next random number of the run.
  virtual u64 random() = 0;
  /// Zeroed memory for the runner's own state, part of what an engine rewinds. Never freed.
  virtual void* alloc(u64 bytes) = 0;
  /// Descriptor of the scenario's open file `index` (Plan::files) in this process; negative if it is closed here.
  virtual int descriptor(u32 index) = 0;
  /// Its size in bytes; 0 where it has none.
  virtual u64 file_size(u32 index) = 0;

  /// Semaphores between tasks by number (Plan::events); of the test, not of the kernel.
  virtual void post(u32 event) = 0;
  virtual void await(u32 event) = 0;
  /// Waits until the task called `name`, or the children of that name that this one forked, have ended.
  virtual void join(const std::string& name) = 0;
  virtual void signal(const std::string& task, int number) = 0;
  /// Starts a child process with copies of this one's memory and descriptors, running `step.steps` with `runner_state`, the
  /// forking task's.
  virtual s64 fork(const ForkStep& step, const void* runner_state) = 0;

  // ---- what observers are told -------------------------------------------------------------------------------------------

  /// The next io_uring_setup of this task makes the scenario's ring `index`.
  virtual void naming_ring(u32 index) = 0;
  virtual void cqe_reaped(u32 ring, u32 head, u64 user_data, s32 res, u32 flags) = 0;
  /// The SQ tail moved, with `count` new entries.
  virtual void sq_published(u32 ring, u32 old_tail, u32 tail) = 0;
  /// What checkers of applications want to know, before it happens; `values` as kernel_model/trace/events.h says behind the ring.
  virtual void note(kernel::EventKind, u32 /*ring*/, std::initializer_list<s64> /*values*/) {}
  /// The same of the task's own memory.
  virtual void touched(uptr, u64 /*bytes*/, bool /*write*/) {}
  /// The run breaks the invariant `check`; else as fail().
  virtual void violation(const char* /*check*/, const char* where, const char* what) { fail(where, what); }
  /// The task's step `number` (from 1) is next: where a fault that kills it strikes.
  virtual void before_step(u64 number) = 0;
  /// The run fails: `what` went wrong at `where`. The task goes no further.
  virtual void fail(const char* where, const char* what) = 0;
};

}  // namespace uringsim::sim
