// SPDX-License-Identifier: GPL-2.0-only
// Address space that is reserved at once and backed by memory only where it is touched: tables that never move.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <system_error>

#include "sim/fiber/sanitizer.h"

namespace uringsim::sim {

/// `count` objects of T, all bytes zero until touched. T must be valid when zero.
template <class T>
class Reserve {
 public:
  /// Throws std::system_error if the host has no room.
  explicit Reserve(u64 count) : bytes_(count * sizeof(T)) {
    void* const at = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "reserving address space for the explorer");
    at_ = static_cast<T*>(at);
    forget_frames(at, bytes_);  // a stack that was unmapped with frames on it leaves its marks at its addresses, whoever's it was
  }
  ~Reserve() { munmap(at_, bytes_); }
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;

  T& operator[](u64 index) noexcept { return at_[index]; }
  const T& operator[](u64 index) const noexcept { return at_[index]; }
  [[nodiscard]] T* data() noexcept { return at_; }
  [[nodiscard]] u64 size() const noexcept { return bytes_ / sizeof(T); }

 private:
  T* at_ = nullptr;
  u64 bytes_;
};

/// Bump allocation of u32 vectors and small structs, emptied as a whole between executions.
class Pool {
 public:
  explicit Pool(u64 bytes) : memory_(bytes) {}
  void clear() noexcept { used_ = 0; }
  [[nodiscard]] bool nearly_full() const noexcept { return used_ + (u64{1} << 26) > memory_.size(); }
  /// `bytes` bytes aligned to 16, contents arbitrary. The caller stops the execution in time (nearly_full()).
  [[nodiscard]] void* take(u64 bytes) noexcept {
    void* const at = memory_.data() + used_;
    used_ += (bytes + 15) & ~u64{15};
    return at;
  }
  [[nodiscard]] u32* take_lanes(u32 lanes) noexcept { return static_cast<u32*>(take(u64{lanes} * sizeof(u32))); }

 private:
  Reserve<unsigned char> memory_;
  u64 used_ = 0;
};

}  // namespace uringsim::sim
