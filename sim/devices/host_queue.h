// SPDX-License-Identifier: GPL-2.0-only
// A queue of transfers to files of the host, by the fastest way that the host offers: its own io_uring, else threads.
//
// Whoever starts a transfer gives it a token; its completion calls Done with that token, in interrupt context of the live machine
// (or in the caller's, from poll()). Transfers are given to the host in batches: start() may hold one back until flush().
//
// Thread safety: start(), flush() and poll() by any thread at once.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <string>

#include "sim/devices/options.h"
#include "sim/live/live_machine.h"

namespace uringsim::sim {

/// One transfer. Memory that it names stays until it is done, `vecs` included.
struct HostOperation {
  enum class Kind : u8 { read, write, sync };
  Kind kind = Kind::read;
  int fd = -1;
  u64 position = 0;
  u32 vec_count = 0;
  iovec first{};                ///< where there is one segment
  const iovec* vecs = nullptr;  ///< where there are more
  u64 token = 0;
};

class HostQueue {
 public:
  /// `result`: bytes or -errno.
  using Done = void (*)(void* owner, u64 token, s64 result);

  virtual ~HostQueue() = default;
  /// Takes the operation; at most as many at once as the queue was made for. Never sleeps for long.
  virtual void start(const HostOperation& operation) noexcept = 0;
  /// Gives the host everything that start() held back.
  virtual void flush() noexcept = 0;
  /// Of a queue made for polling: calls Done for what is over; returns how many that were.
  virtual int poll() noexcept = 0;
  /// "io_uring" or "threads".
  [[nodiscard]] virtual const char* name() const noexcept = 0;
};

struct HostQueueOptions {
  FileBackend backend = FileBackend::automatic;
  u32 depth = 256;      ///< operations at once, at most 4096
  u32 threads = 8;      ///< of the thread pool
  bool polled = false;  ///< completions are found by poll() only
};

/// Throws DeviceError if the host has no such way; `what` names what it is for.
[[nodiscard]] std::unique_ptr<HostQueue> make_host_queue(LiveMachine& machine, const std::string& what,
                                                         const HostQueueOptions& options, void* owner, HostQueue::Done done);

// The two ways; make_host_queue() chooses.
[[nodiscard]] std::unique_ptr<HostQueue> make_uring_queue(LiveMachine& machine, const HostQueueOptions& options, void* owner,
                                                          HostQueue::Done done, int* error);
[[nodiscard]] std::unique_ptr<HostQueue> make_thread_queue(LiveMachine& machine, const HostQueueOptions& options, void* owner,
                                                           HostQueue::Done done);

}  // namespace uringsim::sim
