// SPDX-License-Identifier: GPL-2.0-only
// The tracepoints: one typed event stream that checkers, metrics and every export read. Models include/trace/events.
//
// An event is a fixed record: kind and up to six integers, whose meaning events.h gives in one table (name as the kernel
// has it, or uringsim: for what it has no tracepoint for). Objects appear as small stable ids. With nobody listening an
// event costs one predictable branch.
#pragma once

#include "kernel_model/arch/task.h"
#include "kernel_model/arch/types.h"
#include "kernel_model/trace/events.h"

namespace uringsim::kernel {

struct TraceEvent {
  u64 sequence = 0;  ///< global order
  u64 time = 0;      ///< ns of Machine::now(); logical when exploring
  EventKind kind{};
  s16 cpu = -1;
  u32 task = 0;        ///< arch::Task::id
  s64 values[6] = {};  ///< as events.h says
};

/// Where events go. Implementations must not call back into the kernel.
class TraceSink {
 public:
  virtual ~TraceSink() = default;
  virtual void event(const TraceEvent& event) noexcept = 0;
};

/// The kernel's end of the stream. Calls of emit() by tasks running at once (live) are serialised by the sink.
class Tracer {
 public:
  explicit Tracer(TraceSink* sink) noexcept : sink_(sink) {}

  [[nodiscard]] bool enabled() const noexcept { return sink_ != nullptr; }

  template <class... Values>
  void operator()(EventKind kind, Values... values) noexcept {
    static_assert(sizeof...(values) <= 6);
    if (sink_ != nullptr) [[unlikely]] {
      const s64 list[6] = {static_cast<s64>(values)...};
      emit(kind, list);
    }
  }
  /// The next number in the global order, for an event that the world says beside the kernel's (sched_switch).
  u64 take_sequence() noexcept { return __atomic_fetch_add(&sequence_, 1, __ATOMIC_RELAXED); }
  /// The next id of an object of the given class ("ring 0x1", "req 0x2a").
  u32 next_id(ObjectClass of) noexcept { return take_ids(of, 1); }
  /// The first of the next `count` ids of the class, all of them the caller's.
  u32 take_ids(ObjectClass of, u32 count) noexcept;

 private:
  void emit(EventKind kind, const s64 (&values)[6]) noexcept;

  TraceSink* sink_;
  // Written while others read sink_: on a line of its own, or rings on different processors would wait for each other.
  alignas(64) u64 sequence_ = 0;
  u32 ids_[static_cast<unsigned>(ObjectClass::count_)] = {};
};

}  // namespace uringsim::kernel
