// SPDX-License-Identifier: GPL-2.0-only
// A task of a world as the step runner's Environment.
#pragma once

#include <bitset>

#include "kernel_model/core/sched.h"
#include "sim/scenario/environment.h"
#include "sim/scenario/model_run.h"

namespace uringsim::sim {

/// One a task, on the task's own stack.
class ModelEnvironment final : public Environment {
 public:
  /// `task`: null for a forked child and for set-up.
  ModelEnvironment(ModelRun& run, ModelTask* task) noexcept : run_(run), task_(task) {}

  s64 call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) override;
  u64 load(uptr at, unsigned size, LoadOrder order, const char* barrier) override;
  void store(uptr at, unsigned size, u64 value, StoreOrder order, const char* barrier) override;
  void fence(FenceKind kind, const char* barrier) override;
  void write_sqe(uptr at, const uapi::io_uring_sqe& sqe) override { app_.write_sqe(at, sqe); }
  void copy_out(uptr to, const void* from, u64 bytes) override { app_.copy_out(to, from, bytes); }
  void copy_in(void* to, uptr from, u64 bytes) override { app_.copy_in(to, from, bytes); }
  void peek(void* to, uptr from, u64 bytes) override;

  u64 now() override { return arch::machine().now() - run_.start; }
  void sleep(u64 nanoseconds) override;
  void spin(u64 nanoseconds) override;
  void yield() override { arch::machine().yield(); }
  void poll_pass() override { kernel::cpu_relax(); }

  u32 process() override { return static_cast<u32>(kernel::current()->tgid); }
  u64 random() override { return arch::machine().random(); }
  void* alloc(u64 bytes) override;
  int descriptor(u32 index) override { return run_.descriptors[index]; }
  u64 file_size(u32 index) override { return run_.sizes[index]; }
  void post(u32 event) override;
  void await(u32 event) override;
  void join(const std::string& name) override;
  void signal(const std::string& task, int number) override;
  s64 fork(const ForkStep& step, const void* runner_state) override;
  void naming_ring(u32 index) override;
  void cqe_reaped(u32 ring, u32 head, u64 user_data, s32 res, u32 flags) override;
  void sq_published(u32 ring, u32 old_tail, u32 tail) override;
  void note(kernel::EventKind kind, u32 ring, std::initializer_list<s64> values) override;
  void touched(uptr at, u64 bytes, bool write) override;
  void violation(const char* check, const char* where, const char* what) override;
  void fail(const char* where, const char* what) override;
  void before_step(u64 number) override;

  struct Child;  ///< forked here
  /// Waits for all of them.
  void reap_children();
  static void wait(kernel::completion& completion);

 private:
  static void reap(int pid);
  void look_at_flags(uptr at);
  template <class T>
  u64 load_as(uptr at, LoadOrder order, const char* barrier);
  template <class T>
  void store_as(uptr at, u64 value, StoreOrder order, const char* barrier);

  Application app_;
  ModelRun& run_;
  ModelTask* task_;
  Child* children_ = nullptr;   ///< the latest first
  bool went_on_ = false;        ///< a step began since the last system call
  std::bitset<256> published_;  ///< by ring: its flags were not looked at since
};

}  // namespace uringsim::sim
