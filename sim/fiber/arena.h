// SPDX-License-Identifier: GPL-2.0-only
// All memory of one simulated world, at a fixed address: the kernel's and the tasks' objects, and the stacks of its fibers.
//
// An arena is one reservation. From its start grows the heap, bump allocation with free lists a size class; from its end come
// stacks, each with a guard page below. reset() makes it empty without giving anything back to the host, so worlds are built
// and thrown away without a system call. The allocator's own state lies at the start of the heap: copying
// [base, heap_end()) copies everything there is to know, and that is what save() and restore() do.
//
// Deterministic: the same calls in the same order return the same offsets, and the same addresses in the same slot. Slots lie
// where both AddressSanitizer and ThreadSanitizer allow application memory (0x551000000000..0x555000000000), several arenas
// live beside each other. Blocks are freed with their size (no header in front of a block) and always handed out zeroed.
//
// Use after free: AddressSanitizer knows freed blocks. Without it, Options::check_freed fills a freed block with a pattern
// and verifies it when the block is handed out again.
//
// Thread safety: one OS thread at a time.
#pragma once

#include <string>
#include <vector>

#include "sim/fiber/sanitizer.h"

namespace uringsim::sim {

/// Part of an arena that is to be saved beside the heap: the live end of a stack.
struct ArenaRange {
  void* at = nullptr;
  u64 bytes = 0;
};

class Arena;

/// The contents of an arena at one moment. Holds its own memory, reused by the next save(); movable, for stacks of them.
class ArenaSnapshot {
 public:
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  /// Bytes that restore() has to compare.
  [[nodiscard]] u64 bytes() const noexcept { return bytes_.size(); }

 private:
  friend class Arena;
  std::vector<ArenaRange> ranges_;  // the heap first
  std::vector<unsigned char> bytes_;
  std::vector<void*> free_stacks_;
  u64 stacks_ = 0;
  std::vector<unsigned char> shadow_;  // AddressSanitizer's, where that is there
};

class Arena {
 public:
  struct Options {
    u64 bytes = u64{1} << 32;  ///< reserved, not used: heap and stacks share it half and half; at most kSlotBytes
    int slot = -1;             ///< 0..kSlots-1, or -1: the first free one
    bool check_freed = false;  ///< fill and verify freed blocks (see above)
  };
  static constexpr u64 kFirstSlot = 0x551000000000;
  static constexpr u64 kSlotBytes = u64{1} << 32;
  static constexpr int kSlots = 64;
  /// Address space of one stack, guard page included.
  static constexpr u64 kStackBytes = 256 * 1024;

  /// Throws std::system_error if the host has no room.
  explicit Arena(const Options& options);
  Arena() : Arena(Options{}) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Zeroed memory aligned to `align` (a power of two up to 4096); null when the arena is exhausted. Zero bytes count as one.
  [[nodiscard]] void* alloc(u64 bytes, u64 align = 16) noexcept;
  /// Gives back what alloc(bytes) returned. Null is ignored.
  void free(void* memory, u64 bytes) noexcept;

  /// A stack: its lowest usable byte, with stack_bytes() above. Contents arbitrary, but without the
  /// marks that AddressSanitizer left for who had it before and was dropped. Null when exhausted.
  [[nodiscard]] void* alloc_stack() noexcept;
  void free_stack(void* stack) noexcept;
  /// Usable bytes of a stack (a little less for some: their tops are staggered, so that hot frames do not share cache sets).
  [[nodiscard]] u64 stack_bytes(const void* stack) const noexcept;

  /// Empties the arena: every block and stack is gone, the next alloc() behaves as the first of a new arena.
  void reset() noexcept;

  /// Copies the heap in use and `stacks` into `snapshot`.
  void save(ArenaSnapshot& snapshot, const std::vector<ArenaRange>& stacks = {}) const;
  /// Puts everything back to what save() saw and forgets what was allocated since. Writes only pages that changed.
  void restore(const ArenaSnapshot& snapshot) noexcept;
  /// Has restore(snapshot) know the stacks that were handed out since save(): they stay with whoever got them.
  void keep_stacks(ArenaSnapshot& snapshot) const {
    snapshot.free_stacks_ = free_stacks_;
    snapshot.stacks_ = stacks_;
  }

  [[nodiscard]] bool contains(const void* at) const noexcept {
    return reinterpret_cast<uintptr_t>(at) - reinterpret_cast<uintptr_t>(base_) < bytes_;
  }
  /// Where `at` lies in the arena: what shadows are indexed by, and the only form of an address that may be printed or hashed.
  [[nodiscard]] u64 offset(const void* at) const noexcept {
    return reinterpret_cast<uintptr_t>(at) - reinterpret_cast<uintptr_t>(base_);
  }
  [[nodiscard]] void* base() const noexcept { return base_; }
  [[nodiscard]] void* heap_end() const noexcept { return base_ + state().bump; }

  /// What the callers asked for and have not given back.
  [[nodiscard]] u64 live_bytes() const noexcept { return state().live_bytes; }
  [[nodiscard]] u64 live_blocks() const noexcept { return state().live_blocks; }
  /// Largest live_bytes() since reset().
  [[nodiscard]] u64 peak_bytes() const noexcept { return state().peak_bytes; }
  /// Heap in use, gaps and free blocks included.
  [[nodiscard]] u64 heap_bytes() const noexcept { return state().bump; }
  /// Freed blocks that were found written to (Options::check_freed).
  [[nodiscard]] u64 writes_after_free() const noexcept { return writes_after_free_; }

 private:
  // 16-byte steps up to 1 KiB, then four classes a doubling.
  static constexpr unsigned kSmallClasses = 64;
  static constexpr unsigned kClasses = kSmallClasses + 4 * 24;

  struct FreeBlock {
    FreeBlock* next;
  };
  static constexpr u64 kPage = 4096;
  // AddressSanitizer builds leave room behind each block for an overrun to hit.
  static constexpr u64 kRedzone = kPoisonIsChecked ? 16 : 0;
  // At the start of the heap, so that it is saved and restored with it.
  struct State {
    u64 bump;
    u64 live_bytes;
    u64 live_blocks;
    u64 peak_bytes;
    FreeBlock* free[kClasses];
  };

  static unsigned class_of(u64 bytes) noexcept;
  static u64 class_bytes(unsigned index) noexcept;
  [[nodiscard]] State& state() const noexcept { return *reinterpret_cast<State*>(base_); }
  void* take_free(unsigned index, u64 align) noexcept;
  void* take_fresh(u64 bytes, u64 align) noexcept;
  void put_free(void* memory, unsigned index) noexcept;
  void put_gap(u64 from, u64 to) noexcept;
  [[nodiscard]] u64 stack_index(const void* stack) const noexcept;

  unsigned char* base_ = nullptr;
  u64 bytes_ = 0;
  bool check_freed_ = false;
  u64 writes_after_free_ = 0;
  u64 touched_ = 0;  // heap above this offset was never handed out since the reservation: still zero
  u64 stacks_ = 0;   // stacks in use or in free_stacks_
  u64 stacks_guarded_ = 0;
  std::vector<void*> free_stacks_;
};

}  // namespace uringsim::sim
