// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/core/rlimit.h"

#include "kernel_model/core/cred.h"

namespace uringsim::kernel {

int do_setrlimit(unsigned limit, rlimit_pair value) noexcept {
  if (limit >= RLIM_NLIMITS || value.rlim_cur > value.rlim_max) return -EINVAL;
  signal_struct* const signal = current()->signal;
  int ret = 0;
  spin_lock(&signal->siglock);
  rlimit_pair& pair = signal->rlim[limit];
  if (value.rlim_max > pair.rlim_max && !capable(CAP_SYS_RESOURCE)) {
    ret = -EPERM;
  } else {
    WRITE_ONCE(pair.rlim_cur, value.rlim_cur);
    WRITE_ONCE(pair.rlim_max, value.rlim_max);
  }
  spin_unlock(&signal->siglock);
  return ret;
}

}  // namespace uringsim::kernel
