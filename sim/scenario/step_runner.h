// SPDX-License-Identifier: GPL-2.0-only
// Executes one task's steps against an Environment.
//
//   StepRunner runner(app, plan, shared, task);   // on the task's own stack
//   runner.prepare();                             // memory, and the rings that this task owns
//   ... all tasks have prepared ...
//   runner.run(options.steps);
//
// Nothing here owns heap memory across a step: tasks may be dropped, or rewound, at any operation.
#pragma once

#include "sim/scenario/run_state.h"

namespace uringsim::sim {

/// Byte `at` of the pattern with `seed`: what files hold and writes write.
[[nodiscard]] constexpr u8 pattern_byte(u64 at, u32 seed) noexcept { return static_cast<u8>(at * 31 + (at >> 8) * 17 + seed); }

/// What one task may do in a run, in steps and in rounds of loops: minutes of the host's time. Beyond that nobody waits for the
/// end.
inline constexpr u64 most_steps = 1'000'000'000;

/// Memory for a run, shared by its tasks. Called once, by whichever task is first.
[[nodiscard]] SharedState* make_shared_state(Environment& app, const Plan& plan);

class StepRunner {
 public:
  /// `index`: the task in Scenario::tasks; `number`: its copy, 0 unless `count` makes more.
  StepRunner(Environment& app, const Plan& plan, SharedState& shared, u32 index, u32 number);
  /// Continues as a forked child: a copy of the parent's variables, addresses and positions.
  StepRunner(Environment& app, const Plan& plan, SharedState& shared, const TaskState& parent);

  /// Maps the task's memory and sets its rings up. False if that failed; the failure is reported.
  [[nodiscard]] bool prepare();
  /// Returns false if the task ended before the last step: an `exit` step, or a failure (which is reported).
  bool run(const Steps& steps);
  [[nodiscard]] TaskState& state() noexcept { return *task_; }

 private:
  // -- one function a step; false: go no further
  bool act(const SubmitStep& step);
  bool act(const WaitStep& step);
  bool act(const ReapStep& step);
  bool act(const WorkloadStep& step);
  bool act(const SleepStep& step);
  bool act(const SpinStep& step);
  bool act(const YieldStep& step);
  bool act(const RepeatStep& step);
  bool act(const IfStep& step);
  bool act(const MistakeStep& step);
  bool act(const WhileStep& step);
  bool act(const AssertStep& step);
  bool act(const SetStep& step);
  bool act(const ClockStep& step);
  bool act(const PostStep& step);
  bool act(const AwaitStep& step);
  bool act(const JoinStep& step);
  bool act(const SetupStep& step);
  bool act(const CloseStep& step);
  bool act(const UnmapStep& step);
  bool act(const MapStep& step);
  bool act(const RegisterStep& step);
  bool act(const UnregisterStep& step);
  bool act(const ReadStep& step);
  bool act(const WriteStep& step);
  bool act(const PollStep& step);
  bool act(const ForkStep& step);
  bool act(const ExitStep& step);
  bool act(const SignalStep& step);
  bool act(const SqeStep& step);
  bool act(const LoadStep& step);
  bool act(const StoreStep& step);
  bool act(const AdvanceStep& step);
  bool act(const FenceStep& step);
  bool act(const EnterStep& step);
  bool act(const CqeStep& step);
  bool act(const ScribbleStep& step);
  bool act(const FillStep& step);
  bool act(const PokeStep& step);
  bool act(const CompareStep& step);

  // -- requests (requests.cc)

  /// A CQE that was taken off a ring.
  struct Taken {
    u64 user_data = 0;
    s32 res = 0;
  };
  /// What a workload decides anew for each request.
  struct Moment {
    std::optional<u64> offset;
    u32 flags = 0;  ///< IOSQE_*, beside the request's own
  };
  enum class Prepared : u8 { done, no_room, failed };
  /// Prepares one SQE of `request` (number `i` of the step) in `ring`; no_room if the SQ is full.
  Prepared prepare_request(u32 ring_index, AppRing& ring, const Request& request, u32 i, bool last, const Moment& moment);
  /// The bytes that this request works on in its file.
  u64 request_offset(const Request& request, u32 file, u32 i);
  RequestSlot* take_slot(u64 bytes);
  void in_flight(RequestSlot& slot);
  [[nodiscard]] u32 index_of(const RequestSlot& slot) const noexcept;
  /// Takes a slot that is in no list back among the free ones.
  void give_back(u32 index);
  /// Writes the pattern of (offset, seed) to the slot's data unless it is there already.
  void fill_data(RequestSlot& slot, u32 seed);
  /// Writes iovecs for `size` bytes at `at` to the slot's control memory.
  void write_iovecs(RequestSlot& slot, u64 size, u32 count);
  /// Takes up to `most` CQEs that are there; verifies and forgets their requests. Negative: failed.
  s64 take(u32 ring_index, AppRing& ring, u64 most, const std::optional<Expression>& res, Taken& last);
  bool finish_request(u32 ring_index, const uapi::io_uring_cqe& cqe);
  bool verify(const RequestSlot& slot, s32 res);
  bool compare_pattern(uptr at, u64 bytes, u64 offset, u32 seed);

  // -- rings (ring_steps.cc)

  /// A copy of the ring's library state with this task as its system; publish() stores back what a submit moved.
  AppRing borrow(u32 index);
  void publish(u32 index, const AppRing& ring, u32 old_tail);
  /// Index of a ring that is set up; false and a failure if it is not.
  bool usable(const Ref& name, u32& index);
  s64 setup_ring(u32 index);
  bool start_ring(u32 index);
  s64 register_files(u32 ring, const std::vector<Ref>& files);
  s64 register_buffers(u32 ring, const BufferSet& set);
  /// Memory to register, of an earlier register step if it has the size; 0 and a failed run if there is none.
  uptr take_spare(u64 bytes);
  /// Memory that is registered no more; what was spare before is unmapped.
  void keep_spare(uptr memory, u64 bytes);
  int submit(AppRing& ring, Library library, bool wake, u32 wait);

  // -- small things

  [[nodiscard]] s64 value(const Expression& expression) const noexcept;
  void assign(Variable variable, s64 number) noexcept;
  /// Begins another round of the loop at `where`. False if the task has done too much; the failure is reported.
  bool next_round(const char* where);
  bool expect(s64 got, const std::optional<Expression>& wanted, const char* call);
  /// Reports a failure at the current step; returns false.
  bool fail(const char* what);
  /// As fail(), of the check "data".
  template <class... Arguments>
  bool wrong_data(const char* format, const Arguments&... arguments);
  template <class... Arguments>
  bool fail(const char* format, const Arguments&... arguments);
  /// Private anonymous memory; 0 and a failure if there is none.
  uptr map_memory(u64 bytes);
  /// Sees to it that the task's memory for system calls of its own (TaskState::io) has so many bytes.
  bool io_memory(u64 bytes);

  Environment& app_;
  const Plan& plan_;
  SharedState& shared_;
  TaskState* task_;
  const TaskOptions* options_;
  const char* where_ = "";
};

}  // namespace uringsim::sim
