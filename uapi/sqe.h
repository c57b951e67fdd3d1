// SPDX-License-Identifier: GPL-2.0-only OR MIT
// An SQE's place in the ring, as get_sqe() hands it out: liburing's io_uring_prep_*() and io_uring_sqe_set_*() as members.
//
//     auto sqe = ring.get_sqe();
//     if (!sqe) ...                                  // the ring is full
//     sqe.prep_readv(fd, &iov, 1, 0);
//     sqe.set_flags(IOSQE_IO_LINK);
//     sqe.set_data64(42);
//
// A prep_ writes all 64 bytes into ring memory at once, the fields that it does not name as zero (user_data among them, as
// liburing up to 2.1 does; from 2.2 on liburing leaves the old user_data there). So set_flags() and set_data() come after it.
// Pointers are user_address: addresses in the application's address space, or pointers in a native program.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/abi.h"
#include "uapi/system.h"

namespace uringsim::uapi {

/// The SQE that prep_rw() writes: `off` and `addr` and `len` as the opcode reads them, everything else zero.
[[nodiscard]] constexpr io_uring_sqe make_sqe(std::uint8_t opcode, int fd, user_address addr, std::uint32_t len,
                                              std::uint64_t off, std::uint32_t op_flags = 0) noexcept {
  io_uring_sqe sqe{};
  sqe.opcode = opcode;
  sqe.fd = fd;
  sqe.off = off;
  sqe.addr = addr.value();
  sqe.len = len;
  sqe.op_flags = op_flags;
  return sqe;
}

/// A vacant SQE, or nothing (false). Valid until it is submitted.
template <System S>
class sqe_ref {
 public:
  sqe_ref() noexcept = default;
  sqe_ref(S system, std::uint64_t at) noexcept : at_(at), system_(system) {}

  explicit operator bool() const noexcept { return at_ != 0; }
  /// Where it lies in the application's address space.
  [[nodiscard]] std::uint64_t address() const noexcept { return at_; }

  /// Writes a whole SQE.
  void write(const io_uring_sqe& sqe) const { system_.write_sqe(at_, sqe); }

  // Single fields, each one plain store.
  void set_data(user_address data) const { set_data64(data.value()); }
  void set_data64(std::uint64_t data) const { store(offsetof(io_uring_sqe, user_data), data); }
  void set_flags(unsigned flags) const { store(offsetof(io_uring_sqe, flags), static_cast<std::uint8_t>(flags)); }
  void set_ioprio(std::uint16_t ioprio) const { store(offsetof(io_uring_sqe, ioprio), ioprio); }
  void set_buf_index(std::uint16_t index) const { store(offsetof(io_uring_sqe, buf_index), index); }
  void set_buf_group(std::uint16_t group) const { store(offsetof(io_uring_sqe, buf_group), group); }
  void set_personality(std::uint16_t id) const { store(offsetof(io_uring_sqe, personality), id); }

  /// For any opcode.
  void prep_rw(std::uint8_t opcode, int fd, user_address addr, std::uint32_t len, std::uint64_t off,
               std::uint32_t op_flags = 0) const {
    write(make_sqe(opcode, fd, addr, len, off, op_flags));
  }

  // Linux 5.1
  void prep_nop() const { prep_rw(IORING_OP_NOP, -1, 0, 0, 0); }
  void prep_readv(int fd, user_address iovecs, unsigned nr, std::uint64_t offset, std::uint32_t rw_flags = 0) const {
    prep_rw(IORING_OP_READV, fd, iovecs, nr, offset, rw_flags);
  }
  void prep_writev(int fd, user_address iovecs, unsigned nr, std::uint64_t offset, std::uint32_t rw_flags = 0) const {
    prep_rw(IORING_OP_WRITEV, fd, iovecs, nr, offset, rw_flags);
  }
  void prep_fsync(int fd, std::uint32_t fsync_flags) const { prep_rw(IORING_OP_FSYNC, fd, 0, 0, 0, fsync_flags); }
  void prep_read_fixed(int fd, user_address buf, unsigned nbytes, std::uint64_t offset, std::uint16_t buf_index) const {
    prep_fixed(IORING_OP_READ_FIXED, fd, buf, nbytes, offset, buf_index);
  }
  void prep_write_fixed(int fd, user_address buf, unsigned nbytes, std::uint64_t offset, std::uint16_t buf_index) const {
    prep_fixed(IORING_OP_WRITE_FIXED, fd, buf, nbytes, offset, buf_index);
  }
  void prep_poll_add(int fd, std::uint32_t poll_mask) const { prep_rw(IORING_OP_POLL_ADD, fd, 0, 0, 0, poll_mask); }
  void prep_poll_remove(std::uint64_t user_data) const { prep_rw(IORING_OP_POLL_REMOVE, -1, user_data, 0, 0); }

  // Linux 5.2 to 5.4
  void prep_sync_file_range(int fd, unsigned len, std::uint64_t offset, std::uint32_t flags) const {
    prep_rw(IORING_OP_SYNC_FILE_RANGE, fd, 0, len, offset, flags);
  }
  void prep_sendmsg(int fd, user_address msg, std::uint32_t flags) const { prep_rw(IORING_OP_SENDMSG, fd, msg, 1, 0, flags); }
  void prep_recvmsg(int fd, user_address msg, std::uint32_t flags) const { prep_rw(IORING_OP_RECVMSG, fd, msg, 1, 0, flags); }
  /// Completes after `ts` (a kernel_timespec) or after `count` further completions, whichever is first; 0: time alone.
  void prep_timeout(user_address ts, unsigned count, std::uint32_t flags) const {
    prep_rw(IORING_OP_TIMEOUT, -1, ts, 1, count, flags);
  }

