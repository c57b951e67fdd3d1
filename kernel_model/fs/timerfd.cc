// SPDX-License-Identifier: GPL-2.0-only
// Timers to be read. Models fs/timerfd.c (5.4). Divergences: all clocks are CLOCK_MONOTONIC (hrtimer.h), so that none is ever set
// and TFD_TIMER_CANCEL_ON_SET never fires; no alarm clocks wake a sleeping machine.
#include <poll.h>
#include <sys/timerfd.h>

#include "kernel_model/core/cred.h"
#include "kernel_model/core/hrtimer.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

struct timerfd_ctx {
  hrtimer tmr;
  wait_queue_head_t wqh;  ///< its lock covers all that follows
  u64 ticks = 0;
  ktime_t tintv = 0;
  bool expired = false;
};

constexpr int kAlarmClocks[] = {CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM};

timerfd_ctx* ctx_of(const file* file) noexcept { return static_cast<timerfd_ctx*>(file->private_data); }

/// Interrupt context. Models timerfd_tmrproc(): a periodic timer is armed again by whoever reads it.
hrtimer_restart timerfd_tmrproc(hrtimer* timer) {
  timerfd_ctx* const ctx = container_of(timer, timerfd_ctx, tmr);
  spin_lock_irq(&ctx->wqh.lock);
  ctx->expired = true;
  ctx->ticks++;
  wake_up_locked_poll(&ctx->wqh, POLLIN);
  spin_unlock_irq(&ctx->wqh.lock);
  return HRTIMER_NORESTART;
}

/// wqh.lock held: the ticks missed since it expired, and on to the next.
u64 rearm(timerfd_ctx* ctx) noexcept {
  const u64 more = hrtimer_forward_now(&ctx->tmr, ctx->tintv) - 1;
  hrtimer_start(&ctx->tmr, ctx->tmr.expires, HRTIMER_MODE_ABS);
  return more;
}

/// wqh.lock held; dropped while asleep. Waker: timerfd_tmrproc().
s64 wait_for_ticks(timerfd_ctx* ctx) noexcept {
  wait_queue_entry wait;
  init_wait(&wait);
  wait.func = default_wake_function;
  s64 ret = 0;
  while (ctx->ticks == 0) {
    if (wait.head == nullptr) __add_wait_queue_entry_tail(&ctx->wqh, &wait);
    set_current_state(TASK_INTERRUPTIBLE, "timerfd.wait");
    if (signal_pending(current())) {
      ret = -ERESTARTSYS;
      break;
    }
    spin_unlock_irq(&ctx->wqh.lock);
    schedule();
    spin_lock_irq(&ctx->wqh.lock);
  }
  if (wait.head != nullptr) __remove_wait_queue(&ctx->wqh, &wait);
  __set_current_state(TASK_RUNNING);
  return ret;
}

// Models fs/timerfd.c:timerfd_read() (5.4).
s64 timerfd_read(file* file, uptr buffer, u64 bytes, s64*) {
  timerfd_ctx* const ctx = ctx_of(file);
  if (bytes < sizeof(u64)) return -EINVAL;
  spin_lock_irq(&ctx->wqh.lock);
  const s64 ret = (READ_ONCE(file->f_flags) & O_NONBLOCK) != 0 ? -EAGAIN : wait_for_ticks(ctx);
  u64 ticks = ctx->ticks;
  if (ticks != 0) {
    if (ctx->expired && ctx->tintv != 0) ticks += rearm(ctx);
    ctx->expired = false;
    ctx->ticks = 0;
  }
  spin_unlock_irq(&ctx->wqh.lock);
  if (ticks == 0) return ret;
  return put_user(ticks, buffer) ? static_cast<s64>(sizeof(ticks)) : -EFAULT;
}

u32 timerfd_poll(file* file, poll_table_struct* table) {
  timerfd_ctx* const ctx = ctx_of(file);
  poll_wait(file, &ctx->wqh, table);
  spin_lock_irq(&ctx->wqh.lock);
  const u32 events = ctx->ticks != 0 ? POLLIN : 0;
  spin_unlock_irq(&ctx->wqh.lock);
  return events;
}

int timerfd_release(inode*, file* file) {
  timerfd_ctx* const ctx = ctx_of(file);
  hrtimer_cancel(&ctx->tmr);
  kfree(ctx);
  return 0;
}

constexpr file_operations timerfd_fops = {
    .name = "[timerfd]", .llseek = noop_llseek, .read = timerfd_read, .poll = timerfd_poll, .release = timerfd_release};

