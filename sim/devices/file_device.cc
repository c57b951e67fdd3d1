// SPDX-License-Identifier: GPL-2.0-only
#include "sim/devices/file_device.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "kernel_model/block/blk_plug.h"
#include "sim/devices/device_error.h"

namespace uringsim::sim {

using kernel::bio;
using kernel::bio_op;
using kernel::blk_qc_t;
using kernel::SECTOR_SIZE;

namespace {

constexpr u32 kLargestBlock = 4096;

// bio::driver: the next in a list; an array of iovecs and its length.
bio*& next_of(bio* bio) noexcept { return reinterpret_cast<kernel::bio*&>(bio->driver[0]); }

bool is_polled(const bio* bio, bool poll_queues) noexcept { return poll_queues && (bio->bi_opf & kernel::REQ_HIPRI) != 0; }

/// The segments of a bio as few stretches of memory, as the pages adjoin. With null only counts.
u32 stretches(const bio* bio, iovec* out) noexcept {
  u32 count = 0;
  u8* end = nullptr;
  for (unsigned i = 0; i < bio->bi_vcnt; i++) {
    const kernel::bio_vec& vec = bio->bi_io_vec[i];
    u8* const start = vec.bv_page->data + vec.bv_offset;
    if (count == 0 || start != end) {
      if (out != nullptr) out[count] = {start, 0};
      count++;
    }
    if (out != nullptr) out[count - 1].iov_len += vec.bv_len;
    end = start + vec.bv_len;
  }
  return count;
}

}  // namespace

// ---- opening ---------------------------------------------------------------------------------------------------------------

FileDevice::FileDevice(LiveMachine& machine, const char* device_name, const FileDeviceOptions& options)
    : machine_(machine), path_(options.path) {
  std::snprintf(name, sizeof(name), "%s", device_name);
  try {
    open(options);
    measure(options);
    HostQueueOptions queue{.backend = options.backend, .depth = capabilities.queue_depth, .threads = options.threads};
    queue_ = make_host_queue(machine, fmt::format("device {}: {}", name, path_), queue, this, &FileDevice::done);
    if (options.poll_queues > 0) {
      queue.polled = true;
      polled_queue_ = make_host_queue(machine, fmt::format("device {}: {}", name, path_), queue, this, &FileDevice::done);
      capabilities.poll_queues = true;
    }
  } catch (...) {
    queue_.reset();
    if (fd_ >= 0) close(fd_);
    if (created_) unlink(path_.c_str());  // nothing half-made stays
    throw;
  }
}

FileDevice::~FileDevice() {
  queue_.reset();
  polled_queue_.reset();
  close(fd_);
}

void FileDevice::fail(const std::string& what, int error) const {
  throw DeviceError(
      fmt::format("device {}: {}: {}{}{}", name, path_, what, error != 0 ? ": " : "", error != 0 ? std::strerror(error) : ""));
}

void FileDevice::open(const FileDeviceOptions& options) {
  created_ = options.create && access(path_.c_str(), F_OK) != 0;
  const int flags = O_RDWR | O_CLOEXEC | (options.create ? O_CREAT : 0);
  fd_ = ::open(path_.c_str(), flags | O_DIRECT, 0644);
  if (fd_ < 0 && errno == EINVAL) {
    fd_ = ::open(path_.c_str(), flags, 0644);
    if (fd_ >= 0)
      note_ =
          fmt::format("device {}: {}: the file system refuses O_DIRECT: transfers go through the host's page cache", name, path_);
  }
  if (fd_ < 0) fail("cannot be opened", errno);
}

/// Size, alignment and limits, from the file and from what was asked for.
void FileDevice::measure(const FileDeviceOptions& options) {
  struct stat status {};
  if (fstat(fd_, &status) != 0) fail("cannot be looked at", errno);
  u64 bytes = 0;
  u32 needed = 512;
  if (S_ISBLK(status.st_mode)) {
    int logical = 512;
    if (ioctl(fd_, BLKGETSIZE64, &bytes) != 0 || ioctl(fd_, BLKSSZGET, &logical) != 0) fail("cannot be measured", errno);
    needed = static_cast<u32>(logical);
    if (options.size > bytes) fail(fmt::format("has {} bytes, and {} are asked for", bytes, options.size), 0);
    if (options.size != 0) bytes = options.size;
  } else if (S_ISREG(status.st_mode)) {
    bytes = static_cast<u64>(status.st_size);
    // What somebody keeps in a file that was there is not ours to grow: only one made just now, or without contents.
    if (options.size > bytes && bytes != 0)
      fail(fmt::format("has {} bytes, and {} are asked for; ask for less, or for a file that is not there and \"create\"", bytes,
                       options.size),
           0);
    if (options.size > bytes) make_room(options, bytes);
    if (options.size != 0) bytes = options.size;
    struct statx direct {};
    if (statx(fd_, "", AT_EMPTY_PATH, STATX_DIOALIGN, &direct) == 0 && (direct.stx_mask & STATX_DIOALIGN) != 0)
      needed = std::max(needed, std::max(direct.stx_dio_offset_align, direct.stx_dio_mem_align));
  } else {
    fail("is neither a regular file nor a block device", 0);
  }
  if (needed > kLargestBlock)
    fail(fmt::format("the host asks for an alignment of {} bytes; up to {} are modelled", needed, kLargestBlock), 0);
  capabilities.logical_block = std::max(std::clamp(std::bit_ceil(options.block), 512u, kLargestBlock), std::bit_ceil(needed));
  capabilities.dma_alignment = capabilities.logical_block;
  capabilities.size = bytes - bytes % capabilities.logical_block;
  if (capabilities.size == 0) fail(fmt::format("has {} bytes, less than one block of {}", bytes, capabilities.logical_block), 0);
  capabilities.max_transfer = std::max<u64>(options.max_transfer, capabilities.logical_block);
  capabilities.queue_depth = std::clamp(options.queue_depth, 1u, 4096u);
  capabilities.volatile_cache = true;  // the host's: a flush is its fsync
}

/// Grows the file, with real blocks: a disk that is full says so now.
void FileDevice::make_room(const FileDeviceOptions& options, u64 bytes) {
  int error = posix_fallocate(fd_, static_cast<off_t>(bytes), static_cast<off_t>(options.size - bytes));
  if (error == EOPNOTSUPP || error == EINVAL) error = ftruncate(fd_, static_cast<off_t>(options.size)) == 0 ? 0 : errno;
  if (error != 0) fail(fmt::format("cannot be grown to {} bytes", options.size), error);
}

// ---- a request's way -------------------------------------------------------------------------------------------------------

blk_qc_t FileDevice::submit(bio* bio) noexcept {
  const bool polled = is_polled(bio, capabilities.poll_queues);
  kernel::spin_lock_irq(&lock_);
  if (given_ == capabilities.queue_depth) {
    if ((bio->bi_opf & kernel::REQ_NOWAIT) != 0) {
      statistics_.refused++;
      kernel::spin_unlock_irq(&lock_);
      kernel::bio_endio(bio, -EAGAIN);
      return kernel::BLK_QC_T_NONE;
    }
    bio->driver[0] = nullptr;
    (last_waiting_ != nullptr ? next_of(last_waiting_) : waiting_) = bio;
    last_waiting_ = bio;
    kernel::spin_unlock_irq(&lock_);
    return polled ? 0 : kernel::BLK_QC_T_NONE;
  }
  given_++;
  statistics_.most_depth = std::max(statistics_.most_depth, given_);
  kernel::spin_unlock_irq(&lock_);
  give(bio);
  if (!kernel::blk_plug_hold(this)) commit();
  return polled ? 0 : kernel::BLK_QC_T_NONE;
}

void FileDevice::commit() noexcept {
  queue_->flush();
  if (polled_queue_ != nullptr) polled_queue_->flush();
}

/// Gives it to the host's queue, which may hold it back.
void FileDevice::give(bio* bio) noexcept {
  HostOperation operation{.fd = fd_, .position = bio->bi_sector * SECTOR_SIZE, .token = reinterpret_cast<uintptr_t>(bio)};
  operation.kind = bio->op == bio_op::read    ? HostOperation::Kind::read
                   : bio->op == bio_op::write ? HostOperation::Kind::write
                                              : HostOperation::Kind::sync;
  bio->driver[1] = nullptr;
  if (bio->op != bio_op::flush) {
    operation.vec_count = stretches(bio, nullptr);
    if (operation.vec_count == 1) {
      (void)stretches(bio, &operation.first);
    } else {
      const u64 bytes = operation.vec_count * sizeof(iovec);
      auto* const vecs = static_cast<iovec*>(machine_.alloc(bytes, alignof(iovec)));
      if (vecs == nullptr) return complete(bio, -ENOMEM);
      (void)stretches(bio, vecs);
      operation.vecs = vecs;
      bio->driver[1] = vecs;
      bio->driver[2] = reinterpret_cast<void*>(static_cast<uintptr_t>(bytes));
    }
  }
  if (is_polled(bio, capabilities.poll_queues)) {
    polled_inside_.fetch_add(1, std::memory_order_relaxed);
    polled_queue_->start(operation);
  } else {
    queue_->start(operation);
  }
}

/// Interrupt context, or the poller's.
void FileDevice::done(void* owner, u64 token, s64 result) {
  auto& device = *static_cast<FileDevice*>(owner);
  auto* const over = reinterpret_cast<bio*>(static_cast<uintptr_t>(token));
  if (is_polled(over, device.capabilities.poll_queues)) device.polled_inside_.fetch_sub(1, std::memory_order_relaxed);
  device.complete(over, result);
}

void FileDevice::complete(bio* over, s64 result) noexcept {
  if (over->driver[1] != nullptr) machine_.free(over->driver[1], reinterpret_cast<uintptr_t>(over->driver[2]));
  // The capacity ends where the file does: a transfer that comes up short met an error that the host tells next time only.
  const bool whole = over->op == bio_op::flush || result == static_cast<s64>(over->bi_size);
  const int status = result < 0 ? static_cast<int>(result) : whole ? 0 : -EIO;
  kernel::spin_lock_irq(&lock_);
  statistics_.count(*over);
  statistics_.errors += status != 0 ? 1 : 0;
  bio* const next = waiting_;
  if (next != nullptr) {
    waiting_ = next_of(next);
    if (waiting_ == nullptr) last_waiting_ = nullptr;
  } else {
    given_--;
  }
  kernel::spin_unlock_irq(&lock_);
  kernel::bio_endio(over, status);
  if (next == nullptr) return;
  give(next);
  commit();
}

int FileDevice::poll(blk_qc_t, bool spin) noexcept {
  if (polled_queue_ == nullptr) return 0;
  for (;;) {
    const int found = polled_queue_->poll();
    if (found > 0 || !spin || polled_inside_.load(std::memory_order_relaxed) == 0 || machine_.need_resched()) return found;
    machine_.poll_pass(arch::Site::here());
  }
}

DeviceStatistics FileDevice::statistics() noexcept {
  kernel::spin_lock_irq(&lock_);
  DeviceStatistics result = statistics_;
  result.depth = given_;
  kernel::spin_unlock_irq(&lock_);
  return result;
}

}  // namespace uringsim::sim
