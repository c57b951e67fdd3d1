// SPDX-License-Identifier: GPL-2.0-only
// The model as something to play a tape on: the system calls of the current task's kernel.
//
// Meant to be used inside a simulated process, by its threads: a call goes through the model's system call entry (so that signals
// are taken on the way back), memory through the process's address space. See model_player.h for the world around it.
#pragma once

#include <cerrno>
#include <list>

#include "kernel_model/core/sched.h"
#include "sim/tape/system.h"

namespace uringsim::sim::tape {

class ModelSystem final : public TapeSystem {
 public:
  s64 call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) override;
  void load(void* to, uptr from, u64 bytes) override;
  void store(uptr to, const void* from, u64 bytes) override;
  u32 load_acquire(uptr word) override;
  void store_release(uptr word, u32 value) override;
  u64 now() override;
  void sleep_until(u64 time) override;
  [[nodiscard]] u64 watch_interval() const override { return 200'000; }
  void start_thread(std::function<void()> body) override;
  void join_threads() override;
  void interrupt_first_thread() override;

  /// What the tape format promises about the process that a tape starts in: empty current directory, umask 0, limits, standard
  /// descriptors. By the first thread, before anything else.
  void prepare();

 private:
  struct Thread {
    std::function<void()> body;
    kernel::task_struct* task = nullptr;
  };
  static void thread_main(void* thread);

  kernel::task_struct* leader_ = nullptr;  ///< the first thread
  /// Its errno. libc takes -4095 to -1 for errors and sets it; who recorded took whatever is negative for one and reported errno,
  /// of an earlier call if need be: enter on a ring with SQPOLL returns any number that it was asked to submit. A process began
  /// with what removing the directory of its predecessor had left.
  s64 errno_ = ENOENT;
  std::list<Thread> threads_;
};

}  // namespace uringsim::sim::tape
