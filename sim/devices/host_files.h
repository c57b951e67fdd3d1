// SPDX-License-Identifier: GPL-2.0-only
// Files of the host that a world's tasks may open as /host/NAME. Live engine only.
//
// Only files that were added can be opened; what NAME is on the host is the builder's to say. Transfers go straight from and to
// the pages of kernel memory, by the host's io_uring where there is one.
#pragma once

#include <map>
#include <memory>
#include <new>
#include <string>

#include "kernel_model/fs/host_file.h"
#include "sim/devices/host_queue.h"

namespace uringsim::sim {

class HostFileSet final : public kernel::HostFiles {
 public:
  /// Throws DeviceError where the host has no way to transfer.
  explicit HostFileSet(LiveMachine& machine, FileBackend backend = FileBackend::automatic);
  ~HostFileSet() override;
  HostFileSet(const HostFileSet&) = delete;
  HostFileSet& operator=(const HostFileSet&) = delete;

  /// /host/`name` is `path` on the host. Before the machine runs. Throws DeviceError if there is no such file and `create` is
  /// false, or if it is a directory.
  void add(const std::string& name, const std::string& path, bool create = false);

  kernel::HostFile* open(const char* name, u32 flags, int* error) noexcept override;

 private:
  class File;

  void start(File& file, HostOperation operation, kernel::HostTransfer* transfer) noexcept;
  static void done(void* owner, u64 token, s64 result);

  LiveMachine& machine_;
  std::map<std::string, std::string> paths_;
  std::unique_ptr<HostQueue> queue_;
};

}  // namespace uringsim::sim
