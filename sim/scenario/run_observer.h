// SPDX-License-Identifier: GPL-2.0-only
// Everything that watches a run's event stream, behind one sink: figures, hash, checks, and what else a caller wants to listen.
// In a search only names and checks, as figures and hashes are of one run; keep() and put_back() as for every checker.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <unordered_map>

#include "sim/check/checker.h"
#include "sim/fiber/timed_machine.h"
#include "sim/report/ring_metrics.h"
#include "sim/trace/trace_hash.h"

namespace uringsim::sim {

/// Events are counted between open() and close(): what happens before is the building of the world. Checks hear all of them.
/// Serialises the stream, as tasks of the live engine emit at once. sched:sched_switch comes from the machine (timed), and so
/// does the processor that a woken task goes to.
class RunObserver final : public kernel::TraceSink, public SchedObserver {
 public:
  /// `also` hears every event of the run, and of what was before it who the tasks are; may be null.
  explicit RunObserver(kernel::TraceSink* also, bool explored = false) : also_(also), explored_(explored) {}

  void open() { open_ = true; }
  void close() { open_ = false; }
  void keep();
  void put_back();
  void event(const kernel::TraceEvent& event) noexcept override;
  /// Where numbers come from for what the machine says of scheduling, in the order of the kernel's events.
  void number_by(kernel::Tracer& tracer) noexcept { tracer_ = &tracer; }
  void on_switch(u64 time, unsigned cpu, const arch::Task* previous, u32 state, const arch::Task* next) noexcept override;
  void on_wake(u64 time, unsigned cpu, const arch::Task& task) noexcept override;

  void name_ring(u32 task, u32 index, const std::string& name);
  /// The kernel's number of the scenario's ring `index`, 0 if it was never made.
  [[nodiscard]] u32 ring_number(u32 index) const;

  [[nodiscard]] const RingMetrics& metrics() const noexcept { return metrics_; }
  [[nodiscard]] RingMetrics& metrics() noexcept { return metrics_; }
  [[nodiscard]] u64 hash() const noexcept { return hash_.value(); }
  /// Nothing will happen any more: checks look at what is left. Outside of every task.
  void finish(kernel::Kernel& kernel, Rest rest = Rest::still) { checks_.finish(kernel, rest); }
  [[nodiscard]] const CheckSet& checks() const noexcept { return checks_; }
  /// First violation of each check.
  [[nodiscard]] std::map<std::string, std::string> violations() const;

 private:
  /// Which of the scenario's rings is which of the kernel's.
  struct Names {
    std::unordered_map<u32, u32> naming;   ///< task -> index of the ring it makes next
    std::unordered_map<u32, u32> numbers;  ///< index -> the kernel's number
  };
  void deliver(const kernel::TraceEvent& event);

  std::mutex mutex_;
  RingMetrics metrics_;
  TraceHash hash_;
  kernel::TraceSink* also_;
  kernel::Tracer* tracer_ = nullptr;
  unsigned wake_cpu_ = 0;  ///< of the last wake
  bool explored_;
  bool open_ = false;
  CheckSet checks_ = all_checks();
  Names names_;
  Names kept_;
  std::string error_cqe_;
};

}  // namespace uringsim::sim
