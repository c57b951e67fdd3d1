// SPDX-License-Identifier: GPL-2.0-only
// Transfers by threads that call preadv and pwritev: for hosts without io_uring.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "sim/devices/host_queue.h"

namespace uringsim::sim {

namespace {

class ThreadQueue final : public HostQueue {
 public:
  ThreadQueue(LiveMachine& machine, const HostQueueOptions& options, void* owner, Done done)
      : machine_(machine), owner_(owner), done_(done), polled_(options.polled) {
    for (u32 i = 0; i < std::clamp(options.threads, 1u, 64u); i++) threads_.emplace_back(&ThreadQueue::work, this);
  }

  ~ThreadQueue() override {
    {
      const std::lock_guard lock(lock_);
      stop_ = true;
      quit_ = true;
    }
    wakeup_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void start(const HostOperation& operation) noexcept override {
    {
      const std::lock_guard lock(lock_);
      queue_.push_back(operation);
    }
    wakeup_.notify_one();
  }

  void flush() noexcept override {}

  int poll() noexcept override {
    std::unique_lock lock(lock_);
    if (over_.empty()) return 0;
    const std::vector<Over> over = std::move(over_);
    over_.clear();
    lock.unlock();
    for (const Over& one : over) done_(owner_, one.token, one.result);
    return static_cast<int>(over.size());
  }

  [[nodiscard]] const char* name() const noexcept override { return "threads"; }

 private:
  struct Over {
    u64 token;
    s64 result;
    ThreadQueue* queue;
  };

  static s64 perform(const HostOperation& operation) noexcept {
    const auto position = static_cast<off_t>(operation.position);
    const int count = static_cast<int>(operation.vec_count);
    const iovec* const vecs = count == 1 ? &operation.first : operation.vecs;
    s64 result = -1;
    do {
      switch (operation.kind) {
        case HostOperation::Kind::read:
          result = preadv(operation.fd, vecs, count, position);
          break;
        case HostOperation::Kind::write:
          result = pwritev(operation.fd, vecs, count, position);
          break;
        case HostOperation::Kind::sync:
          result = fsync(operation.fd);
          break;
      }
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
  }

  void work() noexcept {
    InterruptContext context(machine_, "irq/file", &quit_);
    std::unique_lock lock(lock_);
    for (;;) {
      wakeup_.wait(lock, [this] { return stop_ || !queue_.empty(); });
      if (stop_) return;
      const HostOperation operation = queue_.front();
      queue_.pop_front();
      lock.unlock();
      Over over{operation.token, perform(operation), this};
      if (!polled_ && !context.run([](void* one) { complete(*static_cast<Over*>(one)); }, &over)) return;
      lock.lock();
      if (polled_) over_.push_back(over);
    }
  }
  static void complete(const Over& over) noexcept { over.queue->done_(over.queue->owner_, over.token, over.result); }

  LiveMachine& machine_;
  void* const owner_;
  const Done done_;
  const bool polled_;
  std::mutex lock_;  // what follows
  std::condition_variable wakeup_;
  std::deque<HostOperation> queue_;
  std::vector<Over> over_;  // of a polled queue
  bool stop_ = false;
  std::atomic<bool> quit_{false};
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<HostQueue> make_thread_queue(LiveMachine& machine, const HostQueueOptions& options, void* owner,
                                             HostQueue::Done done) {
  return std::make_unique<ThreadQueue>(machine, options, owner, done);
}

}  // namespace uringsim::sim
