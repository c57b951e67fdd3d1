// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/fs/fasync.h"

#include "kernel_model/core/cred.h"
#include "kernel_model/core/process.h"
#include "kernel_model/core/signal.h"

namespace uringsim::kernel {

int fasync_helper(int fd, file* file, int on, fasync_list* list) noexcept {
  KERNEL_FUNCTION;
  fasync_struct* const fresh = on != 0 ? kmalloc<fasync_struct>() : nullptr;
  if (on != 0 && fresh == nullptr) return -ENOMEM;

  unsigned long flags = 0;
  spin_lock_irqsave(&list->lock, flags);
  fasync_struct** link = &list->first;
  while (*link != nullptr && (*link)->fa_file != file) link = &(*link)->fa_next;
  fasync_struct* const known = *link;
  if (on != 0 && known != nullptr) {
    known->fa_fd = fd;
  } else if (on != 0) {
    fresh->fa_file = file;
    fresh->fa_fd = fd;
    fresh->fa_next = list->first;
    WRITE_ONCE(list->first, fresh);
  } else if (known != nullptr) {
    WRITE_ONCE(*link, known->fa_next);
  }
  spin_unlock_irqrestore(&list->lock, flags);

  if (on != 0 && known != nullptr) kfree(fresh);
  if (on == 0) kfree(known);
  return on != 0 ? known == nullptr : known != nullptr;
}

namespace {

// Models send_sigio(): F_SETSIG is not modelled, so it is always the plain signal, for the whole process.
void send_sigio(const fown_struct* owner, int sig) noexcept {
  task_struct* const task = find_get_task_by_pid(owner->pid);
  if (task == nullptr) return;
  // Models sigio_perm().
  const cred* const cred = task->real_cred;
  if (owner->euid == 0 || owner->euid == cred->uid || owner->uid == cred->uid) (void)send_sig_process(sig, task->group_leader);
  put_task_struct(task);
}

}  // namespace

void kill_fasync(fasync_list* list, int sig) noexcept {
  // Most often nobody asked: no lock for that.
  if (READ_ONCE(list->first) == nullptr) return;
  unsigned long flags = 0;
  spin_lock_irqsave(&list->lock, flags);
  for (const fasync_struct* fa = list->first; fa != nullptr; fa = fa->fa_next) send_sigio(&fa->fa_file->f_owner, sig);
  spin_unlock_irqrestore(&list->lock, flags);
}

int f_setown(file* file, s64 who) noexcept {
  const int pid = static_cast<int>(who);
  if (pid < 0) return -EINVAL;
  if (pid != 0) {
    task_struct* const task = find_get_task_by_pid(pid);
    if (task == nullptr) return -ESRCH;
    put_task_struct(task);
  }
  file->f_owner = {pid, current_cred()->uid, current_cred()->euid};
  return 0;
}

}  // namespace uringsim::kernel
