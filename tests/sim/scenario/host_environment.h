// SPDX-License-Identifier: GPL-2.0-only
// Runs a scenario's tasks on the running kernel, as threads of the test: the runner's steps are tested against the real thing.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "sim/scenario/step_runner.h"
#include "uapi/native.h"

namespace uringsim::sim {

/// What the tasks of one run share.
class HostWorld {
 public:
  explicit HostWorld(const Scenario& scenario) : plan(scenario) {
    for (u32 i = 0; i < plan.files.size();) i += open_file(i);
  }
  ~HostWorld() {
    for (const auto& file : files) close(file.fd);
    for (void* const memory : blocks) std::free(memory);
  }

  /// Runs all tasks to their end. Returns what failed, a line each.
  std::vector<std::string> run();

  struct Reaped {
    u32 ring;
    u64 user_data;
    s32 res;
  };
  struct File {
    int fd;
    u64 size;
  };
  Plan plan;
  std::vector<File> files;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> failures;
  std::vector<Reaped> reaped;
  std::map<u32, u32> posted;
  std::map<std::string, bool> ended;
  std::vector<void*> blocks;
  u64 dice = 88172645463325252ull;

 private:
  /// Opens the file whose first end is `index`; returns how many ends it has.
  u32 open_file(u32 index) {
    const FileOptions& options = plan.scenario.files[plan.files[index].file].value;
    int ends[2] = {-1, -1};
    switch (options.kind()) {
      case FileType::pipe:
        if (pipe(ends) != 0) std::abort();
        files.push_back({ends[0], 0});
        files.push_back({ends[1], 0});
        return 2;
      case FileType::socketpair:
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) std::abort();
        files.push_back({ends[0], 0});
        files.push_back({ends[1], 0});
        return 2;
      case FileType::eventfd:
        files.push_back({eventfd(static_cast<unsigned>(options.initial), 0), 0});
        return 1;
      case FileType::devnull:
        files.push_back({open("/dev/null", O_RDWR), 0});
        return 1;
      case FileType::devzero:
        files.push_back({open("/dev/zero", O_RDWR), 0});
        return 1;
      default:
        break;
    }
    char path[] = "/tmp/uringsim-test-XXXXXX";
    const int fd = mkstemp(path);
    unlink(path);
    std::vector<u8> bytes(options.size.count);
    for (u64 i = 0; i < bytes.size(); ++i) bytes[i] = options.content == Content::pattern ? pattern_byte(i, options.seed) : u8{0};
    if (pwrite(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
    files.push_back({fd, options.size.count});
    return 1;
  }
};

class HostEnvironment final : public Environment {
 public:
  explicit HostEnvironment(HostWorld& world) : world_(world) {}

  s64 call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) override {
    const long result = ::syscall(number, a, b, c, d, e, f);
    return result == -1 ? -errno : result;
  }
  u64 load(uptr at, unsigned size, LoadOrder order, const char*) override {
    const int how = order == LoadOrder::acquire ? __ATOMIC_ACQUIRE : __ATOMIC_RELAXED;
    if (size == 8) return __atomic_load_n(reinterpret_cast<u64*>(at), how);
    if (size == 4) return __atomic_load_n(reinterpret_cast<u32*>(at), how);
    if (size == 2) return __atomic_load_n(reinterpret_cast<u16*>(at), how);
    return __atomic_load_n(reinterpret_cast<u8*>(at), how);
  }
  void store(uptr at, unsigned size, u64 value, StoreOrder order, const char*) override {
    const int how = order == StoreOrder::release ? __ATOMIC_RELEASE : __ATOMIC_RELAXED;
    if (size == 8) return __atomic_store_n(reinterpret_cast<u64*>(at), value, how);
    if (size == 4) return __atomic_store_n(reinterpret_cast<u32*>(at), static_cast<u32>(value), how);
    if (size == 2) return __atomic_store_n(reinterpret_cast<u16*>(at), static_cast<u16>(value), how);
    __atomic_store_n(reinterpret_cast<u8*>(at), static_cast<u8>(value), how);
  }
  void fence(FenceKind, const char* name) override { native_.full_barrier(name); }
  void write_sqe(uptr at, const uapi::io_uring_sqe& sqe) override { native_.write_sqe(at, sqe); }
  void copy_out(uptr to, const void* from, u64 bytes) override { std::memcpy(reinterpret_cast<void*>(to), from, bytes); }
  void copy_in(void* to, uptr from, u64 bytes) override { std::memcpy(to, reinterpret_cast<void*>(from), bytes); }
  void peek(void* to, uptr from, u64 bytes) override { copy_in(to, from, bytes); }

