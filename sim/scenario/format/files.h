// SPDX-License-Identifier: GPL-2.0-only
// Open files of the world.
#pragma once

#include <optional>
#include <string>

#include "kernel_model/arch/types.h"
#include "sim/scenario/format/names.h"
#include "sim/scenario/quantity.h"

namespace uringsim::sim {

enum class FileType : u8 { regular, block, host, pipe, socketpair, eventfd, timerfd, devnull, devzero, directory };
enum class Content : u8 { zero, pattern, hole };
enum class SocketType : u8 { stream, datagram, seqpacket };
struct OpenFlagNames {};
/// O_RDONLY is 0 for the system call: this bit says that it was asked for. No access mode at all means O_RDWR.
inline constexpr u32 open_read_only = 1u << 31;

/// A file of the world, opened before any task starts, in every process. A pipe `p` is two files, `p.r` and `p.w`; a socketpair
/// `s` is `s.a` and `s.b`.
struct FileOptions {
  std::optional<FileType> type;  ///< none: regular with `device`, host with `host`
  Ref device;                    ///< regular, block: where it lives
  std::string host;              ///< path on the host
  Bytes size{1u << 20};          ///< regular
  Content content = Content::pattern;
  u32 seed = 0;               ///< of the pattern: byte i is (i*31 + (i>>8)*17 + seed) mod 256
  bool cached = false;        ///< regular: its pages are in the page cache when the tasks start
  Flags<OpenFlagNames> open;  ///< O_RDWR unless an access mode is given
  Bytes capacity{65536};      ///< pipe
  SocketType socket = SocketType::stream;
  u64 initial = 0;         ///< eventfd
  bool semaphore = false;  ///< eventfd
  Nanoseconds expires;     ///< timerfd: once, this long after the start; 0: disarmed
  [[nodiscard]] FileType kind() const noexcept { return type ? *type : !host.empty() ? FileType::host : FileType::regular; }
};

}  // namespace uringsim::sim
