// SPDX-License-Identifier: GPL-2.0-only
// Plugs: a submitter says that more is coming. Models include/linux/blkdev.h (5.4).
//
// Divergence: nothing is held back: bios reach their device one by one, which has no use for a batch. What a plug is for here
// is that code which plugs reads as it does in Linux.
#pragma once

#include "kernel_model/core/sched.h"

namespace uringsim::kernel {

struct blk_plug {
  blk_plug* outer = nullptr;
};

/// The outermost plug counts, as in Linux.
inline void blk_start_plug(blk_plug* plug) noexcept {
  task_struct* const task = current();
  if (task->plug == nullptr) task->plug = plug;
}
inline void blk_finish_plug(blk_plug* plug) noexcept {
  task_struct* const task = current();
  if (task->plug == plug) task->plug = nullptr;
}

}  // namespace uringsim::kernel
