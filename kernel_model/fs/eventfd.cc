// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/eventfd.h"

#include <poll.h>

#include <algorithm>

#include "kernel_model/core/signal.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/syscalls.h"

namespace uringsim::kernel {

namespace {

enum : u32 { kEfdSemaphore = 1, kEfdFlags = kEfdSemaphore | O_CLOEXEC | O_NONBLOCK };
constexpr u64 kMax = ~u64{0};

eventfd_ctx* ctx_of(const file* file) noexcept { return static_cast<eventfd_ctx*>(file->private_data); }

/// wqh.lock held.
void wake_locked(eventfd_ctx* ctx, u32 key) noexcept {
  if (waitqueue_active(&ctx->wqh)) wake_up_locked_poll(&ctx->wqh, key);
}

/// Sleeps on the counter, wqh.lock held on entry and exit, until `ready()`: true; false when a signal came first. Waker: the
/// other side of the counter.
template <class Ready>
bool wait_locked(eventfd_ctx* ctx, Ready ready) noexcept {
  wait_queue_entry wait;
  init_wait(&wait);
  wait.func = default_wake_function;
  __add_wait_queue(&ctx->wqh, &wait);
  bool ret = true;
  for (;;) {
    set_current_state(TASK_INTERRUPTIBLE, "eventfd.wait");
    if (ready()) break;
    if (signal_pending(current())) {
      ret = false;
      break;
    }
    spin_unlock_irq(&ctx->wqh.lock);
    schedule();
    spin_lock_irq(&ctx->wqh.lock);
  }
  __remove_wait_queue(&ctx->wqh, &wait);
  __set_current_state(TASK_RUNNING);
  return ret;
}

// Models fs/eventfd.c:eventfd_read() (5.4).
s64 eventfd_read(file* file, uptr buffer, u64 bytes, s64*) {
  eventfd_ctx* const ctx = ctx_of(file);
  if (bytes < sizeof(u64)) return -EINVAL;
  spin_lock_irq(&ctx->wqh.lock);
  s64 ret = sizeof(u64);
  if (READ_ONCE(ctx->count) == 0) {
    if ((READ_ONCE(file->f_flags) & O_NONBLOCK) != 0)
      ret = -EAGAIN;
    else if (!wait_locked(ctx, [ctx] { return READ_ONCE(ctx->count) != 0; }))
      ret = -ERESTARTSYS;
  }
  u64 taken = 0;
  if (ret > 0) {
    taken = (ctx->flags & kEfdSemaphore) != 0 ? 1 : READ_ONCE(ctx->count);
    WRITE_ONCE(ctx->count, READ_ONCE(ctx->count) - taken);
    wake_locked(ctx, POLLOUT);
  }
  spin_unlock_irq(&ctx->wqh.lock);
  return ret > 0 && !put_user(taken, buffer) ? -EFAULT : ret;
}

// Models fs/eventfd.c:eventfd_write() (5.4).
s64 eventfd_write(file* file, uptr buffer, u64 bytes, s64*) {
  eventfd_ctx* const ctx = ctx_of(file);
  u64 added = 0;
  if (bytes < sizeof(added)) return -EINVAL;
  if (!get_user(&added, buffer)) return -EFAULT;
  if (added == kMax) return -EINVAL;
  const auto fits = [ctx, added] { return kMax - READ_ONCE(ctx->count) > added; };
  spin_lock_irq(&ctx->wqh.lock);
  s64 ret = sizeof(added);
  if (!fits()) {
    if ((READ_ONCE(file->f_flags) & O_NONBLOCK) != 0)
      ret = -EAGAIN;
    else if (!wait_locked(ctx, fits))
      ret = -ERESTARTSYS;
  }
  if (ret > 0) {
    WRITE_ONCE(ctx->count, READ_ONCE(ctx->count) + added);
    wake_locked(ctx, POLLIN);
  }
  spin_unlock_irq(&ctx->wqh.lock);
  return ret;
}

// Models fs/eventfd.c:eventfd_poll(): the look at the counter cannot move above the lock that poll_wait() takes.
u32 eventfd_poll(file* file, poll_table_struct* table) {
  eventfd_ctx* const ctx = ctx_of(file);
  poll_wait(file, &ctx->wqh, table);
  const u64 count = READ_ONCE(ctx->count);
  u32 events = 0;
  if (count > 0) events |= POLLIN;
  if (count == kMax) events |= POLLERR;
  if (kMax - 1 > count) events |= POLLOUT;
  return events;
}

int eventfd_release(inode*, file* file) {
  eventfd_ctx* const ctx = ctx_of(file);
  wake_up_poll(&ctx->wqh, POLLHUP);
  eventfd_ctx_put(ctx);
  return 0;
}

constexpr file_operations eventfd_fops = {
    .name = "[eventfd]",
    .llseek = noop_llseek,
    .read = eventfd_read,
    .write = eventfd_write,
    .poll = eventfd_poll,
    .release = eventfd_release,
};

}  // namespace

u64 eventfd_signal(eventfd_ctx* ctx, u64 n) noexcept {
  arch::Task* const context = arch::current_task();
  if (WARN_ON(context->eventfd_wakes != 0, "eventfd_signal: called from a wakeup of an eventfd")) return 0;
  spin_lock_irq(&ctx->wqh.lock);
  context->eventfd_wakes++;
  n = std::min(n, kMax - READ_ONCE(ctx->count));
  WRITE_ONCE(ctx->count, READ_ONCE(ctx->count) + n);
  kernel().trace(EventKind::eventfd_signal, ctx->id, READ_ONCE(ctx->count));
  wake_locked(ctx, POLLIN);
  context->eventfd_wakes--;
  spin_unlock_irq(&ctx->wqh.lock);
  return n;
}

void eventfd_ctx_put(eventfd_ctx* ctx) noexcept {
  if (refcount_dec_and_test(&ctx->kref)) kfree(ctx);
}

eventfd_ctx* eventfd_ctx_fileget(file* file) noexcept {
  if (file->f_op != &eventfd_fops) return ERR_PTR<eventfd_ctx>(-EINVAL);
  eventfd_ctx* const ctx = ctx_of(file);
  refcount_inc(&ctx->kref);
  return ctx;
}

eventfd_ctx* eventfd_ctx_fdget(int fd) noexcept {
  fd_guard file(static_cast<unsigned>(fd));
  return file ? eventfd_ctx_fileget(file.get()) : ERR_PTR<eventfd_ctx>(-EBADF);
}

int sys_eventfd2(u32 count, int flags) noexcept {
  if ((static_cast<u32>(flags) & ~static_cast<u32>(kEfdFlags)) != 0) return -EINVAL;
  eventfd_ctx* const ctx = kmalloc<eventfd_ctx>();
  if (ctx == nullptr) return -ENOMEM;
  refcount_set(&ctx->kref, 1);
  init_waitqueue_head(&ctx->wqh);
  ctx->count = count;
  ctx->flags = static_cast<u32>(flags);
  ctx->id = kernel().trace.next_id(ObjectClass::file);
  const int fd = anon_inode_getfd("[eventfd]", &eventfd_fops, ctx, O_RDWR | (static_cast<u32>(flags) & (O_CLOEXEC | O_NONBLOCK)));
  if (fd < 0) kfree(ctx);
  return fd;
}

}  // namespace uringsim::kernel
