// SPDX-License-Identifier: GPL-2.0-only
// Views and vector clocks: small vectors of u32 that only grow, joined by taking the larger of each lane.
//
// One vector serves both: lanes 0..clocks-1 are a vector clock (what happened before, for the race detector), the rest are the
// memory model's (the oldest store of each word that may still be read). Lengths are multiples of 4, values below 2^31.
#pragma once

#include <cstring>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

constexpr u32 kLanes = 4;  // lanes handled at once
constexpr u32 round_lanes(u32 lanes) noexcept { return (lanes + kLanes - 1) & ~(kLanes - 1); }

namespace detail {
using Lanes = s32 __attribute__((vector_size(16)));
inline Lanes read_lanes(const u32* at) noexcept {
  Lanes lanes;
  std::memcpy(&lanes, at, sizeof lanes);
  return lanes;
}
}  // namespace detail

/// into[i] = max(into[i], from[i]) for i < lanes (rounded up).
inline void join_lanes(u32* into, const u32* from, u32 lanes) noexcept {
  for (u32 i = 0; i < lanes; i += kLanes) {
    const detail::Lanes a = detail::read_lanes(into + i);
    const detail::Lanes b = detail::read_lanes(from + i);
    const detail::Lanes a_larger = a > b;
    const detail::Lanes larger = (a & a_larger) | (b & ~a_larger);
    std::memcpy(into + i, &larger, sizeof larger);
  }
}

inline void copy_lanes(u32* into, const u32* from, u32 lanes) noexcept {
  for (u32 i = 0; i < lanes; i += kLanes) {
    const detail::Lanes a = detail::read_lanes(from + i);
    std::memcpy(into + i, &a, sizeof a);
  }
}

inline void zero_lanes(u32* into, u32 lanes) noexcept {
  const detail::Lanes zero{};
  for (u32 i = 0; i < lanes; i += kLanes) std::memcpy(into + i, &zero, sizeof zero);
}

}  // namespace uringsim::sim
