// SPDX-License-Identifier: GPL-2.0-only
// A full memory barrier on every thread of this process, at the expense of the one that asks for it. The half of a fence that is
// rare pays for the half that is not:
//
//     often, a thread                    seldom, another
//     a = 1                 (store)      b = 1                 (store)
//     compiler barrier                   HostBarrier::issue()
//     look at b             (load)       look at a             (load)
//
// One of the two sees what the other stored, as if each had a full barrier.
#pragma once

#include "kernel_model/arch/types.h"

namespace uringsim::sim {

class HostBarrier {
 public:
  /// How the host is brought to it.
  enum class Way : u8 {
    membarrier,  ///< by the system call that is for this
    mapping,  ///< where there is none (an old kernel, a filter of system calls): by unmapping a page that was in use, upon which
              ///< an x86 host interrupts every processor on which a thread of the process runs
  };

  /// By membarrier if the host has it.
  HostBarrier() noexcept;
  /// Throws std::system_error if the host does not have it that way.
  explicit HostBarrier(Way way);

  /// What the caller stored before is seen by every thread that goes on loading after this call has begun on it; and the reverse.
  void issue() const noexcept;
  [[nodiscard]] Way way() const noexcept { return way_; }

 private:
  Way way_;
};

}  // namespace uringsim::sim
