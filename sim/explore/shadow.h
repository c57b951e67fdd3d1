// SPDX-License-Identifier: GPL-2.0-only
// The shadow of an arena: for every word that an execution touched, what the explorer knows about it.
//
// Indexed by the word's offset, 4 bytes an entry; an entry is the number of a Cell. A cell covers 4 bytes, or 8 once the word was
// touched as 8. Narrower accesses share the cell of the 4 bytes around them, which orders them a little more than hardware does.
// clear() costs what was touched, not what exists.
#pragma once

#include "kernel_model/arch/memory.h"
#include "sim/explore/reserve.h"
#include "sim/explore/schedule.h"
#include "sim/fiber/arena.h"

namespace uringsim::sim {

struct Message;

/// A view that was published: what whoever takes it over knows from then on. Its lanes lie behind it.
struct alignas(16) SyncView {
  u32 lanes;
  u32 fence;  ///< weak: the latest full barrier that the publisher was behind, see weak.cc

  /// Bytes of a view of so many lanes.
  [[nodiscard]] static constexpr u64 bytes(u32 lanes) noexcept { return sizeof(SyncView) + u64{lanes} * sizeof(u32); }
  [[nodiscard]] u32* at() noexcept { return reinterpret_cast<u32*>(this + 1); }
  [[nodiscard]] const u32* at() const noexcept { return reinterpret_cast<const u32*>(this + 1); }
  [[nodiscard]] u32& of(u32 lane) noexcept { return at()[lane]; }
};

/// An access to a word, for the race detector.
struct LastAccess {
  u32 task = kNobody;
  u32 clock = 0;
  bool plain = false;
  u8 bytes = 0;  ///< bit i: byte i of the cell
  arch::Site site;
  const char* scope = nullptr;
};

/// An access that a later one of its sort neither is behind nor covers: a race with either is a race.
struct EarlierAccess {
  LastAccess access;
  bool write = false;
  EarlierAccess* next = nullptr;
};

struct Cell {
  unsigned char* at;
  u8 size;           ///< 4 or 8
  u32 version;       ///< changes so far; weak: timestamp of the newest store
  u64 watchers;      ///< tasks suspended until it changes
  u64 lock_waiters;  ///< tasks whose next step takes this lock
  LastAccess read;   ///< the latest
  LastAccess write;  ///< the latest
  EarlierAccess* earlier;
  SyncView* sync;   ///< sc, tso: what its last writer knew, null if there was none
  Message* newest;  ///< weak: its stores, null until the first operation on it
  u32 lane;         ///< weak: its lane in views, 0 until it has one
  bool mixed;       ///< some execution accessed it plainly, so marked accesses are remembered too
  bool marked;      ///< this execution accessed it marked
};

class Shadow {
 public:
  explicit Shadow(Arena& arena, u64 arena_bytes, u64 max_cells = u64{1} << 20)
      : base_(static_cast<unsigned char*>(arena.base())), index_(arena_bytes / 4), plain_(arena_bytes / 4), cells_(max_cells) {}

  /// The cell of the `size` bytes at `at`, made on first use. Null if the address lies outside of the arena.
  [[nodiscard]] Cell* cell(const void* at, unsigned size) noexcept {
    const u64 granule = (reinterpret_cast<u64>(at) - reinterpret_cast<u64>(base_)) / 4;
    if (granule >= index_.size()) [[unlikely]]
      return nullptr;
    const u32 id = index_[granule];
    if (id == 0 || id == kFreed) [[unlikely]]
      return make(granule, size);
    Cell& found = cells_[id];
    if (size == 8 && found.size != 8) [[unlikely]]
      widen(found, granule);
    return &found;
  }
  /// True if the word was given back to the machine and not handed out since.
  [[nodiscard]] bool freed(const void* at) const noexcept {
    const u64 granule = (reinterpret_cast<u64>(at) - reinterpret_cast<u64>(base_)) / 4;
    return granule < index_.size() && index_[granule] == kFreed;
  }
  /// The cell if there is one.
  [[nodiscard]] Cell* find(const void* at) noexcept {
    const u64 granule = (reinterpret_cast<u64>(at) - reinterpret_cast<u64>(base_)) / 4;
    if (granule >= index_.size() || index_[granule] == 0 || index_[granule] == kFreed) return nullptr;
    return &cells_[index_[granule]];
  }

  /// Memory is handed out: what the shadow knew of it is void.
  void allocated(void* at, u64 bytes) noexcept { mark(at, bytes, 0); }
  /// Memory was given back.
  void freed(void* at, u64 bytes) noexcept {
    mark(at, bytes, kFreed);
    any_freed_ = true;
  }

  /// The word is accessed plainly: remembered for good. True if it was accessed marked in this execution before anybody knew,
  /// so that the race detector may have missed something.
  bool accessed_plainly(Cell& cell) noexcept {
    if (cell.mixed) [[likely]]
      return false;
    cell.mixed = true;
    plain_[static_cast<u64>(cell.at - base_) / 4] = 1;
    return cell.marked;
  }

  [[nodiscard]] u32 cells() const noexcept { return used_ - 1; }
  [[nodiscard]] bool nearly_full() const noexcept { return used_ + 4096 > cells_.size(); }
  [[nodiscard]] Cell& by_number(u32 number) noexcept { return cells_[number]; }
  [[nodiscard]] u32 number(const Cell& cell) noexcept { return static_cast<u32>(&cell - cells_.data()); }

  /// Forgets everything.
  void clear() noexcept {
    for (u32 i = 1; i < used_; i++) {
      const u64 granule = static_cast<u64>(cells_[i].at - base_) / 4;
      index_[granule] = 0;
      index_[granule + cells_[i].size / 8] = 0;
    }
    used_ = 1;
    if (any_freed_) clear_freed();
  }

 private:
  static constexpr u32 kFreed = ~u32{0};

  Cell* make(u64 granule, unsigned size) noexcept;
  void widen(Cell& cell, u64 granule) noexcept;
  void mark(void* at, u64 bytes, u32 value) noexcept;
  void clear_freed() noexcept;

  unsigned char* base_;
  Reserve<u32> index_;
  Reserve<u8> plain_;
  Reserve<Cell> cells_;
  u32 used_ = 1;
  bool any_freed_ = false;
  struct Range {
    u64 first, count;
  };
  std::vector<Range> freed_;
};

}  // namespace uringsim::sim