  u64 now() override {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<u64>(t.tv_sec) * 1'000'000'000 + static_cast<u64>(t.tv_nsec);
  }
  void sleep(u64 nanoseconds) override { std::this_thread::sleep_for(std::chrono::nanoseconds(nanoseconds)); }
  void spin(u64 nanoseconds) override {
    for (const u64 end = now() + nanoseconds; now() < end;) {
    }
  }
  void yield() override { sched_yield(); }
  void poll_pass() override { sched_yield(); }

  u32 process() override { return static_cast<u32>(getpid()); }
  u64 random() override {
    const std::lock_guard lock(world_.mutex);
    world_.dice ^= world_.dice << 13;
    world_.dice ^= world_.dice >> 7;
    return world_.dice ^= world_.dice << 17;
  }
  void* alloc(u64 bytes) override {
    const std::lock_guard lock(world_.mutex);
    world_.blocks.push_back(std::calloc(1, bytes));
    return world_.blocks.back();
  }
  int descriptor(u32 index) override { return world_.files[index].fd; }
  u64 file_size(u32 index) override { return world_.files[index].size; }
  void post(u32 event) override {
    const std::lock_guard lock(world_.mutex);
    ++world_.posted[event];
    world_.changed.notify_all();
  }
  void await(u32 event) override {
    std::unique_lock lock(world_.mutex);
    world_.changed.wait(lock, [&] { return world_.posted[event] != 0; });
    --world_.posted[event];
  }
  void join(const std::string& name) override {
    std::unique_lock lock(world_.mutex);
    world_.changed.wait(lock, [&] { return world_.ended[name]; });
  }
  void signal(const std::string&, int) override { std::abort(); }
  s64 fork(const ForkStep&, const void*) override { std::abort(); }
  void naming_ring(u32) override {}
  void cqe_reaped(u32 ring, u32, u64 user_data, s32 res, u32) override {
    const std::lock_guard lock(world_.mutex);
    world_.reaped.push_back({ring, user_data, res});
  }
  void sq_published(u32, u32, u32) override {}
  void before_step(u64) override {}
  void fail(const char* where, const char* what) override {
    const std::lock_guard lock(world_.mutex);
    world_.failures.push_back(std::string(where) + ": " + what);
  }

 private:
  HostWorld& world_;
  uapi::Native native_;
};

inline std::vector<std::string> HostWorld::run() {
  HostEnvironment first(*this);
  SharedState* const shared = make_shared_state(first, plan);
  struct Runner {
    HostEnvironment app;
    StepRunner runner;
    Runner(HostWorld& world, SharedState& state, u32 index, u32 number)
        : app(world), runner(app, world.plan, state, index, number) {}
  };
  std::vector<std::unique_ptr<Runner>> runners;
  std::vector<const Entry<TaskOptions>*> tasks;
  for (u32 i = 0; i < plan.scenario.tasks.size(); ++i)
    for (u32 copy = 0; copy < plan.scenario.tasks[i].value.count; ++copy) {
      runners.push_back(std::make_unique<Runner>(*this, *shared, i, copy));
      tasks.push_back(&plan.scenario.tasks[i]);
      if (!runners.back()->runner.prepare()) return failures;
    }
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < runners.size(); ++i)
    threads.emplace_back([&, i] {
      runners[i]->runner.run(tasks[i]->value.steps);
      const std::lock_guard lock(mutex);
      ended[tasks[i]->name] = true;
      changed.notify_all();
    });
  for (std::thread& thread : threads) thread.join();
  return failures;
}

}  // namespace uringsim::sim
