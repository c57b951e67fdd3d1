// SPDX-License-Identifier: GPL-2.0-only
// System calls that are no file's but that programs of this world need beside them: mapping, identity, limits, sleeping. Models
// mm/mmap.c, kernel/sys.c and kernel/time/hrtimer.c (5.4) as far as arguments go; the work is done in core/.
#include <sys/mman.h>

#include "kernel_model/core/cred.h"
#include "kernel_model/core/jiffies.h"
#include "kernel_model/core/rlimit.h"
#include "kernel_model/core/uaccess.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/syscalls.h"

namespace uringsim::kernel {

namespace {

/// May the file be mapped like this? Models do_mmap()'s look at the file.
int check_mapped_file(const file* file, int prot, int flags) noexcept {
  if ((file->f_mode & FMODE_READ) == 0) return -EACCES;
  if ((flags & MAP_TYPE) == MAP_SHARED && (prot & PROT_WRITE) != 0 && (file->f_mode & FMODE_WRITE) == 0) return -EACCES;
  return file->f_op->mmap == nullptr ? -ENODEV : 0;
}

}  // namespace

// Models ksys_mmap_pgoff() and do_mmap(). Divergences: the address is a hint that is never taken, MAP_FIXED is -EOPNOTSUPP; a
// private mapping of a file is not made (-EOPNOTSUPP): there are no page faults here that would copy it.
s64 sys_mmap(uptr, u64 bytes, int prot, int flags, int fd, u64 offset) noexcept {
  if ((offset & (PAGE_SIZE - 1)) != 0) return -EINVAL;
  if (bytes == 0) return -EINVAL;
  if (bytes > TASK_SIZE) return -ENOMEM;
  const int type = flags & MAP_TYPE;
  if (type != MAP_SHARED && type != MAP_PRIVATE) return -EINVAL;
  if ((flags & MAP_FIXED) != 0) return -EOPNOTSUPP;
  mm_struct* const mm = current()->mm;
  if ((flags & MAP_ANONYMOUS) != 0) return mmap_anonymous(mm, bytes, prot, type == MAP_SHARED);
  fd_guard file(static_cast<unsigned>(fd));
  if (!file) return -EBADF;
  const int ret = check_mapped_file(file.get(), prot, flags);
  if (ret != 0) return ret;
  if (type == MAP_PRIVATE) return -EOPNOTSUPP;
  return file->f_op->mmap(file.get(), mm, bytes, prot, offset);
}

int sys_munmap(uptr address, u64 bytes) noexcept { return do_munmap(current()->mm, address, bytes); }
int sys_mprotect(uptr address, u64 bytes, int prot) noexcept { return do_mprotect(current()->mm, address, bytes, prot); }

// Models __sys_setuid() (5.4): all three ids with CAP_SETUID, else only the effective one. Leaving uid 0 behind loses all
// capabilities.
int sys_setuid(u32 uid) noexcept { return capable(CAP_SETUID) ? sys_setresuid(uid, uid, uid) : sys_setresuid(~0u, uid, ~0u); }

// Divergence: no saved ids.
int sys_setresuid(u32 ruid, u32 euid, u32 suid) noexcept {
  cred* const fresh = prepare_creds();
  if (fresh == nullptr) return -ENOMEM;
  const auto allowed = [fresh](u32 id) { return id == ~0u || id == fresh->uid || id == fresh->euid; };
  if (!capable(CAP_SETUID) && !(allowed(ruid) && allowed(euid) && allowed(suid))) {
    abort_creds(fresh);
    return -EPERM;
  }
  const bool was_root = fresh->uid == 0 || fresh->euid == 0;
  if (ruid != ~0u && ruid != fresh->uid) {
    user_struct* const user = alloc_uid(ruid);
    if (user == nullptr) {
      abort_creds(fresh);
      return -EAGAIN;
    }
    free_uid(fresh->user);
    fresh->user = user;
    fresh->uid = ruid;
  }
  if (euid != ~0u) fresh->euid = euid;
  fresh->fsuid = fresh->euid;
  if (was_root && fresh->uid != 0 && fresh->euid != 0) fresh->cap_effective = 0;
  commit_creds(fresh);
  return 0;
}

int sys_setresgid(u32 rgid, u32 egid, u32 sgid) noexcept {
  cred* const fresh = prepare_creds();
  if (fresh == nullptr) return -ENOMEM;
  const auto allowed = [fresh](u32 id) { return id == ~0u || id == fresh->gid || id == fresh->egid; };
  if (!capable(CAP_SETGID) && !(allowed(rgid) && allowed(egid) && allowed(sgid))) {
    abort_creds(fresh);
    return -EPERM;
  }
  if (rgid != ~0u) fresh->gid = rgid;
  if (egid != ~0u) fresh->egid = egid;
  fresh->fsgid = fresh->egid;
  commit_creds(fresh);
  return 0;
}

// Divergence: at most cred::kGroups groups (-EINVAL beyond; Linux takes 65536).
int sys_setgroups(int count, uptr list) noexcept {
  if (!capable(CAP_SETGID)) return -EPERM;
  if (count < 0 || count > static_cast<int>(cred::kGroups)) return -EINVAL;
  u32 groups[cred::kGroups] = {};
  if (count != 0 && copy_from_user(groups, list, static_cast<u64>(count) * sizeof(u32)) != 0) return -EFAULT;
  cred* const fresh = prepare_creds();
  if (fresh == nullptr) return -ENOMEM;
  for (unsigned i = 0; i < cred::kGroups; i++) fresh->groups[i] = groups[i];
  fresh->ngroups = static_cast<u32>(count);
  commit_creds(fresh);
  return 0;
}

int sys_setrlimit(unsigned limit, uptr rlim) noexcept {
  rlimit_pair value;
  if (!get_user(&value, rlim)) return -EFAULT;
  return do_setrlimit(limit, value);
}

int sys_getrlimit(unsigned limit, uptr rlim) noexcept {
  if (limit >= RLIM_NLIMITS) return -EINVAL;
  const rlimit_pair& from = current()->signal->rlim[limit];
  const rlimit_pair value = {READ_ONCE(from.rlim_cur), READ_ONCE(from.rlim_max)};
  return put_user(value, rlim) ? 0 : -EFAULT;
}

// Models kernel/time/hrtimer.c:nanosleep(2). Divergence: an interrupted sleep ends with -EINTR even if no handler ran.
s64 sys_nanosleep(uptr request, uptr remaining) noexcept {
  struct {
    s64 sec, nsec;
  } time;
  if (!get_user(&time, request)) return -EFAULT;
  if (time.sec < 0 || time.nsec < 0 || time.nsec >= static_cast<s64>(NSEC_PER_SEC)) return -EINVAL;
  const u64 until = ktime_get_ns() + static_cast<u64>(time.sec) * NSEC_PER_SEC + static_cast<u64>(time.nsec);
  for (;;) {
    set_current_state(TASK_INTERRUPTIBLE, "nanosleep");
    if (schedule_hrtimeout(until) == 0 || ktime_get_ns() >= until) return 0;
    if (signal_pending(current())) break;
  }
  const u64 now = ktime_get_ns();
  const u64 left = until > now ? until - now : 0;
  time = {static_cast<s64>(left / NSEC_PER_SEC), static_cast<s64>(left % NSEC_PER_SEC)};
  if (remaining != 0 && !put_user(time, remaining)) return -EFAULT;
  return -EINTR;
}

}  // namespace uringsim::kernel
