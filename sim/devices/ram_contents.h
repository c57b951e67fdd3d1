// SPDX-License-Identifier: GPL-2.0-only
// The bytes of a ram device: pages that come into being when they are first written. Everything lies in the machine's memory.
//
// Thread safety: any number of readers and writers. Two that touch the same bytes at once get some mixture of them, as on a disk.
#pragma once

#include "kernel_model/arch/machine.h"

namespace uringsim::sim {

class RamContents {
 public:
  static constexpr u64 kPage = 4096;

  /// False when memory ran out. `bytes`: capacity.
  [[nodiscard]] bool build(arch::Machine& machine, u64 bytes) noexcept;
  void release(arch::Machine& machine) noexcept;

  /// Copies from the device. What was never written is zero.
  void read(u64 offset, void* to, u64 bytes) const noexcept;
  /// Copies to the device; false when memory ran out (what came before is written).
  [[nodiscard]] bool write(arch::Machine& machine, u64 offset, const void* from, u64 bytes) noexcept;

 private:
  static constexpr u64 kPagesATable = 512;
  struct Table {
    u8* pages[kPagesATable];
  };
  [[nodiscard]] u8* page_at(u64 index) const noexcept;
  u8* make_page(arch::Machine& machine, u64 index) noexcept;

  Table** tables_ = nullptr;
  u64 table_count_ = 0;
};

}  // namespace uringsim::sim
