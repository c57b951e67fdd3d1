// SPDX-License-Identifier: GPL-2.0-only
// Kernel memory of the live engine: one memfd, mapped once, cut into chunks of 64 KiB.
//
// A chunk holds objects of one size class; larger blocks are powers of two of chunks. Every task and interrupt context has a
// cache of its own (Cache), which it alone touches: an allocation that hits it takes no lock. Objects travel between caches in
// batches through one list a class, each under its own lock. Memory of a memfd is what the application sees of a ring: page
// frames, rings included, lie in the file.
//
// Freed memory is poisoned under AddressSanitizer. Every block is zeroed when it is handed out.
//
// Thread safety: alloc(), free() and flush() by the owner of the cache; everything else by anybody.
#pragma once

#include <atomic>
#include <memory>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

class MemoryPool {
 public:
  static constexpr u64 kChunk = u64{64} << 10;
  static constexpr u64 kLargestSmall = u64{32} << 10;
  static constexpr unsigned kClasses = 44;  // 16, 32 .. 256, then four to a doubling up to kLargestSmall

  /// The free objects that one context keeps at hand.
  class Cache {
   public:
    Cache() = default;
    Cache(const Cache&) = delete;
    Cache& operator=(const Cache&) = delete;

   private:
    friend class MemoryPool;
    struct List {
      void* first = nullptr;
      u32 count = 0;
    };
    List lists_[kClasses];
    std::atomic<s64> live_{0};  // bytes allocated less bytes freed here
  };

  /// Reserves `bytes` of address space; memory is taken as it is used. Throws std::system_error if the host has no memfd for it.
  explicit MemoryPool(u64 bytes);
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  /// Zeroed; `align` a power of two up to 4096. Null when the pool is used up.
  [[nodiscard]] void* alloc(Cache& cache, u64 bytes, u64 align) noexcept;
  /// `bytes` as it was allocated with.
  void free(Cache& cache, void* memory, u64 bytes) noexcept;
  /// Gives everything that the cache keeps back to the pool.
  void flush(Cache& cache) noexcept;

  /// What this cache's owner allocated less what it freed, in bytes as asked for. The sum over all caches is what is in use.
  [[nodiscard]] static s64 live_bytes(const Cache& cache) noexcept { return cache.live_.load(std::memory_order_relaxed); }
  /// Bytes of the file that were ever used for anything.
  [[nodiscard]] u64 taken_bytes() const noexcept { return next_chunk_.load(std::memory_order_relaxed) * kChunk; }
  [[nodiscard]] bool contains(const void* at) const noexcept {
    return static_cast<const u8*>(at) >= base_ && static_cast<const u8*>(at) < base_ + bytes_;
  }
  /// The memfd, and where it is mapped.
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] u8* base() const noexcept { return base_; }

 private:
  static constexpr unsigned kOrders = 32;
  static constexpr u8 kLarge = 64;  // chunk_kinds_: kLarge + order; below it a class

  /// What all contexts share of one class.
  struct alignas(64) Central {
    std::atomic_flag locked;
    void* first = nullptr;
    u8* fresh = nullptr;  // the rest of the last chunk
    u8* fresh_end = nullptr;
  };
  struct Lock;

  void* alloc_large(u64 bytes) noexcept;
  void free_large(u8* memory, unsigned order) noexcept;
  bool refill(Cache::List& list, unsigned size_class) noexcept;
  void give_back(Cache::List& list, unsigned size_class, u32 count) noexcept;
  u8* take_chunks(u64 count, u8 kind) noexcept;
  [[nodiscard]] u64 chunk_of(const void* at) const noexcept {
    return static_cast<u64>(static_cast<const u8*>(at) - base_) / kChunk;
  }

  const u64 bytes_;
  int fd_ = -1;
  u8* base_ = nullptr;
  std::unique_ptr<u8[]> chunk_kinds_;
  std::atomic<u64> next_chunk_{0};
  Central classes_[kClasses];
  Central large_[kOrders];
};

}  // namespace uringsim::sim
