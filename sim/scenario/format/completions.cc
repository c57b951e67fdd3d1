// SPDX-License-Identifier: GPL-2.0-only
// The tables of steps that take completions, and of whole workloads.
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

template <>
const Table<WaitStep>& table_of<WaitStep>() {
  static const Table<WaitStep> table{
      "wait",
      "Sleeps in enter(GETEVENTS) until the CQEs are there, then takes them.",
      {field<&WaitStep::ring>("ring", "Which ring.", Need::required), field<&WaitStep::cqes>("cqes", "So many (1)."),
       field<&WaitStep::take>("take", "false: leave them in the ring (true)."),
       field<&WaitStep::res>("res", "What each has to carry."),
       field<&WaitStep::user_data>("user_data", "What the first has to carry."),
       field<&WaitStep::into>("into", "How many were taken, or the error."),
       field<&WaitStep::into_res>("into_res", "res of the last one."),
       field<&WaitStep::into_user_data>("into_user_data", "user_data of the last one.")}};
  return table;
}

template <>
const Table<ReapStep>& table_of<ReapStep>() {
  static const Table<ReapStep> table{
      "reap",
      "Takes the CQEs that memory shows; never enters the kernel.",
      {field<&ReapStep::ring>("ring", "Which ring.", Need::required), field<&ReapStep::cqes>("cqes", "At most so many (all)."),
       field<&ReapStep::until>("until", "Look again until `cqes` were taken (false)."),
       field<&ReapStep::res>("res", "What each has to carry."), field<&ReapStep::into>("into", "How many were taken."),
       field<&ReapStep::into_res>("into_res", "res of the last one."),
       field<&ReapStep::into_user_data>("into_user_data", "user_data of the last one.")},
      [](Decoder& decoder, const Json& at, const ReapStep& step) {
        if (step.until && !step.cqes) decoder.fail(at.at, "\"until\" needs \"cqes\": how many");
      }};
  return table;
}

template <>
const Table<WorkloadStep>& table_of<WorkloadStep>() {
  static const Table<WorkloadStep> table{
      "workload",
      "A workload in fio's terms.",
      {field<&WorkloadStep::ring>("ring", "Which ring.", Need::required),
       field<&WorkloadStep::file>("file", "Which file.", Need::required),
       field<&WorkloadStep::rw>("rw", "Direction and order (randread)."),
       field<&WorkloadStep::rwmixread>("rwmixread", "rw, randrw: percent of reads (50).", Need::optional, {0, 100}),
       field<&WorkloadStep::bs>("bs", "Bytes of a request (4KiB).", Need::optional, {1, 1u << 30}),
       field<&WorkloadStep::offset>("offset", "Start of the region used (0)."),
       field<&WorkloadStep::size>("size", "Its length (to the end of the file)."),
       field<&WorkloadStep::iodepth>("iodepth", "Requests in flight (1).", Need::optional, {1, 65'536}),
       field<&WorkloadStep::batch>("batch", "Requests a submit (1).", Need::optional, {1, 32'768}),
       field<&WorkloadStep::batch_complete>("batch_complete", "Completions waited for at once (1).", Need::optional, {1, 65'536}),
       field<&WorkloadStep::ios>("ios", "Ends after so many requests.", Need::optional, {1, ~u64{0}}),
       field<&WorkloadStep::runtime>("runtime", "Ends after this time.", Need::optional, {1, ~u64{0}}),
       field<&WorkloadStep::rate>("rate", "Requests a second (as many as possible).", Need::optional, {1, 1'000'000'000}),
       field<&WorkloadStep::arrival>("arrival", "With a rate: evenly spaced, or at random times (fixed)."),
       field<&WorkloadStep::thinktime>("thinktime", "Pause."),
       field<&WorkloadStep::thinktime_blocks>("thinktime_blocks", "After so many requests (1).", Need::optional, {1, 0xffffffff}),
       field<&WorkloadStep::link>("link", "Chains of so many requests (1: none).", Need::optional, {1, 32'768}),
       field<&WorkloadStep::drain>("drain", "IO_DRAIN on every so manyth request (never).", Need::optional, {1, 0xffffffff}),
       field<&WorkloadStep::fsync>("fsync", "FSYNC after every so many writes (never).", Need::optional, {1, 0xffffffff}),
       field<&WorkloadStep::fixed_buffers>("fixed_buffers", "READ_FIXED and WRITE_FIXED (false)."),
       field<&WorkloadStep::fixed>("fixed", "Address the file by its index (if the ring has registered it)."),
       field<&WorkloadStep::verify>("verify", "Compare what is read (false)."),
       field<&WorkloadStep::completion>("completion", "wait: sleep in enter for completions; reap: look at memory only (wait).")},
      [](Decoder& decoder, const Json& at, const WorkloadStep& step) {
        if (step.ios == 0 && step.runtime.count == 0) decoder.fail(at.at, "never ends: add \"ios\" or \"runtime\"");
        if (step.batch > step.iodepth)
          decoder.fail(at.at, fmt::format("a batch of {} exceeds the iodepth of {}", step.batch, step.iodepth));
        if (step.batch_complete > step.iodepth)
          decoder.fail(at.at,
                       fmt::format("waits for {} completions where at most {} are in flight", step.batch_complete, step.iodepth));
        if (step.link > step.batch)
          decoder.fail(at.at,
                       fmt::format("a chain of {} does not fit a batch of {}: a submit ends a chain", step.link, step.batch));
        if (step.verify && step.rw != ReadWrite::read && step.rw != ReadWrite::randread)
          decoder.fail(at.at, "\"verify\" needs a workload that only reads");
      }};
  return table;
}

}  // namespace uringsim::sim
