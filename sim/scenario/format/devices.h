// SPDX-License-Identifier: GPL-2.0-only
// Block devices and their service times.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernel_model/arch/types.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

enum class DeviceType : u8 { ram, file };

/// A distribution of service times. All of them are drawn by table or integer arithmetic.
struct FixedLatency {
  Nanoseconds value{80'000};
};
struct UniformLatency {
  Nanoseconds least, most;
};
struct LognormalLatency {
  Nanoseconds median{80'000};
  u32 sigma_milli = 250;  ///< standard deviation of the logarithm, in thousandths
};
struct PercentileLatency {
  struct Point {
    u32 share_ppm;  ///< this share of requests takes at most `value`
    Nanoseconds value;
  };
  std::vector<Point> points;  ///< ascending; linear in between, the first holds from 0
};
using Latency = std::variant<FixedLatency, UniformLatency, LognormalLatency, PercentileLatency>;

enum class Spread : u8 { fixed, uniform, lognormal };

/// "latency": {"read": "80us", "spread": "lognormal"}: a plain time takes the shape of `spread`; a distribution stands for
/// itself.
struct LatencyOptions {
  Latency read = FixedLatency{};
  std::optional<Latency> write;  ///< none: as read
  std::optional<Latency> flush;  ///< none: as write
  Spread spread = Spread::fixed;
  u32 sigma_milli = 250;            ///< lognormal
  PartsPerMillion jitter{250'000};  ///< uniform: plus and minus this share
};

enum class HostBackend : u8 { automatic, io_uring, threads };

struct DeviceOptions {
  DeviceType type = DeviceType::ram;
  Bytes size{64u << 20};         ///< ram: capacity; file: 0 or what the file is grown to
  Bytes block{512};              ///< logical block: alignment of O_DIRECT
  Bytes max_transfer{1u << 20};  ///< one request; longer bios are split
  u32 queue_depth = 1024;        ///< requests the device holds; more wait in the block layer
  u32 poll_queues = 0;           ///< 0: IOPOLL is refused as by a driver without poll queues
  // ram
  LatencyOptions latency;
  u32 parallelism = 32;    ///< requests in service at once; others wait their turn
  bool reordering = true;  ///< completions come as their service ends; false: in the order of submission
  Bytes bandwidth;         ///< bytes a second through all of it together, 0: unlimited
  // file
  std::string path;     ///< of the host, opened O_DIRECT
  bool create = false;  ///< make the file if there is none, of `size`
  HostBackend backend = HostBackend::automatic;
};

}  // namespace uringsim::sim
