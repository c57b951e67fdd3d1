// SPDX-License-Identifier: GPL-2.0-only
// /dev/null and /dev/zero. Models drivers/char/mem.c.
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

extern const file_operations null_fops;
extern const file_operations zero_fops;

}  // namespace uringsim::kernel
