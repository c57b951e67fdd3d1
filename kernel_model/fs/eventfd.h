// SPDX-License-Identifier: GPL-2.0-only
// eventfd: a counter that can be waited for. Models include/linux/eventfd.h and fs/eventfd.c (5.4).
// Ordering: what stands before a signal or a write is seen by the read that takes its count (wqh.lock). A poll joins the queue
// and then looks at the count, a signal changes the count and then looks at the queue, both under that lock: none is missed.
#pragma once

#include "kernel_model/fs/fs.h"

namespace uringsim::kernel {

/// The counter. Counted apart from its file, so that the kernel can signal one that the application has closed.
struct eventfd_ctx {
  refcount_t kref;
  wait_queue_head_t wqh;
  u64 count = 0;  ///< shared word: wqh.lock to write
  u32 flags = 0;  ///< EFD_*
  u32 id = 0;     ///< for traces
};

/// The counter behind a descriptor, with a reference, or ERR_PTR(-EBADF, -EINVAL if it is no eventfd).
eventfd_ctx* eventfd_ctx_fdget(int fd) noexcept;
eventfd_ctx* eventfd_ctx_fileget(file* file) noexcept;
void eventfd_ctx_put(eventfd_ctx* ctx) noexcept;
/// Adds `n` (what fits) and wakes readers; any context. Returns what was added: 0 if this context is inside of a wakeup of an
/// eventfd already (Linux warns and loses the signal).
u64 eventfd_signal(eventfd_ctx* ctx, u64 n) noexcept;
/// Whether this context is inside of eventfd_signal()'s wakeups.
inline bool eventfd_signal_count() noexcept { return arch::current_task()->eventfd_wakes != 0; }

}  // namespace uringsim::kernel
