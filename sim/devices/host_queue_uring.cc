// SPDX-License-Identifier: GPL-2.0-only
// Transfers by the host's io_uring: SQEs go in under a lock, one thread reaps in interrupt context.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>

#include "sim/devices/device_error.h"
#include "sim/devices/host_queue.h"
#include "uapi/native.h"
#include "uapi/ring.h"

namespace uringsim::sim {

namespace {

using uapi::Native;
using NativeRing = uapi::Ring<Native>;
using NativeCqe = uapi::cqe_ref<Native>;

constexpr u64 kStopToken = ~u64{0};
constexpr unsigned kReapAtOnce = 64;

class UringQueue final : public HostQueue {
 public:
  UringQueue(LiveMachine& machine, const HostQueueOptions& options, void* owner, Done done, int* error)
      : machine_(machine), owner_(owner), done_(done), polled_(options.polled) {
    *error = -ring_.queue_init(options.depth + 1, 0);  // one more for the word to stop
    open_ = *error == 0;
    if (open_ && !polled_) reaper_ = std::thread(&UringQueue::reap, this);
  }

  ~UringQueue() override {
    if (!open_) return;
    if (reaper_.joinable()) {
      quit_ = true;
      {
        const std::lock_guard lock(submit_lock_);
        auto sqe = ring_.get_sqe();
        sqe.prep_nop();
        sqe.set_data64(kStopToken);
        (void)ring_.submit();
      }
      reaper_.join();
    }
    ring_.queue_exit();
  }

  void start(const HostOperation& operation) noexcept override {
    const std::lock_guard lock(submit_lock_);
    auto sqe = ring_.get_sqe();
    if (!sqe) {  // the host has not taken what is prepared: it takes all of it now, and so leaves room
      submit();
      sqe = ring_.get_sqe();
    }
    prepare(sqe, operation);
    handed_.store(handed_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    held_.fetch_add(1, std::memory_order_relaxed);
  }

  void flush() noexcept override {
    if (held_.load(std::memory_order_relaxed) == 0) return;
    const std::lock_guard lock(submit_lock_);
    submit();
  }

  int poll() noexcept override {
    flush();
    const std::lock_guard lock(reap_lock_);
    NativeCqe cqes[kReapAtOnce];
    const unsigned count = ring_.peek_batch_cqe(cqes, kReapAtOnce);
    see_what_was_handed();
    struct Over {
      u64 token;
      s64 result;
    } over[kReapAtOnce];
    for (unsigned i = 0; i < count; i++) over[i] = {cqes[i].user_data(), cqes[i].res()};
    ring_.cq_advance(count);
    for (unsigned i = 0; i < count; i++) done_(owner_, over[i].token, over[i].result);
    return static_cast<int>(count);
  }

  [[nodiscard]] const char* name() const noexcept override { return "io_uring"; }

 private:
  static void prepare(uapi::sqe_ref<Native> sqe, const HostOperation& operation) noexcept {
    const bool write = operation.kind == HostOperation::Kind::write;
    if (operation.kind == HostOperation::Kind::sync) {
      sqe.prep_fsync(operation.fd, 0);
    } else if (operation.vec_count == 1) {
      const u64 address = reinterpret_cast<uintptr_t>(operation.first.iov_base);
      const auto bytes = static_cast<u32>(operation.first.iov_len);
      if (write)
        sqe.prep_write(operation.fd, address, bytes, operation.position);
      else
        sqe.prep_read(operation.fd, address, bytes, operation.position);
    } else {
      const u64 vecs = reinterpret_cast<uintptr_t>(operation.vecs);
      if (write)
        sqe.prep_writev(operation.fd, vecs, operation.vec_count, operation.position);
      else
        sqe.prep_readv(operation.fd, vecs, operation.vec_count, operation.position);
    }
    sqe.set_data64(operation.token);
  }

  /// submit_lock_ is held. The host may ask to try again when its own memory is short.
  void submit() noexcept {
    held_.store(0, std::memory_order_relaxed);
    while (ring_.sq_ready() != 0) {
      const int taken = ring_.submit();
      if (taken < 0 && taken != -EINTR && taken != -EAGAIN && taken != -EBUSY) {
        machine_.report("the host's io_uring takes no more requests", true, arch::Site::here());
        return;
      }
    }
  }

  /// The reaper's thread.
  void reap() noexcept {
    InterruptContext context(machine_, "irq/io_uring", &quit_);
    for (;;) {
      if (ring_.cq_ready() == 0) {
        NativeCqe cqe;
        (void)ring_.wait_cqe(&cqe);
        continue;
      }
      if (!context.run([](void* queue) { static_cast<UringQueue*>(queue)->complete(); }, this)) return;
    }
  }

  /// Interrupt context: everything that is there.
  void complete() noexcept {
    NativeCqe cqes[kReapAtOnce];
    while (const unsigned count = ring_.peek_batch_cqe(cqes, kReapAtOnce)) {
      see_what_was_handed();
      for (unsigned i = 0; i < count; i++) {
        if (cqes[i].user_data() != kStopToken) done_(owner_, cqes[i].user_data(), cqes[i].res());
      }
      ring_.cq_advance(count);
    }
  }

  /// What a submitter wrote before start() is seen by whoever reaps: the host's kernel orders it, but neither C++ nor
  /// ThreadSanitizer know. Pairs with the release in start().
  void see_what_was_handed() noexcept { (void)handed_.load(std::memory_order_acquire); }

  LiveMachine& machine_;
  void* const owner_;
  const Done done_;
  const bool polled_;
  bool open_ = false;
  NativeRing ring_;
  std::mutex submit_lock_;         // the SQ side
  std::mutex reap_lock_;           // the CQ side of a polled queue
  std::atomic<u32> held_{0};       // prepared, not submitted; changes under submit_lock_
  std::atomic<u64> handed_{0};     // operations so far; changes under submit_lock_
  std::atomic<bool> quit_{false};  // for the reaper
  std::thread reaper_;
};

}  // namespace

std::unique_ptr<HostQueue> make_uring_queue(LiveMachine& machine, const HostQueueOptions& options, void* owner,
                                            HostQueue::Done done, int* error) {
  auto queue = std::make_unique<UringQueue>(machine, options, owner, done, error);
  if (*error != 0) return nullptr;
  return queue;
}

}  // namespace uringsim::sim
