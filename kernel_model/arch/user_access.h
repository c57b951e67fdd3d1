// SPDX-License-Identifier: GPL-2.0-only
// Accesses to user memory, and how one who takes a page away waits for them.
//
// A processor looks an address up and accesses the page in one instruction: when it has acknowledged a shoot-down, nothing that
// it does any more goes by the old translation. A task here looks up first and accesses then. Where tasks are threads of the host
// it may be held up between the two, so it says what it is about to access, and looks at the generation of its translation after
// having said so:
//
//     task                                             who unmaps
//     user_access: the address             (store)     generation raised                      (store)
//     compiler barrier                                 full barrier on every thread of the host (Machine::shoot_down)
//     is the translation's generation      (load)      user_access in what is unmapped?       (load)
//       still that of the address space?                 then wait until it has changed
//     the access itself                                the page belongs to somebody else
//     user_access: 0               (store-release)
//
// Either the task sees the new generation and accesses nothing, or its access is seen and waited for. The load that sees
// something else than it, an acquire, orders what the task did to the page before everything that happens to the page later. The
// barrier between the task's store and its load is paid for by who unmaps: an access costs the task two stores.
//
// Where tasks take turns nobody looks. Inside of an access there is nothing that waits, takes a lock or may not come back: who
// unmaps relies on it.
#pragma once

#include "kernel_model/arch/task.h"

namespace uringsim::arch {

/// `task`, the current one, is about to access user memory at `at`, all of it in one page. What it knows of the page is to be
/// looked at after this, and again if the access had to be left meanwhile.
inline void user_access_begin(Task& task, uptr at) noexcept {
  __atomic_store_n(&task.user_access, at, __ATOMIC_RELEASE);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
}
/// The access is over.
inline void user_access_end(Task& task) noexcept { __atomic_store_n(&task.user_access, 0, __ATOMIC_RELEASE); }

}  // namespace uringsim::arch
