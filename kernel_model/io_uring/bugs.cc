// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_model/io_uring/bugs.h"

namespace uringsim::kernel {

namespace {
constexpr BugDescription kBugs[] = {
#define X(name, id, what, affected, fixed) {id, what, affected, fixed},
    URINGSIM_BUGS(X)
#undef X
};
}  // namespace

const BugDescription& describe(Bug bug) noexcept { return kBugs[static_cast<unsigned>(bug)]; }

Bug find_bug(std::string_view id) noexcept {
  for (unsigned i = 0; i < static_cast<unsigned>(Bug::count_); i++)
    if (kBugs[i].id == id) return static_cast<Bug>(i);
  return Bug::count_;
}

}  // namespace uringsim::kernel
