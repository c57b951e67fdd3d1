// SPDX-License-Identifier: GPL-2.0-only
// What a kernel's file systems keep in one place: Linux's globals of fs/ and mm/filemap.c.
#pragma once

#include "kernel_model/core/workqueue.h"
#include "kernel_model/fs/fs.h"
#include "kernel_model/fs/vfs_release.h"

namespace uringsim::kernel {

struct HostFiles;

inline constexpr unsigned kPageWaitQueues = 16;

struct vfs_state {
  super_block root_sb;                           ///< the file system at /
  super_block anon_sb;                           ///< pipes, sockets, anonymous files, memfds
  wait_queue_head_t page_wait[kPageWaitQueues];  ///< waiters for page bits, by index (mm/filemap.c's hash table)
  spinlock_t delayed_fput_lock;
  list_head delayed_fput_list;  ///< delayed_fput_lock
  delayed_work delayed_fput_work;
  workqueue_struct* deferral = nullptr;  ///< system_wq, once somebody may need it; shared word
  u64 last_ino = 0;                      ///< shared word
  u32 last_socket = 0;                   ///< shared word
  u32 unix_ordernum = 0;                 ///< shared word: names made up by autobind
  spinlock_t unix_table_lock;
  list_head unix_sockets;     ///< unix_sock that have a name; unix_table_lock
  mutex epmutex;              ///< fs/eventpoll.c: loops of epoll files
  mutex rename_lock;          ///< every change of a directory
  HostFiles* host = nullptr;  ///< files of the host, if the world has any (fs/host_file.h)
  vfs_release release;        ///< what this release does its own way
};

/// system_wq, for what interrupt context leaves to a worker; made with its first worker when somebody first asks, so that worlds
/// without such work have one task less. Files that complete in interrupts ask when they are opened. Null when memory ran out.
workqueue_struct* vfs_deferral() noexcept;

inline vfs_state& vfs() noexcept { return *kernel().vfs; }

/// What the root file system stands on. Null device: its pages are all there is.
struct VfsOptions {
  BlockDevice* root_device = nullptr;
  HostFiles* host = nullptr;
  vfs_release release = {};  ///< of the kernel's profile
};

/// What core/ asks of this floor, for a floor above that points Kernel::upper at a table of its own.
void vfs_fill_upper_floors(upper_floors* floors) noexcept;
/// Makes the kernel's file systems: an ext4-like root with /dev/null, /dev/zero and /tmp. To be called once, by boot, as a task
/// of this kernel (RunAs). Points Kernel::upper at this floor's functions if nobody has set it. 0 or -ENOMEM.
int vfs_init(const VfsOptions& options) noexcept;
/// Mounts another file system like the root's, empty, on `device` at /mnt/NAME. The device must outlive the kernel. 0 or -errno.
int vfs_mount_block_device(const char* name, BlockDevice* device) noexcept;
/// Adds /dev/NAME for a block device; mode 0600 of root. 0 or -errno.
int vfs_add_block_device(const char* name, BlockDevice* device) noexcept;

}  // namespace uringsim::kernel
