// SPDX-License-Identifier: GPL-2.0-only
// epoll. Models fs/eventpoll.c (5.4). Divergences: watched items stand in a list instead of a tree; no wakeup sources; loops of
// epoll files and chains of more than five are looked for under one lock, chains by depth only.
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

/// A file goes away: every epoll lets go of it. Called with no reference left.
void eventpoll_release(file* file) noexcept;

/// An event to wait for and the application's word that comes with it.
struct epoll_interest {
  u32 events = 0;
  u64 data = 0;
};
/// epoll_ctl(2) with the event already copied (io_uring's EPOLL_CTL uses it too). 0 or -errno.
int do_epoll_ctl(int epfd, int op, int fd, const epoll_interest& event) noexcept;

}  // namespace uringsim::kernel
