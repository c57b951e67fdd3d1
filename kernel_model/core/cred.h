// SPDX-License-Identifier: GPL-2.0-only
// Who a task is. Models include/linux/cred.h, kernel/cred.c, kernel/user.c and capability.c (5.4).
// Ordering: get_cred none, the last put_cred after all others; what is counted of a user orders nothing else.
// Credentials do not change once others can see them: a task prepares a copy and commits it. Counted by hand: get_cred, put_cred.
#pragma once

#include <linux/capability.h>

#include "kernel_model/core/kernel.h"
#include "kernel_model/core/refcount.h"

namespace uringsim::kernel {

/// A user of the machine: what all its processes share.
///
///   locked_vm    pages locked against RLIMIT_MEMLOCK   anybody, cmpxchg and atomic add (shared word)
struct user_struct {
  refcount_t refs;
  u32 uid = 0;
  atomic_long_t locked_vm;
  atomic_t processes;           ///< against RLIMIT_NPROC; io-wq counts its unbounded workers here, too
  atomic_long_t unix_inflight;  ///< files in flight in AF_UNIX messages
  list_head link;               ///< Kernel::users; Kernel::tasklist_lock
};

struct cred {
  static constexpr unsigned kGroups = 16;
  u32 usage = 1;  ///< the hardware's atomics, not explored
  u32 uid = 0, gid = 0;
  u32 euid = 0, egid = 0;
  u32 fsuid = 0, fsgid = 0;
  u32 groups[kGroups] = {};  ///< supplementary
  u32 ngroups = 0;
  u64 cap_effective = 0;        ///< a bit a capability, CAP_*
  user_struct* user = nullptr;  ///< counted
};

inline constexpr u64 kAllCapabilities = (u64{1} << (CAP_AUDIT_READ + 1)) - 1;  // 5.4 knows 38

/// The user with this id, counted; made if it is not there. Null when memory ran out.
user_struct* alloc_uid(u32 uid) noexcept;
/// The same, but null if it is not there.
user_struct* find_user(u32 uid) noexcept;
inline user_struct* get_uid(user_struct* user, Site site = Site::here()) noexcept {
  refcount_inc(&user->refs, site);
  return user;
}
void free_uid(user_struct* user) noexcept;

inline const cred* get_cred(const cred* credentials) noexcept {
  __atomic_add_fetch(&const_cast<cred*>(credentials)->usage, 1, __ATOMIC_RELAXED);
  return credentials;
}
void put_cred(const cred* credentials) noexcept;
inline const cred* current_cred() noexcept { return current()->cred_; }
inline const cred* get_current_cred() noexcept { return get_cred(current_cred()); }
inline user_struct* current_user() noexcept { return current_cred()->user; }

/// A copy of the current task's, to be changed and then committed or aborted. Null when memory ran out.
cred* prepare_creds() noexcept;
/// Makes them the current task's, subjective and objective ones. Takes over the reference.
void commit_creds(cred* credentials) noexcept;
inline void abort_creds(cred* credentials) noexcept { put_cred(credentials); }

/// Acts as somebody else; returns who the task was, for revert_creds().
inline const cred* override_creds(const cred* credentials) noexcept {
  task_struct* const task = current();
  const cred* const old = task->cred_;
  task->cred_ = get_cred(credentials);
  return old;
}
inline void revert_creds(const cred* old) noexcept {
  task_struct* const task = current();
  const cred* const overriding = task->cred_;
  task->cred_ = old;
  put_cred(overriding);
}

/// The current task may do what CAP_`capability` allows.
inline bool capable(int capability) noexcept { return (current_cred()->cap_effective >> capability & 1) != 0; }
bool in_group_p(u32 gid) noexcept;

}  // namespace uringsim::kernel
