// SPDX-License-Identifier: GPL-2.0-only
// Pipes: sixteen buffers of a page. Models fs/pipe.c (5.4).
//
// One wait queue for readers, writers and pollers, so that every change wakes everybody; the keys say what changed. The lock
// (a mutex) covers all fields; nrbufs, readers and writers are looked at by poll without it.
#include <poll.h>

#include <algorithm>
#include <utility>

#include "kernel_model/core/signal.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

constexpr unsigned PIPE_DEF_BUFFERS = 16;

struct pipe_buffer {
  page* page_ = nullptr;
  u32 offset = 0, len = 0;
  bool packet = false;  ///< written with O_DIRECT: read as a whole
};

struct pipe_inode_info {
  mutex lock;
  wait_queue_head_t wait;
  u32 nrbufs = 0;           ///< shared word: written under lock
  unsigned curbuf = 0;      ///< lock
  u32 readers = 0;          ///< shared word: open read ends, written under lock
  u32 writers = 0;          ///< shared word: open write ends, written under lock
  u32 waiting_writers = 0;  ///< writers that sleep for room; lock
  pipe_buffer bufs[PIPE_DEF_BUFFERS];
  page* tmp_page = nullptr;  ///< a page that a failed copy left over; lock
};

pipe_inode_info* pipe_of(const file* file) noexcept { return static_cast<pipe_inode_info*>(file->private_data); }
pipe_buffer& buffer_at(pipe_inode_info* pipe, unsigned index) noexcept {
  return pipe->bufs[(pipe->curbuf + index) % PIPE_DEF_BUFFERS];
}

void wake_readers(pipe_inode_info* pipe) noexcept { wake_up_interruptible_sync_poll(&pipe->wait, POLLIN | POLLRDNORM); }
void wake_writers(pipe_inode_info* pipe) noexcept { wake_up_interruptible_sync_poll(&pipe->wait, POLLOUT | POLLWRNORM); }

/// Sleeps until the next change, without the lock. Waker: the other end, or a signal. Models fs/pipe.c:pipe_wait().
void pipe_wait(pipe_inode_info* pipe) noexcept {
  wait_entry wait;
  // Onto the queue before the lock is dropped: whoever changes the pipe after that sees the sleeper.
  prepare_to_wait(&pipe->wait, &wait, TASK_INTERRUPTIBLE);
  mutex_unlock(&pipe->lock);
  schedule();
  finish_wait(&pipe->wait, &wait);
  mutex_lock(&pipe->lock);
}

/// Takes what it can of the first buffer: bytes, or -EFAULT. *emptied: the buffer is free now.
s64 read_first_buffer(pipe_inode_info* pipe, iov_iter* to, bool* emptied) noexcept {
  pipe_buffer& buf = buffer_at(pipe, 0);
  const u64 chars = std::min<u64>(buf.len, iov_iter_count(to));
  const u64 copied = copy_to_iter(buf.page_->data + buf.offset, chars, to);
  if (copied < chars) return -EFAULT;
  buf.offset += static_cast<u32>(chars);
  buf.len -= static_cast<u32>(chars);
  if (buf.packet) {
    buf.len = 0;
    iov_iter_truncate(to, 0);
  }
  *emptied = buf.len == 0;
  if (*emptied) {
    put_page(std::exchange(buf.page_, nullptr));
    pipe->curbuf = (pipe->curbuf + 1) % PIPE_DEF_BUFFERS;
    WRITE_ONCE(pipe->nrbufs, READ_ONCE(pipe->nrbufs) - 1);
  }
  return static_cast<s64>(chars);
}

// Models fs/pipe.c:pipe_read() (5.4).
s64 pipe_read(kiocb* iocb, iov_iter* to) {
  KERNEL_FUNCTION;
  file* const filp = iocb->ki_filp;
  pipe_inode_info* const pipe = pipe_of(filp);
  if (iov_iter_count(to) == 0) return 0;
  bool do_wakeup = false;
  s64 ret = 0;
  mutex_lock(&pipe->lock);
  for (;;) {
    if (READ_ONCE(pipe->nrbufs) != 0) {
      bool emptied = false;
      const s64 got = read_first_buffer(pipe, to, &emptied);
      if (got < 0) {
        if (ret == 0) ret = got;
        break;
      }
      ret += got;
      do_wakeup = do_wakeup || emptied;
      if (iov_iter_count(to) == 0) break;
      continue;
    }
    if (READ_ONCE(pipe->writers) == 0) break;
    // A writer that sleeps for room has more to give at once: then a reader waits even if it has something, or may not wait.
    if (pipe->waiting_writers == 0) {
      if (ret != 0) break;
      if ((READ_ONCE(filp->f_flags) & O_NONBLOCK) != 0) {
        ret = -EAGAIN;
        break;
      }
    }
    if (signal_pending(current())) {
      if (ret == 0) ret = -ERESTARTSYS;
      break;
    }
    if (do_wakeup) wake_writers(pipe);
    pipe_wait(pipe);
  }
  mutex_unlock(&pipe->lock);
  if (do_wakeup) wake_writers(pipe);
  return ret;
}

