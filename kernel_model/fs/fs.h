// SPDX-License-Identifier: GPL-2.0-only
// Files: struct file, inode, file_operations, kiocb. Models include/linux/fs.h.
//
// A file is counted by f_count; its last reference goes through fput(), which releases it as Linux does: not at once, but
// before the task returns to its application. Nodes of the tree are counted by i_count; directory entries hold one.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "kernel_model/block/block_device.h"
#include "kernel_model/core/mutex.h"
#include "kernel_model/core/refcount.h"
#include "kernel_model/core/task_work.h"
#include "kernel_model/core/uio.h"
#include "kernel_model/core/wait.h"
#include "kernel_model/fs/inode_lock.h"

namespace uringsim::kernel {

struct file;
struct inode;
struct kiocb;
struct poll_table_struct;
struct cred;
struct socket;
struct address_space;

/// struct file::f_mode, include/linux/fs.h's values.
enum : u32 {
  FMODE_READ = 0x1,
  FMODE_WRITE = 0x2,
  FMODE_LSEEK = 0x4,
  FMODE_PREAD = 0x8,
  FMODE_PWRITE = 0x10,
  FMODE_RANDOM = 0x1000,
  FMODE_ATOMIC_POS = 0x8000,
  FMODE_CAN_READ = 0x20000,   ///< has a read operation of either kind
  FMODE_CAN_WRITE = 0x40000,  ///< has a write operation of either kind
  FMODE_STREAM = 0x200000,    ///< has no position
  FMODE_NOWAIT = 0x8000000,   ///< understands IOCB_NOWAIT
};

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
/// Whether the caller only asks and will not wait (include/linux/poll.h:poll_does_not_wait()).
inline bool poll_does_not_wait(const poll_table_struct* table) noexcept { return table == nullptr || table->_qproc == nullptr; }

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
  int (*open)(inode*, file*) = nullptr;
  int (*fsync)(file*, s64 start, s64 end, int datasync) = nullptr;
  int (*fasync)(int fd, file*, int on) = nullptr;
  int (*flush)(file*) = nullptr;            ///< every close of a descriptor
  int (*release)(inode*, file*) = nullptr;  ///< the last reference is gone
  socket* (*socket_of)(file*) = nullptr;    ///< sock_from_file()
};

/// A file of a file system, a device node, or the one behind a pipe, socket or anonymous file.
struct inode {
  u32 i_mode = 0;  ///< type and permissions, S_IF*; i_rwsem to change
  u64 i_ino = 0;
  u32 i_uid = 0, i_gid = 0;
  u32 i_blkbits = PAGE_SHIFT;
  s64 i_size = 0;  ///< shared word: i_size_read, i_size_write
  refcount_t i_count;
  u32 i_nlink = 1;
  inode_rwsem i_rwsem;  ///< inode_lock()
  const file_operations* i_fop = nullptr;
  void (*evict)(inode*) = nullptr;     ///< i_count reached zero: release what i_private and i_mapping hold
  address_space* i_mapping = nullptr;  ///< of files with a page cache
  BlockDevice* i_bdev = nullptr;       ///< of block device nodes
  u64 i_rdev = 0;                      ///< of device nodes: makedev()
  atomic_t i_dio_count;                ///< direct transfers in flight
  wait_queue_head_t i_dio_wait;        ///< i_dio_count reached zero; waker: inode_dio_end()
  void* i_private = nullptr;           ///< the file system's own
  super_block* i_sb = nullptr;
};

/// A mounted file system.
struct super_block {
  const char* s_type = nullptr;
  s64 s_maxbytes = 0x7fffffffffffffff;
  BlockDevice* s_bdev = nullptr;  ///< null: pages are all there is
  inode* s_root = nullptr;
  void* s_fs_info = nullptr;
};

inline s64 i_size_read(const inode* inode, Site site = Site::here()) noexcept { return READ_ONCE(inode->i_size, site); }
inline void i_size_write(inode* inode, s64 size, Site site = Site::here()) noexcept { WRITE_ONCE(inode->i_size, size, site); }
inline void inode_lock(inode* inode, Site site = Site::here()) noexcept { inode_rwsem_lock(&inode->i_rwsem, site); }
inline void inode_unlock(inode* inode, Site site = Site::here()) noexcept { inode_rwsem_unlock(&inode->i_rwsem, site); }
inline bool inode_trylock(inode* inode, Site site = Site::here()) noexcept { return inode_rwsem_trylock(&inode->i_rwsem, site); }
inline void inode_lock_shared(inode* inode, Site site = Site::here()) noexcept { inode_rwsem_lock_shared(&inode->i_rwsem, site); }
inline bool inode_trylock_shared(inode* inode, Site site = Site::here()) noexcept {
  return inode_rwsem_trylock_shared(&inode->i_rwsem, site);
}
inline void inode_unlock_shared(inode* inode, Site site = Site::here()) noexcept { inode_rwsem_unlock(&inode->i_rwsem, site); }

/// A fresh inode with one reference, in no directory. Null when memory ran out.
inode* new_inode(super_block* sb, u32 mode) noexcept;
inline inode* ihold(inode* inode, Site site = Site::here()) noexcept {
  refcount_inc(&inode->i_count, site);
  return inode;
}
/// Drops a reference; the last one evicts.
void iput(inode* inode) noexcept;

struct file_ra_state {
  u64 start = 0, size = 0, async_size = 0;  ///< pages
  u64 ra_pages = 32;                        ///< 128 KiB, VM_READAHEAD_PAGES
  s64 prev_pos = -1;
};

