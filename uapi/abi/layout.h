// SPDX-License-Identifier: GPL-2.0-only OR MIT
// The structs that cross between application and kernel, with every size and offset asserted.
//
// They have the shape of the newest release: later releases gave names to bytes that earlier ones reserved, and moved
// nothing. What a release does with a field it does not know yet (ignore it, demand zero) is that release's profile's business.
#pragma once

#include <cstddef>
#include <cstdint>

namespace uringsim::uapi {

/// Submission queue entry. The unions are one field under the names that different opcodes give it.
struct io_uring_sqe {
  std::uint8_t opcode;
  std::uint8_t flags;  ///< IOSQE_*
  std::uint16_t ioprio;
  std::int32_t fd;
  union {
    std::uint64_t off;
    std::uint64_t addr2;
    struct {
      std::uint32_t cmd_op;
      std::uint32_t pad1_;
    };
  };
  union {
    std::uint64_t addr;
    std::uint64_t splice_off_in;
    struct {
      std::uint32_t level;
      std::uint32_t optname;
    };
  };
  std::uint32_t len;
  union {
    std::uint32_t op_flags;  ///< our name for the field whatever the opcode
    std::uint32_t rw_flags;
    std::uint32_t fsync_flags;
    std::uint16_t poll_events;    ///< before 5.9
    std::uint32_t poll32_events;  ///< little endian; the lower half is poll_events
    std::uint32_t sync_range_flags;
    std::uint32_t msg_flags;
    std::uint32_t timeout_flags;
    std::uint32_t accept_flags;
    std::uint32_t cancel_flags;
    std::uint32_t open_flags;
    std::uint32_t statx_flags;
    std::uint32_t fadvise_advice;
    std::uint32_t splice_flags;
    std::uint32_t rename_flags;
    std::uint32_t unlink_flags;
    std::uint32_t hardlink_flags;
    std::uint32_t xattr_flags;
    std::uint32_t msg_ring_flags;
    std::uint32_t uring_cmd_flags;
    std::uint32_t waitid_flags;
    std::uint32_t futex_flags;
    std::uint32_t install_fd_flags;
    std::uint32_t nop_flags;
    std::uint32_t pipe_flags;
  };
  std::uint64_t user_data;
  union {
    std::uint16_t buf_index;
    std::uint16_t buf_group;
  };
  std::uint16_t personality;
  union {
    std::int32_t splice_fd_in;
    std::uint32_t file_index;
    std::uint32_t optlen;
    struct {
      std::uint16_t addr_len;
      std::uint16_t pad3_;
    };
  };
  union {
    struct {
      std::uint64_t addr3;
      std::uint64_t pad2_;
    };
    std::uint64_t optval;
    std::uint8_t cmd[16];  ///< 80 bytes under SQE128: what follows belongs to it
  };
};

/// Completion queue entry. Under CQE32 each takes two places and its second half follows.
struct io_uring_cqe {
  std::uint64_t user_data;
  std::int32_t res;
  std::uint32_t flags;  ///< IORING_CQE_F_*
};

/// Where the words of the SQ ring lie in its mapping, in bytes.
struct io_sqring_offsets {
  std::uint32_t head;
  std::uint32_t tail;
  std::uint32_t ring_mask;
  std::uint32_t ring_entries;
  std::uint32_t flags;
  std::uint32_t dropped;
  std::uint32_t array;
  std::uint32_t resv1;
  std::uint64_t user_addr;  ///< reserved before 6.5
};

/// Where the words of the CQ ring lie in its mapping, in bytes.
struct io_cqring_offsets {
  std::uint32_t head;
  std::uint32_t tail;
  std::uint32_t ring_mask;
  std::uint32_t ring_entries;
  std::uint32_t overflow;
  std::uint32_t cqes;
  std::uint32_t flags;  ///< reserved before 5.8
  std::uint32_t resv1;
  std::uint64_t user_addr;  ///< reserved before 6.5
};

/// io_uring_setup(2)'s argument, in and out.
struct io_uring_params {
  std::uint32_t sq_entries;
  std::uint32_t cq_entries;
  std::uint32_t flags;  ///< IORING_SETUP_*
  std::uint32_t sq_thread_cpu;
  std::uint32_t sq_thread_idle;  ///< milliseconds; 0 means one second
  std::uint32_t features;        ///< out, IORING_FEAT_*; reserved before 5.4
  std::uint32_t wq_fd;           ///< reserved before 5.6
  std::uint32_t resv[3];
  io_sqring_offsets sq_off;
  io_cqring_offsets cq_off;
};

/// io_uring_enter(2)'s argument under IORING_ENTER_EXT_ARG (5.11).
struct io_uring_getevents_arg {
  std::uint64_t sigmask;
  std::uint32_t sigmask_sz;
  std::uint32_t min_wait_usec;  ///< reserved before 6.12
  std::uint64_t ts;
};

/// The times that TIMEOUT and enter take.
struct kernel_timespec {
  std::int64_t tv_sec;
  std::int64_t tv_nsec;
};

/// REGISTER_FILES_UPDATE and FILES_UPDATE (5.5).
struct io_uring_files_update {
  std::uint32_t offset;
  std::uint32_t resv;
  std::uint64_t fds;  ///< address of an array of int32
};

/// REGISTER_FILES2 and REGISTER_BUFFERS2 (5.13).
struct io_uring_rsrc_register {
  std::uint32_t nr;
  std::uint32_t flags;
  std::uint64_t resv2;
  std::uint64_t data;
  std::uint64_t tags;
};

/// REGISTER_FILES_UPDATE2 and REGISTER_BUFFERS_UPDATE (5.13).
struct io_uring_rsrc_update2 {
  std::uint32_t offset;
  std::uint32_t resv;
  std::uint64_t data;
  std::uint64_t tags;
  std::uint32_t nr;
  std::uint32_t resv2;
};

/// One opcode of REGISTER_PROBE (5.6).
struct io_uring_probe_op {
  std::uint8_t op;
  std::uint8_t resv;
  std::uint16_t flags;  ///< IO_URING_OP_SUPPORTED
  std::uint32_t resv2;
};

/// REGISTER_PROBE's argument (5.6): this header, then `nr` io_uring_probe_op.
struct io_uring_probe {
  std::uint8_t last_op;
  std::uint8_t ops_len;
  std::uint16_t resv;
  std::uint32_t resv2[3];
};

/// One of REGISTER_RESTRICTIONS (5.10).
struct io_uring_restriction {
  std::uint16_t opcode;  ///< IORING_RESTRICTION_*
  union {
    std::uint8_t register_op;
    std::uint8_t sqe_op;
    std::uint8_t sqe_flags;
  };
  std::uint8_t resv;
  std::uint32_t resv2[3];
};

/// A buffer in a ring of provided buffers (5.19). The ring's tail lies in `resv` of the first.
struct io_uring_buf {
  std::uint64_t addr;
  std::uint32_t len;
  std::uint16_t bid;
  std::uint16_t resv;
};

/// REGISTER_PBUF_RING (5.19).
struct io_uring_buf_reg {
  std::uint64_t ring_addr;
  std::uint32_t ring_entries;
  std::uint16_t bgid;
  std::uint16_t flags;
  std::uint64_t resv[3];
};

#define URINGSIM_UAPI_AT(type, field, offset) static_assert(offsetof(type, field) == (offset), #type "." #field " moved")
#define URINGSIM_UAPI_SIZE(type, size) static_assert(sizeof(type) == (size), #type " has another size")

URINGSIM_UAPI_SIZE(io_uring_sqe, 64);
URINGSIM_UAPI_AT(io_uring_sqe, opcode, 0);
URINGSIM_UAPI_AT(io_uring_sqe, flags, 1);
URINGSIM_UAPI_AT(io_uring_sqe, ioprio, 2);
URINGSIM_UAPI_AT(io_uring_sqe, fd, 4);
URINGSIM_UAPI_AT(io_uring_sqe, off, 8);
URINGSIM_UAPI_AT(io_uring_sqe, addr2, 8);
URINGSIM_UAPI_AT(io_uring_sqe, cmd_op, 8);
URINGSIM_UAPI_AT(io_uring_sqe, addr, 16);
URINGSIM_UAPI_AT(io_uring_sqe, splice_off_in, 16);
URINGSIM_UAPI_AT(io_uring_sqe, level, 16);
URINGSIM_UAPI_AT(io_uring_sqe, optname, 20);
URINGSIM_UAPI_AT(io_uring_sqe, len, 24);
URINGSIM_UAPI_AT(io_uring_sqe, op_flags, 28);
URINGSIM_UAPI_AT(io_uring_sqe, rw_flags, 28);
URINGSIM_UAPI_AT(io_uring_sqe, poll_events, 28);
URINGSIM_UAPI_AT(io_uring_sqe, poll32_events, 28);
URINGSIM_UAPI_AT(io_uring_sqe, timeout_flags, 28);
URINGSIM_UAPI_AT(io_uring_sqe, user_data, 32);
URINGSIM_UAPI_AT(io_uring_sqe, buf_index, 40);
URINGSIM_UAPI_AT(io_uring_sqe, buf_group, 40);
URINGSIM_UAPI_AT(io_uring_sqe, personality, 42);
URINGSIM_UAPI_AT(io_uring_sqe, splice_fd_in, 44);
URINGSIM_UAPI_AT(io_uring_sqe, file_index, 44);
URINGSIM_UAPI_AT(io_uring_sqe, addr_len, 44);
URINGSIM_UAPI_AT(io_uring_sqe, addr3, 48);
URINGSIM_UAPI_AT(io_uring_sqe, cmd, 48);
URINGSIM_UAPI_AT(io_uring_sqe, pad2_, 56);

URINGSIM_UAPI_SIZE(io_uring_cqe, 16);
URINGSIM_UAPI_AT(io_uring_cqe, user_data, 0);
URINGSIM_UAPI_AT(io_uring_cqe, res, 8);
URINGSIM_UAPI_AT(io_uring_cqe, flags, 12);

URINGSIM_UAPI_SIZE(io_sqring_offsets, 40);
URINGSIM_UAPI_AT(io_sqring_offsets, head, 0);
URINGSIM_UAPI_AT(io_sqring_offsets, tail, 4);
URINGSIM_UAPI_AT(io_sqring_offsets, ring_mask, 8);
URINGSIM_UAPI_AT(io_sqring_offsets, ring_entries, 12);
URINGSIM_UAPI_AT(io_sqring_offsets, flags, 16);
URINGSIM_UAPI_AT(io_sqring_offsets, dropped, 20);
URINGSIM_UAPI_AT(io_sqring_offsets, array, 24);
URINGSIM_UAPI_AT(io_sqring_offsets, resv1, 28);
URINGSIM_UAPI_AT(io_sqring_offsets, user_addr, 32);

URINGSIM_UAPI_SIZE(io_cqring_offsets, 40);
URINGSIM_UAPI_AT(io_cqring_offsets, head, 0);
URINGSIM_UAPI_AT(io_cqring_offsets, tail, 4);
URINGSIM_UAPI_AT(io_cqring_offsets, ring_mask, 8);
URINGSIM_UAPI_AT(io_cqring_offsets, ring_entries, 12);
URINGSIM_UAPI_AT(io_cqring_offsets, overflow, 16);
URINGSIM_UAPI_AT(io_cqring_offsets, cqes, 20);
URINGSIM_UAPI_AT(io_cqring_offsets, flags, 24);
URINGSIM_UAPI_AT(io_cqring_offsets, resv1, 28);
URINGSIM_UAPI_AT(io_cqring_offsets, user_addr, 32);

URINGSIM_UAPI_SIZE(io_uring_params, 120);
URINGSIM_UAPI_AT(io_uring_params, sq_entries, 0);
URINGSIM_UAPI_AT(io_uring_params, cq_entries, 4);
URINGSIM_UAPI_AT(io_uring_params, flags, 8);
URINGSIM_UAPI_AT(io_uring_params, sq_thread_cpu, 12);
URINGSIM_UAPI_AT(io_uring_params, sq_thread_idle, 16);
URINGSIM_UAPI_AT(io_uring_params, features, 20);
URINGSIM_UAPI_AT(io_uring_params, wq_fd, 24);
URINGSIM_UAPI_AT(io_uring_params, resv, 28);
URINGSIM_UAPI_AT(io_uring_params, sq_off, 40);
URINGSIM_UAPI_AT(io_uring_params, cq_off, 80);

URINGSIM_UAPI_SIZE(io_uring_getevents_arg, 24);
URINGSIM_UAPI_AT(io_uring_getevents_arg, sigmask, 0);
URINGSIM_UAPI_AT(io_uring_getevents_arg, sigmask_sz, 8);
URINGSIM_UAPI_AT(io_uring_getevents_arg, min_wait_usec, 12);
URINGSIM_UAPI_AT(io_uring_getevents_arg, ts, 16);

URINGSIM_UAPI_SIZE(kernel_timespec, 16);
URINGSIM_UAPI_AT(kernel_timespec, tv_sec, 0);
URINGSIM_UAPI_AT(kernel_timespec, tv_nsec, 8);

URINGSIM_UAPI_SIZE(io_uring_files_update, 16);
URINGSIM_UAPI_AT(io_uring_files_update, offset, 0);
URINGSIM_UAPI_AT(io_uring_files_update, resv, 4);
URINGSIM_UAPI_AT(io_uring_files_update, fds, 8);

URINGSIM_UAPI_SIZE(io_uring_rsrc_register, 32);
URINGSIM_UAPI_AT(io_uring_rsrc_register, nr, 0);
URINGSIM_UAPI_AT(io_uring_rsrc_register, flags, 4);
URINGSIM_UAPI_AT(io_uring_rsrc_register, resv2, 8);
URINGSIM_UAPI_AT(io_uring_rsrc_register, data, 16);
URINGSIM_UAPI_AT(io_uring_rsrc_register, tags, 24);

URINGSIM_UAPI_SIZE(io_uring_rsrc_update2, 32);
URINGSIM_UAPI_AT(io_uring_rsrc_update2, offset, 0);
URINGSIM_UAPI_AT(io_uring_rsrc_update2, resv, 4);
URINGSIM_UAPI_AT(io_uring_rsrc_update2, data, 8);
URINGSIM_UAPI_AT(io_uring_rsrc_update2, tags, 16);
URINGSIM_UAPI_AT(io_uring_rsrc_update2, nr, 24);
URINGSIM_UAPI_AT(io_uring_rsrc_update2, resv2, 28);

URINGSIM_UAPI_SIZE(io_uring_probe_op, 8);
URINGSIM_UAPI_AT(io_uring_probe_op, op, 0);
URINGSIM_UAPI_AT(io_uring_probe_op, resv, 1);
URINGSIM_UAPI_AT(io_uring_probe_op, flags, 2);
URINGSIM_UAPI_AT(io_uring_probe_op, resv2, 4);

URINGSIM_UAPI_SIZE(io_uring_probe, 16);
URINGSIM_UAPI_AT(io_uring_probe, last_op, 0);
URINGSIM_UAPI_AT(io_uring_probe, ops_len, 1);
URINGSIM_UAPI_AT(io_uring_probe, resv, 2);
URINGSIM_UAPI_AT(io_uring_probe, resv2, 4);

URINGSIM_UAPI_SIZE(io_uring_restriction, 16);
URINGSIM_UAPI_AT(io_uring_restriction, opcode, 0);
URINGSIM_UAPI_AT(io_uring_restriction, register_op, 2);
URINGSIM_UAPI_AT(io_uring_restriction, sqe_op, 2);
URINGSIM_UAPI_AT(io_uring_restriction, sqe_flags, 2);
URINGSIM_UAPI_AT(io_uring_restriction, resv, 3);
URINGSIM_UAPI_AT(io_uring_restriction, resv2, 4);

URINGSIM_UAPI_SIZE(io_uring_buf, 16);
URINGSIM_UAPI_AT(io_uring_buf, addr, 0);
URINGSIM_UAPI_AT(io_uring_buf, len, 8);
URINGSIM_UAPI_AT(io_uring_buf, bid, 12);
URINGSIM_UAPI_AT(io_uring_buf, resv, 14);

URINGSIM_UAPI_SIZE(io_uring_buf_reg, 40);
URINGSIM_UAPI_AT(io_uring_buf_reg, ring_addr, 0);
URINGSIM_UAPI_AT(io_uring_buf_reg, ring_entries, 8);
URINGSIM_UAPI_AT(io_uring_buf_reg, bgid, 12);
URINGSIM_UAPI_AT(io_uring_buf_reg, flags, 14);
URINGSIM_UAPI_AT(io_uring_buf_reg, resv, 16);

#undef URINGSIM_UAPI_AT
#undef URINGSIM_UAPI_SIZE

}  // namespace uringsim::uapi
