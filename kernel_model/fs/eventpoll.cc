// SPDX-License-Identifier: GPL-2.0-only
// Three locks: vfs_state::epmutex (files that vanish, loops), eventpoll::mtx (what is watched; held while events are copied out),
// eventpoll::lock (what is ready; taken by wakeups in any context). Taken in this order, a watched file's queue lock before
// eventpoll::lock.
#include "kernel_model/fs/eventpoll.h"

#include <poll.h>
#include <sys/epoll.h>

#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/signal.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/syscalls.h"
#include "kernel_model/fs/vfs_state.h"

namespace uringsim::kernel {

namespace {

constexpr u32 kInOutBits = EPOLLIN | EPOLLOUT;
constexpr u32 kPrivateBits = static_cast<u32>(EPOLLWAKEUP) | EPOLLONESHOT | static_cast<u32>(EPOLLET) | EPOLLEXCLUSIVE;
constexpr u32 kExclusiveOkBits =
    kInOutBits | EPOLLERR | EPOLLHUP | static_cast<u32>(EPOLLWAKEUP) | static_cast<u32>(EPOLLET) | EPOLLEXCLUSIVE;
constexpr unsigned kMaxNests = 4;
constexpr unsigned kMaxWaitQueues = 2;
constexpr int kMaxEvents = 0x7fffffff / 12;

struct epitem;

/// One place on a watched file's wait queue.
struct eppoll_entry {
  wait_queue_entry wait;
  epitem* base = nullptr;
  wait_queue_head_t* whead = nullptr;
};

struct eventpoll {
  mutex mtx;
  wait_queue_head_t wq;         ///< sleepers in epoll_wait
  wait_queue_head_t poll_wait;  ///< who polls the epoll file itself
  spinlock_t lock;
  shared_list rdllist;       ///< items that are ready; lock; emptiness looked at without
  bool scanning = false;     ///< events are being copied out: new ones go to ovflist; lock
  list_head ovflist;         ///< lock
  list_head items;           ///< what is watched; mtx
  file* own_file = nullptr;  ///< not counted
};

/// One watched descriptor.
struct epitem {
  eventpoll* ep = nullptr;
  file* target = nullptr;  ///< not counted: eventpoll_release() comes before it goes
  int fd = -1;
  epoll_interest event;     ///< events: shared word, written under mtx
  bool linked = false;      ///< on rdllist, or on a scan's own list; lock, or mtx while scanning
  bool overflowed = false;  ///< on ovflist; lock
  bool no_memory = false;
  unsigned nwait = 0;
  eppoll_entry waits[kMaxWaitQueues];
  list_head rdllink;  ///< lock, or mtx while scanning
  list_head ovflink;  ///< lock
  list_head link;     ///< eventpoll::items
  list_head fllink;   ///< file::f_ep_links, under f_lock
};

/// What ep_ptable_queue_proc() is called with.
struct ep_pqueue : poll_table_struct {
  epitem* epi = nullptr;
};

eventpoll* ep_of(const file* file) noexcept { return static_cast<eventpoll*>(file->private_data); }
bool is_file_epoll(const file* file) noexcept;

/// eventpoll::lock held.
void link_ready(eventpoll* ep, epitem* epi) noexcept {
  if (epi->linked) return;
  epi->linked = true;
  list_add_tail(&epi->rdllink, &ep->rdllist.head);
  shared_list_changed(&ep->rdllist, 1);
}

void ep_poll_safewake(eventpoll* ep) noexcept { wake_up_poll(&ep->poll_wait, POLLIN); }

/// An item became ready: wakes one waiter; whether pollers are to be woken too, after the lock. lock held.
bool wake_waiters(eventpoll* ep) noexcept {
  if (waitqueue_active(&ep->wq)) wake_up(&ep->wq);
  return waitqueue_active(&ep->poll_wait);
}

/// Whether an exclusive watcher counts this wakeup as its own.
bool takes_exclusive(u32 events, u32 key) noexcept {
  switch (key & kInOutBits) {
    case EPOLLIN:
      return (events & EPOLLIN) != 0;
    case EPOLLOUT:
      return (events & EPOLLOUT) != 0;
    case 0:
      return true;
    default:
      return false;
  }
}

// Models fs/eventpoll.c:ep_poll_callback() (5.4). Any context; the watched queue's lock is held.
int ep_poll_callback(wait_queue_entry* wait, unsigned, int, void* key) {
  epitem* const epi = container_of(wait, eppoll_entry, wait)->base;
  eventpoll* const ep = epi->ep;
  const u32 pollflags = key_to_poll(key);
  bool pwake = false;
  int ewake = 0;
  spin_lock_irq(&ep->lock);
  const u32 events = READ_ONCE(epi->event.events);
  if ((events & ~kPrivateBits) != 0 && (pollflags == 0 || (pollflags & events) != 0)) {
    if (!ep->scanning) {
      link_ready(ep, epi);
    } else if (!epi->overflowed) {
      epi->overflowed = true;
      list_add_tail(&epi->ovflink, &ep->ovflist);
    }
    if (waitqueue_active(&ep->wq) && (events & EPOLLEXCLUSIVE) != 0) ewake = takes_exclusive(events, pollflags) ? 1 : 0;
    pwake = wake_waiters(ep);
  }
  spin_unlock_irq(&ep->lock);
  if (pwake) ep_poll_safewake(ep);
  return (events & EPOLLEXCLUSIVE) != 0 ? ewake : 1;
}

// Models ep_ptable_queue_proc(). Divergence: room for two queues a file (none here has more), so that it never runs out of memory
// but of places.
void ep_ptable_queue_proc(file*, wait_queue_head* head, poll_table_struct* table) {
  epitem* const epi = static_cast<ep_pqueue*>(table)->epi;
  if (epi->nwait == kMaxWaitQueues) {
    epi->no_memory = true;
    return;
  }
  eppoll_entry& entry = epi->waits[epi->nwait++];
  init_waitqueue_func_entry(&entry.wait, ep_poll_callback);
  entry.base = epi;
  entry.whead = head;
  if ((epi->event.events & EPOLLEXCLUSIVE) != 0)
    add_wait_queue_exclusive(head, &entry.wait);
  else
    add_wait_queue(head, &entry.wait);
}

u32 ep_item_poll(epitem* epi, poll_table_struct* table) noexcept {
  table->_key = epi->event.events;
  return vfs_poll(epi->target, table) & epi->event.events;
}

/// ep_scan_ready_list(): `visit(item)` sees each ready item, off the list; it returns false to stop and keep the item. mtx held.
template <class Visit>
void scan_ready_list(eventpoll* ep, Visit visit) noexcept {
  list_head txlist;
  spin_lock_irq(&ep->lock);
  list_splice_init(&ep->rdllist.head, &txlist);
  shared_list_changed(&ep->rdllist, -static_cast<int>(ep->rdllist.count));
  ep->scanning = true;
  spin_unlock_irq(&ep->lock);

  list_head keep;  // what stays ready: comes behind what was not looked at
  while (!list_empty(&txlist)) {
    epitem* const epi = list_first_entry(&txlist, epitem, rdllink);
    list_del_init(&epi->rdllink);
    epi->linked = false;
    bool again = false;
    const bool go_on = visit(epi, &again);
    if (!go_on || again) {
      epi->linked = true;
      if (go_on)
        list_add_tail(&epi->rdllink, &keep);
      else
        list_add(&epi->rdllink, &txlist);
    }
    if (!go_on) break;
  }

  spin_lock_irq(&ep->lock);
  int ready = 0;
  list_splice_tail_init(&txlist, &ep->rdllist.head);
  list_splice_tail_init(&keep, &ep->rdllist.head);
  list_for_each_entry(epi, &ep->rdllist.head, epitem, rdllink) ready++;
  shared_list_changed(&ep->rdllist, ready - static_cast<int>(ep->rdllist.count));
  while (!list_empty(&ep->ovflist)) {
    epitem* const epi = list_first_entry(&ep->ovflist, epitem, ovflink);
    list_del_init(&epi->ovflink);
    epi->overflowed = false;
    link_ready(ep, epi);
  }
  ep->scanning = false;
  const bool pwake = !shared_list_empty(&ep->rdllist) && wake_waiters(ep);
  spin_unlock_irq(&ep->lock);
  if (pwake) ep_poll_safewake(ep);
}

/// Copies events out; how many, or -EFAULT. Models ep_send_events_proc().
int ep_send_events(eventpoll* ep, uptr events, int maxevents) noexcept {
  int sent = 0;
  int error = 0;
  mutex_lock(&ep->mtx);
  scan_ready_list(ep, [&](epitem* epi, bool* again) {
    if (sent >= maxevents) return false;
    poll_table_struct table;
    const u32 revents = ep_item_poll(epi, &table);
    if (revents == 0) return true;
    const uptr at = events + static_cast<u64>(sent) * 12;  // packed
    if (!put_user(revents, at) || !put_user(epi->event.data, at + 4)) {
      error = -EFAULT;
      return false;
    }
    sent++;
    if ((epi->event.events & EPOLLONESHOT) != 0)
      WRITE_ONCE(epi->event.events, epi->event.events & kPrivateBits);
    else if ((epi->event.events & static_cast<u32>(EPOLLET)) == 0)
      *again = true;  // level: looked at again by the next call
    return true;
  });
  mutex_unlock(&ep->mtx);
  return sent != 0 ? sent : error;
}

bool ep_events_available(eventpoll* ep) noexcept {
  if (!shared_list_empty(&ep->rdllist)) return true;
  spin_lock_irq(&ep->lock);
  const bool available = ep->rdllist.count != 0 || !list_empty(&ep->ovflist);
  spin_unlock_irq(&ep->lock);
  return available;
}

/// Sleeps until an item is ready: 0; -EINTR; or 1 when `expires` passed. Waker: wake_waiters().
int ep_wait(eventpoll* ep, u64 expires) noexcept {
  wait_queue_entry wait;
  init_wait(&wait);
  add_wait_queue_exclusive(&ep->wq, &wait);
  int ret = 0;
  set_current_state(TASK_INTERRUPTIBLE, "ep_poll.sleep");
  if (!ep_events_available(ep)) {
    if (signal_pending(current()))
      ret = -EINTR;
    else if (expires == ~u64{0})
      schedule();
    else if (schedule_hrtimeout(expires) == 0)
      ret = 1;
  }
  finish_wait(&ep->wq, &wait);
  return ret;
}

// Models fs/eventpoll.c:ep_poll() (5.4).
int ep_poll(eventpoll* ep, uptr events, int maxevents, int timeout_ms) noexcept {
  const u64 expires = timeout_ms < 0 ? ~u64{0} : ktime_get_ns() + static_cast<u64>(timeout_ms) * NSEC_PER_MSEC;
  bool timed_out = timeout_ms == 0;
  for (;;) {
    if (ep_events_available(ep)) {
      const int sent = ep_send_events(ep, events, maxevents);
      if (sent != 0 || timed_out) return sent;
    } else if (timed_out) {
      return 0;
    }
    const int ret = ep_wait(ep, expires);
    if (ret < 0) return ret;
    timed_out = ret != 0;
  }
}

// ---- what is watched ---------------------------------------------------------------------------------------------------

epitem* ep_find(eventpoll* ep, const file* target, int fd) noexcept {
  list_for_each_entry(epi, &ep->items, epitem, link) {
    if (epi->target == target && epi->fd == fd) return epi;
  }
  return nullptr;
}

/// mtx held. Models ep_remove().
void ep_remove(eventpoll* ep, epitem* epi) noexcept {
  for (unsigned i = 0; i < epi->nwait; i++) remove_wait_queue(epi->waits[i].whead, &epi->waits[i].wait);
  spin_lock(&epi->target->f_lock);
  list_del(&epi->fllink);
  shared_list_changed(&epi->target->f_ep_links, -1);
  spin_unlock(&epi->target->f_lock);
  list_del(&epi->link);
  spin_lock_irq(&ep->lock);
  if (epi->linked) {
    list_del(&epi->rdllink);
    shared_list_changed(&ep->rdllist, -1);
  }
  if (epi->overflowed) list_del(&epi->ovflink);
  spin_unlock_irq(&ep->lock);
  kfree(epi);
}

/// mtx held. Models ep_insert().
int ep_insert(eventpoll* ep, const epoll_interest& event, file* target, int fd) noexcept {
  epitem* const epi = kmalloc<epitem>();
  if (epi == nullptr) return -ENOMEM;
  epi->ep = ep;
  epi->target = target;
  epi->fd = fd;
  epi->event = event;
  spin_lock(&target->f_lock);
  list_add_tail(&epi->fllink, &target->f_ep_links.head);
  shared_list_changed(&target->f_ep_links, 1);
  spin_unlock(&target->f_lock);
  list_add_tail(&epi->link, &ep->items);
  ep_pqueue table;
  table._qproc = ep_ptable_queue_proc;
  table.epi = epi;
  const u32 revents = ep_item_poll(epi, &table);
  if (epi->no_memory) {
    ep_remove(ep, epi);
    return -ENOMEM;
  }
  bool pwake = false;
  spin_lock_irq(&ep->lock);
  if (revents != 0 && !epi->linked) {
    link_ready(ep, epi);
    pwake = wake_waiters(ep);
  }
  spin_unlock_irq(&ep->lock);
  if (pwake) ep_poll_safewake(ep);
  return 0;
}

/// mtx held. Models ep_modify().
int ep_modify(eventpoll* ep, epitem* epi, const epoll_interest& event) noexcept {
  WRITE_ONCE(epi->event.events, event.events);
  epi->event.data = event.data;
  // The new mask is seen by callbacks before the state of the file is looked at: one of the two notices what happens now.
  smp_mb("ep_modify.events");
  poll_table_struct table;
  bool pwake = false;
  if (ep_item_poll(epi, &table) != 0) {
    spin_lock_irq(&ep->lock);
    if (!epi->linked) {
      link_ready(ep, epi);
      pwake = wake_waiters(ep);
    }
    spin_unlock_irq(&ep->lock);
  }
  if (pwake) ep_poll_safewake(ep);
  return 0;
}

/// Whether `target` watches `ep` in the end, or a chain gets too long. epmutex held. Models ep_loop_check_proc().
int ep_loop_check(const eventpoll* ep, const file* target, unsigned depth) noexcept {
  if (depth > kMaxNests) return -ELOOP;
  eventpoll* const inner = ep_of(target);
  if (inner == ep) return -ELOOP;
  int ret = 0;
  mutex_lock(&inner->mtx);
  list_for_each_entry(epi, &inner->items, epitem, link) {
    if (is_file_epoll(epi->target)) ret = ep_loop_check(ep, epi->target, depth + 1);
    if (ret != 0) break;
  }
  mutex_unlock(&inner->mtx);
  return ret;
}

// ---- the epoll file itself ---------------------------------------------------------------------------------------------

// Models ep_eventpoll_poll(): ready if an item is, which is looked at anew.
u32 ep_eventpoll_poll(file* file, poll_table_struct* table) {
  eventpoll* const ep = ep_of(file);
  poll_wait(file, &ep->poll_wait, table);
  u32 res = 0;
  mutex_lock(&ep->mtx);
  scan_ready_list(ep, [&res](epitem* epi, bool*) {
    poll_table_struct ask;
    if (ep_item_poll(epi, &ask) == 0) return true;  // was ready some time ago
    res = POLLIN | POLLRDNORM;
    return false;
  });
  mutex_unlock(&ep->mtx);
  return res;
}

// Models ep_free().
int ep_eventpoll_release(inode*, file* file) {
  eventpoll* const ep = ep_of(file);
  vfs_state& state = vfs();
  if (waitqueue_active(&ep->poll_wait)) ep_poll_safewake(ep);
  mutex_lock(&state.epmutex);
  mutex_lock(&ep->mtx);
  while (!list_empty(&ep->items)) ep_remove(ep, list_first_entry(&ep->items, epitem, link));
  mutex_unlock(&ep->mtx);
  mutex_unlock(&state.epmutex);
  kfree(ep);
  return 0;
}

constexpr file_operations eventpoll_fops = {
    .name = "[eventpoll]", .llseek = noop_llseek, .poll = ep_eventpoll_poll, .release = ep_eventpoll_release};

bool is_file_epoll(const file* file) noexcept { return file->f_op == &eventpoll_fops; }

/// EPOLLEXCLUSIVE may come with few other bits, only when added, and never for an epoll file. Models the checks of epoll_ctl(2).
int check_exclusive(int op, const file* target, const epoll_interest& event) noexcept {
  if (op == EPOLL_CTL_DEL || (event.events & EPOLLEXCLUSIVE) == 0) return 0;
  if (op == EPOLL_CTL_MOD) return -EINVAL;
  return is_file_epoll(target) || (event.events & ~kExclusiveOkBits) != 0 ? -EINVAL : 0;
}

int ep_change(eventpoll* ep, int op, file* target, int fd, epoll_interest event) noexcept {
  epitem* const epi = ep_find(ep, target, fd);
  event.events |= EPOLLERR | EPOLLHUP;
  switch (op) {
    case EPOLL_CTL_ADD:
      return epi != nullptr ? -EEXIST : ep_insert(ep, event, target, fd);
    case EPOLL_CTL_DEL:
      if (epi == nullptr) return -ENOENT;
      ep_remove(ep, epi);
      return 0;
    case EPOLL_CTL_MOD:
      if (epi == nullptr) return -ENOENT;
      return (epi->event.events & EPOLLEXCLUSIVE) != 0 ? 0 : ep_modify(ep, epi, event);
    default:
      return -EINVAL;
  }
}

}  // namespace

void eventpoll_release(file* file) noexcept {
  // Nobody can add the file any more: it has no references. What is on the list can only go.
  if (shared_list_empty(&file->f_ep_links)) return;
  vfs_state& state = vfs();
  mutex_lock(&state.epmutex);
  while (!list_empty(&file->f_ep_links.head)) {
    epitem* const epi = list_first_entry(&file->f_ep_links.head, epitem, fllink);
    eventpoll* const ep = epi->ep;
    mutex_lock(&ep->mtx);
    ep_remove(ep, epi);
    mutex_unlock(&ep->mtx);
  }
  mutex_unlock(&state.epmutex);
}

// Models fs/eventpoll.c:epoll_ctl(2) (5.4), in the order of its checks.
int do_epoll_ctl(int epfd, int op, int fd, const epoll_interest& event) noexcept {
  fd_guard ep_file(static_cast<unsigned>(epfd));
  if (!ep_file) return -EBADF;
  fd_guard target(static_cast<unsigned>(fd));
  if (!target) return -EBADF;
  if (target->f_op->poll == nullptr) return -EPERM;
  if (ep_file.get() == target.get() || !is_file_epoll(ep_file.get())) return -EINVAL;
  int ret = check_exclusive(op, target.get(), event);
  if (ret != 0) return ret;
  eventpoll* const ep = ep_of(ep_file.get());
  const bool nested = op == EPOLL_CTL_ADD && is_file_epoll(target.get());
  if (nested) {
    mutex_lock(&vfs().epmutex);
    ret = ep_loop_check(ep, target.get(), 0);
  }
  if (ret == 0) {
    mutex_lock(&ep->mtx);
    ret = ep_change(ep, op, target.get(), fd, event);
    mutex_unlock(&ep->mtx);
  }
  if (nested) mutex_unlock(&vfs().epmutex);
  return ret;
}

int sys_epoll_create1(int flags) noexcept {
  if ((flags & ~EPOLL_CLOEXEC) != 0) return -EINVAL;
  eventpoll* const ep = kmalloc<eventpoll>();
  if (ep == nullptr) return -ENOMEM;
  init_waitqueue_head(&ep->wq);
  init_waitqueue_head(&ep->poll_wait);
  const int fd = anon_inode_getfd("[eventpoll]", &eventpoll_fops, ep, O_RDWR | static_cast<u32>(flags));
  if (fd < 0) kfree(ep);
  return fd;
}

int sys_epoll_ctl(int epfd, int op, int fd, uptr event) noexcept {
  epoll_interest interest;
  if (op != EPOLL_CTL_DEL && (!get_user(&interest.events, event) || !get_user(&interest.data, event + 4))) return -EFAULT;
  return do_epoll_ctl(epfd, op, fd, interest);
}

int sys_epoll_wait(int epfd, uptr events, int maxevents, int timeout_ms) noexcept {
  if (maxevents <= 0 || maxevents > kMaxEvents) return -EINVAL;
  if (!access_ok(events, static_cast<u64>(maxevents) * 12)) return -EFAULT;
  fd_guard file(static_cast<unsigned>(epfd));
  if (!file) return -EBADF;
  if (!is_file_epoll(file.get())) return -EINVAL;
  return ep_poll(ep_of(file.get()), events, maxevents, timeout_ms);
}

}  // namespace uringsim::kernel
