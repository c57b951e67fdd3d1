// SPDX-License-Identifier: GPL-2.0-only
#include "sim/explore/shadow.h"

#include <algorithm>

namespace uringsim::sim {

Cell* Shadow::make(u64 granule, unsigned size) noexcept {
  const u32 id = used_++;
  Cell& cell = cells_[id];
  if (size == 8 && (granule % 2 != 0 || granule + 1 >= index_.size())) size = 4;  // unaligned: not a word
  cell = Cell{base_ + granule * 4,
              static_cast<u8>(size == 8 ? 8 : 4),
              0,
              0,
              0,
              {},
              {},
              nullptr,
              nullptr,
              nullptr,
              0,
              plain_[granule] != 0,
              false};
  index_[granule] = id;
  if (cell.size == 8) {
    // The upper half may have been touched alone: from now on it belongs to the whole.
    const u32 upper = index_[granule + 1];
    if (upper != 0 && upper != kFreed) {
      cell.read = cells_[upper].read;
      cell.write = cells_[upper].write;
      cell.earlier = cells_[upper].earlier;
    }
    index_[granule + 1] = id;
  }
  return &cell;
}

void Shadow::widen(Cell& cell, u64 granule) noexcept {
  if (cell.at != base_ + granule * 4 || granule % 2 != 0) return;
  cell.size = 8;
  cell.newest = nullptr;  // what was known of its older values no longer fits
  cell.version += 1;
  index_[granule + 1] = number(cell);
}

void Shadow::mark(void* at, u64 bytes, u32 value) noexcept {
  const u64 first = static_cast<u64>(static_cast<unsigned char*>(at) - base_) / 4;
  const u64 count = (bytes + 3) / 4;
  for (u64 i = first; i < first + count; i++) {
    const u32 id = index_[i];
    if (id != 0 && id != kFreed) {  // a cell keeps its number; its history ends
      Cell& cell = cells_[id];
      cell.read = {};
      cell.write = {};
      cell.earlier = nullptr;
      cell.sync = nullptr;
      cell.newest = nullptr;
      cell.version += 1;
    }
    index_[i] = value;
  }
  if (value == kFreed) freed_.push_back({first, count});
}

void Shadow::clear_freed() noexcept {
  for (const Range& range : freed_) std::fill_n(&index_[range.first], range.count, 0);
  freed_.clear();
  any_freed_ = false;
}

}  // namespace uringsim::sim
