// SPDX-License-Identifier: GPL-2.0-only
#include "sim/devices/service_time.h"

#include <algorithm>
#include <iterator>

namespace uringsim::sim {

namespace {

__extension__ using u128 = unsigned __int128;
__extension__ using s128 = __int128;

/// Quantiles of the standard normal distribution: share in millionths, z in millionths.
struct NormalPoint {
  u32 share_ppm;
  s32 z_micro;
};
constexpr NormalPoint kNormal[] = {
    {1, -4753424},      {10, -4264891},     {100, -3719016},   {500, -3290527},   {1000, -3090232},  {2500, -2807034},
    {5000, -2575829},   {10000, -2326348},  {20000, -2053749}, {30000, -1880794}, {50000, -1644854}, {75000, -1439531},
    {100000, -1281552}, {150000, -1036433}, {200000, -841621}, {250000, -674490}, {300000, -524401}, {350000, -385320},
    {400000, -253347},  {450000, -125661},  {500000, 0},       {550000, 125661},  {600000, 253347},  {650000, 385320},
    {700000, 524401},   {750000, 674490},   {800000, 841621},  {850000, 1036433}, {900000, 1281552}, {925000, 1439531},
    {950000, 1644854},  {970000, 1880794},  {980000, 2053749}, {990000, 2326348}, {995000, 2575829}, {997500, 2807034},
    {999000, 3090232},  {999500, 3290527},  {999900, 3719016}, {999990, 4264891}, {999999, 4753424},
};

/// 2^(2^-i) for i = 1, 2 ..., times 2^62.
constexpr u64 kRoots[] = {
    0x5a827999fcef3242, 0x4c1bf828c6dc54b8, 0x45cae0f1f545eb73, 0x42d561b3e6243d8a, 0x4166c34c5615d0ec, 0x40b268f9de0183ba,
    0x4058f6a7ecccd5b6, 0x402c6be96af2fb58, 0x4016321b687027a8, 0x400b18178ba33b14, 0x40058bce410147e8, 0x4002c5d7bff71daf,
    0x400162e807ee7e5b, 0x4000b1730df6a524, 0x400058b9497b8152, 0x40002c5c955dd701, 0x4000162e46d6f26c, 0x40000b1722757b1b,
    0x4000058b90fd3e0c, 0x400002c5c86f3f26, 0x40000162e433c79b, 0x400000b17218edd0, 0x40000058b90c3968, 0x4000002c5c860d54,
};
constexpr u64 kLog2E = 6196328018;  // log2(e) times 2^32

u64 share_of(u32 ppm) noexcept { return (static_cast<u64>(ppm) << 32) / 1'000'000; }

}  // namespace

u64 lognormal_value(u64 median, u32 sigma_milli, s64 z_micro) noexcept {
  // The exponent to base 2, times 2^32: a whole part, and 32 bits of fraction.
  const s128 x = static_cast<s128>(sigma_milli) * z_micro * static_cast<s128>(kLog2E) / 1'000'000'000;
  const s64 whole = static_cast<s64>(x >> 32);
  const u32 fraction = static_cast<u32>(x);
  u64 power = u64{1} << 62;
  for (unsigned i = 0; i < std::size(kRoots); i++)
    if ((fraction >> (31 - i) & 1) != 0) power = static_cast<u64>(static_cast<u128>(power) * kRoots[i] >> 62);
  const u128 value = static_cast<u128>(median) * power;  // times 2^62
  const s64 shift = 62 - whole;
  if (shift >= 127) return 0;
  return shift < 0 ? ~u64{0} >> 1 : static_cast<u64>(std::min<u128>(value >> shift, ~u64{0} >> 1));
}

bool ServiceTime::build(arch::Machine& machine, const ServiceTimeOptions& options) noexcept {
  using Shape = ServiceTimeOptions::Shape;
  constexpr u64 kMost = std::size(kNormal);
  const u64 room = options.shape == Shape::percentiles ? std::max<u64>(options.points.size(), 1) : kMost;
  segments_ = static_cast<Segment*>(machine.alloc(room * sizeof(Segment), alignof(Segment)));
  if (segments_ == nullptr) return false;
  room_ = static_cast<u32>(room);
  count_ = 0;
  const auto add = [this](u64 share, u64 value) { segments_[count_++] = {share, value, 0}; };
  switch (options.shape) {
    case Shape::fixed:
      add(0, options.value);
      break;
    case Shape::uniform:
      add(0, options.least);
      add(u64{1} << 32, std::max(options.least, options.most));
      break;
    case Shape::lognormal:
      for (const NormalPoint& point : kNormal)
        add(share_of(point.share_ppm), lognormal_value(options.value, options.sigma_milli, point.z_micro));
      break;
    case Shape::percentiles:
      for (const ServiceTimeOptions::Point& point : options.points) add(share_of(point.share_ppm), point.value);
      if (count_ == 0) add(0, options.value);
      break;
  }
  segments_[0].from = std::min<u64>(segments_[0].from, u64{1} << 32);
  for (u32 i = 0; i + 1 < count_; i++) {
    const u64 share = segments_[i + 1].from - segments_[i].from;
    const u64 rise = segments_[i + 1].value - segments_[i].value;
    if (share != 0) segments_[i].slope = static_cast<u64>((static_cast<u128>(rise) << 32) / share);
  }
  return true;
}

void ServiceTime::release(arch::Machine& machine) noexcept {
  machine.free(segments_, room_ * sizeof(Segment));
  segments_ = nullptr;
  count_ = room_ = 0;
}

u64 ServiceTime::at(u32 share) const noexcept {
  u32 low = 0, high = count_;
  while (high - low > 1) {
    const u32 middle = (low + high) / 2;
    (segments_[middle].from <= share ? low : high) = middle;
  }
  const Segment& segment = segments_[low];
  if (share <= segment.from) return segment.value;
  return segment.value + static_cast<u64>(static_cast<u128>(share - segment.from) * segment.slope >> 32);
}

}  // namespace uringsim::sim
