// SPDX-License-Identifier: GPL-2.0-only
#include "sim/devices/host_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "sim/devices/device_error.h"

namespace uringsim::sim {

std::unique_ptr<HostQueue> make_host_queue(LiveMachine& machine, const std::string& what, const HostQueueOptions& options,
                                           void* owner, HostQueue::Done done) {
  HostQueueOptions within = options;
  within.depth = std::clamp(options.depth, 1u, 4096u);
  if (options.backend != FileBackend::threads) {
    int error = 0;
    if (auto queue = make_uring_queue(machine, within, owner, done, &error)) return queue;
    if (options.backend == FileBackend::io_uring)
      throw DeviceError(fmt::format("{}: the host's io_uring cannot be used: {}", what, std::strerror(error)));
  }
  return make_thread_queue(machine, within, owner, done);
}

}  // namespace uringsim::sim
