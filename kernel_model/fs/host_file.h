// SPDX-License-Identifier: GPL-2.0-only
// Files of the host, as a scenario opens them. The kernel model knows only the interface; sim/devices implements it.
//
// A host file appears as a regular file that is read and written directly: no page cache of the model's stands in between, as
// the host has its own. Its path in the model is /host/NAME; what NAME is on the host, the world's HostFiles knows.
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

/// One transfer. The kernel fills it in; the backend calls `done` exactly once, in interrupt context or from start() itself.
struct HostTransfer {
  bool write = false;
  s64 position = 0;
  const bio_vec* vecs = nullptr;  ///< pages, pinned by the kernel until `done`
  unsigned vec_count = 0;
  u64 bytes = 0;
  s64 result = 0;  ///< by the backend: bytes or -errno
  void (*done)(HostTransfer*) = nullptr;
  arch::Interrupt interrupt;  ///< for the backend's use: how it gets into interrupt context
  void* backend[4] = {};      ///< the backend's own while it has the transfer
};

/// An open file of the host. Several tasks may call at once.
class HostFile {
 public:
  virtual ~HostFile() = default;
  /// Starts the transfer. Never sleeps.
  virtual void start(HostTransfer* transfer) noexcept = 0;
  /// The file's length now, or -errno.
  virtual s64 size() noexcept = 0;
  /// Starts making it durable; `done` as for transfers.
  virtual void sync(HostTransfer* transfer) noexcept = 0;
  /// Bytes that positions, lengths and addresses must be multiples of (1: any), as it was opened.
  virtual u32 alignment() const noexcept = 0;
  /// The last reference is gone: the object is the backend's to destroy.
  virtual void close() noexcept = 0;
};

/// What the world offers.
struct HostFiles {
  virtual ~HostFiles() = default;
  /// Opens `name` (the path without /host/) with open(2)'s flags. The file, or null and *error = -errno.
  virtual HostFile* open(const char* name, u32 flags, int* error) noexcept = 0;
};

/// Whether the path is one of these.
bool is_host_path(const char* path) noexcept;
/// Opens it: a file, or ERR_PTR(-errno; -ENOENT in a world without files of the host).
file* host_file_open(const char* path, u32 flags) noexcept;

}  // namespace uringsim::kernel
