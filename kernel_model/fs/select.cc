// SPDX-License-Identifier: GPL-2.0-only
// poll(2). Models fs/select.c (5.4).
#include <poll.h>

#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/rlimit.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/syscalls.h"

namespace uringsim::kernel {

namespace {

constexpr u32 kDefaultMask = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

struct poll_wqueues;

/// A place on one file's wait queue, which keeps the file.
struct poll_table_entry {
  wait_queue_entry wait;
  file* filp = nullptr;
  u32 key = 0;
  wait_queue_head_t* head = nullptr;
  poll_wqueues* owner = nullptr;
  list_head link;
};

/// Everything one call waits on.
struct poll_wqueues : poll_table_struct {
  task_struct* polling_task = nullptr;
  u32 triggered = 0;  ///< shared word: a wakeup came since the last look
  int error = 0;
  list_head entries;
};

// Models pollwake() and __pollwake(): wakes for events that this entry waits for.
int pollwake(wait_queue_entry* wait, unsigned, int, void* key) {
  poll_table_entry* const entry = container_of(wait, poll_table_entry, wait);
  if (key != nullptr && (key_to_poll(key) & entry->key) == 0) return 0;
  poll_wqueues* const pwq = entry->owner;
  // What made the file ready is seen by the poller that sees `triggered`.
  smp_wmb("pollwake.triggered");
  WRITE_ONCE(pwq->triggered, 1);
  return wake_up_process(pwq->polling_task) ? 1 : 0;
}

// Models fs/select.c:__pollwait().
void pollwait(file* filp, wait_queue_head* head, poll_table_struct* table) {
  poll_wqueues* const pwq = static_cast<poll_wqueues*>(table);
  poll_table_entry* const entry = kmalloc<poll_table_entry>();
  if (entry == nullptr) {
    pwq->error = -ENOMEM;
    return;
  }
  entry->filp = get_file(filp);
  entry->head = head;
  entry->key = table->_key;
  entry->owner = pwq;
  init_waitqueue_func_entry(&entry->wait, pollwake);
  list_add_tail(&entry->link, &pwq->entries);
  add_wait_queue(head, &entry->wait);
}

void poll_freewait(poll_wqueues* pwq) noexcept {
  list_for_each_entry_safe(entry, next, &pwq->entries, poll_table_entry, link) {
    remove_wait_queue(entry->head, &entry->wait);
    fput(entry->filp);
    kfree(entry);
  }
}

/// Asks one file. Models do_pollfd().
u32 do_pollfd(const pollfd& entry, poll_wqueues* pwq) noexcept {
  if (entry.fd < 0) return 0;
  fd_guard file(static_cast<unsigned>(entry.fd));
  if (!file) return POLLNVAL;
  const u32 filter = static_cast<u16>(entry.events) | POLLERR | POLLHUP;
  pwq->_key = filter;
  return vfs_poll(file.get(), pwq) & filter;
}

/// Sleeps until a wakeup came, or `expires`: 0 when it expired. Models poll_schedule_timeout().
int poll_schedule_timeout(poll_wqueues* pwq, u64 expires) noexcept {
  int ret = -EINTR;
  set_current_state(TASK_INTERRUPTIBLE, "poll_schedule_timeout");
  if (READ_ONCE(pwq->triggered) == 0) {
    if (expires == ~u64{0})
      schedule();
    else
      ret = schedule_hrtimeout(expires);
  }
  __set_current_state(TASK_RUNNING);
  smp_store_mb(pwq->triggered, 0, "poll_schedule_timeout.triggered");
  return ret;
}

/// Models do_poll(): how many are ready, 0 when time is over, or -errno.
int do_poll(pollfd* fds, u32 nfds, poll_wqueues* pwq, bool no_wait, u64 expires) noexcept {
  KERNEL_FUNCTION;
  bool timed_out = no_wait;
  if (no_wait) pwq->_qproc = nullptr;
  for (;;) {
    int count = 0;
    for (u32 i = 0; i < nfds; i++) {
      const u32 mask = do_pollfd(fds[i], pwq);
      fds[i].revents = static_cast<short>(mask);
      if (mask == 0) continue;
      count++;
      pwq->_qproc = nullptr;  // somebody is ready: the rest is only asked
    }
    pwq->_qproc = nullptr;  // each queue is joined once
    if (count == 0) {
      count = pwq->error;
      if (signal_pending(current())) count = -EINTR;
    }
    if (count != 0 || timed_out) return count;
    if (poll_schedule_timeout(pwq, expires) == 0) timed_out = true;
  }
}

}  // namespace

u32 vfs_poll(file* file, poll_table_struct* table) noexcept {
  return file->f_op->poll != nullptr ? file->f_op->poll(file, table) : kDefaultMask;
}

// Models do_sys_poll(). Divergence: an interrupted call is not restarted with what is left of its time, as for callers with a
// handler.
int sys_poll(uptr fds, u32 nfds, int timeout_ms) noexcept {
  if (nfds > rlimit(RLIMIT_NOFILE)) return -EINVAL;
  const u64 expires = timeout_ms < 0 ? ~u64{0} : ktime_get_ns() + static_cast<u64>(timeout_ms) * NSEC_PER_MSEC;
  pollfd* const list = nfds != 0 ? kcalloc<pollfd>(nfds) : nullptr;
  if (nfds != 0 && list == nullptr) return -ENOMEM;
  int ret = -EFAULT;
  if (nfds == 0 || copy_from_user(list, fds, nfds * sizeof(pollfd)) == 0) {
    poll_wqueues pwq;
    pwq._qproc = pollwait;
    pwq.polling_task = current();
    ret = do_poll(list, nfds, &pwq, timeout_ms == 0, expires);
    poll_freewait(&pwq);
    for (u32 i = 0; i < nfds; i++)
      if (!put_user(list[i].revents, fds + i * sizeof(pollfd) + offsetof(pollfd, revents))) ret = -EFAULT;
  }
  if (nfds != 0) kfree_array(list, nfds);
  return ret;
}

}  // namespace uringsim::kernel
