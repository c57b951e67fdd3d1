// SPDX-License-Identifier: GPL-2.0-only
// What tasks change while a scenario runs: rings, requests in flight, variables.
//
// All of it is plain data in memory from Environment::alloc(), so that an engine that rewinds tasks rewinds it with them.
// Requests in flight are shared by all tasks of the run (one submits, another reaps) under `lock`, and so is what is known of the
// rings, for a ring may be set up, used and closed by several tasks at once; nothing inside of it switches tasks, so in fiber
// engines it is never contended.
#pragma once

#include "sim/scenario/app_system.h"
#include "sim/scenario/plan.h"

namespace uringsim::sim {

inline constexpr u32 no_slot = ~u32{0};

/// One request in flight as the runner knows it, and the user memory that it works with (kept for the next).
struct RequestSlot {
  u64 user_data = 0;
  u32 next = no_slot;  ///< in its bucket, or in its free list
  u32 ring = 0;
  u32 process = 0;     ///< Environment::process(): in whose memory `control` and `data` are
  u32 file = no_slot;  ///< Plan::files
  Op op = Op::nop;
  bool verify = false;
  uptr control = 0;  ///< iovecs, timespec, msghdr
  u64 control_bytes = 0;
  uptr data = 0;  ///< own memory; `at` is where this request's data is
  uptr at = 0;
  u64 capacity = 0;  ///< bytes at `data`; a power of two of pages, or 0
  u64 offset = 0;    ///< in the file
  u64 size = 0;
  u32 seed = 0;          ///< what reading has to give
  u64 filled = ~u64{0};  ///< (offset, seed) key of the pattern that `data` holds
};

/// Registered buffers, which adjoin.
struct BufferRange {
  const struct TaskState* owner = nullptr;  ///< the task that mapped them, in its process
  uptr at = 0;
  u64 stride = 0;
  u32 count = 0;
};

struct RingState {
  AppRing ring;  ///< `ring.system` is set by whoever uses a copy
  bool up = false;
  BufferRange buffers{};
  u32 next_slot = 0;  ///< of low-level `sqe` steps
  u32 next_buffer = 0;
  u32 mask_offsets[4] =
      {};  ///< of ring_mask and ring_entries in SQ and CQ: what mapping again needs beside the library's addresses
};

struct SharedState {
  static constexpr u32 chunk = 256;  ///< slots
  static constexpr u32 most_chunks = 4096;
  static constexpr u32 buckets = 1024;
  static constexpr u32 owners = 64;   ///< free lists of a class
  static constexpr u32 classes = 24;  ///< data of 0 bytes, 1 page, 2 pages, 4 pages ...

  u32 lock = 0;                ///< spun on by OS threads only
  RingState* rings = nullptr;  ///< as Scenario::rings
  RequestSlot* chunks[most_chunks] = {};
  u32 slots = 0;
  u32 free[classes][owners];  ///< heads of free lists, by what process % owners is; no_slot
  u32 in_flight[buckets];     ///< by user_data
  u64 next_user_data = 0;

  [[nodiscard]] RequestSlot& slot(u32 index) noexcept { return chunks[index / chunk][index % chunk]; }
};

/// Holds a run's `lock` for as long as it lives.
class Locked {
 public:
  explicit Locked(SharedState& state) noexcept : lock_(state.lock) {
    while (__atomic_exchange_n(&lock_, 1u, __ATOMIC_ACQUIRE) != 0) __builtin_ia32_pause();
  }
  ~Locked() { __atomic_store_n(&lock_, 0u, __ATOMIC_RELEASE); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  u32& lock_;
};

/// What `body` makes of a ring's state while no other task touches it.
template <class Body>
auto with_ring(SharedState& state, u32 index, Body body) {
  const Locked locked(state);
  return body(state.rings[index]);
}

struct TaskState {
  s64* variables = nullptr;  ///< TaskOptions::variables
  uptr* buffers = nullptr;   ///< TaskOptions::buffers
  u64* positions = nullptr;  ///< sequential offsets by open file
  uptr scratch = 0;          ///< a page
  uptr io = 0;               ///< memory of read, write and register steps
  u64 io_bytes = 0;
  uptr spare = 0;  ///< mapped to be registered, and registered no more: for the next register step
  u64 spare_bytes = 0;
  u64 steps = 0;   ///< executed so far
  u64 rounds = 0;  ///< of its loops, so far
  u32 index = 0;   ///< of the task in Scenario::tasks
  u32 number = 0;  ///< `self`
  s64 exit_code = 0;
};

}  // namespace uringsim::sim
