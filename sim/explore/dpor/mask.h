// SPDX-License-Identifier: GPL-2.0-only
// A set of events of one execution graph: 64 * W bits, by value, on the stack. Every question of the search ("which writes
// may this load see", "what would this revisit delete") is a handful of operations on such sets.
#pragma once

#include <bit>

#include "kernel_model/arch/types.h"

namespace uringsim::sim::dpor {

template <unsigned W>
struct Mask {
  u64 word[W] = {};

  static constexpr unsigned kBits = 64 * W;

  void set(unsigned bit) noexcept { word[bit / 64] |= u64{1} << (bit % 64); }
  void clear(unsigned bit) noexcept { word[bit / 64] &= ~(u64{1} << (bit % 64)); }
  [[nodiscard]] bool test(unsigned bit) const noexcept { return (word[bit / 64] >> (bit % 64) & 1) != 0; }
  void reset() noexcept {
    for (u64& part : word) part = 0;
  }
  /// All bits below `bit`.
  static Mask below(unsigned bit) noexcept {
    Mask result;
    for (unsigned i = 0; i < W; i++)
      result.word[i] = bit >= 64 * (i + 1) ? ~u64{0} : bit <= 64 * i ? 0 : (u64{1} << (bit - 64 * i)) - 1;
    return result;
  }
  [[nodiscard]] bool any() const noexcept {
    u64 all = 0;
    for (u64 part : word) all |= part;
    return all != 0;
  }
  [[nodiscard]] bool intersects(const Mask& other) const noexcept {
    u64 all = 0;
    for (unsigned i = 0; i < W; i++) all |= word[i] & other.word[i];
    return all != 0;
  }
  Mask& operator|=(const Mask& other) noexcept {
    for (unsigned i = 0; i < W; i++) word[i] |= other.word[i];
    return *this;
  }
  Mask& operator&=(const Mask& other) noexcept {
    for (unsigned i = 0; i < W; i++) word[i] &= other.word[i];
    return *this;
  }
  /// Takes `other`'s bits away.
  Mask& operator-=(const Mask& other) noexcept {
    for (unsigned i = 0; i < W; i++) word[i] &= ~other.word[i];
    return *this;
  }
  friend Mask operator|(Mask a, const Mask& b) noexcept { return a |= b; }
  friend Mask operator&(Mask a, const Mask& b) noexcept { return a &= b; }
  friend Mask operator-(Mask a, const Mask& b) noexcept { return a -= b; }
  bool operator==(const Mask& other) const noexcept = default;

  /// Calls f(bit) for each bit, ascending.
  template <class F>
  void each(F&& f) const noexcept {
    for (unsigned i = 0; i < W; i++)
      for (u64 rest = word[i]; rest != 0; rest &= rest - 1) f(64 * i + static_cast<unsigned>(std::countr_zero(rest)));
  }
  /// The same, descending, until f returns false. True if it never did.
  template <class F>
  bool all_descending(F&& f) const noexcept {
    for (unsigned i = W; i-- > 0;)
      for (u64 rest = word[i]; rest != 0;) {
        const unsigned bit = 63 - static_cast<unsigned>(std::countl_zero(rest));
        if (!f(64 * i + bit)) return false;
        rest &= ~(u64{1} << bit);
      }
    return true;
  }
};

}  // namespace uringsim::sim::dpor
