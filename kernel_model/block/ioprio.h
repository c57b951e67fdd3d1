// SPDX-License-Identifier: GPL-2.0-only
// I/O priorities. Models include/linux/ioprio.h.
#pragma once

#include "kernel_model/core/cred.h"

namespace uringsim::kernel {

enum : unsigned { IOPRIO_CLASS_NONE = 0, IOPRIO_CLASS_RT = 1, IOPRIO_CLASS_BE = 2, IOPRIO_CLASS_IDLE = 3 };
inline constexpr unsigned IOPRIO_CLASS_SHIFT = 13;
inline constexpr unsigned IOPRIO_BE_NR = 8;

/// May the current task use this priority? 0, -EPERM or -EINVAL. Models block/ioprio.c:ioprio_check_cap() (5.4).
inline int ioprio_check_cap(u16 ioprio) noexcept {
  const unsigned data = ioprio & ((1u << IOPRIO_CLASS_SHIFT) - 1);
  switch (ioprio >> IOPRIO_CLASS_SHIFT) {
    case IOPRIO_CLASS_RT:
      if (!capable(CAP_SYS_ADMIN)) return -EPERM;
      return data < IOPRIO_BE_NR ? 0 : -EINVAL;
    case IOPRIO_CLASS_BE:
      return data < IOPRIO_BE_NR ? 0 : -EINVAL;
    case IOPRIO_CLASS_IDLE:
      return 0;
    case IOPRIO_CLASS_NONE:
      return data == 0 ? 0 : -EINVAL;
    default:
      return -EINVAL;
  }
}

}  // namespace uringsim::kernel
