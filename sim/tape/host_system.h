// SPDX-License-Identifier: GPL-2.0-only
// The running kernel as something to play a tape on: raw system calls of this very process.
//
// Meant for a child that was forked for one tape, because a tape changes its process for good (identity, limits, descriptors) and
// may never return from a call: see host_player.h.
#pragma once

#include <list>
#include <thread>

#include "sim/tape/system.h"

namespace uringsim::sim::tape {

class HostSystem final : public TapeSystem {
 public:
  /// `settle_ns`: how long to wait after each io_uring_enter, so that workers are done before the next look at the ring.
  explicit HostSystem(u64 settle_ns) noexcept : settle_ns_(settle_ns) {}

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

 private:
  u64 settle_ns_;
  std::list<std::thread> threads_;
};

}  // namespace uringsim::sim::tape