/// Who gets a file's SIGIO (fs/fasync.h), and on whose behalf. Set by fcntl() alone.
struct fown_struct {
  int pid = 0;
  u32 uid = 0, euid = 0;
};
struct fasync_struct;
/// The files that want a signal when something happens.
struct fasync_list {
  spinlock_t lock;
  fasync_struct* first = nullptr;  ///< lock; looked at without
};

struct file {
  refcount_t f_count;  ///< get_file, fget, fput
  const file_operations* f_op = nullptr;
  inode* f_inode = nullptr;            ///< counted
  address_space* f_mapping = nullptr;  ///< f_inode's
  u32 f_flags = 0;                     ///< O_*; shared word (F_SETFL)
  u32 f_mode = 0;                      ///< FMODE_*
  s64 f_pos = 0;                       ///< f_pos_lock
  mutex f_pos_lock;
  const cred* f_cred = nullptr;  ///< counted
  fown_struct f_owner;
  file_ra_state f_ra;
  u32 f_wb_err = 0;  ///< address_space::wb_err that this file has reported; shared word
  void* private_data = nullptr;
  u32 id = 0;                 ///< for traces
  callback_head f_task_work;  ///< the delayed release
  list_head f_delayed;        ///< vfs_state::delayed_fput_list
  spinlock_t f_lock;          ///< f_ep_links
  shared_list f_ep_links;     ///< epoll items that watch this file (fs/eventpoll.cc)
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
  u32 ki_cookie = 0;  ///< for iopoll; shared word
  void* private_ = nullptr;
};
inline bool is_sync_kiocb(const kiocb* kiocb) noexcept { return kiocb->ki_complete == nullptr; }

/// IOCB_* that the file's open flags imply. Models include/linux/fs.h:iocb_flags().
u32 iocb_flags(const file* file) noexcept;
/// A synchronous kiocb at position `position`. Models init_sync_kiocb().
void init_sync_kiocb(kiocb* kiocb, file* file, s64 position) noexcept;
/// Adds what preadv2's RWF_* flags imply: 0, -EOPNOTSUPP for unknown ones or RWF_NOWAIT on a file that cannot (5.4).
int kiocb_set_rw_flags(kiocb* kiocb, u32 rwf) noexcept;
/// Position and length are in range and the file's locks allow it: 0 or -errno. Models fs/read_write.c:rw_verify_area().
int rw_verify_area(int rw, file* file, const s64* position, u64 bytes) noexcept;
/// Clamps a write at RLIMIT_FSIZE and s_maxbytes: 0, or -EFBIG (with SIGXFSZ for the limit). Models
/// mm/filemap.c:generic_write_check_limits().
int generic_write_check_limits(file* file, s64 position, u64* bytes) noexcept;
u32 vfs_poll(file* file, poll_table_struct* table) noexcept;
int vfs_fsync_range(file* file, s64 start, s64 end, int datasync) noexcept;
inline int vfs_fsync(file* file, int datasync) noexcept { return vfs_fsync_range(file, 0, 0x7fffffffffffffff, datasync); }
/// After a write of `bytes` that ended at ki_pos: the fsync that IOCB_DSYNC asks for. Returns `bytes` or -errno.
s64 generic_write_sync(kiocb* kiocb, s64 bytes) noexcept;
/// Models fs/sync.c:sync_file_range() (5.4).
int sync_file_range(file* file, s64 offset, s64 bytes, u32 flags) noexcept;

/// A file on `inode` (whose reference it takes over): f_op, modes and flags as alloc_file(). Null when memory ran out.
file* alloc_file(inode* inode, u32 flags, const file_operations* ops) noexcept;
inline file* get_file(file* file, Site site = Site::here()) noexcept {
  refcount_inc(&file->f_count, site);
  return file;
}
inline s64 file_count(const file* file, Site site = Site::here()) noexcept { return refcount_read(&file->f_count, site); }
/// Drops a reference. The last one of a user task releases the file as task_work, before the task returns to its application;
/// of a kernel thread, or of a task past its task_work, by delayed work one jiffy later. Models fs/file_table.c.
void fput(file* file) noexcept;
void fput_many(file* file, unsigned refs) noexcept;
/// fput() that releases at once: for kernel threads that must not lag behind.
void __fput_sync(file* file) noexcept;

/// The current task's open files (fs/file.c). fget takes a reference, null if fd is not open.
file* fget(unsigned fd) noexcept;
file* fget_many(unsigned fd, unsigned refs) noexcept;
/// Reserves the lowest free descriptor: fd, or -EMFILE at RLIMIT_NOFILE.
int get_unused_fd_flags(u32 flags) noexcept;
void put_unused_fd(unsigned fd) noexcept;
/// Publishes the file under the descriptor; takes over the reference.
void fd_install(unsigned fd, file* file) noexcept;
/// A file without a name. Models fs/anon_inodes.c. Null when memory ran out.
file* anon_inode_getfile(const char* name, const file_operations* ops, void* private_data, u32 flags) noexcept;

/// The same under a fresh descriptor: fd or -errno. `release` does not run if it fails.
int anon_inode_getfd(const char* name, const file_operations* ops, void* private_data, u32 flags) noexcept;

/// No position: seeking is -ESPIPE. Models fs/open.c:stream_open(), nonseekable_open().
int stream_open(inode* inode, file* file) noexcept;
int nonseekable_open(inode* inode, file* file) noexcept;
s64 no_llseek(file* file, s64 offset, int whence) noexcept;
/// Stays where it is (fs/read_write.c).
s64 noop_llseek(file* file, s64 offset, int whence) noexcept;
/// Within i_size and s_maxbytes.
s64 generic_file_llseek(file* file, s64 offset, int whence) noexcept;

}  // namespace uringsim::kernel
