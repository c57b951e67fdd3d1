// SPDX-License-Identifier: GPL-2.0-only
// Mistakes that applications make with io_uring, under the names that a scenario's `bugs` takes beside bugs of the kernel.
//
// A mistake is a difference in the application's own steps, spelled out where it is made:
//
//     { "mistake": "app-checks-flag-only-once",
//       "steps":   [ ...the program as people write it... ],
//       "instead": [ ...the program as it should be... ] }
//
// so that `--set bugs=[]` runs the right one. `liburing-needs-enter-no-fence` is one of the ring library: with it, every ring of
// the scenario is used as liburing up to 2.1 did.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kernel_model/io_uring/bugs.h"
#include "sim/scenario/scenario.h"

namespace uringsim::sim {

struct ApplicationMistake {
  std::string_view id;
  std::string_view what;      ///< what the application does
  std::string_view should;    ///< what is right
  std::string_view affected;  ///< where it was seen
};

/// All of them.
[[nodiscard]] std::span<const ApplicationMistake> application_mistakes() noexcept;
[[nodiscard]] std::vector<std::string_view> known_mistakes();

/// Decides for each `mistake` step whether it is made, and what library the rings are used with. After all names were checked.
void settle_mistakes(Scenario& scenario);

/// The bugs of the kernel among `names`.
[[nodiscard]] std::vector<kernel::Bug> kernel_bugs(const std::vector<Ref>& names);

}  // namespace uringsim::sim
