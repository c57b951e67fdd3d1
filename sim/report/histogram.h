// SPDX-License-Identifier: GPL-2.0-only
// A histogram of times or sizes with a bounded relative error, as HdrHistogram keeps them: buckets grow with the value, each
// power of two is cut into 128 equal parts, so that a percentile is at most 1/128 too high and never too low. Fixed size, no
// allocation while it records.
#pragma once

#include <algorithm>
#include <array>
#include <bit>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

class Histogram {
 public:
  void record(u64 value) noexcept {
    ++buckets_[index(value)];
    ++count_;
    max_ = std::max(max_, value);
    min_ = count_ == 1 ? value : std::min(min_, value);
    sum_ += value;
  }
  [[nodiscard]] u64 count() const noexcept { return count_; }
  [[nodiscard]] u64 max() const noexcept { return max_; }
  [[nodiscard]] u64 min() const noexcept { return min_; }
  [[nodiscard]] u64 mean() const noexcept { return count_ == 0 ? 0 : static_cast<u64>(sum_ / count_); }

  /// The least recorded value that at least `per_million` of all are not above (rounded up to its bucket's end, never beyond
  /// the maximum); 0 if nothing was recorded.
  [[nodiscard]] u64 percentile(u32 per_million) const noexcept {
    if (count_ == 0) return 0;
    const u64 rank =
        std::max<u64>(1, static_cast<u64>((static_cast<unsigned __int128>(count_) * per_million + 999'999) / 1'000'000));
    u64 seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen >= rank) return std::min(max_, last_of(i));
    }
    return max_;
  }

 private:
  static constexpr unsigned sub_bits = 7;
  static constexpr u64 subs = u64{1} << sub_bits;

  static constexpr std::size_t index(u64 value) noexcept {
    if (value < subs) return static_cast<std::size_t>(value);
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - sub_bits;
    return static_cast<std::size_t>((u64{shift} + 1) * subs + ((value >> shift) - subs));
  }
  /// The greatest value of a bucket.
  static constexpr u64 last_of(std::size_t index) noexcept {
    if (index < subs) return index;
    const u64 shift = index / subs - 1;
    return (((index % subs + subs) + 1) << shift) - 1;
  }

  std::array<u32, (64 - sub_bits + 1) * subs> buckets_{};
  u64 count_ = 0, max_ = 0, min_ = 0;
  unsigned __int128 sum_ = 0;
};

}  // namespace uringsim::sim
