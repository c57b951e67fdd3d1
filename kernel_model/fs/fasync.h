// SPDX-License-Identifier: GPL-2.0-only
// Signals that tell of a file's readiness: F_SETOWN, O_ASYNC, SIGIO. Models fs/fcntl.c (5.4).
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

/// One open file that wants SIGIO.
struct fasync_struct {
  fasync_struct* fa_next = nullptr;
  file* fa_file = nullptr;
  int fa_fd = -1;
};

/// Models fasync_helper(): enters `file` into the list, or takes it out. 1: the list changed, 0: it did not, or -ENOMEM.
/// Divergence: a lock of the list's own instead of the one fasync_lock.
int fasync_helper(int fd, file* file, int on, fasync_list* list) noexcept;
/// Models kill_fasync(): a signal to the owner of each file in the list. Any context.
void kill_fasync(fasync_list* list, int sig) noexcept;
/// Models f_setown(): who gets the file's signals. `who`: a process; a negative number is a process group, which there is none
/// of.
int f_setown(file* file, s64 who) noexcept;

}  // namespace uringsim::kernel
