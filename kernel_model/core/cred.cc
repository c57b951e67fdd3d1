// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/cred.h"

namespace uringsim::kernel {

namespace {
/// Kernel::tasklist_lock held. Counted.
user_struct* look_up(Kernel& k, u32 uid) noexcept {
  list_for_each_entry(user, &k.users, user_struct, link) {
    if (user->uid == uid) return get_uid(user);
  }
  return nullptr;
}
}  // namespace

user_struct* find_user(u32 uid) noexcept {
  Kernel& k = kernel();
  spin_lock(&k.tasklist_lock);
  user_struct* const user = look_up(k, uid);
  spin_unlock(&k.tasklist_lock);
  return user;
}

user_struct* alloc_uid(u32 uid) noexcept {
  Kernel& k = kernel();
  user_struct* user = find_user(uid);
  if (user != nullptr) return user;
  user_struct* const fresh = kmalloc<user_struct>();
  if (fresh == nullptr) return nullptr;
  refcount_set(&fresh->refs, 1);
  fresh->uid = uid;
  spin_lock(&k.tasklist_lock);
  user = look_up(k, uid);  // somebody may have been faster
  if (user == nullptr) list_add_tail(&fresh->link, &k.users);
  spin_unlock(&k.tasklist_lock);
  if (user == nullptr) return fresh;
  kfree(fresh);
  return user;
}

void free_uid(user_struct* user) noexcept {
  if (user == nullptr) return;
  Kernel& k = kernel();
  spin_lock(&k.tasklist_lock);  // refcount_dec_and_lock_irqsave(): nobody may find it on the way out
  const bool last = refcount_dec_and_test(&user->refs);
  if (last) list_del(&user->link);
  spin_unlock(&k.tasklist_lock);
  if (last) kfree(user);
}

void put_cred(const cred* credentials) noexcept {
  cred* const mine = const_cast<cred*>(credentials);
  if (__atomic_sub_fetch(&mine->usage, 1, __ATOMIC_ACQ_REL) != 0) return;
  free_uid(mine->user);
  kfree(mine);
}

cred* prepare_creds() noexcept {
  const cred* const old = current_cred();
  cred* const fresh = kmemdup(*old);
  if (fresh == nullptr) return nullptr;
  fresh->usage = 1;
  get_uid(fresh->user);
  return fresh;
}

void commit_creds(cred* credentials) noexcept {
  task_struct* const task = current();
  const cred* const old = task->real_cred;
  BUG_ON(task->cred_ != old, "commit_creds: the task acts as somebody else");
  task->real_cred = credentials;
  task->cred_ = get_cred(credentials);
  put_cred(old);
  put_cred(old);
}

bool in_group_p(u32 gid) noexcept {
  const cred* const credentials = current_cred();
  if (gid == credentials->fsgid) return true;
  for (u32 i = 0; i < credentials->ngroups; i++)
    if (credentials->groups[i] == gid) return true;
  return false;
}

}  // namespace uringsim::kernel
