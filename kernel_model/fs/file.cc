// SPDX-License-Identifier: GPL-2.0-only
// Descriptor tables. Models fs/file.c.
#include <algorithm>
#include <utility>

#include "kernel_model/core/rlimit.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/syscalls.h"

namespace uringsim::kernel {

namespace {

/// Grows the arrays to hold `nr`; file_lock held on entry and exit, dropped meanwhile. 1 if it grew (look again), 0 if there was
/// room, -EMFILE, -ENOMEM. Models fs/file.c:expand_files().
int expand_files(files_struct* files, unsigned nr) noexcept {
  if (nr < files->max_fds) return 0;
  if (nr >= kNrOpenMax) return -EMFILE;
  unsigned size = std::max(NR_OPEN_DEFAULT, files->max_fds);
  while (size <= nr) size *= 2;
  spin_unlock(&files->file_lock);
  file** const fd = kcalloc<file*>(size);
  u8* const open = kcalloc<u8>(size);
  u8* const cloexec = kcalloc<u8>(size);
  spin_lock(&files->file_lock);
  const bool failed = fd == nullptr || open == nullptr || cloexec == nullptr;
  if (failed || size <= files->max_fds) {
    kfree_array(fd, size);
    kfree_array(open, size);
    kfree_array(cloexec, size);
    return failed ? -ENOMEM : 1;
  }
  const unsigned old = files->max_fds;
  std::copy_n(files->fd, old, fd);
  std::copy_n(files->open_fds, old, open);
  std::copy_n(files->close_on_exec, old, cloexec);
  std::swap(files->max_fds, size);
  file** const old_fd = std::exchange(files->fd, fd);
  u8* const old_open = std::exchange(files->open_fds, open);
  u8* const old_cloexec = std::exchange(files->close_on_exec, cloexec);
  if (old != 0) {
    kfree_array(old_fd, old);
    kfree_array(old_open, old);
    kfree_array(old_cloexec, old);
  }
  return 1;
}

/// Models fs/file.c:__alloc_fd().
int alloc_fd(files_struct* files, unsigned start, u64 end, u32 flags) noexcept {
  spin_lock(&files->file_lock);
  int ret = 0;
  for (;;) {
    unsigned fd = std::max(start, files->next_fd);
    while (fd < files->max_fds && files->open_fds[fd] != 0) fd++;
    ret = -EMFILE;
    if (fd >= end) break;
    ret = expand_files(files, fd);
    if (ret < 0) break;
    if (ret > 0) continue;
    if (start <= files->next_fd) files->next_fd = fd + 1;
    files->open_fds[fd] = 1;
    files->close_on_exec[fd] = (flags & O_CLOEXEC) != 0 ? 1 : 0;
    ret = static_cast<int>(fd);
    break;
  }
  spin_unlock(&files->file_lock);
  return ret;
}

void free_fd_locked(files_struct* files, unsigned fd) noexcept {
  files->open_fds[fd] = 0;
  files->close_on_exec[fd] = 0;
  files->next_fd = std::min(files->next_fd, fd);
}

u64 nofile_limit() noexcept { return rlimit(RLIMIT_NOFILE); }

}  // namespace

files_struct* files_alloc() noexcept {
  files_struct* const files = kmalloc<files_struct>();
  if (files != nullptr) refcount_set(&files->count, 1);
  return files;
}

files_struct* dup_fd(files_struct* from) noexcept {
  files_struct* const copy = files_alloc();
  if (copy == nullptr) return nullptr;
  spin_lock(&copy->file_lock);
  spin_lock(&from->file_lock);
  const unsigned size = from->max_fds;
  spin_unlock(&from->file_lock);
  const int grown = size != 0 ? expand_files(copy, size - 1) : 0;
  spin_unlock(&copy->file_lock);
  if (grown < 0) {
    kfree(copy);
    return nullptr;
  }
  spin_lock(&from->file_lock);
  for (unsigned fd = 0; fd < std::min(copy->max_fds, from->max_fds); fd++) {
    file* const file = from->fd[fd];
    if (file == nullptr) continue;  // a number that is only reserved belongs to the parent's system call
    copy->fd[fd] = get_file(file);
    copy->open_fds[fd] = 1;
    copy->close_on_exec[fd] = from->close_on_exec[fd];
  }
  spin_unlock(&from->file_lock);
  return copy;
}

void put_files_struct(files_struct* files) noexcept {
  if (!refcount_dec_and_test(&files->count)) return;
  for (unsigned fd = 0; fd < files->max_fds; fd++) {
    file* const file = std::exchange(files->fd[fd], nullptr);
    if (file == nullptr) continue;
    filp_close(file);
    cond_resched();
  }
  if (files->max_fds != 0) {
    kfree_array(files->fd, files->max_fds);
    kfree_array(files->open_fds, files->max_fds);
    kfree_array(files->close_on_exec, files->max_fds);
  }
  kfree(files);
}

void exit_files(task_struct* task) noexcept {
  files_struct* const files = std::exchange(task->files, nullptr);
  if (files != nullptr) put_files_struct(files);
}

file* fget_many(unsigned fd, unsigned refs) noexcept {
  files_struct* const files = current()->files;
  if (files == nullptr) return nullptr;
  spin_lock(&files->file_lock);
  file* const found = fd < files->max_fds ? files->fd[fd] : nullptr;
  if (found != nullptr) refcount_add(static_cast<int>(refs), &found->f_count);
  spin_unlock(&files->file_lock);
  return found;
}

file* fget(unsigned fd) noexcept { return fget_many(fd, 1); }

int get_unused_fd_flags(u32 flags) noexcept { return alloc_fd(current()->files, 0, nofile_limit(), flags); }

int get_unused_fd_from(unsigned from, u32 flags) noexcept {
  const u64 limit = nofile_limit();
  if (from >= limit) return -EINVAL;
  return alloc_fd(current()->files, from, limit, flags);
}

void put_unused_fd(unsigned fd) noexcept {
  files_struct* const files = current()->files;
  spin_lock(&files->file_lock);
  free_fd_locked(files, fd);
  spin_unlock(&files->file_lock);
}

void fd_install(unsigned fd, file* file) noexcept {
  files_struct* const files = current()->files;
  spin_lock(&files->file_lock);
  BUG_ON(files->fd[fd] != nullptr, "fd_install: the descriptor is in use");
  files->fd[fd] = file;
  spin_unlock(&files->file_lock);
}

int filp_close(file* file) noexcept {
  const int ret = file->f_op->flush != nullptr ? file->f_op->flush(file) : 0;
  fput(file);
  return ret;
}

int __close_fd(files_struct* files, unsigned fd) noexcept {
  spin_lock(&files->file_lock);
  file* const file = fd < files->max_fds ? files->fd[fd] : nullptr;
  if (file != nullptr) {
    files->fd[fd] = nullptr;
    free_fd_locked(files, fd);
  }
  spin_unlock(&files->file_lock);
  return file != nullptr ? filp_close(file) : -EBADF;
}

// Models fs/open.c:close(2): a flush that was interrupted is not made again.
int sys_close(unsigned fd) noexcept {
  const int ret = __close_fd(current()->files, fd);
  return ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND || ret == -ERESTART_RESTARTBLOCK ? -EINTR : ret;
}

int sys_dup(unsigned fd) noexcept {
  file* const file = fget(fd);
  if (file == nullptr) return -EBADF;
  const int copy = get_unused_fd_flags(0);
  if (copy < 0)
    fput(file);
  else
    fd_install(static_cast<unsigned>(copy), file);
  return copy;
}

// Models fs/file.c:ksys_dup3().
int sys_dup3(unsigned oldfd, unsigned newfd, int flags) noexcept {
  if ((flags & ~O_CLOEXEC) != 0 || oldfd == newfd) return -EINVAL;
  if (newfd >= nofile_limit()) return -EBADF;
  files_struct* const files = current()->files;
  file* const file = fget(oldfd);
  if (file == nullptr) return -EBADF;
  spin_lock(&files->file_lock);
  int ret = 1;
  while (ret > 0) ret = expand_files(files, newfd);
  struct file* const replaced = ret == 0 ? files->fd[newfd] : nullptr;
  if (ret == 0 && replaced == nullptr && files->open_fds[newfd] != 0) ret = -EBUSY;  // another thread is about to install there
  if (ret == 0) {
    files->fd[newfd] = file;
    files->open_fds[newfd] = 1;
    files->close_on_exec[newfd] = (flags & O_CLOEXEC) != 0 ? 1 : 0;
  }
  spin_unlock(&files->file_lock);
  if (ret != 0) {
    fput(file);
    return ret;
  }
  if (replaced != nullptr) filp_close(replaced);
  return static_cast<int>(newfd);
}

}  // namespace uringsim::kernel
