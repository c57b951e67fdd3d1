// SPDX-License-Identifier: GPL-2.0-only
// Descriptor tables. Models include/linux/fdtable.h.
//
// A table is shared by the threads of a process and copied by fork. Its lock covers everything in it; the only thing done
// under it is looking up and changing slots. Divergence: Linux looks up under RCU; an application cannot tell.
// Ordering: what stands before fd_install() is seen by whoever finds the file with fget() (file_lock; in Linux the release of
// rcu_assign_pointer). The fput() that is the last comes after all others, in full order.
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

inline constexpr unsigned NR_OPEN_DEFAULT = 64;
inline constexpr unsigned kNrOpenMax = 1u << 20;  // sysctl_nr_open

struct files_struct {
  refcount_t count;  ///< tasks that use it
  spinlock_t file_lock;
  unsigned max_fds = 0;         ///< size of the arrays; file_lock
  unsigned next_fd = 0;         ///< no descriptor below it is free; file_lock
  file** fd = nullptr;          ///< file_lock; null: free, or reserved by get_unused_fd_flags()
  u8* open_fds = nullptr;       ///< one a slot: reserved or open; file_lock
  u8* close_on_exec = nullptr;  ///< one a slot; file_lock
};

/// An empty table with one reference; null when memory ran out.
files_struct* files_alloc() noexcept;
/// A copy as fork makes it: the same files under the same numbers. Null when memory ran out. Models fs/file.c:dup_fd().
files_struct* dup_fd(files_struct* from) noexcept;
/// Drops a reference; the last closes everything (with flush). Models fs/file.c:put_files_struct().
void put_files_struct(files_struct* files) noexcept;
/// The task's last use of its table. Models fs/file.c:exit_files().
void exit_files(task_struct* task) noexcept;

/// Takes the file out of the table and drops it: what close(2) does. 0, -EBADF, or what flush said.
int __close_fd(files_struct* files, unsigned fd) noexcept;
/// The first free number not below `from`, reserved. -EMFILE, -EINVAL.
int get_unused_fd_from(unsigned from, u32 flags) noexcept;
/// One close of an open file: flush, and the reference. Models fs/open.c:filp_close().
int filp_close(file* file) noexcept;

/// fdget(): a reference for the length of a system call.
struct fd_guard {
  explicit fd_guard(unsigned fd) noexcept : file_(fget(fd)) {}
  ~fd_guard() {
    if (file_ != nullptr) fput(file_);
  }
  fd_guard(const fd_guard&) = delete;
  fd_guard& operator=(const fd_guard&) = delete;
  explicit operator bool() const noexcept { return file_ != nullptr; }
  file* operator->() const noexcept { return file_; }
  [[nodiscard]] file* get() const noexcept { return file_; }

 private:
  file* file_;
};

}  // namespace uringsim::kernel
