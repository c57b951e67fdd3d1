// SPDX-License-Identifier: GPL-2.0-only
// What core/ asks of the floors above it: mapped files have references, an exiting task has files to close, a ring to cancel.
//
// fs/ (and io_uring/, where a release cancels on exit) fill one constant table and point Kernel::upper at it when they start.
// Divergence: Linux calls these functions by name; here includes go downwards only. An empty slot does nothing.
#pragma once

#include "kernel_model/core/kernel.h"

namespace uringsim::kernel {

struct file;

struct upper_floors {
  void (*get_file)(file* file) noexcept = nullptr;
  void (*fput)(file* file) noexcept = nullptr;
  /// Gives `child` the file table of its parent: the same with CLONE_FILES, else a copy. 0 or -errno.
  int (*copy_files)(u32 clone_flags, task_struct* child, task_struct* parent) noexcept = nullptr;
  /// Drops the task's file table; the last user closes everything in it.
  void (*exit_files)(task_struct* task) noexcept = nullptr;
  /// The first thing of do_exit(), before the task is PF_EXITING: io_uring_files_cancel() and io_uring_task_cancel() (5.10).
  void (*io_uring_cancel)(task_struct* task) noexcept = nullptr;
  /// The task is about to sleep with a plug: blk_schedule_flush_plug().
  void (*flush_plug)(task_struct* task) noexcept = nullptr;
  /// The task is released: __io_uring_free() (5.10).
  void (*io_uring_free)(task_struct* task) noexcept = nullptr;
};

}  // namespace uringsim::kernel
