// SPDX-License-Identifier: GPL-2.0-only
// The rings of a quiescent or stopped kernel, for checkers and stories. Reads memory as it is, outside of every task.
#pragma once

#include <algorithm>
#include <vector>

#include "kernel_model/core/kernel.h"
#include "kernel_model/core/sched.h"
#include "kernel_model/fs/fdtable.h"
#include "kernel_model/fs/fs.h"
#include "kernel_model/io_uring/ctx.h"
#include "kernel_model/io_uring/ring_file.h"

namespace uringsim::sim {

/// Rings that some task has a descriptor of, in order of task and descriptor, each once.
inline std::vector<kernel::io_ring_ctx*> rings_of(kernel::Kernel& kernel) {
  std::vector<kernel::io_ring_ctx*> rings;
  list_for_each_entry(task, &kernel.tasks, kernel::task_struct, tasks) {
    const kernel::files_struct* const files = task->files;
    if (files == nullptr) continue;
    for (unsigned fd = 0; fd < files->max_fds; fd++) {
      const kernel::file* const file = files->fd[fd];
      if (file == nullptr || !kernel::is_io_uring_file(file)) continue;
      auto* const ring = static_cast<kernel::io_ring_ctx*>(file->private_data);
      if (std::find(rings.begin(), rings.end(), ring) == rings.end()) rings.push_back(ring);
    }
  }
  return rings;
}

}  // namespace uringsim::sim
