// SPDX-License-Identifier: GPL-2.0-only
// What a tape is played on: a process of some kernel, seen from inside.
//
// The interpreter (interpreter.h) speaks to it as a program speaks to Linux on x86-64: by system call number with up to six
// arguments, pointers being addresses of the process, structures having the layout of the ABI. So one interpreter plays a tape on
// the running kernel and on the model, and neither has a private way of doing anything. Beside system calls a process can look at
// its memory, pass time, and have a second thread.
#pragma once

#include <sys/syscall.h>

#include <functional>

#include "kernel_model/arch/types.h"

namespace uringsim::sim::tape {

inline constexpr u64 kMillisecond = 1'000'000;  ///< in nanoseconds, as all times here

// Beside the standard descriptors a process begins with those of whoever recorded: the file that answers went to, and the pipe to
// it, out of the tape's way.
inline constexpr int kLastOpened = 3;
inline constexpr int kFarDescriptor = 1000;

/// One process. All functions are called by a thread of that process.
class TapeSystem {
 public:
  virtual ~TapeSystem() = default;

  /// The system call `number` (SYS_* of x86-64). Returns its value, or -errno.
  virtual s64 call(long number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) = 0;

  /// Plain access to the process's memory. The range is mapped: the interpreter made it.
  virtual void load(void* to, uptr from, u64 bytes) = 0;
  virtual void store(uptr to, const void* from, u64 bytes) = 0;
  /// The words that are shared with the kernel.
  virtual u32 load_acquire(uptr word) = 0;
  virtual void store_release(uptr word, u32 value) = 0;

  /// CLOCK_MONOTONIC in nanoseconds.
  virtual u64 now() = 0;
  /// Sleeps in the kernel until now() >= `time`, whatever interrupts it. Task work runs.
  virtual void sleep_until(u64 time) = 0;
  /// How often a program that watches memory should look, in nanoseconds.
  [[nodiscard]] virtual u64 watch_interval() const = 0;

  /// Starts a thread that shares everything with this one. It calls the same TapeSystem.
  virtual void start_thread(std::function<void()> body) = 0;
  /// Waits for all threads started.
  virtual void join_threads() = 0;
  /// Sends SIGUSR1, which has an empty handler without SA_RESTART, to the first thread.
  virtual void interrupt_first_thread() = 0;
};

}  // namespace uringsim::sim::tape