  // Linux 5.5
  void prep_timeout_remove(std::uint64_t user_data, std::uint32_t flags) const {
    prep_rw(IORING_OP_TIMEOUT_REMOVE, -1, user_data, 0, 0, flags);
  }
  void prep_accept(int fd, user_address addr, user_address addrlen, std::uint32_t flags) const {
    prep_rw(IORING_OP_ACCEPT, fd, addr, 0, addrlen.value(), flags);
  }
  void prep_cancel64(std::uint64_t user_data, std::uint32_t flags) const {
    prep_rw(IORING_OP_ASYNC_CANCEL, -1, user_data, 0, 0, flags);
  }
  void prep_link_timeout(user_address ts, std::uint32_t flags) const { prep_rw(IORING_OP_LINK_TIMEOUT, -1, ts, 1, 0, flags); }
  void prep_connect(int fd, user_address addr, std::uint32_t addrlen) const { prep_rw(IORING_OP_CONNECT, fd, addr, 0, addrlen); }

  // Linux 5.6
  void prep_fallocate(int fd, int mode, std::uint64_t offset, std::uint64_t len) const {
    prep_rw(IORING_OP_FALLOCATE, fd, len, static_cast<std::uint32_t>(mode), offset);
  }
  void prep_openat(int dfd, user_address path, int flags, std::uint32_t mode) const {
    prep_rw(IORING_OP_OPENAT, dfd, path, mode, 0, static_cast<std::uint32_t>(flags));
  }
  void prep_openat2(int dfd, user_address path, user_address how, std::uint32_t how_size) const {
    prep_rw(IORING_OP_OPENAT2, dfd, path, how_size, how.value());
  }
  void prep_close(int fd) const { prep_rw(IORING_OP_CLOSE, fd, 0, 0, 0); }
  void prep_files_update(user_address fds, unsigned nr, int offset) const {
    prep_rw(IORING_OP_FILES_UPDATE, -1, fds, nr, static_cast<std::uint64_t>(offset));
  }
  void prep_statx(int dfd, user_address path, int flags, unsigned mask, user_address statxbuf) const {
    prep_rw(IORING_OP_STATX, dfd, path, mask, statxbuf.value(), static_cast<std::uint32_t>(flags));
  }
  void prep_read(int fd, user_address buf, unsigned nbytes, std::uint64_t offset) const {
    prep_rw(IORING_OP_READ, fd, buf, nbytes, offset);
  }
  void prep_write(int fd, user_address buf, unsigned nbytes, std::uint64_t offset) const {
    prep_rw(IORING_OP_WRITE, fd, buf, nbytes, offset);
  }
  void prep_fadvise(int fd, std::uint64_t offset, std::uint32_t len, int advice) const {
    prep_rw(IORING_OP_FADVISE, fd, 0, len, offset, static_cast<std::uint32_t>(advice));
  }
  void prep_madvise(user_address addr, std::uint32_t length, int advice) const {
    prep_rw(IORING_OP_MADVISE, -1, addr, length, 0, static_cast<std::uint32_t>(advice));
  }
  void prep_send(int fd, user_address buf, std::uint32_t len, int flags) const {
    prep_rw(IORING_OP_SEND, fd, buf, len, 0, static_cast<std::uint32_t>(flags));
  }
  void prep_recv(int fd, user_address buf, std::uint32_t len, int flags) const {
    prep_rw(IORING_OP_RECV, fd, buf, len, 0, static_cast<std::uint32_t>(flags));
  }
  void prep_epoll_ctl(int epfd, int fd, int op, user_address event) const {
    prep_rw(IORING_OP_EPOLL_CTL, epfd, event, static_cast<std::uint32_t>(op), static_cast<std::uint32_t>(fd));
  }

  // Linux 5.7 and 5.8
  void prep_splice(int fd_in, std::int64_t off_in, int fd_out, std::int64_t off_out, unsigned nbytes,
                   std::uint32_t splice_flags) const {
    io_uring_sqe sqe = make_sqe(IORING_OP_SPLICE, fd_out, 0, nbytes, static_cast<std::uint64_t>(off_out), splice_flags);
    sqe.splice_off_in = static_cast<std::uint64_t>(off_in);
    sqe.splice_fd_in = fd_in;
    write(sqe);
  }
  void prep_tee(int fd_in, int fd_out, unsigned nbytes, std::uint32_t splice_flags) const {
    io_uring_sqe sqe = make_sqe(IORING_OP_TEE, fd_out, 0, nbytes, 0, splice_flags);
    sqe.splice_fd_in = fd_in;
    write(sqe);
  }
  void prep_provide_buffers(user_address addr, std::uint32_t len, int nr, std::uint16_t group, int first_id) const {
    io_uring_sqe sqe = make_sqe(IORING_OP_PROVIDE_BUFFERS, nr, addr, len, static_cast<std::uint64_t>(first_id));
    sqe.buf_group = group;
    write(sqe);
  }
  void prep_remove_buffers(int nr, std::uint16_t group) const {
    io_uring_sqe sqe = make_sqe(IORING_OP_REMOVE_BUFFERS, nr, 0, 0, 0);
    sqe.buf_group = group;
    write(sqe);
  }

 private:
  template <class T>
  void store(std::size_t offset, T value) const {
    system_.template store_plain<T>(at_ + offset, value);
  }
  void prep_fixed(std::uint8_t opcode, int fd, user_address buf, unsigned nbytes, std::uint64_t offset,
                  std::uint16_t buf_index) const {
    io_uring_sqe sqe = make_sqe(opcode, fd, buf, nbytes, offset);
    sqe.buf_index = buf_index;
    write(sqe);
  }

  std::uint64_t at_ = 0;
  [[no_unique_address]] S system_{};
};

}  // namespace uringsim::uapi
