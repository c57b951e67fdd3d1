// SPDX-License-Identifier: GPL-2.0-only
// The world's own random numbers: xoshiro256** (Blackman and Vigna), seeded by splitmix64. Integers only, the same on every
// machine.
#pragma once

#include <bit>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

class Random {
 public:
  explicit constexpr Random(u64 seed) noexcept {
    for (u64& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      u64 z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }

  constexpr u64 next() noexcept {
    const u64 result = std::rotl(state_[1] * 5, 7) * 9;
    const u64 shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Uniform in 0..bound-1 without bias (Lemire's rejection). `bound` > 0.
  constexpr u32 below(u32 bound) noexcept {
    u64 product = (next() >> 32) * bound;
    const u32 threshold = (0u - bound) % bound;
    while (static_cast<u32>(product) < threshold) product = (next() >> 32) * bound;
    return static_cast<u32>(product >> 32);
  }

 private:
  u64 state_[4] = {};
};

}  // namespace uringsim::sim