/// A write that fits behind what the last buffer holds goes there. Bytes, 0 if it does not fit, or -EFAULT.
s64 merge_into_last(pipe_inode_info* pipe, iov_iter* from) noexcept {
  const u64 chars = iov_iter_count(from) & (PAGE_SIZE - 1);
  if (READ_ONCE(pipe->nrbufs) == 0 || chars == 0) return 0;
  pipe_buffer& buf = buffer_at(pipe, READ_ONCE(pipe->nrbufs) - 1);
  if (buf.packet || buf.offset + buf.len + chars > PAGE_SIZE) return 0;
  if (copy_from_iter(buf.page_->data + buf.offset + buf.len, chars, from) < chars) return -EFAULT;
  buf.len += static_cast<u32>(chars);
  return static_cast<s64>(chars);
}

/// A new buffer of up to a page: bytes, -ENOMEM, or -EFAULT.
s64 append_buffer(pipe_inode_info* pipe, iov_iter* from, bool packet) noexcept {
  if (pipe->tmp_page == nullptr) pipe->tmp_page = alloc_pages(0);
  page* const page = pipe->tmp_page;
  if (page == nullptr) return -ENOMEM;
  const u64 copied = copy_from_iter(page->data, std::min(PAGE_SIZE, iov_iter_count(from)), from);
  if (copied < PAGE_SIZE && iov_iter_count(from) != 0) return -EFAULT;
  buffer_at(pipe, READ_ONCE(pipe->nrbufs)) = {page, 0, static_cast<u32>(copied), packet};
  pipe->tmp_page = nullptr;
  WRITE_ONCE(pipe->nrbufs, READ_ONCE(pipe->nrbufs) + 1);
  return static_cast<s64>(copied);
}

/// Nobody reads.
s64 broken_pipe(s64 ret) noexcept {
  (void)send_sig(SIGPIPE, current(), 0);
  return ret != 0 ? ret : -EPIPE;
}

// Models fs/pipe.c:pipe_write() (5.4).
s64 pipe_write(kiocb* iocb, iov_iter* from) {
  KERNEL_FUNCTION;
  file* const filp = iocb->ki_filp;
  pipe_inode_info* const pipe = pipe_of(filp);
  if (iov_iter_count(from) == 0) return 0;
  const u32 flags = READ_ONCE(filp->f_flags);
  mutex_lock(&pipe->lock);
  s64 ret = READ_ONCE(pipe->readers) == 0 ? broken_pipe(0) : merge_into_last(pipe, from);
  bool do_wakeup = ret > 0;
  while (ret >= 0 && iov_iter_count(from) != 0) {
    if (READ_ONCE(pipe->readers) == 0) {
      ret = broken_pipe(ret);
      break;
    }
    if (READ_ONCE(pipe->nrbufs) < PIPE_DEF_BUFFERS) {
      const s64 put = append_buffer(pipe, from, (flags & O_DIRECT) != 0);
      if (put != -ENOMEM) do_wakeup = true;
      if (put < 0) {
        if (ret == 0) ret = put;
        break;
      }
      ret += put;
      continue;
    }
    if ((flags & O_NONBLOCK) != 0) {
      if (ret == 0) ret = -EAGAIN;
      break;
    }
    if (signal_pending(current())) {
      if (ret == 0) ret = -ERESTARTSYS;
      break;
    }
    if (do_wakeup) wake_readers(pipe);
    do_wakeup = false;
    pipe->waiting_writers++;
    pipe_wait(pipe);
    pipe->waiting_writers--;
  }
  mutex_unlock(&pipe->lock);
  if (do_wakeup) wake_readers(pipe);
  return ret;
}

// Models fs/pipe.c:pipe_poll() (5.4): looks without the lock.
u32 pipe_poll(file* file, poll_table_struct* table) {
  pipe_inode_info* const pipe = pipe_of(file);
  poll_wait(file, &pipe->wait, table);
  const u32 nrbufs = READ_ONCE(pipe->nrbufs);
  u32 mask = 0;
  if ((file->f_mode & FMODE_READ) != 0) {
    if (nrbufs > 0) mask |= POLLIN | POLLRDNORM;
    if (READ_ONCE(pipe->writers) == 0) mask |= POLLHUP;
  }
  if ((file->f_mode & FMODE_WRITE) != 0) {
    if (nrbufs < PIPE_DEF_BUFFERS) mask |= POLLOUT | POLLWRNORM;
    if (READ_ONCE(pipe->readers) == 0) mask |= POLLERR;
  }
  return mask;
}

