// SPDX-License-Identifier: GPL-2.0-only
// What releases do differently below io_uring, as far as anybody can tell. Data that a profile carries (io_uring/profile.h) and a
// world hands to vfs_init(); the defaults are 5.4's.
#pragma once

namespace uringsim::kernel {

struct vfs_release {
  /// ext4: an O_DIRECT read from the end of the file on is 0 before anybody looks at its alignment (5.4). 5.1 finds the
  /// misalignment first: -EINVAL.
  bool direct_read_ends_early = true;
  /// ext4: an O_DIRECT read with IOCB_NOWAIT only tries the inode's lock (5.4). 5.1 sleeps for it, in the submitter.
  bool direct_read_tries_lock = true;
  /// sync_file_range() with all three flags waits for a page that is on its way and writes it once more (5.2 on,
  /// "sync_file_range(2) may use WB_SYNC_ALL writeback"). 5.1 leaves such a page alone whatever the flags: what was written to it
  /// meanwhile stays dirty.
  bool sync_range_for_keeps = true;
};

}  // namespace uringsim::kernel