/// struct itimerspec of x86-64.
struct user_itimerspec {
  s64 interval_sec, interval_nsec, value_sec, value_nsec;
};

bool valid(s64 sec, s64 nsec) noexcept { return sec >= 0 && nsec >= 0 && nsec < s64{1'000'000'000}; }

/// Nanoseconds, as large as they get. Models timespec64_to_ktime().
ktime_t to_ktime(s64 sec, s64 nsec) noexcept {
  constexpr s64 kSecMax = 0x7fffffffffffffff / 1'000'000'000;
  return sec >= kSecMax ? 0x7fffffffffffffff : sec * 1'000'000'000 + nsec;
}

/// wqh.lock held.
user_itimerspec remaining(const timerfd_ctx* ctx) noexcept {
  const ktime_t left = hrtimer_get_remaining(&ctx->tmr);  // what is over, or was never set, is in the past
  const ktime_t shown = left < 0 ? 0 : left;
  return {ctx->tintv / 1'000'000'000, ctx->tintv % 1'000'000'000, shown / 1'000'000'000, shown % 1'000'000'000};
}

}  // namespace

int sys_timerfd_create(int clock, int flags) noexcept {
  const bool alarm = clock == kAlarmClocks[0] || clock == kAlarmClocks[1];
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0) return -EINVAL;
  if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME && !alarm) return -EINVAL;
  if (alarm && !capable(CAP_WAKE_ALARM)) return -EPERM;
  timerfd_ctx* const ctx = kmalloc<timerfd_ctx>();
  if (ctx == nullptr) return -ENOMEM;
  (void)vfs_deferral();  // its wakeups are an interrupt's, and may drop a file's last reference
  init_waitqueue_head(&ctx->wqh);
  hrtimer_init(&ctx->tmr, clock, HRTIMER_MODE_ABS);
  ctx->tmr.function = timerfd_tmrproc;
  const int fd = anon_inode_getfd("[timerfd]", &timerfd_fops, ctx, O_RDWR | static_cast<u32>(flags));
  if (fd < 0) kfree(ctx);
  return fd;
}

// Models fs/timerfd.c:do_timerfd_settime() (5.4).
int sys_timerfd_settime(int fd, int flags, uptr value, uptr old_value) noexcept {
  user_itimerspec wanted;
  if (!get_user(&wanted, value)) return -EFAULT;
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0 || !valid(wanted.value_sec, wanted.value_nsec) ||
      !valid(wanted.interval_sec, wanted.interval_nsec))
    return -EINVAL;
  fd_guard file(static_cast<unsigned>(fd));
  if (!file) return -EBADF;
  if (file->f_op != &timerfd_fops) return -EINVAL;
  timerfd_ctx* const ctx = ctx_of(file.get());
  spin_lock_irq(&ctx->wqh.lock);
  while (hrtimer_try_to_cancel(&ctx->tmr) < 0) {
    spin_unlock_irq(&ctx->wqh.lock);
    cpu_relax();
    spin_lock_irq(&ctx->wqh.lock);
  }
  const user_itimerspec old = remaining(ctx);
  ctx->expired = false;
  ctx->ticks = 0;
  ctx->tintv = to_ktime(wanted.interval_sec, wanted.interval_nsec);
  const ktime_t when = to_ktime(wanted.value_sec, wanted.value_nsec);
  if (when != 0) hrtimer_start(&ctx->tmr, when, (flags & TFD_TIMER_ABSTIME) != 0 ? HRTIMER_MODE_ABS : HRTIMER_MODE_REL);
  spin_unlock_irq(&ctx->wqh.lock);
  return old_value != 0 && !put_user(old, old_value) ? -EFAULT : 0;
}

int sys_timerfd_gettime(int fd, uptr value) noexcept {
  fd_guard file(static_cast<unsigned>(fd));
  if (!file) return -EBADF;
  if (file->f_op != &timerfd_fops) return -EINVAL;
  timerfd_ctx* const ctx = ctx_of(file.get());
  spin_lock_irq(&ctx->wqh.lock);
  if (ctx->expired && ctx->tintv != 0) {
    ctx->expired = false;
    ctx->ticks += rearm(ctx);
  }
  const user_itimerspec now = remaining(ctx);
  spin_unlock_irq(&ctx->wqh.lock);
  return put_user(now, value) ? 0 : -EFAULT;
}

}  // namespace uringsim::kernel
