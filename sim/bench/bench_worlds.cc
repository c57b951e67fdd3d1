// SPDX-License-Identifier: GPL-2.0-only
#include "sim/bench/bench_worlds.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "kernel_model/core/syscall.h"
#include "kernel_model/fs/syscalls.h"
#include "uapi/native.h"

namespace uringsim::sim {

BenchWorld::BenchWorld(const LiveOptions& options) : live_(std::make_unique<LiveMachine>(options)) {
  world_ = std::make_unique<World>(*live_, WorldOptions{});
}

BenchWorld::BenchWorld(const TimedOptions& options)
    : arena_(std::make_unique<Arena>()), timed_(std::make_unique<TimedMachine>(*arena_, options)) {
  world_ = std::make_unique<World>(*timed_, WorldOptions{});
}

BenchWorld::~BenchWorld() {
  RamDevice::destroy(ram_);
  file_.reset();
}

arch::Machine& BenchWorld::machine() noexcept {
  if (timed_) return *timed_;
  return *live_;
}

void BenchWorld::add_ram(const RamDeviceOptions& options) {
  ram_ = RamDevice::create(machine(), "disk", options);
  if (ram_ == nullptr || world_->add_block_device("disk", *ram_) != 0) throw std::runtime_error("no memory for the ram device");
}

void BenchWorld::add_file(const FileDeviceOptions& options) {
  file_ = std::make_unique<FileDevice>(*live_, "disk", options);
  if (world_->add_block_device("disk", *file_) != 0) throw std::runtime_error("no memory for the file device");
}

void BenchWorld::run() {
  const RunResult result = timed_ ? timed_->run(world_->tasks()) : live_->run(world_->tasks());
  const std::vector<MachineReport>& reports = timed_ ? timed_->reports() : live_->reports();
  if (!reports.empty()) throw std::runtime_error(reports.front().what);
  if (result.end != RunEnd::finished) throw std::runtime_error(result.describe());
}

int open_in_world(const char* path, u32 flags) {
  const u64 at = static_cast<u64>(Application().allocate(4096));
  Application().copy_out(at, path, std::strlen(path) + 1);
  return static_cast<int>(kernel::system_call([&]() noexcept { return kernel::sys_openat(AT_FDCWD, at, flags, 0); }));
}

ReadTargets targets_in_world(int fd, u64 file_bytes, u32 depth) {
  const Application application;
  const u64 buffers = static_cast<u64>(application.allocate(u64{depth} * 4096));
  const u64 iovecs = static_cast<u64>(application.allocate(u64{depth} * 16));
  for (u32 i = 0; i < depth; i++) {
    const u64 iovec[2] = {buffers + u64{i} * 4096, 4096};
    application.copy_out(iovecs + i * 16, iovec, sizeof(iovec));
  }
  return {.fd = fd, .iovecs = iovecs, .blocks = file_bytes / 4096, .depth = depth};
}

// ---- the host ----------------------------------------------------------------------------------------------------------------

Measured native_nops(u32 batch, const Span& span) {
  uapi::Ring<uapi::Native> ring;
  if (const int error = ring.queue_init(batch, 0); error != 0) return {.error = error};
  const Measured measured = nops(ring, batch, span);
  ring.queue_exit();
  return measured;
}

Measured native_random_reads(const std::string& path, u64 file_bytes, u32 depth, const Span& span) {
  uapi::Ring<uapi::Native> ring;
  if (const int error = ring.queue_init(depth, 0); error != 0) return {.error = error};
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
  void* const buffers = std::aligned_alloc(4096, u64{depth} * 4096);
  std::vector<u64> iovecs(depth * 2);
  std::memset(buffers, 0, u64{depth} * 4096);
  for (u32 i = 0; i < depth; i++) {
    iovecs[2 * i] = reinterpret_cast<uintptr_t>(buffers) + u64{i} * 4096;
    iovecs[2 * i + 1] = 4096;
  }
  Measured measured;
  if (fd < 0)
    measured.error = -errno;
  else
    measured = random_reads(
        ring, {.fd = fd, .iovecs = reinterpret_cast<uintptr_t>(iovecs.data()), .blocks = file_bytes / 4096, .depth = depth},
        span);
  ring.queue_exit();
  if (fd >= 0) close(fd);
  std::free(buffers);
  return measured;
}

}  // namespace uringsim::sim
