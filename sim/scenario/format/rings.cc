// SPDX-License-Identifier: GPL-2.0-only
// The tables of rings and of buffers registered with them.
#include "sim/scenario/format/tables.h"

namespace uringsim::sim {

template <>
const Table<BufferSet>& table_of<BufferSet>() {
  static const Table<BufferSet> table{"buffer_set",
                                      "Buffers of equal size, page aligned.",
                                      {field<&BufferSet::count>("count", "How many.", Need::required, {1, 2'048}),
                                       field<&BufferSet::size>("size", "Of each (4KiB).", Need::optional, {1, u64{2} << 30})}};
  return table;
}

template <>
const Table<RingOptions>& table_of<RingOptions>() {
  static const Table<RingOptions> table{
      "ring",
      "A ring: the arguments of io_uring_setup, and what is registered right after it. What Linux would refuse, Linux refuses: "
      "see `result`.",
      {field<&RingOptions::entries>("entries", "SQ entries asked for (64)."),
       field<&RingOptions::cq_entries>("cq_entries", "CQ entries, with the flag CQSIZE."),
       field<&RingOptions::flags>("flags", "IORING_SETUP_ flags by name, or numbers."),
       field<&RingOptions::sq_thread_idle>(
           "sq_thread_idle", "How long the SQ thread spins after its last work; whole milliseconds. 0 means one second in Linux.",
           Need::optional, {0, 4'294'967'295'000'000}),
       field<&RingOptions::sq_thread_cpu>("sq_thread_cpu", "Its processor, with the flag SQ_AFF."),
       field<&RingOptions::attach>("attach", "Ring whose workers are shared, with the flag ATTACH_WQ."),
       field<&RingOptions::owner>("owner", "Task that calls setup (the first task that uses the ring)."),
       field<&RingOptions::register_files>("register_files", "Files that steps then address by index.", Need::optional,
                                           {1, 32'768}),
       field<&RingOptions::register_buffers>("register_buffers", "Buffers for READ_FIXED and WRITE_FIXED."),
       field<&RingOptions::register_eventfd>("register_eventfd", "An eventfd that counts completions."),
       field<&RingOptions::library>(
           "library", "liburing whose submit is used: up to 2.1 there is no full barrier before the flags are read (2.2)."),
       field<&RingOptions::result>("result", "What setup returns: 0, or \"-EPERM\" where that is the subject.")}};
  return table;
}

}  // namespace uringsim::sim
