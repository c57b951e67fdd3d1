// SPDX-License-Identifier: GPL-2.0-only
// A disk of memory with modelled service times, for every engine. Its bytes are kept: what was written is read back.
//
// A request waits until one of `parallelism` channels is free, is then in service for a time drawn from the distribution of its
// kind, moves its data at the end of it, and completes: in interrupt context, by one timer of the device, or, submitted with
// REQ_HIPRI to a device with poll queues, when somebody polls. A device without any service time completes a request before
// submit() returns, as Linux's brd does. Service begins when a channel is free, not when that is noticed: a late timer costs no
// throughput.
//
// All state lies in the machine's memory; nothing is allocated for a request: what the device has to know of it fits into
// bio::driver and a heap of fixed size.
#pragma once

#include "kernel_model/block/block_device.h"
#include "kernel_model/core/spinlock.h"
#include "sim/devices/ram_contents.h"
#include "sim/devices/service_time.h"

namespace uringsim::sim {

/// Counts since the device was made. Times in ns.
struct DeviceStatistics {
  u64 reads = 0, writes = 0, flushes = 0;
  u64 bytes_read = 0, bytes_written = 0;
  u64 errors = 0;      ///< requests that ended with an error, faults included
  u64 faults = 0;      ///< faults that struck
  u64 refused = 0;     ///< REQ_NOWAIT requests that found the device full
  u32 depth = 0;       ///< requests inside now
  u32 most_depth = 0;  ///< the most at any time
  u64 depth_time = 0;  ///< depth integrated over time: divide by the time of the run for the mean
  u64 busy_time = 0;   ///< time with any request inside

  /// One more request of this kind.
  void count(const kernel::bio& bio) noexcept {
    switch (bio.op) {
      case kernel::bio_op::read:
        reads++;
        bytes_read += bio.bi_size;
        break;
      case kernel::bio_op::write:
        writes++;
        bytes_written += bio.bi_size;
        break;
      case kernel::bio_op::flush:
        flushes++;
        break;
    }
  }
};

class RamDevice final : public kernel::BlockDevice {
 public:
  /// In the memory of `machine`; null when that ran out. `name`: at most 31 characters. The caller destroys it.
  [[nodiscard]] static RamDevice* create(arch::Machine& machine, const char* name, const RamDeviceOptions& options) noexcept;
  /// With no request inside.
  static void destroy(RamDevice* device) noexcept;

  kernel::blk_qc_t submit(kernel::bio* bio) noexcept override;
  int poll(kernel::blk_qc_t cookie, bool spin) noexcept override;

  /// The device's bytes, for whoever builds or checks a world. Not while requests for them are inside.
  [[nodiscard]] RamContents& contents() noexcept { return contents_; }
  [[nodiscard]] DeviceStatistics statistics() noexcept;
  /// Faults strike, and count what they might strike, from time `from` of the machine on; their own times are after it. At first
  /// it is 0; ~0: not yet. Not while requests are inside.
  void begin_faults(u64 from) noexcept { faults_from_ = from; }

 private:
  struct Fault {
    DeviceFaultOptions::Op op;
    bool has_offset, has_at, has_transfer;
    u64 offset, nth, every, at, times, delay, transfer;
    u32 probability_ppm;
    int error;
    u64 seen, struck;
  };
  /// In service until `due`.
  struct Entry {
    u64 due;
    u64 sequence;
    kernel::bio* bio;
    [[nodiscard]] bool before(const Entry& other) const noexcept {
      return due != other.due ? due < other.due : sequence < other.sequence;
    }
  };
  /// The requests in service of one kind of completion, the next one first.
  struct Heap {
    Entry* entries = nullptr;
    u32 count = 0;
    void push(const Entry& entry) noexcept;
    Entry pop() noexcept;
  };

  RamDevice() = default;
  [[nodiscard]] bool build(arch::Machine& machine, const char* name, const RamDeviceOptions& options) noexcept;
  void release() noexcept;

  static void timer_function(arch::Timer* timer);
  void expire() noexcept;
  [[nodiscard]] kernel::bio* take_due(Heap& heap, u64 now) noexcept;
  void serve(kernel::bio* bio, u64 from) noexcept;
  void strike(kernel::bio* bio, u64 now) noexcept;
  void account(u64 now) noexcept;
  void arm() noexcept;
  void finish(kernel::bio* list) noexcept;
  [[nodiscard]] int transfer(kernel::bio* bio, u64 bytes) noexcept;
  [[nodiscard]] static bool is_polled(const RamDevice& device, const kernel::bio* bio) noexcept;

  struct DeviceTimer : arch::Timer {
    RamDevice* device = nullptr;
  };

  arch::Machine* machine_ = nullptr;
  RamContents contents_;
  ServiceTime times_[3];  // by bio_op
  u32 parallelism_ = 1;
  bool reordering_ = true;
  u64 bandwidth_ = 0;
  Fault* faults_ = nullptr;
  u32 fault_count_ = 0;
  u64 faults_from_ = 0;

  kernel::spinlock_t lock_;  // what follows
  DeviceTimer timer_;
  u64 armed_for_ = ~u64{0};  // when timer_ goes off
  Heap interrupts_;
  Heap polled_;
  u32 in_service_ = 0;
  kernel::bio* waiting_ = nullptr;  // linked by driver[0]
  kernel::bio* last_waiting_ = nullptr;
  u64 sequence_ = 0;
  u64 last_due_ = 0;  // of all, where order is kept
  u64 bus_free_ = 0;  // when the bandwidth is free again
  u64 accounted_ = 0;
  DeviceStatistics statistics_;
};

}  // namespace uringsim::sim
