// SPDX-License-Identifier: GPL-2.0-only
// Behaviours that changed within what did not: where a running kernel may answer otherwise than a model of an older one.
//
// Each row is one change of one function of the kernel, for one call and one class of arguments, and recognises its own
// difference: which answer the older release gives there and which the newer. A difference that no row predicts is a difference.
// Whoever uses a row counts how often it was needed, so that a row that excuses too much is seen.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "sim/tape/compare.h"
#include "sim/tape/scene.h"
#include "sim/tape/tape.h"
#include "uapi/abi/release.h"

namespace uringsim::sim::tape {

/// Older releases and newer ones differ here.
struct Excuse {
  std::string_view function;   ///< of the older kernel
  uapi::Release release;       ///< the first recorded one that has the change
  std::string_view call;       ///< opcode or system call
  std::string_view arguments;  ///< which class of arguments
  std::string_view change;     ///< from what to what
  /// `scene` is of the tape with the newer kernel's answers, which are `expected` in `difference`; the older ones are `got`.
  bool (*covers)(const Scene& scene, const Difference& difference);
};

/// At most twenty rows.
[[nodiscard]] std::span<const Excuse> excuses() noexcept;

/// Index of the first row that explains why a model of `kernel` ("v5.4") differs from the newer kernel that gave `answered` its
/// answers.
[[nodiscard]] std::optional<size_t> excuse_for(const Tape& answered, const Difference& difference, std::string_view kernel);

}  // namespace uringsim::sim::tape