// Models fs/pipe.c:pipe_release().
int pipe_release(inode*, file* file) {
  pipe_inode_info* const pipe = pipe_of(file);
  mutex_lock(&pipe->lock);
  if ((file->f_mode & FMODE_READ) != 0) WRITE_ONCE(pipe->readers, READ_ONCE(pipe->readers) - 1);
  if ((file->f_mode & FMODE_WRITE) != 0) WRITE_ONCE(pipe->writers, READ_ONCE(pipe->writers) - 1);
  if (READ_ONCE(pipe->readers) != 0 || READ_ONCE(pipe->writers) != 0)
    wake_up_interruptible_sync_poll(&pipe->wait, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLERR | POLLHUP);
  mutex_unlock(&pipe->lock);
  return 0;
}

/// The inode goes with its last file.
void evict_pipe(inode* inode) {
  pipe_inode_info* const pipe = static_cast<pipe_inode_info*>(inode->i_private);
  if (pipe == nullptr) return;
  for (unsigned i = 0; i < READ_ONCE(pipe->nrbufs); i++) put_page(buffer_at(pipe, i).page_);
  if (pipe->tmp_page != nullptr) put_page(pipe->tmp_page);
  kfree(pipe);
}

constexpr file_operations pipefifo_fops = {
    .name = "pipe",
    .llseek = no_llseek,
    .read_iter = pipe_read,
    .write_iter = pipe_write,
    .poll = pipe_poll,
    .release = pipe_release,
};

/// An end of the pipe; a reference of the inode is taken. Null when memory ran out.
file* pipe_end(inode* inode, u32 flags) noexcept {
  file* const end = alloc_file(ihold(inode), flags, &pipefifo_fops);
  if (end == nullptr) {
    iput(inode);
    return nullptr;
  }
  end->private_data = inode->i_private;
  stream_open(inode, end);
  return end;
}

/// Both ends. Models fs/pipe.c:create_pipe_files().
int create_pipe_files(file* (&ends)[2], int flags) noexcept {
  inode* const node = new_inode(&vfs().anon_sb, S_IFIFO | 0600);
  if (node == nullptr) return -ENFILE;
  node->evict = evict_pipe;
  pipe_inode_info* const pipe = kmalloc<pipe_inode_info>();
  node->i_private = pipe;
  if (pipe != nullptr) {
    init_waitqueue_head(&pipe->wait);
    pipe->readers = pipe->writers = 1;
    ends[0] = pipe_end(node, O_RDONLY | (static_cast<u32>(flags) & O_NONBLOCK));
    ends[1] = pipe_end(node, O_WRONLY | (static_cast<u32>(flags) & (O_NONBLOCK | O_DIRECT)));
  }
  if (pipe == nullptr || ends[0] == nullptr || ends[1] == nullptr) {
    for (file* end : ends)
      if (end != nullptr) __fput_sync(end);
    iput(node);
    return -ENFILE;
  }
  iput(node);
  return 0;
}

}  // namespace

int stream_open(inode*, file* file) noexcept {
  file->f_mode &= ~static_cast<u32>(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE | FMODE_ATOMIC_POS);
  file->f_mode |= FMODE_STREAM;
  return 0;
}

int nonseekable_open(inode*, file* file) noexcept {
  file->f_mode &= ~static_cast<u32>(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
  return 0;
}

// Models fs/pipe.c:do_pipe2(): nothing stays open if the numbers cannot be told to the application.
int sys_pipe2(uptr fds, int flags) noexcept {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0) return -EINVAL;
  file* ends[2] = {};
  int ret = create_pipe_files(ends, flags);
  if (ret != 0) return ret;
  const int fd0 = get_unused_fd_flags(static_cast<u32>(flags));
  const int fd1 = fd0 >= 0 ? get_unused_fd_flags(static_cast<u32>(flags)) : fd0;
  const int numbers[2] = {fd0, fd1};
  if (fd1 < 0)
    ret = fd1;
  else if (copy_to_user(fds, numbers, sizeof(numbers)) != 0)
    ret = -EFAULT;
  if (ret != 0) {
    if (fd0 >= 0) put_unused_fd(static_cast<unsigned>(fd0));
    if (fd1 >= 0 && fd0 >= 0) put_unused_fd(static_cast<unsigned>(fd1));
    fput(ends[0]);
    fput(ends[1]);
    return ret;
  }
  fd_install(static_cast<unsigned>(fd0), ends[0]);
  fd_install(static_cast<unsigned>(fd1), ends[1]);
  return 0;
}

}  // namespace uringsim::kernel
