// SPDX-License-Identifier: GPL-2.0-only
// What can be said of a device, as plain structs with units and defaults. The names are those of scenario files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

/// A distribution of service times.
struct ServiceTimeOptions {
  enum class Shape : u8 {
    fixed,        ///< `value`
    uniform,      ///< from `least` to `most`
    lognormal,    ///< median `value`, `sigma_milli`
    percentiles,  ///< `points`
  };
  struct Point {
    u32 share_ppm = 0;  ///< this share of requests takes at most `value`
    u64 value = 0;      ///< ns
  };
  Shape shape = Shape::fixed;
  u64 value = 80'000;                  ///< ns
  u64 least = 60'000, most = 100'000;  ///< ns
  u32 sigma_milli = 250;               ///< standard deviation of the logarithm, in thousandths; at most 4000
  std::vector<Point> points{};         ///< ascending in both; linear in between, the first holds from 0
};

/// Something that goes wrong with requests. It strikes a request if everything that is given applies.
struct DeviceFaultOptions {
  enum class Op : u8 { any, read, write, flush };
  Op op = Op::any;
  std::optional<u64> offset{};  ///< bytes: only requests that cover this one
  u64 nth = 0;                  ///< only the nth such request, from 1; 0: each
  u64 every = 0;                ///< only each multiple of this; 0: each
  std::optional<u64> at{};      ///< ns after RamDevice::begin_faults(): only from this time on
  u32 probability_ppm = 1'000'000;
  u64 times = 0;  ///< no more than so often; 0: no limit

  int error = 0;                  ///< positive errno that the request ends with; 0: none
  u64 delay = 0;                  ///< ns that it takes longer
  std::optional<u64> transfer{};  ///< bytes after which it ends short
};

struct RamDeviceOptions {
  u64 size = u64{64} << 20;         ///< bytes
  u32 block = 512;                  ///< bytes, a power of two up to 4096: alignment of offsets and lengths
  u64 max_transfer = u64{1} << 20;  ///< bytes; longer requests are split
  u32 queue_depth = 1024;           ///< requests that the device holds, waiting ones included
  u32 poll_queues = 0;              ///< 0: every request completes by interrupt
  ServiceTimeOptions read{};
  std::optional<ServiceTimeOptions> write{};  ///< none: as read
  std::optional<ServiceTimeOptions> flush{};  ///< none: as write
  u32 parallelism = 32;                       ///< requests in service at once
  bool reordering = true;                     ///< false: completions come in the order of submission
  u64 bandwidth = 0;                          ///< bytes a second of all requests together; 0: unlimited
  std::vector<DeviceFaultOptions> faults{};
};

enum class FileBackend : u8 {
  automatic,  ///< io_uring where the host has it, else threads
  io_uring,
  threads,
};

struct FileDeviceOptions {
  std::string path{};               ///< of a file or block device of the host
  bool create = false;              ///< make the file if there is none, of `size`
  u64 size = 0;                     ///< bytes, no more than it has; 0: as it is. An empty file grows to it
  u32 block = 512;                  ///< bytes; raised to what the host asks for
  u64 max_transfer = u64{1} << 20;  ///< bytes
  u32 queue_depth = 256;            ///< requests given to the host at once
  u32 poll_queues = 0;              ///< 0: every request completes by interrupt
  u32 threads = 8;                  ///< of the thread pool, where that serves
  FileBackend backend = FileBackend::automatic;
};

}  // namespace uringsim::sim
