// SPDX-License-Identifier: GPL-2.0-only
// Real bugs of the kernel's history, as variants of the model: one table, and a look-up at the place where the kernel had it.
//
// A profile has the bugs that its release had (native). A world may add foreign ones ("bugs") and take native ones out ("fixes").
#pragma once

#include <string_view>

#include "kernel_model/arch/types.h"

namespace uringsim::kernel {

/// X(name, "id", "what it does wrong", "affected", "fixed by")
#define URINGSIM_BUGS(X)                                                                                                        \
  X(sqpoll_need_wakeup_missing_mb_51rc, "sqpoll-need-wakeup-missing-mb-51rc",                                                   \
    "the SQ thread has no full barrier between setting NEED_WAKEUP and its last look at the SQ tail", "5.1-rc", "0d7bae69c574") \
  X(sqpoll_flag_set_after_last_check, "sqpoll-flag-set-after-last-check",                                                       \
    "the SQ thread sets NEED_WAKEUP after its last look at the SQ tail and sleeps", "5.10 to 5.12", "5.13-rc1")                 \
  X(sqpoll_need_wakeup_barrier_dropped_58, "sqpoll-need-wakeup-barrier-dropped-58",                                             \
    "NEED_WAKEUP is set under a lock, which is not a barrier against the look at the SQ tail that follows", "5.8 to 5.17",      \
    "649bb75d19c9")

enum class Bug : u8 {
#define X(name, id, what, affected, fixed) name,
  URINGSIM_BUGS(X)
#undef X
      count_
};
static_assert(static_cast<unsigned>(Bug::count_) <= 64, "BugSet is one word");

/// A set of bugs.
struct BugSet {
  u64 bits = 0;
  [[nodiscard]] constexpr bool has(Bug bug) const noexcept { return (bits >> static_cast<unsigned>(bug) & 1) != 0; }
  [[nodiscard]] constexpr BugSet with(Bug bug) const noexcept { return {bits | u64{1} << static_cast<unsigned>(bug)}; }
  [[nodiscard]] constexpr BugSet without(Bug bug) const noexcept { return {bits & ~(u64{1} << static_cast<unsigned>(bug))}; }
};

struct BugDescription {
  std::string_view id, what, affected, fixed;
};
/// What is known of a bug.
const BugDescription& describe(Bug bug) noexcept;
/// The bug with this id; Bug::count_ if there is none.
Bug find_bug(std::string_view id) noexcept;

}  // namespace uringsim::kernel
