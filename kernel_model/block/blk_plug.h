// SPDX-License-Identifier: GPL-2.0-only
// Plugs: a submitter says that more is coming, so that a device may start what it is given in one go. Models
// include/linux/blkdev.h and block/blk-core.c (5.4).
//
// Divergence: bios reach their device at once, plugged or not; what a plug holds back is the device's own doorbell
// (BlockDevice::commit()). A device that has none does not notice.
#pragma once

#include "kernel_model/block/block_device.h"
#include "kernel_model/core/sched.h"

namespace uringsim::kernel {

/// On its submitter's stack.
struct blk_plug {
  static constexpr unsigned kDevices = 4;  ///< more at once are not held back
  BlockDevice* held[kDevices] = {};        ///< who waits for commit()
  unsigned count = 0;
};

/// Lets every device that was held back start. Models blk_flush_plug().
inline void blk_flush_plug(task_struct* task) noexcept {
  blk_plug* const plug = static_cast<blk_plug*>(task->plug);
  if (plug == nullptr) return;
  const unsigned count = plug->count;
  plug->count = 0;
  for (unsigned i = 0; i < count; i++) plug->held[i]->commit();
}

/// The outermost plug counts, as in Linux.
inline void blk_start_plug(blk_plug* plug) noexcept {
  task_struct* const task = current();
  if (task->plug == nullptr) task->plug = plug;
}
inline void blk_finish_plug(blk_plug* plug) noexcept {
  task_struct* const task = current();
  if (task->plug != plug) return;
  blk_flush_plug(task);
  task->plug = nullptr;
}

/// Asked by a device that was given something: true if its commit() will be called before the submitter sleeps or unplugs.
inline bool blk_plug_hold(BlockDevice* device) noexcept {
  if (in_interrupt()) return false;
  blk_plug* const plug = static_cast<blk_plug*>(current()->plug);
  if (plug == nullptr) return false;
  for (unsigned i = 0; i < plug->count; i++)
    if (plug->held[i] == device) return true;
  if (plug->count == blk_plug::kDevices) return false;
  plug->held[plug->count++] = device;
  return true;
}

}  // namespace uringsim::kernel
