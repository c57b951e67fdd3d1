// SPDX-License-Identifier: GPL-2.0-only
// Files: struct file, inode, file_operations, kiocb. Models include/linux/fs.h.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "kernel_model/core/refcount.h"
#include "kernel_model/core/uio.h"
#include "kernel_model/core/wait.h"

namespace uringsim::kernel {

struct file;
struct inode;
struct kiocb;
struct poll_table_struct;
struct cred;
struct socket;

enum : u32 { FMODE_READ = 1, FMODE_WRITE = 2, FMODE_LSEEK = 4, FMODE_NOWAIT = 0x8000000, FMODE_STREAM = 0x200000 };

enum : u32 {
  IOCB_EVENTFD = 1,
  IOCB_APPEND = 2,
  IOCB_DIRECT = 4,
  IOCB_HIPRI = 8,
  IOCB_DSYNC = 16,
  IOCB_SYNC = 32,
  IOCB_WRITE = 64,
  IOCB_NOWAIT = 128,
};

/// What poll registers with. Models include/linux/poll.h.
using poll_queue_proc = void (*)(file* file, wait_queue_head* head, poll_table_struct* table);
struct poll_table_struct {
  poll_queue_proc _qproc = nullptr;  ///< null: only asks
  u32 _key = ~0u;                    ///< events of interest
};
inline void poll_wait(file* file, wait_queue_head* head, poll_table_struct* table) noexcept {
  if (table != nullptr && table->_qproc != nullptr && head != nullptr) table->_qproc(file, head, table);
}

struct file_operations {
  const char* name = nullptr;  ///< of the kind of file, for traces and fdinfo
  s64 (*llseek)(file*, s64 offset, int whence) = nullptr;
  s64 (*read_iter)(kiocb*, iov_iter*) = nullptr;
  s64 (*write_iter)(kiocb*, iov_iter*) = nullptr;
  s64 (*read)(file*, uptr buffer, u64 bytes, s64* position) = nullptr;  ///< files without _iter forms
  s64 (*write)(file*, uptr buffer, u64 bytes, s64* position) = nullptr;
  u32 (*poll)(file*, poll_table_struct*) = nullptr;  ///< null: always readable and writable
  int (*iopoll)(kiocb*, bool spin) = nullptr;
  s64 (*mmap)(file*, mm_struct*, u64 bytes, int prot, u64 offset) = nullptr;  ///< returns the address or -errno
  int (*fsync)(file*, s64 start, s64 end, int datasync) = nullptr;
  int (*fasync)(int fd, file*, int on) = nullptr;
  int (*flush)(file*) = nullptr;            ///< every close of a descriptor
  int (*release)(inode*, file*) = nullptr;  ///< the last reference is gone
  socket* (*socket_of)(file*) = nullptr;    ///< sock_from_file()
};

/// A file of a file system, a device node, or the one behind a pipe, socket or anonymous file.
struct inode {
  u32 i_mode = 0;  ///< type and permissions, S_IF*
  u64 i_ino = 0;
  u32 i_uid = 0, i_gid = 0;
  s64 i_size = 0;  ///< shared word: READ_ONCE
  refcount_t i_count;
  u32 i_nlink = 1;
  rw_semaphore i_rwsem;  ///< inode_lock()
  const file_operations* i_fop = nullptr;
  void (*evict)(inode*) = nullptr;  ///< i_count reached zero
  void* i_private = nullptr;        ///< the file system's own
  super_block* i_sb = nullptr;
};

struct file_ra_state {
  u64 start = 0, size = 0, async_size = 0;  ///< pages
  u32 ra_pages = 32;                        ///< 128 KiB, VM_READAHEAD_PAGES
  s64 prev_pos = -1;
};

struct file {
  refcount_t f_count;  ///< get_file, fget, fput
  const file_operations* f_op = nullptr;
  inode* f_inode = nullptr;
  u32 f_flags = 0;  ///< O_*
  u32 f_mode = 0;   ///< FMODE_*
  s64 f_pos = 0;
  mutex f_pos_lock;
  const cred* f_cred = nullptr;
  file_ra_state f_ra;
  void* private_data = nullptr;
  u32 id = 0;            ///< for traces
  list_head f_ep_links;  ///< epoll items that watch this file
};

inline inode* file_inode(const file* file) noexcept { return file->f_inode; }

/// One read or write under way.
struct kiocb {
  file* ki_filp = nullptr;
  s64 ki_pos = 0;
  void (*ki_complete)(kiocb*, s64 ret, s64 ret2) = nullptr;  ///< null: synchronous
  u32 ki_flags = 0;                                          ///< IOCB_*
  u16 ki_hint = 0;
  u16 ki_ioprio = 0;
  u32 ki_cookie = 0;  ///< for iopoll
  void* private_ = nullptr;
};
inline bool is_sync_kiocb(const kiocb* kiocb) noexcept { return kiocb->ki_complete == nullptr; }

/// IOCB_* that the file's open flags imply. Models include/linux/fs.h:iocb_flags().
u32 iocb_flags(const file* file) noexcept;
/// Adds what preadv2's RWF_* flags imply: 0, -EOPNOTSUPP for unknown ones or RWF_NOWAIT on a file that cannot (5.4).
int kiocb_set_rw_flags(kiocb* kiocb, u32 rwf) noexcept;
/// Position and length are in range and the file's locks allow it: 0 or -errno. Models fs/read_write.c:rw_verify_area().
int rw_verify_area(int rw, file* file, const s64* position, u64 bytes) noexcept;
u32 vfs_poll(file* file, poll_table_struct* table) noexcept;
int vfs_fsync_range(file* file, s64 start, s64 end, int datasync) noexcept;
/// Models fs/sync.c:sync_file_range() (5.4).
int sync_file_range(file* file, s64 offset, s64 bytes, u32 flags) noexcept;

inline file* get_file(file* file, Site site = Site::here()) noexcept {
  refcount_inc(&file->f_count, site);
  return file;
}
/// Drops a reference; the last one releases the file (directly for kernel threads and in exit, else as task_work before the task
/// returns to its application, as Linux does).
void fput(file* file) noexcept;
void fput_many(file* file, unsigned refs) noexcept;

/// The current task's open files (fs/file.c). fget takes a reference, null if fd is not open.
file* fget(unsigned fd) noexcept;
file* fget_many(unsigned fd, unsigned refs) noexcept;
/// Reserves the lowest free descriptor: fd, or -EMFILE at RLIMIT_NOFILE.
int get_unused_fd_flags(u32 flags) noexcept;
void put_unused_fd(unsigned fd) noexcept;
/// Publishes the file under the descriptor; takes over the reference.
void fd_install(unsigned fd, file* file) noexcept;
/// A file without a name. Models fs/anon_inodes.c.
file* anon_inode_getfile(const char* name, const file_operations* ops, void* private_data, u32 flags) noexcept;

}  // namespace uringsim::kernel
