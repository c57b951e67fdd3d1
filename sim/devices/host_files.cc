// SPDX-License-Identifier: GPL-2.0-only
#include "sim/devices/host_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sim/devices/device_error.h"

namespace uringsim::sim {

using kernel::HostTransfer;

namespace {

/// The pages of a transfer as few stretches of memory. With null only counts.
u32 stretches(const HostTransfer* transfer, iovec* out) noexcept {
  u32 count = 0;
  u64 left = transfer->bytes;
  u8* end = nullptr;
  for (unsigned i = 0; i < transfer->vec_count && left > 0; i++) {
    const kernel::bio_vec& vec = transfer->vecs[i];
    u8* const start = vec.bv_page->data + vec.bv_offset;
    const u64 part = std::min<u64>(vec.bv_len, left);
    if (count == 0 || start != end) {
      if (out != nullptr) out[count] = {start, 0};
      count++;
    }
    if (out != nullptr) out[count - 1].iov_len += part;
    end = start + part;
    left -= part;
  }
  return count;
}

}  // namespace

/// One open file.
class HostFileSet::File final : public kernel::HostFile {
 public:
  File(HostFileSet& set, int fd, u32 alignment) noexcept : set_(set), fd_(fd), alignment_(alignment) {}
  ~File() override { ::close(fd_); }

  void start(HostTransfer* transfer) noexcept override {
    HostOperation operation{.kind = transfer->write ? HostOperation::Kind::write : HostOperation::Kind::read,
                            .fd = fd_,
                            .position = static_cast<u64>(transfer->position),
                            .vec_count = stretches(transfer, nullptr)};
    set_.start(*this, operation, transfer);
  }
  void sync(HostTransfer* transfer) noexcept override {
    set_.start(*this, {.kind = HostOperation::Kind::sync, .fd = fd_}, transfer);
  }
  s64 size() noexcept override {
    struct stat status {};
    return fstat(fd_, &status) == 0 ? status.st_size : -errno;
  }
  [[nodiscard]] u32 alignment() const noexcept override { return alignment_; }
  void close() noexcept override { delete this; }

 private:
  HostFileSet& set_;
  const int fd_;
  const u32 alignment_;
};

HostFileSet::HostFileSet(LiveMachine& machine, FileBackend backend)
    : machine_(machine), queue_(make_host_queue(machine, "files of the host", {.backend = backend}, this, &HostFileSet::done)) {}

HostFileSet::~HostFileSet() = default;

void HostFileSet::add(const std::string& name, const std::string& path, bool create) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    if (!create || errno != ENOENT) throw DeviceError(fmt::format("file {}: {}: {}", name, path, std::strerror(errno)));
  } else if (S_ISDIR(status.st_mode)) {
    throw DeviceError(fmt::format("file {}: {}: is a directory of the host", name, path));
  }
  paths_[name] = path;
}

kernel::HostFile* HostFileSet::open(const char* name, u32 flags, int* error) noexcept {
  const auto at = paths_.find(name);
  if (at == paths_.end()) {
    *error = -ENOENT;
    return nullptr;
  }
  const int fd = ::open(at->second.c_str(), static_cast<int>(flags) | O_CLOEXEC, 0644);
  if (fd < 0) {
    *error = -errno;
    return nullptr;
  }
  u32 alignment = 1;
  if ((flags & O_DIRECT) != 0) {
    struct statx direct {};
    alignment = 512;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &direct) == 0 && direct.stx_dio_offset_align != 0)
      alignment = std::max(direct.stx_dio_offset_align, direct.stx_dio_mem_align);
  }
  auto* const file = new (std::nothrow) File(*this, fd, alignment);
  *error = file != nullptr ? 0 : -ENOMEM;
  if (file == nullptr) ::close(fd);
  return file;
}

void HostFileSet::start(File&, HostOperation operation, HostTransfer* transfer) noexcept {
  operation.token = reinterpret_cast<uintptr_t>(transfer);
  transfer->backend[0] = nullptr;
  if (operation.vec_count == 1) {
    (void)stretches(transfer, &operation.first);
  } else if (operation.vec_count > 1) {
    const u64 bytes = operation.vec_count * sizeof(iovec);
    auto* const vecs = static_cast<iovec*>(machine_.alloc(bytes, alignof(iovec)));
    if (vecs == nullptr) return done(this, operation.token, -ENOMEM);
    (void)stretches(transfer, vecs);
    operation.vecs = vecs;
    transfer->backend[0] = vecs;
    transfer->backend[1] = reinterpret_cast<void*>(static_cast<uintptr_t>(bytes));
  }
  queue_->start(operation);
  queue_->flush();
}

/// Interrupt context, or start() itself.
void HostFileSet::done(void* owner, u64 token, s64 result) {
  auto& set = *static_cast<HostFileSet*>(owner);
  auto* const transfer = reinterpret_cast<HostTransfer*>(static_cast<uintptr_t>(token));
  if (transfer->backend[0] != nullptr) set.machine_.free(transfer->backend[0], reinterpret_cast<uintptr_t>(transfer->backend[1]));
  transfer->result = result;
  transfer->done(transfer);
}

}  // namespace uringsim::sim
