// SPDX-License-Identifier: GPL-2.0-only
// What the benchmarks do, over any system that the ring library runs on.
#pragma once

#include <time.h>

#include <cerrno>
#include <csignal>

#include "kernel_model/arch/types.h"
#include "uapi/ring.h"

namespace uringsim::sim {

/// Operations, and the host's time that they took.
struct Measured {
  u64 operations = 0;
  double seconds = 0;
  int error = 0;  ///< -errno of what went wrong
  [[nodiscard]] double rate() const { return seconds > 0 && error == 0 ? static_cast<double>(operations) / seconds : 0; }
};

/// What a figure is divided by: the time that passed, or the processor time of this thread, where the figure is one of a core
/// and nothing waits for anything else.
enum class Time : u8 { elapsed, processor };

class Stopwatch {
 public:
  explicit Stopwatch(Time time) noexcept : clock_(time == Time::elapsed ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID) {}
  [[nodiscard]] double seconds() const noexcept { return now() - start_; }

 private:
  [[nodiscard]] double now() const noexcept {
    timespec at{};
    clock_gettime(clock_, &at);
    return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
  }
  clockid_t clock_;
  double start_ = now();
};

/// How long to measure: about `ns` nanoseconds, or until the flag is set.
struct Span {
  u64 ns = 0;
  const volatile std::sig_atomic_t* stop = nullptr;
  [[nodiscard]] bool stopped() const noexcept { return stop != nullptr && *stop != 0; }
  [[nodiscard]] bool over(double seconds) const noexcept { return seconds * 1e9 >= static_cast<double>(ns) || stopped(); }
};

/// NOPs, `batch` with every enter, each waited for.
template <class Ring>
Measured nops(Ring& ring, u32 batch, const Span& span, Time time = Time::elapsed) {
  Measured measured;
  const Stopwatch watch(time);
  do {
    for (int round = 0; round < 64; round++) {
      for (u32 i = 0; i < batch; i++) ring.get_sqe().prep_nop();
      if (const int taken = ring.submit_and_wait(batch); taken != static_cast<int>(batch)) {
        measured.error = taken < 0 ? taken : -EIO;
        return measured;
      }
      u32 seen = 0;
      for (auto cqe : ring.for_each_cqe()) {
        if (cqe.res() != 0) measured.error = cqe.res();
        if (++seen == batch) break;
      }
      ring.cq_advance(seen);
      measured.operations += seen;
    }
    measured.seconds = watch.seconds();
  } while (!span.over(measured.seconds) && measured.error == 0);
  return measured;
}

/// What random reads need: `depth` buffers of 4 KiB, and an array of iovecs (base, length), one a buffer.
struct ReadTargets {
  int fd = -1;
  u64 iovecs = 0;  ///< user address of the first
  u64 blocks = 0;  ///< size of the file in 4 KiB
  u32 depth = 32;
};

/// 4 KiB reads at random blocks, `depth` in flight all the time: what has completed is reaped and replaced, with one enter.
template <class Ring>
Measured random_reads(Ring& ring, const ReadTargets& targets, const Span& span, Time time = Time::elapsed) {
  Measured measured;
  u64 random = 0x9e3779b97f4a7c15;
  const auto prepare = [&](u64 buffer) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    auto sqe = ring.get_sqe();
    sqe.prep_readv(targets.fd, targets.iovecs + buffer * 16, 1, random % targets.blocks * 4096);
    sqe.set_data64(buffer);
  };
  for (u32 i = 0; i < targets.depth; i++) prepare(i);
  u32 in_flight = targets.depth;
  bool over = false;
  const Stopwatch watch(time);
  while (in_flight > 0) {
    if (const int taken = ring.submit_and_wait(1); taken < 0) {
      measured.error = taken;
      return measured;
    }
    u32 seen = 0;
    for (auto cqe : ring.for_each_cqe()) {
      if (cqe.res() != 4096) measured.error = cqe.res() < 0 ? cqe.res() : -EIO;
      if (over)
        in_flight--;
      else
        prepare(cqe.user_data());
      if (++seen == targets.depth) break;
    }
    ring.cq_advance(seen);
    measured.operations += seen;
    if (!over && (measured.operations & 63) < seen) over = span.over(watch.seconds()) || measured.error != 0;
  }
  measured.seconds = watch.seconds();
  return measured;
}

}  // namespace uringsim::sim
